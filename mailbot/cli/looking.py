"""exchanges: who asked whom, when, answered or not, never what; and an operator's acts on one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.orders import ask_first, give, order_of, with_dry_run, with_yes
from mailbot.cli.output import answer_json, show_table
from mailbot.cli.style import open_database, with_config, with_json
from mailbot.core.commands.closing import CLOSE_FOR_THE_ASKER
from mailbot.core.findings import Finding
from mailbot.core.postings import Posting, State, hindrance
from mailbot.core.records import Exchange
from mailbot.core.tags import Word
from mailbot.store.memory import Memory
from mailbot.store.outbox import Outbox


@click.group()
def exchanges() -> None:
    """Requests and information: who asked whom, when, answered or not."""


@exchanges.command("list")
@with_config
@with_json
@click.option("--open", "open_only", is_flag=True, help="Only those that are not closed.")
def list_exchanges(config_path: Path, as_json: bool, open_only: bool) -> None:
    """The latest hundred, newest first."""
    with open_database(config_path, as_json=as_json) as (_, engine):
        found = Memory(engine).latest_exchanges(open_only=open_only)
    if as_json:
        answer_json([_exchange(e) for e in found])
        return
    columns = ("reference", "kind", "from", "parts", "urgency", "stage", "opened", "deadline")
    show_table("exchanges", columns, [_row(e) for e in found], "No exchanges yet.")


@exchanges.command("show")
@click.argument("reference")
@with_config
@with_json
def show_exchange(reference: str, config_path: Path, as_json: bool) -> None:
    """One exchange: what became of each part, and of each mail that was sent for it."""
    with open_database(config_path, as_json=as_json) as (_, engine):
        found, postings = Memory(engine).exchange(reference), Outbox(engine).postings(reference)
    if found is None:
        hint = "`mailbot exchanges list` shows the latest."
        raise Fault(Exit.FINDING, [Finding("exchanges.unknown", f"no exchange {reference}", hint)], as_json=as_json)
    if as_json:
        answer_json(_exchange(found) | {"mails": [mail_facts(p) for p in postings]})
        return
    columns = ("reference", "kind", "from", "parts", "urgency", "stage", "opened", "deadline")
    show_table("exchange", columns, [_row(found)], "")
    show_mails(postings, "No mails.")


@exchanges.command("close")
@click.argument("reference")
@with_yes
@with_dry_run
@with_config
@with_json
def close_exchange(reference: str, yes: bool, dry_run: bool, config_path: Path, as_json: bool) -> None:
    """Close an exchange in its asker's place, who is told, as is everybody who got it. There is no way back.

    Its asker closes it by mail: [CLOSE#2026-0042].
    """
    tag = order_of(Word.CLOSE, f"#{reference}", as_json=as_json)
    ask_first(f"Close {tag.reference} in its asker's place?", yes=yes or dry_run, as_json=as_json)
    give(tag, config_path, as_json=as_json, dry_run=dry_run, table={Word.CLOSE: CLOSE_FOR_THE_ASKER})


@exchanges.command("resend")
@click.argument("reference")
@click.argument("parties", metavar="DE,IT")
@with_yes
@with_dry_run
@with_config
@with_json
def resend_exchange(
    *, reference: str, parties: str, yes: bool, dry_run: bool, config_path: Path, as_json: bool
) -> None:
    """Send an exchange to these parties again, sealed anew from the mail as it is kept. The same as [RESEND …]."""
    tag = order_of(Word.RESEND, f" {reference} {parties}", as_json=as_json)
    ask_first(f"Send {tag.reference} to {', '.join(tag.targets)} again?", yes=yes or dry_run, as_json=as_json)
    give(tag, config_path, as_json=as_json, dry_run=dry_run)


def _exchange(found: Exchange) -> dict[str, Any]:
    return {
        "reference": found.reference,
        "kind": found.kind,
        "asker": found.asker,
        "urgency": found.urgency,
        "stage": found.stage,
        "opened_at": found.opened_at,
        "deadline": found.deadline,
        "closed_at": found.closed_at,
        "parts": [
            {
                "party": p.party,
                "stage": p.stage,
                "cause": p.cause,
                "passed_on_at": p.passed_on_at,
                "acknowledged_at": p.acknowledged_at,
                "answered_at": p.answered_at,
                "owed": p.owed,
                "backed_up_at": p.backed_up_at,
            }
            for p in found.parts
        ],
    }


def _row(e: Exchange) -> tuple[object, ...]:
    parts = ", ".join(f"{p.party} {p.cause or p.stage}" for p in e.parts)
    return (e.reference, e.kind, e.asker, parts, e.urgency, e.stage, e.opened_at, e.deadline)


# ---------------------------------------------------------------- what became of mails


def show_mails(postings: Iterable[Posting], without: str) -> None:
    """A table of them; `without` is what is said if there are none."""
    columns = ("party", "recipient", "letter", "state", "tries", "status", "about", "settled")
    show_table("mails", columns, [_mail_row(p) for p in postings], without)


def mail_facts(posting: Posting) -> dict[str, Any]:
    """One of them, for machines."""
    said = {name: getattr(posting, name) for name in Posting.__dataclass_fields__}
    return said | {"standing": posting.standing, "about": _about(posting)}


def _mail_row(p: Posting) -> tuple[object, ...]:
    letter = p.letter or p.purpose
    return (p.party, p.recipient, letter, p.standing, p.attempts, p.status, _about(p), p.settled_at)


def _about(posting: Posting) -> str | None:
    """The trouble in our words, where there is some."""
    troubled = posting.failed or (posting.state is State.QUEUED and posting.status)
    return hindrance(posting.status).value if troubled else None
