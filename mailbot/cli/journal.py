"""journal: the append-only, hash-chained record of what was decided and delivered; never content."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click

from mailbot.cli.faults import Exit
from mailbot.cli.output import answer_json, line_json, show_problems
from mailbot.cli.style import open_database, with_config, with_json
from mailbot.core.findings import Finding
from mailbot.store.journal import Finding as Gap
from mailbot.store.journal import Journal, JournalRow
from mailbot.store.schema import rfc3339


@click.group()
def journal() -> None:
    """The hash-chained record of every decision and delivery."""


@journal.command()
@with_config
@with_json
@click.option("--anchor", metavar="N:HASH", help="Row number and hash from a receipt: the chain must contain it.")
def verify(config_path: Path, as_json: bool, anchor: str | None) -> int:
    """Find a changed, removed or inserted row; with --anchor also a rewritten or cut chain."""
    known = _anchor(anchor) if anchor else None
    with open_database(config_path, as_json=as_json) as (_, engine):
        verified = Journal(engine).verify(known)
    number, digest = verified.head
    problems = [_told(found) for found in verified.findings]
    if as_json:
        answer_json({"row": number, "hash": digest}, problems)
    elif problems:
        show_problems(problems)
    else:
        click.echo(f"{verified.rows} rows, unbroken. Head: {number}:{digest}")
    return Exit.FINDING if problems else Exit.FINE


@journal.command()
@with_config
@with_json
def export(config_path: Path, as_json: bool) -> None:
    """Every row as JSON Lines, oldest first.

    Each hash is the SHA-256 of a JSON array without spaces: number, at, event, reference, party, facts (as a text: JSON
    with sorted names, without spaces), previous. All in ASCII. It is written so with and without --json.
    """
    with open_database(config_path, as_json=as_json) as (_, engine):
        for row in Journal(engine).rows():
            line_json(_exported(row))


def _exported(row: JournalRow) -> dict[str, Any]:
    """To the microsecond, as it was hashed; facts that somebody made unreadable are shown as they stand."""
    try:
        facts = json.loads(row.facts)
    except ValueError:
        facts = row.facts
    return asdict(row) | {"at": rfc3339(row.at), "facts": facts}


def _told(gap: Gap) -> Finding:
    hint = "Compare with the row numbers and hashes that receipts and digests name; restore a backup."
    return Finding("journal.broken", f"row {gap.number}: {gap.what}", hint)


def _anchor(text: str) -> tuple[int, str]:
    number, colon, digest = text.partition(":")
    if not colon or not number.isdecimal():
        raise click.UsageError("--anchor is a row number, a colon and a hash, as receipts show them: 1234:9f86d0…")
    return int(number), digest.strip().lower()
