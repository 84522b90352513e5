"""The figures of one round and of many."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from mailbot.core.rounds.figures import (
    Rate,
    Time,
    by_hour,
    by_party,
    by_time,
    change,
    figures,
    long_silent,
    rate,
    time_of,
)
from mailbot.core.rounds.records import Obstacle, Probe, ProbeStage, Round, RoundStage, Standing
from mailbot.core.rounds.terms import OfficeHours

MONDAY = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
GIVEN = timedelta(hours=4)


def probe(party: str, minutes: float | None = None, at: datetime = MONDAY, zone: str = "UTC", **more: object) -> Probe:
    """One that was answered after so many minutes, or not at all."""
    made = Probe(1, party, "", "", ProbeStage.SENT, at, at + GIVEN, zone, certified=True, sent_at=at)
    if minutes is not None:
        answered = at + timedelta(minutes=minutes)
        made = replace(made, stage=ProbeStage.REACHED, answered_at=answered, reached_at=answered)
    return replace(made, **more)  # type: ignore[arg-type]


def round_of(number: int, minutes: Mapping[str, float | None], at: datetime = MONDAY) -> Round:
    probes = tuple(probe(party, took, at) for party, took in minutes.items())
    return Round(number, at, at + GIVEN, "SEC", probes, stage=RoundStage.CLOSED)


UNCONFIRMED = probe("EU", stage=ProbeStage.UNCONFIRMED, answered_at=MONDAY + timedelta(minutes=1))
SUSPENDED = probe("ES", stage=ProbeStage.UNSENT, obstacle=Obstacle.SUSPENDED)
KEYLESS = probe("PT", stage=ProbeStage.UNSENT, obstacle=Obstacle.NO_CERTIFICATE)
EVERY = (
    probe("FR", 4),
    probe("DE", 30),
    probe("IT", 200),
    probe("AT", 300),
    probe("BE"),
    UNCONFIRMED,
    SUSPENDED,
    KEYLESS,
)


def test_reached_is_reached_in_time_and_who_was_left_out_does_not_count() -> None:
    assert rate(EVERY) == Rate(asked=7, reached=3)
    assert Rate(7, 3).percent == 42
    assert (Rate().percent, Rate().share) == (None, None)
    assert Rate(200, 199).percent == 99, "100 means all"


def test_figures_of_a_round() -> None:
    found = figures(EVERY)
    assert list(found.within.values()) == [1, 2, 3]
    assert (found.median, found.slowest) == (timedelta(minutes=30), timedelta(minutes=200))
    assert found.count(Standing.LATE) == found.count(Standing.SILENT) == found.count(Standing.UNCONFIRMED) == 1
    assert found.count(Standing.SUSPENDED) == found.count(Standing.NO_CERTIFICATE) == 1
    assert sum(found.standings.values()) == len(EVERY)


def test_figures_of_a_silence() -> None:
    found = figures([probe("FR")])
    assert (found.median, found.slowest, list(found.within.values())) == (None, None, [0, 0, 0])


@pytest.mark.parametrize(
    ("at", "zone", "when"),
    [
        ("2026-11-23T08:00", "UTC", Time.OFFICE),
        ("2026-11-23T07:59", "UTC", Time.NIGHT),
        ("2026-11-23T18:00", "UTC", Time.NIGHT),
        ("2026-11-23T07:30", "Europe/Berlin", Time.OFFICE),
        ("2026-11-23T23:30", "Asia/Tokyo", Time.OFFICE),
        ("2026-11-21T12:00", "UTC", Time.WEEKEND),
        ("2026-11-20T23:30", "Europe/Berlin", Time.WEEKEND),
        ("2026-11-22T23:30", "Europe/Berlin", Time.NIGHT),
        ("2026-07-20T06:30", "Europe/Berlin", Time.OFFICE),  # summer time
    ],
)
def test_office_hours_are_those_of_the_party(at: str, zone: str, when: Time) -> None:
    asked = probe("DE", 4, datetime.fromisoformat(at).replace(tzinfo=UTC), zone)
    assert time_of(asked, OfficeHours()) is when


def test_office_hours_are_as_configured() -> None:
    asked = probe("DE", 4, MONDAY.replace(hour=7))
    assert time_of(asked, OfficeHours(time(7), time(15))) is Time.OFFICE


def test_rates_by_party_hour_and_time() -> None:
    night, day = MONDAY, MONDAY + timedelta(days=1, hours=9)
    rounds = [round_of(1, {"FR": 4, "DE": None}, night), round_of(2, {"FR": 10, "DE": 20}, day)]
    france, germany = {found.party: found for found in by_party(rounds)}["FR"], by_party(rounds)[0]
    assert (france.rate, france.median, france.last) == (Rate(2, 2), timedelta(minutes=7), Standing.REACHED)
    assert (germany.party, germany.rate) == ("DE", Rate(2, 1))
    hours = by_hour(rounds)
    assert (len(hours), hours[3], hours[12], hours[0]) == (24, Rate(2, 1), Rate(2, 2), Rate())
    assert by_time(rounds, OfficeHours()) == {Time.OFFICE: Rate(2, 2), Time.NIGHT: Rate(2, 1), Time.WEEKEND: Rate()}


def test_change_since_the_round_before_is_of_those_asked_both_times() -> None:
    before = round_of(1, {"FR": 4, "DE": None, "IT": 5, "ES": 9})
    found = change(round_of(2, {"FR": None, "DE": 7, "IT": 5, "PT": None}), before)
    assert found
    assert (found.since, found.before, found.now) == ("P-1", Rate(3, 2), Rate(3, 2))
    assert (found.gained, found.lost) == (("DE",), ("FR",))


def test_no_change_without_anything_to_compare() -> None:
    assert change(round_of(2, {"FR": 4}), None) is None
    assert change(round_of(2, {"FR": 4}), round_of(1, {"DE": 4})) is None


def test_silent_in_the_last_three_rounds() -> None:
    rounds = [
        round_of(4, {"FR": None, "DE": None, "IT": None, "PT": None, "ES": 4}),
        round_of(3, {"FR": None, "DE": 4, "IT": None, "ES": None}),
        round_of(2, {"FR": None, "DE": None, "IT": 300, "PT": None, "ES": None}),
    ]
    assert long_silent(rounds) == ("FR",), "DE answered once, IT late, PT was asked twice only, ES answers now"
    assert long_silent([]) == ()


def test_an_unconfirmed_answer_does_not_end_a_silence() -> None:
    doubtful = replace(round_of(3, {}), probes=(UNCONFIRMED,))
    assert long_silent([doubtful, round_of(2, {"EU": None}), round_of(1, {"EU": None})]) == ("EU",)
