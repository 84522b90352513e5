"""Figures of one round and of many: how many were reached, how fast, where and at what hour; and who falls behind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from zoneinfo import ZoneInfo

from mailbot.core.rounds.records import NOT_ASKED, Probe, Round, Standing
from mailbot.core.rounds.terms import OfficeHours

QUICK = timedelta(minutes=15)
LINES = (QUICK, timedelta(hours=1), timedelta(hours=4))
IN_A_ROW = 3  # rounds of silence that call for a person


# ---------------------------------------------------------------- rates


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of those who were asked were reached in time."""

    asked: int = 0
    reached: int = 0

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where nobody was asked."""
        return self.reached / self.asked if self.asked else None

    @property
    def percent(self) -> int | None:
        """Rounded down, so that 100 means all of them."""
        return 100 * self.reached // self.asked if self.asked else None


def rate(probes: Iterable[Probe]) -> Rate:
    """Of these; whoever was left out, or is still to be asked, does not count."""
    asked = [probe for probe in probes if probe.standing not in NOT_ASKED]
    return Rate(len(asked), sum(probe.in_time for probe in asked))


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one round, or of several together."""

    rate: Rate
    within: Mapping[timedelta, int]  # how many were reached within each of LINES
    median: timedelta | None  # of those reached in time
    slowest: timedelta | None
    standings: Mapping[Standing, int]  # of all probes, left out or not

    def count(self, standing: Standing) -> int:
        """How many stand so."""
        return self.standings.get(standing, 0)


def figures(probes: Iterable[Probe]) -> Figures:
    """The figures of these probes."""
    every = tuple(probes)
    times = sorted(probe.took for probe in every if probe.in_time and probe.took is not None)
    counted: dict[Standing, int] = {}
    for probe in every:
        counted[probe.standing] = counted.get(probe.standing, 0) + 1
    return Figures(
        rate=rate(every),
        within={line: sum(took <= line for took in times) for line in LINES},
        median=_median(times),
        slowest=times[-1] if times else None,
        standings=counted,
    )


def _median(times: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(took.total_seconds() for took in times)) if times else None


# ---------------------------------------------------------------- by party, by hour


@dataclass(frozen=True, slots=True)
class PartyFigures:
    """One party over several rounds."""

    party: str
    rate: Rate
    median: timedelta | None
    last: Standing  # in the latest round that asked it


def by_party(rounds: Sequence[Round]) -> tuple[PartyFigures, ...]:
    """Every party that was asked, by code; `rounds` oldest first."""
    asked: dict[str, list[Probe]] = {}
    for probe in (probe for round_ in rounds for probe in round_.asked):
        asked.setdefault(probe.party, []).append(probe)
    return tuple(_of_party(party, probes) for party, probes in sorted(asked.items()))


def _of_party(party: str, probes: Sequence[Probe]) -> PartyFigures:
    found = figures(probes)
    return PartyFigures(party, found.rate, found.median, probes[-1].standing)


def local_time(probe: Probe) -> datetime:
    """When the party was asked, on its own clock."""
    return probe.asked_at.astimezone(ZoneInfo(probe.time_zone))


def by_hour(rounds: Iterable[Round]) -> tuple[Rate, ...]:
    """The rate for each of the 24 hours of the parties' own days in which they were asked."""
    hours: list[list[Probe]] = [[] for _ in range(24)]
    for probe in (probe for round_ in rounds for probe in round_.asked):
        hours[local_time(probe).hour].append(probe)
    return tuple(map(rate, hours))


class Time(StrEnum):
    """When a party was asked, on its own clock."""

    OFFICE = "office hours"
    NIGHT = "nights"  # and all other hours of Monday to Friday
    WEEKEND = "weekends"


def time_of(probe: Probe, office: OfficeHours) -> Time:
    """In office hours, outside of them, or on a Saturday or Sunday."""
    at = local_time(probe)
    if at.weekday() >= 5:
        return Time.WEEKEND
    return Time.OFFICE if at in office else Time.NIGHT


def by_time(rounds: Iterable[Round], office: OfficeHours) -> Mapping[Time, Rate]:
    """The rates of office hours against nights and weekends."""
    found: dict[Time, list[Probe]] = {time: [] for time in Time}
    for probe in (probe for round_ in rounds for probe in round_.asked):
        found[time_of(probe, office)].append(probe)
    return {time: rate(probes) for time, probes in found.items()}


# ---------------------------------------------------------------- from round to round


@dataclass(frozen=True, slots=True)
class Change:
    """What is otherwise than in the round before, of the parties that both asked."""

    since: str  # its label
    before: Rate
    now: Rate
    gained: tuple[str, ...]  # reached now, and not then
    lost: tuple[str, ...]


def change(round_: Round, before: Round | None) -> Change | None:
    """What has changed; None if there was no round before, or it asked nobody of these."""
    then = {probe.party: probe for probe in before.asked} if before else {}
    both = [probe for probe in round_.asked if probe.party in then]
    if before is None or not both:
        return None
    return Change(
        since=before.label,
        before=rate(then[probe.party] for probe in both),
        now=rate(both),
        gained=tuple(p.party for p in both if p.in_time and not then[p.party].in_time),
        lost=tuple(p.party for p in both if not p.in_time and then[p.party].in_time),
    )


def long_silent(rounds: Sequence[Round], least: int = IN_A_ROW) -> tuple[str, ...]:
    """The parties of the first round, newest first, that were not reached in their last three.

    An answer that proves nothing is silence here (trust.md 9); a late one that does is not.
    """
    asked = [{probe.party: probe for probe in round_.asked} for round_ in rounds]
    first = asked[0] if asked else {}
    return tuple(
        party for party in first if _silence(probe for probes in asked if (probe := probes.get(party))) >= least
    )


def _silence(probes: Iterable[Probe]) -> int:
    """How many of these, newest first, brought nothing, before the first that did."""
    times = 0
    for probe in probes:
        if probe.reached_at:
            break
        times += 1
    return times
