"""Rounds that start by themselves: in each party's own time, at random, never twice a night, never on a day of rest."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mailbot.core.decision import Decision, Moment, Network, Occasion
from mailbot.core.parties import Directory
from mailbot.core.rounds.records import Probe, ProbeStage
from mailbot.core.rounds.schedule import due_since, is_cron, night, scheduled
from mailbot.core.rounds.starting import Past
from mailbot.core.rounds.terms import Days, PingTerms
from tests.core.cast import DE, EU, FR, SEC, network, readers_of

ZONES = {"FR": "Europe/Paris", "DE": "Asia/Tokyo", "EU": "America/New_York"}
EVERY_NIGHT = PingTerms(schedule=("0 2 * * *",), window=timedelta(hours=3))
TUESDAY = datetime(2026, 11, 24)  # noqa: DTZ001 - a day on the wall


def net(terms: PingTerms = EVERY_NIGHT) -> Network:
    parties = {p.code: replace(p, time_zone=ZONES[p.code]) for p in (FR, DE, EU)}
    return replace(network(Directory({**parties, "SEC": SEC})), ping=terms)


def moment(now: datetime, seed: bytes = b"s") -> Moment:
    return Moment(now.astimezone(UTC), "2026-0042", seed * 32)


def wall(zone: str, hour: int, minute: int = 0, day: datetime = TUESDAY) -> datetime:
    return day.replace(hour=hour, minute=minute, tzinfo=ZoneInfo(zone))


def at(
    now: datetime,
    terms: PingTerms = EVERY_NIGHT,
    past: Past | None = None,
    done: frozenset[str] = frozenset(),
    seed: bytes = b"s",
) -> Decision | None:
    return scheduled(net(terms), moment(now, seed), past or Past(), done)


def probes(decision: Decision | None) -> dict[str, Probe]:
    assert decision
    return {probe.party: probe for probe in decision.rounds[0].probes}


TOKYO, PARIS = wall("Asia/Tokyo", 2), wall("Europe/Paris", 2)


def test_it_begins_when_the_time_comes_for_the_first_party() -> None:
    assert at(TOKYO - timedelta(minutes=1), done=frozenset({"2026-11-22"})) is None
    assert at(TOKYO)


def test_each_party_is_asked_in_its_own_night_within_the_window() -> None:
    planned = probes(at(TOKYO))
    for party, probe in planned.items():
        there = probe.due_at.astimezone(ZoneInfo(ZONES[party]))
        assert wall(ZONES[party], 2) <= there <= wall(ZONES[party], 5)
        assert probe.deadline == probe.due_at + timedelta(hours=4)
    assert {probe.stage for probe in planned.values()} == {ProbeStage.PLANNED}


def test_nobody_can_foresee_the_moment() -> None:
    drawn = {seed: probes(at(TOKYO, seed=bytes([seed])))["FR"].due_at for seed in range(20)}
    assert len(set(drawn.values())) == 20
    one = probes(at(TOKYO))
    assert len({(probe.due_at - wall(ZONES[party], 2)) for party, probe in one.items()}) == 3


def test_without_a_window_everybody_is_asked_on_the_minute() -> None:
    planned = probes(at(TOKYO, replace(EVERY_NIGHT, window=timedelta())))
    assert {party: probe.due_at for party, probe in planned.items()} == {c: wall(z, 2) for c, z in ZONES.items()}


def test_whoever_is_due_at_once_is_asked_at_once() -> None:
    decision = at(TOKYO, replace(EVERY_NIGHT, window=timedelta()))
    assert decision and readers_of(decision, "probe") == {"desk@de.example"}


def test_never_twice_for_one_night() -> None:
    decision = at(TOKYO)
    assert decision and decision.occasions == (Occasion("ping", "2026-11-23"),)
    assert at(PARIS, done=frozenset({"2026-11-23"})) is None
    twice = PingTerms(schedule=("0 1 * * *", "0 3 * * *"))
    assert at(wall("Europe/Paris", 3), twice, done=frozenset({"2026-11-23"})) is None


def test_whoever_was_asked_that_night_by_somebody_is_not_asked_again() -> None:
    by_hand = {"FR": wall("Europe/Paris", 23, day=TUESDAY - timedelta(days=1)).astimezone(UTC)}
    assert set(probes(at(TOKYO, past=Past(asked_at=by_hand)))) == {"DE", "EU"}
    the_night_before = {"FR": wall("Europe/Paris", 11, day=TUESDAY - timedelta(days=1)).astimezone(UTC)}
    assert set(probes(at(TOKYO, past=Past(asked_at=the_night_before)))) == {"DE", "EU", "FR"}


def test_a_day_of_rest_is_that_of_the_party() -> None:
    rest = replace(EVERY_NIGHT, blackout=(Days(date(2026, 11, 24), date(2026, 11, 24)),))
    decision = at(TOKYO, rest)
    assert decision and decision.rounds == ()
    assert decision.occasions == (Occasion("ping", "2026-11-23"),), "the night is over all the same"
    over_midnight = PingTerms(schedule=("30 23 * * *",), window=timedelta(hours=12), blackout=rest.blackout)
    monday = wall("Asia/Tokyo", 23, 30, TUESDAY - timedelta(days=1))
    asked = [set(probes(d)) for s in range(8) if (d := at(monday, over_midnight, seed=bytes([s]))) and d.rounds]
    assert asked and all(parties != {"DE", "EU", "FR"} for parties in asked), "some would be asked after midnight"


def test_a_robot_that_was_away_makes_up_for_what_is_left_of_the_window() -> None:
    late = wall("America/New_York", 4)
    planned = probes(at(late))
    assert set(planned) == {"EU"}, "for the others the night is over"
    assert late <= planned["EU"].due_at <= wall("America/New_York", 5)
    assert at(wall("America/New_York", 6, 1), done=frozenset({"2026-11-24"})) is None


def test_only_on_the_days_that_the_expression_names() -> None:
    wednesdays = PingTerms(schedule=("0 2 * * 3",))
    assert at(PARIS, wednesdays) is None
    assert at(PARIS + timedelta(days=1), wednesdays)


def test_only_whom_the_configuration_names_and_nobody_who_is_suspended() -> None:
    assert set(probes(at(TOKYO, replace(EVERY_NIGHT, parties=("DE", "FR"))))) == {"DE", "FR"}
    suspended = net()
    suspended = replace(suspended, directory=suspended.directory.suspending(frozenset({"FR"})))
    decision = scheduled(suspended, moment(TOKYO), Past(), frozenset())
    assert set(probes(decision)) == {"DE", "EU"}


def test_its_result_is_shared_if_the_configuration_says_so() -> None:
    for shares in (True, False):
        decision = at(TOKYO, replace(EVERY_NIGHT, share_scheduled=shares))
        assert decision and decision.rounds[0].share is shares
        assert decision.rounds[0].asked_by == "schedule"


@pytest.mark.parametrize(("day", "hour"), [(datetime(2026, 3, 29), 2), (datetime(2026, 10, 25), 2)])  # noqa: DTZ001 - of no zone
def test_summer_time_makes_neither_two_of_it_nor_none(day: datetime, hour: int) -> None:
    terms = PingTerms(schedule=("30 2 * * *",), parties=("FR",))
    begun, done = [], set[str]()
    for minutes in range(0, 26 * 60, 10):
        now = wall("Europe/Paris", 12, day=day - timedelta(days=1)).astimezone(UTC) + timedelta(minutes=minutes)
        decision = at(now, terms, done=frozenset(done))
        if decision:
            begun.append(now.astimezone(ZoneInfo("Europe/Paris")))
            done |= {occasion.turn for occasion in decision.occasions}
    assert [now.date() for now in begun] == [day.date()]
    assert begun[0].hour in (hour, hour + 1)


def test_nights_go_from_noon_to_noon() -> None:
    assert night(TUESDAY.replace(hour=11, minute=59)) == date(2026, 11, 23)
    assert night(TUESDAY.replace(hour=12)) == night(TUESDAY.replace(hour=23)) == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        ("0 2 * * 2", True),
        ("*/5 1-4 * * MON", True),
        ("0 2 * *", False),
        ("", False),
        ("0 0 31 4 *", False),
        ("x", False),
    ],
)
def test_cron_expressions(expression: str, good: bool) -> None:
    assert is_cron(expression) is good


def test_a_round_that_nobody_starts_is_known_for_an_alarm() -> None:
    now = PARIS.astimezone(UTC)
    assert due_since(net(), now, frozenset({"2026-11-22"})) == TOKYO.astimezone(UTC)
    assert due_since(net(), now, frozenset({"2026-11-22", "2026-11-23"})) is None
    assert due_since(net(PingTerms()), now, frozenset()) is None
    at_noon = now + timedelta(hours=12)  # too late to make up for it, and not to tell
    assert due_since(net(), at_noon, frozenset({"2026-11-22"})) == TOKYO.astimezone(UTC)
