"""The robot's own key: made, followed by the next one, revoked, and shown where mail programs look for it."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mailbot.core.certificates import Fingerprint
from mailbot.mail.homes import prepare, reached, visited
from mailbot.mail.listing import list_keyring
from mailbot.mail.tamed import GpgFailure, TamedGPG

_ZBASE32 = "ybndrfg8ejkmcpqxot1uwisza345h769"


class KeyExists(Exception):
    """There is a secret key in the home already; a second one would be a new robot."""


def init_robot_key(
    home: Path, name: str, addresses: Iterable[str], passphrase: str | None = None, expires: str = "2y"
) -> Fingerprint:
    """Make the robot's key in its home and give its fingerprint: ed25519 to sign, cv25519 to encrypt, a user ID for
    each address, because clients look keys up by address.

    `expires` as gpg reads it ("2y", "0" for never). Two years: long enough that renewal is a yearly calendar entry,
    short enough that a key whose secret and revocation are both lost does not live for ever. Raises KeyExists,
    GpgFailure, OSError, or ValueError for a name or address that cannot stand in a user ID.
    """
    user_ids = [_user_id(name, address) for address in addresses]
    if any(home.glob("private-keys-v1.d/*.key")):
        raise KeyExists(str(home))
    prepare(home)
    return _make(home, user_ids, passphrase, expires)


def next_robot_key(
    home: Path, fingerprint: Fingerprint, passphrase: str | None = None, expires: str = "2y"
) -> Fingerprint:
    """Make the key that is to follow this one, in the same home, with the same user IDs. Raises GpgFailure, OSError."""
    with visited(home) as path:
        listed = list_keyring(TamedGPG(path)).listed.get(fingerprint)
    if listed is None:
        raise GpgFailure(f"no certificate {fingerprint}")
    return _make(home, listed.user_ids, passphrase, expires)


def _make(home: Path, user_ids: Sequence[str], passphrase: str | None, expires: str) -> Fingerprint:
    with visited(home) as path:
        gpg = TamedGPG(path, passphrase or "")
        # A key with the same user ID is there when the next one is made.
        made = gpg.ask(["--yes", "--quick-generate-key", user_ids[0], "ed25519", "cert,sign", expires]).require(
            "make a key"
        )
        fingerprint = made.status.of("KEY_CREATED")[0].words[1]
        gpg.ask(["--quick-add-key", fingerprint, "cv25519", "encr", expires]).require("make a subkey")
        for user_id in user_ids[1:]:
            gpg.ask(["--quick-add-uid", fingerprint, user_id]).require("add a user ID")
        gpg.ask(["--quick-set-primary-uid", fingerprint, user_ids[0]]).require("name the first user ID")
    return fingerprint


def _user_id(name: str, address: str) -> str:
    if any(not character.isprintable() or character in "<>" for character in name + address) or "@" not in address:
        raise ValueError("not fit for a user ID")
    return f"{name} <{address}>"


def export_certificate(home: Path, fingerprint: Fingerprint) -> bytes:
    """The public certificate, armoured. Raises GpgFailure if it is not there."""
    with reached(home) as path:
        exported = TamedGPG(path).ask(["--armor", "--export", fingerprint]).require("export")
    if not exported.output:
        raise GpgFailure(f"no certificate {fingerprint}")
    return exported.output


# ---------------------------------------------------------------- revocation


def revocation_file(home: Path, fingerprint: Fingerprint) -> Path:
    """Where gpg put the revocation certificate when it made the key."""
    return home / "openpgp-revocs.d" / f"{fingerprint}.rev"


def revocation(home: Path, fingerprint: Fingerprint) -> bytes:
    """The revocation certificate, ready for use: whoever publishes it ends the key. Raises OSError.

    gpg writes it with a colon before its first line, so that nobody publishes it by mistake, below words of caution.
    """
    written = revocation_file(home, fingerprint).read_bytes()
    begin = written.index(b":-----BEGIN") + 1
    return written[begin:]


# ---------------------------------------------------------------- web key directory


def web_key_files(home: Path, fingerprint: Fingerprint, *, direct: bool) -> Iterator[tuple[str, bytes]]:
    """The files of a web key directory (draft-koch-openpgp-webkey-service §3.1) for all addresses of the certificate.

    Path below `.well-known/openpgpkey/`, and octets: for each address the certificate with that user ID alone.
    `direct` is the layout on the addresses' own host, else that on `openpgpkey.` and their domain.
    """
    with reached(home) as path:
        gpg = TamedGPG(path)
        listed = list_keyring(gpg).listed.get(fingerprint)
        addresses = [user_id.rpartition("<")[2].rstrip(">") for user_id in listed.user_ids] if listed else []
        for address in dict.fromkeys(address.lower() for address in addresses):
            local, _, domain = address.rpartition("@")
            folder = "" if direct else f"{domain}/"
            only = ["--export-options=export-minimal", f"--export-filter=keep-uid=mbox = {address}"]
            yield (
                f"{folder}hu/{_web_key_name(local)}",
                gpg.ask([*only, "--export", fingerprint]).require("export").output,
            )
            yield f"{folder}policy", b""


def _web_key_name(local: str) -> str:
    """Z-base-32 of SHA-1, as the draft has it; it hides nothing and guards nothing."""
    number = int.from_bytes(hashlib.sha1(local.encode(), usedforsecurity=False).digest(), "big")
    return "".join(_ZBASE32[number >> shift & 31] for shift in range(155, -1, -5))
