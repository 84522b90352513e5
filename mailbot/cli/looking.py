"""status and exchanges: how the network and the robot are doing. Who asked whom, when, answered or not; never what."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.monitoring import monitor
from mailbot.cli.output import answer_json, show_table
from mailbot.cli.style import open_database, with_config, with_json
from mailbot.core.findings import Finding
from mailbot.core.postings import Posting, State, hindrance
from mailbot.core.records import Exchange
from mailbot.core.retention import loses_its_chance
from mailbot.store.archive import Archive
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.outbox import Outbox


@click.command()
@click.option("--monitor", "one_line", is_flag=True, help="One line for a monitoring system: 0 OK, 1, 2, 3 unknown.")
@with_config
@with_json
def status(one_line: bool, config_path: Path, as_json: bool) -> int:
    """The network and the robot on one screen.

    With --monitor the exit code is the verdict: 0 OK, 1 warning (something is held or overdue), 2 critical (an alarm
    rings, or the mailbox was not reached for five minutes), 3 unknown.
    """
    if one_line:
        return monitor(config_path, as_json=as_json)
    now = datetime.now(UTC)
    with open_database(config_path, as_json=as_json) as (config, engine):
        counts, depth, head = Memory(engine).counts(now), Outbox(engine).depth(), Journal(engine).head()
        planned = Archive(engine).plan(config.retention, now)
    said = {
        "parties": len(config.directory.members()),
        "open_exchanges": counts.open_exchanges,
        "overdue_exchanges": counts.overdue_exchanges,
        "waiting_parts": counts.waiting_parts,
        "held_mails": counts.held_mails,
        "questions_asked": counts.asked_mails,
        "held_mails_gone_soon": sum(loses_its_chance(mail) for mail in (*planned.now, *(m for _, m in planned.soon))),
        "outbox_queued": depth.queued,
        "outbox_oldest": depth.oldest,
        "journal_row": head[0],
        "journal_head": head[1],
    }
    if as_json:
        answer_json(said)
    else:
        show_table("mailbot", ("what", "now"), [(k.replace("_", " "), v) for k, v in said.items()], "")
    return Exit.FINE


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
        answer_json(_exchange(found) | {"mails": [_posting(p) for p in postings]})
        return
    columns = ("reference", "kind", "from", "parts", "urgency", "stage", "opened", "deadline")
    show_table("exchange", columns, [_row(found)], "")
    columns = ("party", "recipient", "letter", "state", "tries", "status", "about", "settled")
    show_table("mails", columns, [_mail_row(p) for p in postings], "No mails.")


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


def _mail_row(p: Posting) -> tuple[object, ...]:
    letter = p.letter or p.purpose
    return (p.party, p.recipient, letter, p.standing, p.attempts, p.status, _about(p), p.settled_at)


def _about(posting: Posting) -> str | None:
    """The trouble in our words, where there is some."""
    troubled = posting.failed or (posting.state is State.QUEUED and posting.status)
    return hindrance(posting.status).value if troubled else None


def _posting(posting: Posting) -> dict[str, Any]:
    said = {name: getattr(posting, name) for name in Posting.__dataclass_fields__}
    return said | {"standing": posting.standing, "about": _about(posting)}
