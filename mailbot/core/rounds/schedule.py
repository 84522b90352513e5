"""Rounds that start by themselves: when, in each party's own time, at a moment that nobody can foresee.

A cron expression gives the time on the wall, `0 2 * * 2`; at that time on its own wall begins the window in which each
party is asked. A round is planned when that time comes for the first of them, and never twice for one night: that is
from noon to noon, so that neither two expressions, nor summer time, nor a second robot makes two of it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from mailbot.core.decision import Decision, Moment, Network, Occasion
from mailbot.core.parties import Party
from mailbot.core.rounds.starting import Past, Wish, begin, plan, targets

NAME = "ping"  # of its occasions
_NOON = timedelta(hours=12)
_LATEST = timedelta(hours=1)  # after the end of its window a round that nobody started is not made up for
_MISSED_FOR = timedelta(days=1)  # so long a round that nobody started is a reason for an alarm
_FARTHEST = timedelta(hours=26)  # between the first zone that reaches a time and the last


def is_cron(expression: str) -> bool:
    """Whether this is a cron expression, minute hour day month weekday, that ever comes true."""
    try:
        next(CronSim(expression, datetime(2026, 1, 1)))  # noqa: DTZ001 - a time on the wall, of no zone
    except (CronSimError, StopIteration):
        return False
    return len(expression.split()) == 5


def night(wall: datetime) -> date:
    """The night of a time on the wall, by the day on which it began: from noon to noon."""
    return (wall - _NOON).date()


def scheduled(network: Network, moment: Moment, past: Past, done: frozenset[str]) -> Decision | None:
    """The round that the schedule calls for now; None: none. `done` are the nights that had theirs."""
    parties = [party for party in targets(network.ping.parties, network)[0] if not party.suspended]
    walls = _walls(network, moment.now, parties, network.ping.window + _LATEST)
    due = next((wall for wall in walls if night(wall).isoformat() not in done), None)
    return _started(due, parties, network, moment, past) if due else None


def due_since(network: Network, now: datetime, done: frozenset[str]) -> datetime | None:
    """Since when a round should run that nobody has started, for an alarm; None: there is none."""
    parties = [party for party in targets(network.ping.parties, network)[0] if not party.suspended]
    zones = {party.time_zone for party in parties}
    walls = _walls(network, now, parties, network.ping.window + _MISSED_FOR)
    return next((_first_and_last(wall, zones)[0] for wall in walls if night(wall).isoformat() not in done), None)


def _walls(network: Network, now: datetime, parties: list[Party], latest: timedelta) -> Iterator[datetime]:
    """The times of the schedule that have come for the first party, and for the last no longer ago than `latest`."""
    zones = {party.time_zone for party in parties}
    begin_at = now.replace(tzinfo=None) - _FARTHEST - latest
    for expression in network.ping.schedule if zones else ():
        for wall in CronSim(expression, begin_at):
            first, last = _first_and_last(wall, zones)
            if first > now:
                break
            if now < last + latest:
                yield wall


def _first_and_last(wall: datetime, zones: set[str]) -> tuple[datetime, datetime]:
    instants = [wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for zone in zones]
    return min(instants), max(instants)


def _started(wall: datetime, parties: list[Party], network: Network, moment: Moment, past: Past) -> Decision:
    """The round, with whoever may be asked that night; without any, the night is over all the same."""
    due = {party.code: at for party in parties if (at := _moment_for(party, wall, network, moment, past))}
    occasion = Occasion(NAME, night(wall).isoformat())
    if not due:
        return Decision(occasions=(occasion,))
    wish = Wish(
        "schedule",
        network.terms.ping_deadline,
        to_all=len(due) == len(network.directory.members()),
        share=network.ping.share_scheduled,
    )
    begun = begin(wish, plan(wish, due, network, moment, past), network, moment, past)
    return replace(begun, occasions=(occasion,))


def _moment_for(party: Party, wall: datetime, network: Network, moment: Moment, past: Past) -> datetime | None:
    """When it is asked: somewhere in what is left of its window. None: it is over, or it would be asked on a day of
    rest, or twice in one night.
    """
    zone = ZoneInfo(party.time_zone)
    begins = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.now >= begins + network.ping.window + _LATEST:
        return None
    opens, closes = max(begins, moment.now), max(begins + network.ping.window, moment.now)
    drawn = int.from_bytes(moment.chance(f"window {party.code}")[:8]) / 2**64
    at = opens + (closes - opens) * drawn
    there = at.astimezone(zone).replace(tzinfo=None)
    asked = past.asked_at.get(party.code)
    again = asked is not None and night(asked.astimezone(zone).replace(tzinfo=None)) == night(there)
    return None if again or network.ping.rests_on(there.date()) else at
