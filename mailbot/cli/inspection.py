"""inspect: the window through which an operator sees a mail as the robot does. Acts on nothing, needs no server."""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rich_click as click

from mailbot.cli.faults import Exit
from mailbot.cli.inspecting import card, inspect, unreadable
from mailbot.cli.output import plain
from mailbot.cli.watching import Stopped, watched
from mailbot.cli.window import Keys, Window, open_window
from mailbot.core.mail import IncomingMail, OpenedMail
from mailbot.mail.gpg import GpgFailure
from mailbot.mail.limits import MIB
from mailbot.mail.opening import open_mail
from mailbot.workers.limit import memory_limit

SECONDS = 10.0  # for one mail
MEMORY, MEMORY_TIMES = 64 * MIB, 10  # beside what the program takes: octets, and times the mail's size
_GPG_SECONDS = 8.0  # for one call, so that there is time left to say what is known of the mail
_DEFAULT_CONFIG = Path("config.toml")
_STDIN = Path("-")


@click.command("inspect")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option(
    "--config",
    "-c",
    "config_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration.  [default: config.toml, if there is one]",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@click.option("--text", is_flag=True, help="Show what the person wrote, too, as it would be relayed.")
@click.option(
    "--gnupg-home",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keys to try with, instead of the configuration's. The home is only read.",
)
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
    config_path: Path | None,
    as_json: bool,
    text: bool,
    gnupg_home: Path | None,
    key_files: tuple[Path, ...],
) -> int:
    """Show how the robot would understand raw mails, without acting on them.

    FILE is a mail as a mail program saves it, with any line ends, with or without a "From " line of mbox in front; a
    directory stands for all files below it, - for standard input. Without a configuration nobody is known but the
    owners of the keys that are given.

    What is said of each mail:

    \b
    class         own, bounce, delivery_report (delay, relay, success),
                  receipt, feedback, automatic, list, person, unreadable
    rule          the rule that said so
    answerable    whether it may ever get an automatic answer
    kind, reference, token, targets, arguments, options
                  what its tag says: REQUEST, INFO, REPLY, ACK, CLOSE,
                  PING or a command; REPLY too if it has none and
                  answers a mail of ours. Options are urgency, deadline
                  in seconds, language, blind, share, reason. A
                  machine's mail has none, for machines quote tags
    treated_as    what the robot would do with it
    tag_source    where the tag was read: protected (subject), body,
                  subject; thread (a mail of ours that it answers) or
                  address (a return path of ours that it came to)
    tag_signed    whether somebody known vouches for it
    tag_problem   why it cannot be read
    subject, subject_source, from, message_id, references
                  the source is protected or outer; newest reference first
    encrypted     whether it came so; if it could not be opened, the
                  problem says so
    signatures    of each: fingerprint, party, whether it covers the whole
                  of what is acted on or part, and its state: good, bad,
                  unknown, expired, revoked, weak, unverifiable
    assurance     what is known of the sender: signed, address, none
    repairs       what mail programs broke and was mended, or left out
    bounce        of a bounce or delivery report: recipients
                  (address; action: failed, delayed, delivered,
                  relayed, expanded; status, permanent, diagnostic),
                  original_message_id, envelope_id
    about         which mail a receipt says was read
    return_date   when its sender is back, 2026-08-17
    text          with --text: what the person wrote
    problem       why it would be held

    Every name is in every object; what is not there is null, an empty list or false. A mail that takes more than 10
    seconds, or, beside what the program itself needs, more memory than 64 MiB and ten times its size, is unreadable;
    the next one is looked at. Exit code 0, or 1 if a file cannot be read.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    config = config_path or (_DEFAULT_CONFIG if _DEFAULT_CONFIG.exists() else None)
    code = Exit.FINE
    with open_window(config, Keys(gnupg_home, key_files), _GPG_SECONDS, as_json=as_json) as window:
        looks = _Looks(window, text=text)
        for file, answer in watched(list(_files(files)), looks.at, SECONDS):
            record = looks.stopped(file, answer) if isinstance(answer, Stopped) else json.loads(answer)
            code = Exit.FINDING if record.pop("missing", False) else code
            _write(record, as_json=as_json)
    return code


def _files(given: tuple[Path, ...]) -> Iterator[Path]:
    for path in given:
        if path.is_dir():
            yield from sorted(below for below in path.rglob("*") if below.is_file())
        else:
            yield path


def _write(record: Mapping[str, Any], *, as_json: bool) -> None:
    said = json.dumps(record, ensure_ascii=False) if as_json else card(record)
    click.echo(said.encode("utf-8", "replace"))  # whatever the locale; a file's name may be no text at all


class _Looks:
    """Looks at one file at a time."""

    def __init__(self, window: Window, *, text: bool) -> None:
        self.window, self.text = window, text

    def at(self, file: Path) -> bytes:
        """The record of a file, as JSON."""
        try:
            octets = self._read(file)
        except OSError as problem:
            record = {**unreadable(str(file), problem.strerror or "cannot be read"), "missing": True}
        else:
            with memory_limit(_address_space() + MEMORY + MEMORY_TIMES * len(octets)):
                record = self._record(file, octets)
        return json.dumps(plain(record)).encode()

    def stopped(self, file: Path, how: Stopped) -> dict[str, Any]:
        """The record of a file that had to be given up."""
        return unreadable(str(file), "broke the process that read it" if how.in_time else "took too long")

    def _read(self, file: Path) -> bytes:
        """Its octets; of what is too large to be read as a mail no more than shows that it is."""
        if file == _STDIN:
            return sys.stdin.buffer.read(self.window.limits.size + 1)
        with file.open("rb") as opened:
            return opened.read(self.window.limits.size + 1)

    def _record(self, file: Path, octets: bytes) -> dict[str, Any]:
        incoming = IncomingMail(octets, hashlib.sha256(octets).hexdigest())
        return inspect(str(file), self._open(incoming), self.window, datetime.now(UTC), text=self.text)

    def _open(self, incoming: IncomingMail) -> OpenedMail:
        """With a key that has a passphrase, or lies on a card, nothing can be opened: as without a key, then."""
        window = self.window
        try:
            # Nothing is compared with this replay key, so it need not be secret.
            return open_mail(incoming, window.gpg, b"inspect", window.limits, window.own)
        except GpgFailure:
            return open_mail(incoming, window.keyless, b"inspect", window.limits, window.own)


def _address_space() -> int:
    """Octets of address space that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * 4096
