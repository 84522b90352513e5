"""keys import, export, check: the certificates of members between files, configuration and database."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import rich_click as click

from mailbot.cli.checking import certificate_findings
from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json, show_problems
from mailbot.cli.style import open_config, telling_faults, with_config, with_json
from mailbot.cli.yes import confirm
from mailbot.config import Config
from mailbot.core.certificates import Certificate, Fingerprint
from mailbot.core.findings import Finding, Severity
from mailbot.core.parties import OPERATORS, SECRETARIAT
from mailbot.core.tags import read_party
from mailbot.mail.bringing import Taken, take_one
from mailbot.mail.keyfiles import Refusal
from mailbot.mail.robotkey import revocation
from mailbot.wiring import Keys, clock, open_keys

# ---------------------------------------------------------------- import


@click.command("import")
@click.argument("code")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Show what is in it; write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask: for scripts that compared the fingerprint themselves.")
@with_config
@with_json
def import_key(*, code: str, file: BinaryIO, dry_run: bool, yes: bool, config_path: Path, as_json: bool) -> None:
    """Take exactly one public certificate from FILE (- is standard input) for CODE: a party's, SEC, or OPERATORS.

    It is written to keys/CODE/FINGERPRINT.asc, and counts as soon as the configuration names its fingerprint. Compare
    that with its owner by telephone before you say yes.
    """
    config = open_config(config_path, as_json=as_json)
    folder = _folder(code, config, as_json=as_json)
    with telling_faults(as_json=as_json):
        taken = _take(file.read(), config, as_json=as_json)
    path = config.keys_dir / folder / f"{taken.certificate.fingerprint}.asc"
    struck_out = taken.certificate.fingerprint in config.directory.struck_out
    flaw = _STRUCK_OUT if struck_out else taken.certificate.flaw(clock(), for_encryption=False)
    said = _described(taken.certificate) | {"flaw": flaw, "file": str(path), "line": _line(folder, taken.certificate)}
    if not as_json:
        _show(said)
    if not dry_run:
        confirm("Is this the fingerprint that its owner read to you?", yes=yes, as_json=as_json)
        with telling_faults(as_json=as_json):
            write_certificate(path, taken.octets)
    if as_json:
        answer_json(said | {"written": not dry_run})
    elif not dry_run:
        click.echo(f"Written to {path}. The configuration needs this line, if it does not have it:")
        click.echo(f"  {said['line']}")


def _folder(code: str, config: Config, *, as_json: bool) -> str:
    """A party's code; an alias stands for it, and a new party may not be in the configuration yet."""
    if code.upper() in (SECRETARIAT, OPERATORS):
        return code.upper()
    party = config.directory.party(code)
    written = party.code if party else read_party(code)
    if written is None:
        said = Finding("keys.code", f"{code!r} is no code", "A party's code such as FR; or SEC, or OPERATORS.")
        raise Fault(Exit.USAGE, [said], as_json=as_json)
    return written


def _take(octets: bytes, config: Config, *, as_json: bool) -> Taken:
    taken = take_one(octets, config.policy)
    if isinstance(taken, Refusal):
        said = Finding(f"keys.{taken.name.lower().replace('_', '-')}", f"not taken: {taken}", _HINTS[taken])
        raise Fault(Exit.FINDING, [said], as_json=as_json)
    return taken


_STRUCK_OUT = "struck out in the configuration"
_EXPORT = "Export it alone: gpg --armor --export FINGERPRINT"
_HINTS = {
    Refusal.UNREADABLE: _EXPORT,
    Refusal.TOO_LARGE: "Export it with --export-options export-minimal.",
    Refusal.SECRET: "Destroy the file; its owner must know that the secret key was disclosed, and needs another one.",
    Refusal.CONTROL_CHARACTERS: "Ask for a certificate with an ordinary name; this one may be an attack.",
    Refusal.TWICE: _EXPORT,
    Refusal.SEVERAL: _EXPORT,
}


def _described(certificate: Certificate) -> dict[str, object]:
    return {
        "fingerprint": certificate.fingerprint,
        "user_ids": certificate.user_ids,
        "algorithm": certificate.algorithm,
        "created": certificate.created,
        "expires": certificate.expires,
        "encrypts": certificate.can_encrypt,
        "encrypts_until": certificate.encrypts_until,
        "signs": certificate.can_sign,
    }


def _line(folder: str, certificate: Certificate) -> str:
    section = {SECRETARIAT: "[secretariat]", OPERATORS: "[[operators]]"}.get(folder, f"[[parties]] of {folder}")
    word = "certificates" if certificate.can_encrypt else "signers"
    return f'{section}: {word} = ["{certificate.fingerprint}"]'


def _show(said: dict[str, object]) -> None:
    fingerprint = str(said["fingerprint"])
    click.echo(f"fingerprint  {' '.join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))}")
    user_ids = said["user_ids"]
    for user_id in user_ids if isinstance(user_ids, tuple) else ():
        click.echo(f"user ID      {user_id}")
    ends = f"expires {said['expires']:%Y-%m-%d}" if said["expires"] else "does not expire"
    click.echo(f"             {said['algorithm']}, made {said['created']:%Y-%m-%d}, {ends}")
    if not said["encrypts"]:
        click.echo("             can only sign: nothing can be sealed to it")
    if said["flaw"]:
        click.echo(f"             CANNOT BE USED: {said['flaw']}")


