"""Given what the journal says and what the clock reads, then whether the clock is believed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.core.clock import Clock, Witness
from mailbot.core.decision import Event, Moment
from mailbot.core.records import Part, PartStage, Terms
from mailbot.core.retry import Patience
from mailbot.core.ticks import Tick, is_due
from tests.core.cast import FR, NETWORK, NOW, exchange, judge, mail, signed_by

TERMS = Terms()
KNOWN = Witness(NOW)


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (timedelta(0), Clock.RIGHT),
        (timedelta(days=7), Clock.RIGHT),
        (timedelta(days=7, seconds=1), Clock.AHEAD),
        (timedelta(days=36500), Clock.AHEAD),
        (timedelta(minutes=-15), Clock.RIGHT),  # two machines' clocks are never the same
        (timedelta(minutes=-15, seconds=-1), Clock.BEHIND),
        (timedelta(days=-20000), Clock.BEHIND),  # a machine without a battery wakes in 1970
    ],
)
def test_clock_is_held_against_the_latest_row(later: timedelta, found: Clock) -> None:
    assert KNOWN.judge(NOW + later, TERMS) is found


@pytest.mark.parametrize("minutes", [-16, 16])
def test_clock_that_differs_from_the_databases_is_doubted_whatever_the_journal_says(minutes: int) -> None:
    lead = timedelta(minutes=minutes)
    assert KNOWN.judge(NOW, TERMS, lead) is Witness().judge(NOW, TERMS, lead) is Clock.APART
    assert KNOWN.judge(NOW, TERMS, lead / 2) is Clock.RIGHT
    assert KNOWN.judge(NOW + timedelta(days=8), TERMS, lead) is Clock.AHEAD


def test_new_journal_believes_any_clock() -> None:
    assert Witness().judge(datetime(1970, 1, 1, tzinfo=UTC), TERMS) is Clock.RIGHT


def test_witness_is_the_latest_row_not_the_last() -> None:
    """A clock that is put back by more and more, a little each time, is noticed."""
    witness = KNOWN
    for minutes in (10, 20, 30):
        witness = witness.after(Event.NOTED, NOW - timedelta(minutes=minutes))
    assert witness.judge(NOW - timedelta(minutes=30), TERMS) is Clock.BEHIND


def test_rows_that_a_doubted_clock_wrote_prove_nothing() -> None:
    wrong = NOW + timedelta(days=400)
    witness = KNOWN.after(Event.CLOCK_DOUBTED, wrong).after(Event.NOTED, wrong)
    assert witness.judge(wrong, TERMS) is Clock.AHEAD
    assert witness.judge(NOW + timedelta(hours=1), TERMS) is Clock.RIGHT


def test_word_of_an_operator_begins_anew() -> None:
    right = NOW - timedelta(days=400)
    witness = KNOWN.after(Event.CLOCK_DOUBTED, right).after(Event.CLOCK_TRUSTED, right)
    assert witness == Witness(right)


@pytest.mark.parametrize(
    ("witness", "found", "told", "event"),
    [
        (KNOWN, Clock.BEHIND, False, Event.CLOCK_DOUBTED),
        (KNOWN, Clock.BEHIND, True, None),  # once
        (Witness(NOW, doubted=True), Clock.AHEAD, False, None),  # another process said it
        (Witness(NOW, doubted=True), Clock.RIGHT, True, Event.CLOCK_TRUSTED),
        (KNOWN, Clock.RIGHT, False, None),
        (Witness(NOW - timedelta(days=1)), Clock.RIGHT, False, Event.ALIVE),
        (Witness(), Clock.RIGHT, False, None),
    ],
)
def test_journal_is_told_once(witness: Witness, found: Clock, told: bool, event: Event | None) -> None:
    entry = witness.entry(NOW, found, told=told)
    assert (entry.event if entry else None) == event


# ---------------------------------------------------------------- calendars


def half_due(opened: datetime, hours: float) -> tuple[bool, bool]:
    """Whether the reminder is due a second before, and at, half of the time."""
    opened_at = opened.astimezone(UTC)
    part = Part("DE", PartStage.PASSED_ON, passed_on_at=opened_at)
    asked = exchange(opened_at=opened_at, deadline=opened_at + timedelta(hours=hours), parts=(part,))
    half = opened_at + timedelta(hours=hours / 2)
    moments = (Moment(at, "2026-0042", b"\x07" * 32) for at in (half - timedelta(seconds=1), half))
    before, at = (is_due(Tick(asked, NETWORK, moment)) for moment in moments)
    return before, at


@pytest.mark.parametrize(
    "opened",
    [
        datetime(2026, 3, 29, 1, 30, tzinfo=ZoneInfo("Europe/Paris")),  # half an hour before 2:00 becomes 3:00
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris")),  # the first 2:30 of that night
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),  # and the second
        datetime(2028, 2, 28, 23, 30, tzinfo=UTC),
        datetime(2027, 12, 31, 23, 30, tzinfo=UTC),
    ],
)
@pytest.mark.parametrize("hours", [4, 72])
def test_four_hours_are_four_hours_in_any_night(opened: datetime, hours: float) -> None:
    assert half_due(opened, hours) == (False, True)


@pytest.mark.parametrize(
    ("opened", "deadline"),
    [
        (datetime(2028, 2, 28, 23, 30, tzinfo=UTC), datetime(2028, 3, 2, 23, 30, tzinfo=UTC)),  # there is a 29th
        (datetime(2027, 2, 28, 23, 30, tzinfo=UTC), datetime(2027, 3, 3, 23, 30, tzinfo=UTC)),
        (datetime(2028, 2, 29, 12, 0, tzinfo=UTC), datetime(2028, 3, 3, 12, 0, tzinfo=UTC)),
        (datetime(2026, 3, 28, 12, 0, tzinfo=UTC), datetime(2026, 3, 31, 12, 0, tzinfo=UTC)),
    ],
)
def test_routine_deadline_is_three_days_of_24_hours(opened: datetime, deadline: datetime) -> None:
    signed = mail(subject="[REQUEST DE] x", signatures=(signed_by(FR.desks[0].encrypt_to[0], opened),))
    [made] = judge(signed, moment=Moment(opened, "2028-0001", b"\x07" * 32)).exchanges
    assert made.deadline == deadline


# ---------------------------------------------------------------- jumps


def test_clock_put_back_calls_for_nothing_and_catches_up_later() -> None:
    asked = exchange()
    back = Moment(asked.opened_at - timedelta(days=1), "2026-0042", b"\x07" * 32)
    assert not is_due(Tick(asked, NETWORK, back))
    assert is_due(Tick(asked, NETWORK, Moment(asked.deadline, "2026-0042", b"\x07" * 32)))


def test_jump_ahead_gives_up_no_mail_that_was_hardly_tried() -> None:
    jumped = NOW + timedelta(days=400)
    assert Patience().next_try(NOW, jumped, 6, 0.5) is not None
    assert Patience().next_try(NOW, jumped, 7, 0.5) is None


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_no_mail_is_put_off_for_longer_than_the_longest_delay(tries: int, chance: float) -> None:
    following = Patience().next_try(NOW, NOW, tries, chance)
    assert following is not None
    assert following - NOW <= Patience().longest
