"""status: the network and the robot on one screen; never content."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rich_click as click

from mailbot.cli.faults import Exit
from mailbot.cli.monitoring import monitor
from mailbot.cli.output import answer_json, plain, show_table
from mailbot.cli.style import network_at, open_database, with_config, with_json
from mailbot.config import Config
from mailbot.core.retention import Plan, loses_its_chance
from mailbot.core.rounds.records import Round
from mailbot.core.situation import Situation
from mailbot.core.validity import endings
from mailbot.mail.gpg import GpgFailure
from mailbot.store.archive import Archive
from mailbot.store.memory import Counts, Memory


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
        memory = Memory(engine)
        counts, found = memory.counts(now), memory.situation(now)
        planned = Archive(engine).plan(config.retention, now)
    said = _of_the_network(counts, found, config) | _of_held_mail(counts, planned) | _of_the_robot(found)
    if as_json:
        answer_json(said)
    else:
        show_table("mailbot", ("what", "now"), [(k.replace("_", " "), _shown(v)) for k, v in said.items()], "")
    return Exit.FINE


def _of_the_network(counts: Counts, found: Situation, config: Config) -> dict[str, Any]:
    configured = [party.code for party in config.directory.members() if party.suspended]
    return {
        "parties": len(config.directory.members()),
        "suspended": sorted({*configured, *found.suspended}),
        "open_exchanges": counts.open_exchanges,
        "overdue_exchanges": counts.overdue_exchanges,
        "overdue": [exchange.reference for exchange in found.overdue],
        "waiting_parts": counts.waiting_parts,
        "last_ping": _ping(found.last_round) if found.last_round else None,
        "keys_ending": _keys(config, found),
    }


def _of_held_mail(counts: Counts, planned: Plan) -> dict[str, Any]:
    leaving = (*planned.now, *(mail for _, mail in planned.soon))
    return {
        "held_mails": counts.held_mails,
        "questions_asked": counts.asked_mails,
        "held_mails_gone_soon": sum(map(loses_its_chance, leaving)),
    }


def _of_the_robot(found: Situation) -> dict[str, Any]:
    return {
        "failed_deliveries": len(found.failures),
        "outbox_queued": found.queued,
        "outbox_oldest": found.oldest,
        "last_mail_sent": found.sent_at,
        "last_mailbox_contact": found.mailbox_at,
        "clock_doubted": found.clock_doubted,
        "journal_row": found.journal_head[0],
        "journal_head": found.journal_head[1],
    }


def _ping(last: Round) -> dict[str, Any]:
    reached = sum(probe.in_time for probe in last.asked)
    return {"round": last.label, "started_at": last.started_at, "asked": len(last.asked), "reached": reached}


def _keys(config: Config, found: Situation) -> list[dict[str, Any]] | None:
    """Certificates that cannot be used, or not for long; None: the keyring is another user's, and left alone."""
    if not config.state_dir.exists() or config.state_dir.stat().st_uid != os.geteuid():
        return None
    try:
        ending = endings(network_at(config, frozenset(found.suspended)), found.at)
    except (GpgFailure, OSError):
        return None
    return [{"whose": e.whose, "fingerprint": e.fingerprint, "flaw": e.flaw, "ends": e.ends} for e in ending]


def _shown(value: Any) -> object:
    """What a table has room for."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(inner)}" for name, inner in value.items())
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return ", ".join(f"{row['whose']} {plain(row['flaw'] or row['ends'])}" for row in value)
    return value