def write_certificate(path: Path, octets: bytes) -> None:
    """The file is there whole, or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(octets)
    fresh.replace(path)


# ---------------------------------------------------------------- export


@click.command()
@click.argument("which", required=False, metavar="[CODE|FINGERPRINT]")
@click.option("--all", "everything", is_flag=True, help="Write what mails brought back into the folder of key files.")
@click.option("--revocation", "revoking", is_flag=True, help="The robot's revocation certificate: keep it in a safe.")
@with_config
@with_json
def export(which: str | None, everything: bool, revoking: bool, config_path: Path, as_json: bool) -> None:
    """The robot's certificate, or those of a party, on standard output.

    --all writes every certificate that was confirmed or updated by mail to keys/CODE/FINGERPRINT.asc and says what the
    configuration should have: so files and configuration alone are the whole truth again. --revocation writes what ends
    the robot's key; whoever publishes it ends the key for everybody.
    """
    config = open_config(config_path, as_json=as_json)
    with telling_faults(as_json=as_json):
        if revoking:
            sys.stdout.buffer.write(revocation(config.robot.gnupg_home, config.robot.fingerprint))
            return
        with open_keys(config) as keys:
            if everything:
                _write_back(list(_to_write_back(keys, config)), keys, as_json=as_json)
                return
            octets = [keys.octets(fingerprint) for fingerprint in _chosen(which, keys)]
    if not octets:
        said = Finding("keys.unknown", f"no certificate of {which}", "`mailbot keys list` shows them.")
        raise Fault(Exit.FINDING, [said], as_json=as_json)
    sys.stdout.buffer.write(b"".join(octets))


def _chosen(which: str | None, keys: Keys) -> list[Fingerprint]:
    if which is None:
        return [keys.network.robot]
    wanted = "".join(which.split()).upper()
    pins = keys.network.directory.pins()
    return [f for folder in sorted(pins) for f in sorted(pins[folder]) if wanted in (folder, f) and f in keys.known]


@dataclass(frozen=True, slots=True)
class _Written:
    """A certificate that goes back into its file."""

    party: str
    fingerprint: Fingerprint
    path: Path
    octets: bytes = field(repr=False)


def _to_write_back(keys: Keys, config: Config) -> Iterator[_Written]:
    for folder, fingerprints in sorted(keys.network.directory.pins().items()):
        for fingerprint in sorted(fingerprints & keys.brought.keys() & keys.known.keys()):
            path = config.keys_dir / folder / f"{fingerprint}.asc"
            yield _Written(folder, fingerprint, path, keys.octets(fingerprint))


def _write_back(found: list[_Written], keys: Keys, *, as_json: bool) -> None:
    for one in found:
        write_certificate(one.path, one.octets)
    rows = [
        {
            "party": one.party,
            "fingerprint": one.fingerprint,
            "file": str(one.path),
            "line": _line(one.party, keys.known[one.fingerprint]),
        }
        for one in found
    ]
    if as_json:
        answer_json(rows)
        return
    for row in rows:
        click.echo(f"{row['file']}\n  {row['line']}")
    click.echo(f"{len(rows)} written." if rows else "No mail has brought any certificate that is in use.")


# ---------------------------------------------------------------- check


@click.command()
@with_config
@with_json
def check(config_path: Path, as_json: bool) -> int:
    """How configuration, key files and database differ, and which certificates cannot be used, or soon cannot."""
    config = open_config(config_path, as_json=as_json)
    with telling_faults(as_json=as_json), open_keys(config) as keys:
        findings = [*certificate_findings(keys, clock()), *_differences(keys, config)]
    if as_json:
        answer_json({"certificates": len(keys.known)}, findings)
    else:
        show_problems(findings)
        click.echo("Configuration, key files and database agree." if not findings else f"{len(findings)} findings.")
    return Exit.FINDING if findings else Exit.FINE


def _differences(keys: Keys, config: Config) -> Iterator[Finding]:
    """Between what mails brought, and what configuration and files have."""
    yield from _pinned_by_mail(keys, config)
    yield from _ended_by_mail(keys, config)
    yield from _older_files(keys, config)


def _pinned_by_mail(keys: Keys, config: Config) -> Iterator[Finding]:
    configured = config.directory.fingerprints()
    for pin in keys.amendments.pins:
        place = f"{pin.party} {pin.fingerprint}"
        if pin.fingerprint in config.directory.struck_out:
            yield _warning("keys.struck-out", "confirmed by mail, but struck out in the configuration", _NONE, place)
        elif pin.fingerprint not in configured:
            yield _warning("keys.only-database", "confirmed by mail; the configuration does not name it", _BACK, place)


def _ended_by_mail(keys: Keys, config: Config) -> Iterator[Finding]:
    configured = config.directory.fingerprints()
    for retired in keys.amendments.retirements:
        if retired.fingerprint in configured:
            hint = f"It signs until {retired.until:%Y-%m-%d}: until then it may stand under signers. Then take it out."
            place = f"{retired.party} {retired.fingerprint}"
            yield _warning("keys.retired", "replaced by mail; the configuration still names it", hint, place)
    for revoked in keys.amendments.revocations:
        if revoked.fingerprint in configured:
            place = f"{revoked.party} {revoked.fingerprint}"
            said = "revoked by its owner; the configuration still names it"
            yield _warning("keys.revoked-by-owner", said, _TAKE_OUT, place)


def _older_files(keys: Keys, config: Config) -> Iterator[Finding]:
    for fingerprint in sorted(keys.brought.keys() & keys.known.keys()):
        for path in sorted(config.keys_dir.glob(f"*/{fingerprint}.asc")):
            if path.read_bytes() != keys.octets(fingerprint):
                yield _warning("keys.older-file", "a mail brought a newer version of it", _BACK, str(path))


_BACK = "`mailbot keys export --all` writes it back, and says what the configuration should have."
_TAKE_OUT = "Take it out of the configuration; it stays refused either way."
_NONE = "It is refused. Nothing need be done."


def _warning(name: str, message: str, hint: str, place: str) -> Finding:
    return Finding(name, message, hint, Severity.WARNING, place)
