"""When a delivery is tried again: growing delays, a spread, an end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.core.retry import Patience

FIRST = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tries", "minutes"),
    [(1, 1), (2, 2), (3, 5), (4, 10), (5, 20), (6, 30), (7, 60), (8, 60), (100, 60)],
)
def test_delays_grow_to_an_hour(tries: int, minutes: int) -> None:
    assert Patience().next_try(FIRST, FIRST, tries, 0.5) == FIRST + timedelta(minutes=minutes)


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 240.0), (0.25, 270.0), (0.5, 300.0), (0.75, 330.0)])
def test_chance_spreads_a_delay_by_a_fifth(chance: float, seconds: float) -> None:
    assert Patience().next_try(FIRST, FIRST, 3, chance) == FIRST + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("age", "goes_on"),
    [
        (timedelta(0), True),
        (timedelta(days=4, hours=23, minutes=59), True),
        (timedelta(days=5), False),
        (timedelta(days=50), False),
        (timedelta(days=-1), True),  # the clock was put back: no reason to give up
    ],
)
def test_it_gives_up_after_five_days(age: timedelta, goes_on: bool) -> None:
    assert (Patience().next_try(FIRST, FIRST + age, 9, 0.5) is not None) is goes_on


def test_all_of_it_can_be_chosen() -> None:
    impatient = Patience((timedelta(seconds=1),), give_up_after=timedelta(seconds=10), spread=0)
    assert impatient.next_try(FIRST, FIRST, 5, 0.9) == FIRST + timedelta(seconds=1)
    assert impatient.next_try(FIRST, FIRST + timedelta(seconds=10), 1, 0.9) is None


def test_a_mail_gets_about_a_hundred_and_twenty_tries() -> None:
    now, tries = FIRST, 1
    while following := Patience().next_try(FIRST, now, tries, 0.5):
        now, tries = following, tries + 1
    assert tries == 126


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.timedeltas(timedelta(0), timedelta(days=4)))
def test_the_next_try_is_never_at_once_and_never_far(tries: int, chance: float, age: timedelta) -> None:
    now = FIRST + age
    following = Patience().next_try(FIRST, now, tries, chance)
    assert following is not None
    assert timedelta(seconds=48) <= following - now <= timedelta(minutes=72)
