"""A desk's list of its open exchanges: what stands in it, what does not, and when it goes out."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mailbot.core.mail import Letter
from mailbot.core.overview import MOST, daily, oldest, overview, turns
from mailbot.core.parties import Party
from mailbot.core.records import Cause, Exchange, Part, PartStage
from mailbot.core.tags import Word
from tests.core.cast import DE, DIRECTORY, EU, FR, IT, NETWORK, NOW, exchange, fingerprint, network

DAY = timedelta(days=1)
HEAD = (7, "abc")


def listed(party: Party, *exchanges: Exchange, at: datetime = NOW) -> list[Letter]:
    return list(overview(party, exchanges, NETWORK, at, HEAD))


def words(party: Party, *exchanges: Exchange) -> dict[str, Any]:
    (letter,) = listed(party, *exchanges)
    return dict(letter.words)


def test_the_asker_sees_everybodys_part_and_a_target_its_own() -> None:
    asked = words(FR, exchange())["asked"]
    assert [[p["code"] for p in e["parts"]] for e in asked] == [["DE", "IT"]]
    expected = words(DE, exchange())
    assert expected["asked"] == []
    assert "IT" not in str(expected["expected"])
    assert expected["expected"][0]["asker"]["code"] == "FR"
    assert expected["anchor"] == {"number": 7, "hash": "abc"}


def test_who_takes_no_part_has_no_list() -> None:
    assert listed(EU, exchange()) == []


def test_what_was_not_passed_on_is_not_told() -> None:
    waiting = exchange(parts=(Part("DE", PartStage.WAITING, cause=Cause.SUSPENDED), Part("IT", PartStage.PASSED_ON)))
    assert listed(DE, waiting) == []
    assert words(FR, waiting)["asked"][0]["parts"][0]["state"] == "waiting"


def test_only_to_desks_that_can_be_sealed_to_and_never_to_the_suspended() -> None:
    without = network(DIRECTORY, fingerprint("deskDE"))
    assert overview(DE, [exchange()], without, NOW, HEAD) == ()
    assert overview(replace(DE, suspended=True), [exchange()], NETWORK, NOW, HEAD) == ()


@pytest.mark.parametrize(
    ("changed", "days", "stands"),
    [
        ({}, 29, True),  # nobody answered
        ({}, 31, False),
        ({"stage": PartStage.ANSWERED, "answered_at": NOW}, 1, True),
        ({"stage": PartStage.ANSWERED, "answered_at": NOW}, 3, False),
        ({"stage": PartStage.EXPIRED}, 1, True),
        ({"stage": PartStage.EXPIRED}, 3, False),
    ],
)
def test_how_long_an_exchange_stands_in_it(changed: dict[str, Any], days: int, stands: bool) -> None:
    one = exchange()
    one = replace(one, parts=tuple(replace(part, **changed) for part in one.parts))
    assert bool(listed(DE, one, at=NOW + days * DAY)) == stands


def test_information_stands_in_it_for_two_days_and_what_is_closed_not_at_all() -> None:
    info = exchange(kind=Word.INFO)
    assert listed(IT, info, at=NOW + DAY)
    assert not listed(IT, info, at=NOW + 3 * DAY)
    assert not listed(IT, exchange().close(NOW))


def test_a_long_list_is_cut_and_says_so() -> None:
    many = [exchange(reference=f"2026-{n:04}", opened_at=NOW - timedelta(minutes=n)) for n in range(1, MOST + 6)]
    said = words(FR, *many)
    assert (len(said["asked"]), said["more"]) == (MOST, 5)
    assert said["asked"][0]["reference"] == "2026-0001", "the newest first"


# ---------------------------------------------------------------- once a day


def test_it_is_due_in_each_partys_own_morning() -> None:
    night = datetime(2026, 7, 1, 3, 30, tzinfo=NOW.tzinfo)  # 05:30 in Paris
    assert turns(NETWORK, night) == {}
    occasions = turns(NETWORK, night + timedelta(minutes=30))
    assert {party.code for party in occasions.values()} == {"FR", "DE", "IT", "EU", "SEC"}
    assert {occasion.turn for occasion in occasions} == {"2026-07-01"}


def test_what_began_after_its_hour_waits_for_tomorrow() -> None:
    noon = datetime(2026, 7, 1, 12, 0, tzinfo=NOW.tzinfo)
    (turn,) = [occasion for occasion, party in turns(NETWORK, noon).items() if party is FR]
    fresh = exchange(opened_at=noon - timedelta(hours=1), deadline=noon + timedelta(hours=3))
    old = replace(fresh, opened_at=noon - DAY)
    assert daily(turn, FR, [fresh], NETWORK, noon, HEAD).letters == ()
    decision = daily(turn, FR, [fresh, old], NETWORK, noon, HEAD)
    assert len(decision.letters) == 1
    assert decision.occasions == (turn,)
    assert len(decision.entries) == 1


def test_what_the_store_need_not_look_at() -> None:
    longest = exchange(opened_at=NOW - timedelta(days=61), deadline=NOW - timedelta(days=31))
    assert longest.opened_at < oldest(NOW, NETWORK)
    assert not listed(DE, replace(longest, parts=exchange().parts))
