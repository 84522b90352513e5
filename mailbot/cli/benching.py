"""bench: how fast the robot is, beside the bare gpg command."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import rich_click as click

from mailbot.bench.cases import CASES
from mailbot.bench.measures import Measure
from mailbot.bench.network import ACCOUNT
from mailbot.bench.running import ROUNDS, Report
from mailbot.bench.running import run as run_cases
from mailbot.cli.faults import Exit
from mailbot.cli.output import answer_json, show_table
from mailbot.cli.style import with_json
from mailbot.playground.accounts import Store
from mailbot.playground.imap import ImapServer


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(CASES)), help="This case alone; may be given again.")
@click.option("--rounds", type=click.IntRange(1, 100), default=ROUNDS, show_default=True, help="Of each case.")
@with_json
def bench(only: Sequence[str], rounds: int, as_json: bool) -> int:
    """Measure the robot beside the bare gpg command doing the same work, in the same rounds.

    Everything is throw-away and on this machine alone: keys, Dovecot (or the playground's server), an SMTP sink, the
    robot as a process of its own. Exit code 1 if a target is missed.
    """
    names = [name for name in CASES if not only or name in only]
    report = run_cases(names, rounds, _playground, _tell)
    if as_json:
        answer_json(_facts(report))
    else:
        _show(report)
    return Exit.FINDING if any(measure.met is False for measure in report.measures) else Exit.FINE


def _tell(what: str) -> None:
    click.echo(what, err=True)


@dataclass
class _Playground:
    name: str = "the playground's own IMAP server (Dovecot is not installed)"
    password: str = "bench"  # noqa: S105 - on loopback, for as long as the benchmark runs
    port: int = field(default=0)


@contextmanager
def _playground() -> Iterator[_Playground]:
    store = Store()
    found = _Playground()
    store.add(ACCOUNT, found.password, "network@hub.example")
    with ImapServer(store) as server:
        found.port = server.port
        yield found


def _facts(report: Report) -> dict[str, object]:
    return {
        "machine": report.machine,
        "rounds": report.rounds,
        "measures": [
            {
                "case": m.case,
                "title": m.title,
                "unit": m.unit,
                "rounds": m.ours,
                "yardstick": m.yardstick,
                "yardstick_rounds": m.raw,
                "value": m.value,
                "is_ratio": bool(m.raw),
                "target": m.target,
                "met": m.met,
                "notes": m.notes,
            }
            for m in report.measures
        ],
    }


def _show(report: Report) -> None:
    for name, what in report.machine.items():
        click.echo(f"{name}: {what}")
    click.echo("")
    columns = ("case", "what", "ours", "raw gpg", "ratio", "target", "verdict")
    show_table("", columns, map(_row, report.measures), "Nothing was measured.")


def _row(measure: Measure) -> Sequence[str]:
    ours = _spread(measure.ours, measure.unit)
    value, target = measure.value.median, measure.target
    ratio = f"{value:.2f} ×" if measure.raw else ""
    limit = "" if target is None else f"≤ {target:g}{' ×' if measure.raw else f' {measure.unit}'}"
    verdict = {None: "", True: "met", False: "MISSED"}[measure.met]
    return measure.case, measure.title, ours, _spread(measure.raw, measure.unit), ratio, limit, verdict


def _spread(rounds: Sequence[float], unit: str) -> str:
    if not rounds:
        return ""
    ordered = sorted(rounds)
    return f"{ordered[len(ordered) // 2]:.3g} ({ordered[0]:.3g}–{ordered[-1]:.3g}) {unit}"
