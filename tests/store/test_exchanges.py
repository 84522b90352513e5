"""Exchanges between records and rows; two workers never overwrite each other."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from mailbot.core.decision import Decision, Moment
from mailbot.core.records import Cause, Exchange, Part, PartEvent, PartStage, Stage
from mailbot.core.tags import Urgency, Word
from mailbot.core.ticks import BACKED_UP, REMINDED, Tick, is_due
from mailbot.store import schema
from mailbot.store.engine import Clash, writing
from mailbot.store.memory import Memory
from tests.store.samples import NOW, exchange, network

LATER = NOW + timedelta(minutes=7)


def record(memory: Memory, *exchanges: Exchange) -> None:
    memory.record(None, Decision(exchanges=exchanges), [], NOW)


def read(memory: Memory, reference: str = "2026-0001") -> Exchange:
    found = memory.exchange(reference)
    assert found is not None
    return found


def answer(changed: Exchange, party: str) -> Exchange:
    part = changed.part(party)
    assert part is not None
    return changed.with_part(part.move(PartEvent.ANSWER, LATER))


# ---------------------------------------------------------------- there and back

EVERYTHING = exchange(
    kind=Word.INFO,
    urgency=Urgency.ROUTINE,
    blind=True,
    stage=Stage.CLOSED,
    closed_at=LATER,
    parts=(
        Part("IT", PartStage.ANSWERED, None, NOW, LATER, LATER + timedelta(days=1), 2),
        Part("DE", PartStage.WAITING, Cause.NO_CERTIFICATE),
        Part("EU", PartStage.PASSED_ON, passed_on_at=NOW, reminders=1),
    ),
)


@pytest.mark.parametrize("given", [exchange(), EVERYTHING, exchange(parts=()), exchange("2026-12345", "AA1234567")])
def test_an_exchange_comes_back_as_it_went(memory: Memory, given: Exchange) -> None:
    record(memory, given)
    assert read(memory, given.reference) == replace(given, version=1)


def test_parties_keep_the_order_in_which_they_were_named(memory: Memory) -> None:
    record(memory, exchange(parties="IT DE FR AT"))
    assert read(memory).targets == ("IT", "DE", "FR", "AT")


def test_what_is_not_there_is_none(memory: Memory) -> None:
    assert memory.exchange("2026-0001") is None


# ---------------------------------------------------------------- changes


def test_a_change_counts_the_version(memory: Memory) -> None:
    record(memory, exchange())
    changed = answer(read(memory), "IT").close(LATER)
    record(memory, changed)
    assert read(memory) == replace(changed, version=2)


def test_a_target_can_be_added(memory: Memory) -> None:
    record(memory, exchange())
    first = read(memory)
    record(memory, replace(first, parts=(*first.parts, Part("EU", PartStage.WAITING, Cause.SUSPENDED))))
    assert read(memory).targets == ("DE", "IT", "EU")


def test_the_second_of_two_changes_clashes_and_does_nothing(memory: Memory) -> None:
    record(memory, exchange())
    mine = theirs = read(memory)
    record(memory, answer(theirs, "DE"))
    with pytest.raises(Clash, match="2026-0001"):
        record(memory, answer(mine, "IT"))
    assert [part.stage for part in read(memory).parts] == [PartStage.ANSWERED, PartStage.PASSED_ON]


def test_an_exchange_that_is_not_there_cannot_be_changed(memory: Memory) -> None:
    with pytest.raises(Clash):
        record(memory, exchange(version=1))
    assert memory.exchange("2026-0001") is None


@pytest.mark.parametrize(
    "other", [exchange(reply_code="R-AAAAA-AAAAA"), exchange("2026-0002", reply_code="R-00001-02026")]
)
def test_neither_reference_nor_reply_code_is_given_twice(memory: Memory, other: Exchange) -> None:
    record(memory, exchange(reply_code="R-00001-02026"))
    with pytest.raises(Clash, match="exchanges"):
        record(memory, other)


def test_of_workers_that_change_at_the_same_time_each_change_survives(memory: Memory) -> None:
    """Whoever clashes reads again: forty answers by four workers are forty answers."""
    parties = [f"P{n:02}" for n in range(40)]
    record(memory, exchange(parties=" ".join(parties)))

    def work(mine: list[str]) -> None:
        while mine:
            try:
                record(memory, answer(read(memory), mine[0]))
                mine.pop(0)
            except Clash:
                continue

    threads = [threading.Thread(target=work, args=(parties[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {part.stage for part in read(memory).parts} == {PartStage.ANSWERED}
    assert read(memory).version == 41


# ---------------------------------------------------------------- references


@pytest.mark.parametrize(
    ("known", "fresh"),
    [
        ((), "2026-0001"),
        (("2026-0001",), "2026-0002"),
        (("2026-0007", "2026-0003"), "2026-0008"),
        (("2026-9999",), "2026-10000"),
        (("2026-9999", "2026-10000"), "2026-10001"),
        (("2025-0815",), "2026-0001"),
    ],
)
def test_a_fresh_reference_follows_the_highest_of_the_year(memory: Memory, known: tuple[str, ...], fresh: str) -> None:
    for reference in known:
        record(memory, exchange(reference))
    assert memory.fresh_reference(NOW) == fresh


def test_the_year_is_that_of_utc(memory: Memory) -> None:
    in_tokyo = datetime(2027, 1, 1, 8, 59, tzinfo=timezone(timedelta(hours=9)))
    assert memory.fresh_reference(in_tokyo) == "2026-0001"
    assert memory.fresh_reference(datetime(2027, 1, 1, tzinfo=UTC)) == "2027-0001"


def test_a_reference_is_free_until_it_is_recorded(memory: Memory) -> None:
    mine, theirs = memory.fresh_reference(NOW), memory.fresh_reference(NOW)
    record(memory, exchange(theirs))
    with pytest.raises(Clash):
        record(memory, exchange(mine))
    assert memory.fresh_reference(NOW) == "2026-0002"


# ---------------------------------------------------------------- lists, and what time calls for


def references(found: tuple[Exchange, ...]) -> list[str]:
    return [one.reference for one in found]


def test_the_latest_come_first(memory: Memory) -> None:
    record(memory, exchange("2025-0009", opened_at=NOW - timedelta(days=200)))
    record(memory, exchange("2026-9999"), exchange("2026-10000", opened_at=LATER))
    record(memory, exchange("2026-0001", stage=Stage.CLOSED))
    assert references(memory.latest_exchanges()) == ["2026-10000", "2026-9999", "2026-0001", "2025-0009"]
    assert references(memory.latest_exchanges(limit=2)) == ["2026-10000", "2026-9999"]
    assert references(memory.latest_exchanges(open_only=True)) == ["2026-10000", "2026-9999", "2025-0009"]


def test_time_that_has_run_out(memory: Memory) -> None:
    record(memory, exchange("2026-0001"), exchange("2026-0002", deadline=NOW + timedelta(hours=40)))
    for hours, half, over in [(1.99, [], []), (2, ["2026-0001"], []), (4, ["2026-0001"], ["2026-0001"])]:
        then = NOW + timedelta(hours=hours)
        assert references(memory.half_passed(then, fewer_reminders_than=1)) == half
        assert references(memory.deadline_passed(then, fewer_reminders_than=2)) == over
    assert references(memory.half_passed(NOW + timedelta(days=2), 1)) == ["2026-0001", "2026-0002"]
    assert references(memory.half_passed(NOW + timedelta(days=2), 1, limit=1)) == ["2026-0001"]


_TIMES = st.none() | st.integers(0, 240).map(lambda minutes: NOW + timedelta(minutes=minutes))
_PARTS = st.builds(
    Part,
    party=st.just("DE"),
    stage=st.sampled_from([stage for stage in PartStage if stage is not PartStage.WAITING]),
    passed_on_at=_TIMES,
    reminders=st.integers(0, 3),
)
_EXCHANGES = st.builds(
    exchange,
    kind=st.sampled_from([Word.REQUEST, Word.INFO]),
    stage=st.sampled_from(Stage),
    parts=st.lists(_PARTS, max_size=3).map(lambda some: tuple(replace(p, party=f"P{n}") for n, p in enumerate(some))),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_one=_EXCHANGES, minutes=st.integers(0, 300))
def test_exactly_those_are_found_in_which_time_calls_for_something(
    engine: Engine, memory: Memory, given_one: Exchange, minutes: int
) -> None:
    """The indexes say where to look, core/ticks.py what to do: neither less nor more is found than is to be done."""
    with writing(engine) as connection:
        connection.execute(schema.parts.delete())
        connection.execute(schema.exchanges.delete())
    record(memory, given_one)
    now = NOW + timedelta(minutes=minutes)
    found = {*memory.half_passed(now, REMINDED), *memory.deadline_passed(now, BACKED_UP)}
    tick = Tick(given_one, network(), Moment(now, "2026-0002", bytes(32)))
    assert bool(found) == is_due(tick)


def test_closing_ends_what_is_expected(memory: Memory) -> None:
    record(memory, exchange())
    late = NOW + timedelta(days=9)
    assert references(memory.half_passed(late, 1)) == ["2026-0001"]
    record(memory, read(memory).close(LATER))
    assert memory.half_passed(late, 1) == memory.deadline_passed(late, 2) == ()


def test_waiting_parts_are_found_until_they_are_passed_on_or_given_up(memory: Memory) -> None:
    waiting = (Part("DE", PartStage.PASSED_ON), Part("IT", PartStage.WAITING, Cause.NO_CERTIFICATE))
    record(memory, exchange("2026-0001"), exchange("2026-0002", parts=waiting), exchange("2026-0003", parts=waiting))
    record(memory, exchange("2026-0004", parts=waiting, stage=Stage.CLOSED))
    assert references(memory.waiting()) == ["2026-0002", "2026-0003"]
    assert references(memory.waiting(limit=1)) == ["2026-0002"]
    assert references(memory.waiting(after="2026-0002")) == ["2026-0003"]
    for number, event in ((2, PartEvent.PASS_ON), (3, PartEvent.EXPIRE)):
        found = read(memory, f"2026-000{number}")
        record(memory, found.with_part(found.parts[1].move(event, LATER)))
    assert memory.waiting() == ()


def test_parts_that_owe_a_mailbox_its_copy_are_found(memory: Memory) -> None:
    owing = (Part("DE", PartStage.PASSED_ON, owed=("a@de.example", "b@de.example")), Part("IT", PartStage.PASSED_ON))
    record(memory, exchange("2026-0001"), exchange("2026-0002", parts=owing, to_all=True))
    (found,) = memory.waiting()
    assert (found.parts, found.to_all) == (owing, True)
    record(memory, found.with_part(replace(found.parts[0], owed=())))
    assert memory.waiting() == ()
