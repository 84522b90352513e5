"""bench: how fast the robot is, beside the bare gpg command."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import rich_click as click

from mailbot.bench import growing
from mailbot.bench.cases import CASES
from mailbot.bench.growing import MAILS
from mailbot.bench.measures import Measure, Spread
from mailbot.bench.network import ACCOUNT
from mailbot.bench.profiling import profile
from mailbot.bench.running import ROUNDS, Report
from mailbot.bench.running import run as run_cases
from mailbot.bench.stage import set_up
from mailbot.cli.faults import Exit
from mailbot.cli.output import answer_json, show_table
from mailbot.cli.style import with_json
from mailbot.pictures.drawing import draw
from mailbot.playground.accounts import Store
from mailbot.playground.imap import ImapServer

_WIDE = 50  # columns of the longest bar


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(CASES)), help="This case alone; may be given again.")
@click.option("--rounds", type=click.IntRange(1, 100), default=ROUNDS, show_default=True, help="Of each case.")
@click.option("--profile", "as_profile", is_flag=True, help="Where the time of one mail goes, step by step, instead.")
@click.option("--scale", "as_scale", is_flag=True, help="How costs grow with parties, mails, sizes, robots, instead.")
@click.option("--most", default=MAILS[-1], show_default=True, help="With --scale: not more parties or mails than this.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Where --profile and --scale put PNG, CSV."
)
@with_json
def bench(
    *,
    only: Sequence[str],
    rounds: int,
    as_profile: bool,
    as_scale: bool,
    most: int,
    out: Path | None,
    as_json: bool,
) -> int:
    """Measure the robot beside the bare gpg command doing the same work, in the same rounds.

    Everything is throw-away and on this machine alone: keys, Dovecot (or the playground's server), an SMTP sink, the
    robot as a process of its own. Exit code 1 if a target is missed. Let the machine do nothing else meanwhile.
    """
    if as_profile:
        return _profile(rounds, out, as_json=as_json)
    if as_scale:
        return _scale(most, out, as_json=as_json)
    names = [name for name in CASES if not only or name in only]
    report = run_cases(names, rounds, _playground, _tell, _tell_in_passing, _tell_measure)
    if as_json:
        answer_json(_facts(report))
    else:
        _show(report)
    return Exit.FINDING if any(measure.met is False for measure in report.measures) else Exit.FINE


def _profile(rounds: int, out: Path | None, *, as_json: bool) -> int:
    with set_up(3, _playground) as stage:
        found = profile(stage, rounds)
    if as_json:
        answer_json({"unit": "ms", "steps": found.steps, "whole": found.whole})
    else:
        longest = max(found.steps.values())
        for step, took in found.steps.items():
            click.echo(f"{step:>7} {took:6.1f} ms  {'█' * round(_WIDE * took / longest)}")
        click.echo(f"  whole {found.whole:6.1f} ms  one request of 2 KiB and its receipt; steps may run side by side")
    _write(out, "profile.png", draw(found.chart()))
    return Exit.FINE


def _scale(most: int, out: Path | None, *, as_json: bool) -> int:
    points = growing.measure(most, _playground, _tell)
    if as_json:
        answer_json({"unit": "ms", "points": list(map(asdict, points))})
    else:
        click.echo(growing.table(points), nl=False)
    _write(out, "scale.csv", growing.table(points).encode())
    _write(out, "scale.png", draw(growing.picture(points)))
    return Exit.FINE


def _write(folder: Path | None, name: str, octets: bytes | None) -> None:
    if folder is None or octets is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)
    _tell(f"written: {folder / name}")


def _tell(what: str) -> None:
    click.echo(what, err=True)


def _tell_in_passing(what: str) -> None:
    """On a terminal alone; what comes next stands in its place."""
    if sys.stderr.isatty():
        click.echo(f"  {what}\033[K\r", nl=False, err=True)


def _tell_measure(measure: Measure) -> None:
    case, _, ours, _, ratio, limit, verdict = _row(measure)
    _tell(f"  {case}: {ratio or ours}" + (f", {limit}: {verdict}" if limit else ""))


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
    found = Spread.of(rounds)
    return f"{found.median:.3g} ({found.least:.3g}–{found.most:.3g}) {unit}"
