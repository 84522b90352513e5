"""inspect: the window through which an operator sees a mail as the robot does. Acts on nothing, needs no server."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.inspecting import card, inspect, unreadable
from mailbot.cli.output import line_json
from mailbot.cli.style import DEFAULT_CONFIG, open_config, telling_faults, with_config
from mailbot.config import Config
from mailbot.core.decision import Network
from mailbot.core.findings import Finding
from mailbot.core.mail import IncomingMail
from mailbot.core.parties import Directory
from mailbot.core.records import Terms
from mailbot.mail.classification import OwnMarks
from mailbot.mail.gpg import Gpg
from mailbot.mail.homes import passing
from mailbot.mail.limits import Limits
from mailbot.mail.listing import read_listing
from mailbot.mail.opening import open_mail
from mailbot.wiring import network_of, open_keyring, own_marks

_IN_A_HOME = ("pubring.kbx", "pubring.gpg", "trustdb.gpg", "private-keys-v1.d")


@dataclass(frozen=True, slots=True)
class _Window:
    """What mails are opened and understood with."""

    gpg: Gpg
    network: Network
    own: OwnMarks
    limits: Limits


@click.command("inspect")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@with_config
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@click.option("--text", is_flag=True, help="Show what the person wrote, too.")
@click.option("--gnupg-home", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Keys to try with.")
@click.option(
    "--key",
    "key_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="A key to try with, repeatable: certificates are taken as known, a secret key as the robot's.",
)
def inspect_command(
    files: tuple[Path, ...],
    config_path: Path,
    as_json: bool,
    text: bool,
    gnupg_home: Path | None,
    key_files: tuple[Path, ...],
) -> int:
    """Show how the robot would understand raw mails, without acting on them.

    Reads LF, CRLF and bare CR, and mails that begin with a "From " line. Without a configuration nobody is known.

    The answer: class (own, bounce, delivery_report, receipt, feedback, automatic, list, person, unreadable), the rule
    that said so, whether it may be answered, its tag (kind, reference, targets, options) with where it was read and
    whether it is signed, the signatures, what was repaired, and the problem for which it would be held.

    Exit code 0, or 1 if a file could not be read.
    """
    code = Exit.FINE
    with telling_faults(as_json=as_json), _window(config_path, gnupg_home, key_files, as_json=as_json) as window:
        for file in files:
            try:
                record = _look(file, window, text=text)
            except OSError as problem:
                record, code = unreadable(str(file), problem.strerror or "cannot be read"), Exit.FINDING
            if as_json:
                line_json(record)
            else:
                click.echo(card(record))
    return code


def _look(file: Path, window: _Window, *, text: bool) -> dict[str, Any]:
    octets = file.read_bytes()
    incoming = IncomingMail(octets, hashlib.sha256(octets).hexdigest())
    # Nothing is compared with this replay key, so it need not be secret.
    opened = open_mail(incoming, window.gpg, b"inspect", window.limits, window.own)
    return inspect(str(file), opened, window.network, datetime.now(UTC), text=text)


@contextmanager
def _window(
    config_path: Path, gnupg_home: Path | None, key_files: tuple[Path, ...], *, as_json: bool
) -> Iterator[_Window]:
    """Keys from --gnupg-home and --key, else the configuration's; the directory is the configuration's."""
    given = config_path != DEFAULT_CONFIG or config_path.exists()
    config = open_config(config_path, as_json=as_json) if given else None
    if gnupg_home or key_files or config is None:
        with _borrowed(gnupg_home, key_files, as_json=as_json) as gpg:
            yield _looking_with(gpg, config)
        return
    keyring = open_keyring(config)
    try:
        yield _looking_with(Gpg(keyring.home, config.robot.fingerprint, config.robot.passphrase()), config)
    finally:
        keyring.close()


def _looking_with(gpg: Gpg, config: Config | None) -> _Window:
    if config:
        return _Window(gpg, network_of(config, gpg), own_marks(config), config.limits)
    nobody = Network(Directory({}), {}, Terms(), "", "", gpg.robot)
    return _Window(gpg, nobody, OwnMarks(), Limits())


@contextmanager
def _borrowed(gnupg_home: Path | None, key_files: tuple[Path, ...], *, as_json: bool) -> Iterator[Gpg]:
    """A passing home with these keys in it; the originals are only read."""
    with passing() as home:
        for name in _IN_A_HOME if gnupg_home else ():
            _copy(Path(gnupg_home or ""), home, name)
        gpg = Gpg(home, "")
        for file in key_files:
            if not gpg.gpg.ask(["--import"], file.read_bytes()).well:
                said = Finding(
                    "inspect.key", "no key could be read from this file", "Export one with gpg.", place=str(file)
                )
                raise Fault(Exit.FINDING, [said], as_json=as_json)
        listed = read_listing(gpg.gpg.ask(["--list-secret-keys", "--with-colons"]).output).listed
        yield Gpg(home, next(iter(listed), ""))


def _copy(source: Path, home: Path, name: str) -> None:
    if (source / name).is_dir():
        shutil.copytree(source / name, home / name, dirs_exist_ok=True)
    elif (source / name).exists():
        shutil.copy(source / name, home / name)
