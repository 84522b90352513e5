"""ping: the ping test from the shell: look at a round, and at the figures of many; pinging.py starts one."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.looking import mail_facts, show_mails
from mailbot.cli.output import answer_json, show_table
from mailbot.cli.pinging import start
from mailbot.cli.style import open_database, with_config, with_json
from mailbot.core.findings import Finding
from mailbot.core.postings import State, hindrance
from mailbot.core.rounds.figures import IN_A_ROW, Figures, Rate, by_hour, by_party, by_time, figures
from mailbot.core.rounds.records import Probe, Round, read_round
from mailbot.core.rounds.result import Outcome
from mailbot.core.tags import write_duration
from mailbot.store.outbox import Outbox
from mailbot.store.rounds import PURPOSE, Rounds

YEAR = timedelta(days=365)
_RATED = ("asked", "reached", "percent", "median", "last")
_SHOWN = ("party", "state", "why", "took", "assurance", "encrypted", "challenge_quoted", "by", "sender", "automatic_at")


@click.group()
def ping() -> None:
    """The ping test: is every desk really reachable?"""


ping.add_command(start)

# ---------------------------------------------------------------- list and show


@ping.command("list")
@with_config
@with_json
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1), help="How many.")
def list_rounds(config_path: Path, as_json: bool, limit: int) -> None:
    """The rounds, newest first, with their figures."""
    with open_database(config_path, as_json=as_json) as (_, engine):
        found = Rounds(engine).latest(limit)
    if as_json:
        answer_json([_round(each) for each in found])
        return
    columns = (
        "round",
        "started_at",
        "deadline",
        "stage",
        "asked_by",
        "asked",
        "reached",
        "percent",
        "median",
        "slowest",
    )
    show_table("ping rounds", columns, [tuple(_round(each)[c] for c in columns) for each in found], "No ping yet.")


@ping.command("show")
@click.argument("label", required=False, metavar="[P-12]")
@with_config
@with_json
def show_round(label: str | None, config_path: Path, as_json: bool) -> None:
    """One round, party by party, and the mails that did not get there; without a number the last one."""
    with open_database(config_path, as_json=as_json) as (_, engine):
        rounds = Rounds(engine)
        number = read_round(label) if label else None
        found = (rounds.numbered(number) if number else None) if label else next(iter(rounds.latest(1)), None)
        before = rounds.latest(IN_A_ROW, before=found.number) if found else ()
        mails = [p for p in Outbox(engine).postings(found.label) if p.purpose == PURPOSE] if found else []
    if found is None:
        hint = "`mailbot ping list` shows them all, `mailbot ping start ALL` starts one."
        said = f"no round {label}" if label else "no round yet"
        raise Fault(Exit.FINDING, [Finding("ping.unknown", said, hint)], as_json=as_json)
    silent = Outcome(found, before).silent
    if as_json:
        parties = [_probe(probe) for probe in found.probes]
        facts = {"long_silent": silent, "parties": parties, "mails": [mail_facts(mail) for mail in mails]}
        answer_json(_round(found) | facts)
        return
    show_table("round", ("what", "value"), list(_round(found).items()), "")
    show_table("parties", _SHOWN, [tuple(_probe(probe)[c] for c in _SHOWN) for probe in found.probes], "")
    stuck = [mail for mail in mails if mail.failed or mail.state is State.QUEUED]
    if stuck:
        show_mails(stuck, "")
    if silent:
        click.echo(f"Not reached in three rounds or more: {', '.join(silent)}")


def _round(round_: Round) -> dict[str, Any]:
    said = {name: getattr(round_, name) for name in ("started_at", "deadline", "stage", "asked_by", "closed_at")}
    return {"round": round_.label, **said, "shared_at": round_.shared_at, **_figures(figures(round_.probes))}


def _figures(found: Figures) -> dict[str, Any]:
    within = {f"within_{write_duration(line)}": count for line, count in found.within.items()}
    standings = {standing.value: count for standing, count in found.standings.items()}
    return {**_rate(found.rate), **within, "median": found.median, "slowest": found.slowest, "states": standings}


def _rate(rate: Rate) -> dict[str, Any]:
    return {"asked": rate.asked, "reached": rate.reached, "percent": rate.percent}


def _probe(probe: Probe) -> dict[str, Any]:
    answer = probe.answer
    names = ("due_at", "sent_at", "deadline", "reminded_at", "backed_up_at", "answered_at", "reached_at")
    later = ("automatic_at", "returns_on", "opened_at", "failure", "time_zone")
    return {
        "party": probe.party,
        "state": probe.standing,
        "why": hindrance(probe.failure).value if probe.failure else None,
        "took": probe.took,
        "assurance": answer.assurance if answer else None,
        "encrypted": answer.encrypted if answer else None,
        "challenge_quoted": answer.challenge_quoted if answer else None,
        "by": answer.copy if answer else None,
        "sender": answer.sender if answer else None,
        "signer": answer.signer if answer else None,
        **{name: getattr(probe, name) or None for name in (*names, *later)},
    }


# ---------------------------------------------------------------- statistics


@ping.command("statistics")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Default: a year before the end.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="The first day left out.")
@with_config
@with_json
def statistics(since: datetime | None, until: datetime | None, config_path: Path, as_json: bool) -> None:
    """The rates of many rounds: by party, by the hour of its day, in office hours and out of them."""
    end = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    begin = since.replace(tzinfo=UTC) if since else end - YEAR
    with open_database(config_path, as_json=as_json) as (config, engine):
        found = Rounds(engine).history(begin, end)
    shares = [(p.party, *_rate(p.rate).values(), p.median, p.last) for p in by_party(found)]
    hours = [(f"{hour:02}:00", *_rate(rate).values()) for hour, rate in enumerate(by_hour(found))]
    times = [(time, *_rate(rate).values()) for time, rate in by_time(found, config.ping.office_hours).items()]
    if as_json:
        probes = [probe for round_ in found for probe in round_.asked]
        said = {"since": begin, "until": end, "rounds": len(found), **_figures(figures(probes))}
        tables = {"parties": _named("party", shares), "hours": _named("hour", hours), "times": _named("when", times)}
        answer_json(said | tables)
        return
    show_table("parties", ("party", *_RATED), shares, "No ping then.")
    show_table("by the hour there", ("hour", *_RATED[:3]), [row for row in hours if row[1]], "")
    show_table("by the time there", ("when", *_RATED[:3]), times, "")


def _named(name: str, rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip((name, *_RATED), row, strict=False)) for row in rows]
