"""What mails are seen with: the keys, who is known, what is ours. From a configuration, or from keys that are given."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import product
from pathlib import Path

from mailbot.cli.faults import Exit, Fault
from mailbot.core.certificates import Certificate, Fingerprint, Policy
from mailbot.core.decision import Network
from mailbot.core.findings import Finding
from mailbot.core.parties import Address, Directory, Party, Role
from mailbot.core.records import Terms
from mailbot.core.tags import read_party
from mailbot.mail.addresses import read_addresses
from mailbot.mail.classification import OwnMarks
from mailbot.mail.gpg import Gpg
from mailbot.mail.homes import passing
from mailbot.mail.limits import Limits
from mailbot.mail.listing import read_listing
from mailbot.mail.return_path import SECRET_LEAST, ReturnPath, Style
from mailbot.mail.tamed import Allowance, TamedGPG

_RING, _SECRET = "pubring.kbx", "private-keys-v1.d"
_OLD_RINGS = ("pubring.gpg", "secring.gpg")


@dataclass(frozen=True, slots=True)
class Window:
    """What mails are opened and understood with."""

    gpg: Gpg
    keyless: Gpg  # the same without the robot's secret key, for what that cannot open
    network: Network
    own: OwnMarks
    limits: Limits
    return_paths: tuple[ReturnPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys to try with, instead of the configuration's."""

    home: Path | None = None
    files: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.home or self.files)


@contextmanager
def open_window(config_path: Path | None, keys: Keys, seconds: float, *, as_json: bool) -> Iterator[Window]:
    """The window of this configuration, or of these keys, or of neither; gpg gets these seconds for a call.

    Raises Fault.
    """
    allowance = Allowance(seconds=seconds)
    if config_path:
        # Pydantic and the database's library are large, and not needed without it.
        configured = import_module("mailbot.cli.configured")
        with configured.open_configured(config_path, keys, allowance, as_json=as_json) as window:
            yield window
        return
    with borrow(keys, as_json=as_json) as borrowed:
        yield _of_keys(borrowed, allowance)


# ---------------------------------------------------------------- keys that are given


@dataclass(frozen=True, slots=True)
class Borrowed:
    """A passing home with keys in it."""

    home: Path
    robot: Fingerprint  # of the first secret key; empty if there is none
    codes: Mapping[Fingerprint, str]  # the parties that the files' names say

    def gpg(self, allowance: Allowance, policy: Policy | None = None) -> Gpg:
        return Gpg(self.home, self.robot, allowance=allowance, policy=policy)

    def keyless(self, allowance: Allowance, policy: Policy | None = None) -> Gpg:
        return Gpg(self.home, "", allowance=allowance, policy=policy)


@contextmanager
def borrow(keys: Keys, *, as_json: bool) -> Iterator[Borrowed]:
    """A passing home with these keys in it; the originals are only read. Raises Fault for a file that holds none."""
    with passing() as home:
        gpg = TamedGPG(home)
        if keys.home:
            _copy(keys.home, home)
            for ring in (keys.home / name for name in _OLD_RINGS if (keys.home / name).exists()):
                gpg.ask(["--import"], ring.read_bytes())
        codes = {f: _code(file) for file in keys.files for f in _import(gpg, file, as_json=as_json)}
        secret = read_listing(gpg.ask(["--list-secret-keys"]).output).listed
        yield Borrowed(home, next(iter(secret), ""), codes)


def _import(gpg: TamedGPG, file: Path, *, as_json: bool) -> list[Fingerprint]:
    answer = gpg.ask(["--import"], file.read_bytes())
    found = [line.words[1] for line in answer.status.of("IMPORT_OK") if len(line.words) > 1]
    if not found:
        said = Finding("inspect.key", "no key could be read from this file", "Export one with gpg.", place=str(file))
        raise Fault(Exit.FINDING, [said], as_json=as_json)
    return found


def _copy(source: Path, home: Path) -> None:
    if (source / _SECRET).is_dir():
        shutil.copytree(source / _SECRET, home / _SECRET, dirs_exist_ok=True)
    if (source / _RING).exists():
        shutil.copy(source / _RING, home / _RING)


def _code(file: Path) -> str:
    """The party whose certificate it is, if it lies as in the robot's folder of keys: `FR/<fingerprint>.asc`."""
    is_pinned = re.fullmatch(r"[0-9A-F]{40}|[0-9A-F]{64}", file.stem.upper())
    return (is_pinned and read_party(file.absolute().parent.name)) or ""


def _of_keys(borrowed: Borrowed, allowance: Allowance) -> Window:
    """Without a configuration the robot has the addresses of its key, and every other certificate is somebody known."""
    gpg = borrowed.gpg(allowance)
    certificates = gpg.certificates()
    robot = certificates.get(gpg.robot)
    addresses = addresses_of(robot) if robot else ()
    first, last = (addresses[0], addresses[-1]) if addresses else ("", "")
    directory = with_strangers(Directory({}), certificates, borrowed)
    network = Network(directory, certificates, Terms(), first, last, gpg.robot)
    own = OwnMarks(frozenset(a.casefold() for a in addresses), first.rpartition("@")[2])
    return Window(gpg, borrowed.keyless(allowance), network, own, Limits(), return_paths(addresses))


def with_strangers(
    directory: Directory, certificates: Mapping[Fingerprint, Certificate], borrowed: Borrowed
) -> Directory:
    """The directory and every other certificate but the robot's, known as its folder's party or as one apart."""
    others = (c for f, c in certificates.items() if f != borrowed.robot and not directory.signer(f))
    parties = dict(directory.parties)
    for certificate in others:
        # No code at all would make one party of all of them; a fingerprint is too long to be one (network.md §2).
        code = borrowed.codes.get(certificate.fingerprint) or certificate.fingerprint
        known = parties.get(code)
        more = frozenset({certificate.fingerprint})
        parties[code] = replace(known, signers=known.signers | more) if known else _party(code, certificate)
    return Directory(parties, directory.operators, directory.struck_out)


def _party(code: str, certificate: Certificate) -> Party:
    sealed_to = (certificate.fingerprint,)
    mailboxes = tuple(Address(a, Role.DESK, sealed_to, party=code) for a in addresses_of(certificate))
    return Party(code, {}, "en", "UTC", mailboxes, frozenset(sealed_to))


def addresses_of(certificate: Certificate) -> tuple[str, ...]:
    """The addresses in its user IDs."""
    return tuple(dict.fromkeys(a for uid in certificate.user_ids for a in read_addresses(uid, 1)))


def return_paths(addresses: Iterable[str]) -> tuple[ReturnPath, ...]:
    """Every style of return path for these addresses. Only their form is looked at here, so the secret is none."""
    found = list[ReturnPath]()
    for address, style in product(addresses, (Style.VERP, Style.PLUS)):
        with suppress(ValueError):  # too long for it
            found.append(ReturnPath(style, address, bytes(SECRET_LEAST)))
    return tuple(found)
