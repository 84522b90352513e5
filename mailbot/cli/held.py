"""held: mail that was not acted on, judged again or dropped. Nothing here decrypts it for an operator (trust.md 13)."""

import sys
from pathlib import Path

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.orders import ask_first, give, order_of, with_dry_run, with_yes
from mailbot.cli.output import answer_json, show_table
from mailbot.cli.style import open_database, open_robot, with_config, with_json
from mailbot.core.findings import Finding
from mailbot.core.records import HeldMail
from mailbot.core.tags import Word, read_held
from mailbot.mail.armour import Label, armour
from mailbot.store.memory import Memory, Original

COLUMNS = ("mail", "reason", "state", "held_at", "sender", "party", "size")


@click.group()
def held() -> None:
    """Mail that the robot did not act on, and keeps as it came for a person to look at."""


@held.command("list")
@with_config
@with_json
def list_held(config_path: Path, as_json: bool) -> None:
    """What is held now, oldest first, with the reason."""
    with open_database(config_path, as_json=as_json) as (_, engine):
        found = Memory(engine).held_mails()
    if as_json:
        answer_json([_described(mail) for mail in found])
    else:
        show_table("held", COLUMNS, [tuple(_described(m)[c] for c in COLUMNS) for m in found], "Nothing is held.")


@held.command("show")
@click.argument("number", metavar="H-12")
@click.option("--raw", is_flag=True, help="Write the mail as it came, still encrypted, to stdout.")
@with_config
@with_json
def show_held(number: str, raw: bool, config_path: Path, as_json: bool) -> None:
    """One held mail: metadata without subject."""
    with open_database(config_path, as_json=as_json) as (_, engine):
        memory = Memory(engine)
        label = read_held(number)
        mail = memory.held_mail(int(label.removeprefix("H-"))) if label else None
        original = memory.original(mail.digest) if mail else None
    if mail is None:
        hint = "`mailbot held list` shows what is held."
        raise Fault(Exit.FINDING, [Finding("held.unknown", f"no held mail {number}", hint)], as_json=as_json)
    if raw:
        _write_raw(mail, original, config_path, as_json=as_json)
    elif as_json:
        answer_json(_described(mail))
    else:
        show_table(mail.label, ("what", "value"), list(_described(mail).items()), "")


@held.command("release")
@click.argument("number", metavar="H-12")
@with_yes
@with_dry_run
@with_config
@with_json
def release_held(number: str, yes: bool, dry_run: bool, config_path: Path, as_json: bool) -> None:
    """Judge a held mail again, with today's directory, keys, age and replay; if a reason still holds, it stays held.

    Nobody's word is added to it: a mail that was not signed stays so. The same as [RELEASE H-12] by mail.
    """
    tag = order_of(Word.RELEASE, f" {number}", as_json=as_json)
    ask_first(f"Judge {tag.arguments[0]} again, and act on it if nothing objects?", yes=yes or dry_run, as_json=as_json)
    give(tag, config_path, as_json=as_json, dry_run=dry_run)


@held.command("drop")
@click.argument("number", metavar="H-12")
@with_yes
@with_dry_run
@with_config
@with_json
def drop_held(number: str, yes: bool, dry_run: bool, config_path: Path, as_json: bool) -> None:
    """Give a held mail up: it is moved to the folder Dropped, and deleted when its time is over ([retention] held)."""
    tag = order_of(Word.DROP, f" {number}", as_json=as_json)
    ask_first(f"Drop {tag.arguments[0]}? Nobody can release it then.", yes=yes or dry_run, as_json=as_json)
    give(tag, config_path, as_json=as_json, dry_run=dry_run)


def _write_raw(mail: HeldMail, original: Original | None, config_path: Path, *, as_json: bool) -> None:
    if original is None:
        hint = "It was too large to be kept here, or its time is over; look in the mailbox's folder Held."
        raise Fault(Exit.FINDING, [Finding("held.not-kept", f"{mail.label} is not kept", hint)], as_json=as_json)
    octets = original.octets
    if original.came_sealed:
        with open_robot(config_path, as_json=as_json) as robot:
            octets = robot.gpg().open_own(octets)
    else:
        click.echo(f"{mail.label} came unencrypted; this is the mail sealed to the robot's own key.", err=True)
        octets = armour(octets, Label.MESSAGE)
    sys.stdout.buffer.write(octets)


def _described(mail: HeldMail) -> dict[str, object]:
    return {
        "mail": mail.label,
        "reason": mail.reason,
        "state": mail.state,
        "held_at": mail.held_at,
        "sender": mail.sender,
        "party": mail.party,
        "size": mail.size,
        "digest": mail.digest,
    }
