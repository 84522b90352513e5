"""How every command answers: one JSON object, or text for a person."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Table

from mailbot.core.findings import Finding, Severity

SCHEMA = 1


def plain(value: Any) -> Any:
    """A value as JSON has it: snake_case keys, RFC 3339 UTC times, durations in seconds."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value


def answer_json(data: Any, problems: Sequence[Finding] = (), *, ok: bool | None = None) -> None:
    """The one object on stdout."""
    said = {
        "schema": SCHEMA,
        "ok": not problems if ok is None else ok,
        "data": plain(data),
        "problems": [{"id": p.id, "message": p.message, "hint": p.hint, **_place(p)} for p in problems],
    }
    click.echo(json.dumps(said, ensure_ascii=False, indent=2))


def line_json(value: Any) -> None:
    """One object of JSON Lines."""
    click.echo(json.dumps(plain(value), ensure_ascii=False))


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """A table in a terminal; tab-separated lines when piped."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [list(columns), *cells] if cells else []:
            click.echo("\t".join(row))
        return
    if not cells:
        click.echo(empty)
        return
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for row in cells:
        table.add_row(*row)
    Console().print(table)


def show_problems(problems: Sequence[Finding]) -> None:
    """Findings on stderr, worst first, each with its remedy."""
    for problem in sorted(problems, key=lambda p: p.severity is not Severity.ERROR):
        colour = "red" if problem.severity is Severity.ERROR else "yellow"
        place = f"{problem.place}: " if problem.place else ""
        click.secho(f"{problem.severity.value}: ", fg=colour, nl=False, err=True)
        click.echo(f"{place}{problem.message} [{problem.id}]", err=True)
        if problem.hint:
            click.echo(f"  {problem.hint}", err=True)


def _cell(value: object) -> str:
    value = plain(value)
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _place(problem: Finding) -> dict[str, str]:
    return {"severity": problem.severity.value, "place": problem.place}
