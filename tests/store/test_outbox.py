"""The outbox: everything owed is sent once, in turn, and what became of it is written down."""

import json
import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from mailbot.core.decision import Decision
from mailbot.core.mail import Delivery, OutgoingMail, Refused, Sent, TryLater
from mailbot.core.postings import State
from mailbot.core.retry import Patience
from mailbot.store import schema
from mailbot.store.engine import Clash, open_store, reading
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.migrations import migrate
from mailbot.store.outbox import LEASE, Depth, Outbox, Queued
from tests.store.samples import NOW, SECRET, outgoing

MINUTE = timedelta(minutes=1)


def put(memory: Memory, *mails: OutgoingMail, at: datetime = NOW) -> None:
    memory.record(None, Decision(), mails, at)


def only(outbox: Outbox, now: datetime = NOW) -> Queued:
    (queued,) = outbox.due(now)
    return queued


def whole(mail: OutgoingMail) -> OutgoingMail:
    """A mail that shares nothing is kept in one piece."""
    return replace(mail, head=mail.octets, tail=b"", foot=b"")


def claimed(outbox: Outbox, now: datetime = NOW) -> Queued:
    (queued,) = outbox.claim(now)
    return queued


def attempt(outbox: Outbox, delivery: Delivery, now: datetime = NOW) -> None:
    """One try at the one mail that is due."""
    outbox.settle((claimed(outbox, now), delivery, now))


def journalled(engine: Engine) -> list[tuple[str, str]]:
    return [(row.event, json.loads(row.facts)["status"]) for row in Journal(engine).rows()]


def stored(engine: Engine) -> int:
    """How many octets of sealed mail are in the outbox."""
    with reading(engine) as connection:
        heads = connection.execute(select(func.sum(func.length(schema.outbox.c.head)))).scalar() or 0
        return int(heads + (connection.execute(select(func.sum(schema.bodies.c.size))).scalar() or 0))


# ---------------------------------------------------------------- in and out


@pytest.mark.parametrize(
    "mail",
    [
        outgoing(),
        outgoing(tail=b""),
        outgoing(envelope_sender="", reference=None, party=None, urgent=True, purpose="notice"),
        outgoing(head=bytes(range(256)), tail=bytes(range(256)) * 100),
    ],
)
def test_a_mail_comes_out_as_it_went_in(memory: Memory, outbox: Outbox, mail: OutgoingMail) -> None:
    put(memory, mail)
    assert only(outbox).mail == whole(mail)
    assert (only(outbox).attempts, only(outbox).created_at) == (0, NOW)


def test_a_mail_does_not_show_its_octets(memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing())
    assert SECRET.decode() not in repr(only(outbox))


@pytest.mark.parametrize("field", ["message_id", "tracking"])
def test_nothing_that_names_a_mail_is_given_twice(memory: Memory, outbox: Outbox, field: str) -> None:
    put(memory, outgoing(**{field: "same"}))
    with pytest.raises(Clash):
        put(memory, outgoing(), outgoing(**{field: "same"}))
    assert len(outbox.due(NOW)) == 1


def test_a_shared_tail_is_stored_once_and_read_once(engine: Engine, memory: Memory, outbox: Outbox) -> None:
    tail = b"x" * 1_000_000
    put(memory, *(outgoing(head=b"head", tail=tail) for _ in range(15)), outgoing(head=b"head", tail=tail[:-1]))
    foot = outgoing().foot
    assert stored(engine) == 2 * len(tail) - 1 + 16 * 4
    first, second, *_ = outbox.due(NOW)
    assert first.mail.tail is second.mail.tail
    assert first.mail.octets == b"head" + tail + foot


def test_urgent_mail_goes_first_then_the_oldest(memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing(recipient="1"), outgoing(recipient="2", urgent=True), at=NOW + MINUTE)
    put(memory, outgoing(recipient="3"), outgoing(recipient="4", urgent=True), at=NOW)
    assert [queued.mail.recipient for queued in outbox.due(NOW + MINUTE)] == ["2", "4", "1", "3"]
    assert [queued.mail.recipient for queued in outbox.due(NOW + MINUTE, limit=3)] == ["2", "4", "1"]
    assert [queued.mail.recipient for queued in outbox.due(NOW)] == ["4", "3"]


@pytest.mark.parametrize(("sizes", "at_once"), [((40, 60, 1), 2), ((101, 1), 1), ((40, 61), 1), ((100,), 1)])
def test_large_mails_come_a_few_at_a_time(engine: Engine, memory: Memory, sizes: tuple[int, ...], at_once: int) -> None:
    mails = [outgoing(head=b"h" * size, tail=b"", foot=b"") for size in sizes]
    put(memory, *mails)
    outbox = Outbox(engine, room=100)
    assert [queued.mail for queued in outbox.due(NOW)] == mails[:at_once]


def test_a_shared_body_takes_its_room_once(engine: Engine, memory: Memory) -> None:
    put(memory, *(outgoing(head=b"h" * 10, tail=b"t" * 50) for _ in range(9)))
    assert len(Outbox(engine, room=100).due(NOW)) == 5


# ---------------------------------------------------------------- taking


def test_the_try_is_counted_before_it_is_made(memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing())
    claimed(outbox)
    assert outbox.due(NOW) == []
    after_a_crash = only(outbox, NOW + MINUTE)
    assert after_a_crash.attempts == 1


def test_a_mail_is_claimed_by_one_worker_alone(memory: Memory, outbox: Outbox) -> None:
    put(memory, *(outgoing() for _ in range(20)))
    queued = outbox.due(NOW)
    taken: list[int] = []

    def work() -> None:
        while mails := outbox.claim(NOW, limit=3):
            taken.extend(one.id for one in mails)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [one.id for one in queued]


def test_a_lease_is_renewed_by_whoever_holds_it(memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing())
    assert not outbox.renew(only(outbox), NOW)  # not claimed yet
    mine = claimed(outbox)
    assert outbox.renew(mine, NOW + 0.9 * LEASE)
    assert outbox.due(NOW + 1.8 * LEASE) == []
    claimed(outbox, NOW + 2 * LEASE)
    assert not outbox.renew(mine, NOW + 2 * LEASE)


def test_the_length_of_a_lease_can_be_chosen(engine: Engine, memory: Memory) -> None:
    put(memory, outgoing())
    outbox = Outbox(engine, lease=timedelta(seconds=20))
    claimed(outbox)
    assert outbox.next_due() == NOW + timedelta(seconds=20)


def test_a_settled_mail_is_not_held_on_to(memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing())
    mine = claimed(outbox)
    outbox.settle((mine, Sent(), NOW))
    assert not outbox.renew(mine, NOW)
    outbox.put_back([mine], NOW)
    assert outbox.claim(NOW + 2 * LEASE) == []


def test_what_was_claimed_and_not_tried_is_due_again_and_counts_no_try(memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing(), outgoing())
    mine = outbox.claim(NOW)
    outbox.put_back(mine[1:], NOW)
    assert [(queued.id, queued.attempts) for queued in outbox.due(NOW)] == [(mine[1].id, 0)]
    late = NOW + 2 * LEASE
    theirs = outbox.claim(late)
    outbox.put_back(mine[:1], NOW)  # another worker has it now
    assert outbox.due(late) == []
    assert [queued.attempts for queued in theirs] == [1, 0]


def test_who_sends_alone_takes_over_what_a_dead_one_held(engine: Engine, memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing(), outgoing())
    held, put_off = outbox.claim(NOW)
    outbox.settle((put_off, TryLater("4.7.1"), NOW))
    outbox.resume(NOW + LEASE / 5)
    alone = engine.dialect.name == "sqlite"  # on PostgreSQL another robot may be at it
    assert [(queued.id, queued.attempts) for queued in outbox.due(NOW + LEASE / 5)] == [(held.id, 1)] * alone


def test_many_outcomes_are_written_as_one(engine: Engine, memory: Memory, outbox: Outbox) -> None:
    put(memory, *(outgoing() for _ in range(3)))
    outcomes: list[Delivery] = [Sent(), Refused("5.1.1"), TryLater("4.7.1")]
    outbox.settle(*((queued, outcome, NOW) for queued, outcome in zip(outbox.claim(NOW), outcomes, strict=True)))
    said = ["accepted by the server", "delivery failed", "delivery deferred"]
    assert [event for event, _ in journalled(engine)] == said
    assert Journal(engine).verify().findings == ()


# ---------------------------------------------------------------- settling


@pytest.mark.parametrize(
    ("delivery", "state", "event", "status"),
    [
        (Sent(), State.SENT, "accepted by the server", "250"),
        (Refused("5.1.1", 550), State.REFUSED, "delivery failed", "5.1.1"),
    ],
)
def test_a_final_outcome_ends_it(
    engine: Engine, memory: Memory, outbox: Outbox, delivery: Delivery, state: State, event: str, status: str
) -> None:
    put(memory, outgoing(recipient="desk@de.example"))
    attempt(outbox, delivery, NOW + MINUTE)
    assert outbox.due(NOW + timedelta(days=30)) == []
    assert outbox.next_due() is None
    (posting,) = outbox.postings("2026-0001")
    assert (posting.recipient, posting.state, posting.attempts) == ("desk@de.example", state, 1)
    assert (posting.settled_at, posting.last_status) == (NOW + MINUTE, status)
    assert journalled(engine) == [(event, status)]
    assert stored(engine) == 0


def test_the_journal_says_of_a_delivery_what_it_was_and_nothing_more(
    engine: Engine, memory: Memory, outbox: Outbox
) -> None:
    mail = outgoing()
    put(memory, mail)
    attempt(outbox, Sent())
    (row,) = Journal(engine).rows()
    assert (row.reference, row.party, row.at) == ("2026-0001", "DE", NOW)
    assert json.loads(row.facts) == {
        "message_id": mail.message_id,
        "purpose": "relay",
        "recipient": "desk@de.example",
        "status": "250",
        "tries": "1",
    }


def test_a_shared_body_is_dropped_with_the_last_mail_that_needs_it(
    engine: Engine, memory: Memory, outbox: Outbox
) -> None:
    put(memory, *(outgoing(head=b"", tail=b"shared") for _ in range(3)), outgoing(head=b"", tail=b"own", foot=b""))
    for left in (9, 9, 3, 0):
        (queued,) = outbox.claim(NOW, limit=1)
        outbox.settle((queued, Sent(), NOW))
        assert stored(engine) == left


def test_what_failed_for_now_is_tried_again_later_with_the_same_octets(memory: Memory, outbox: Outbox) -> None:
    mail = outgoing()
    put(memory, mail)
    attempt(outbox, TryLater("4.7.1", 450))
    following = outbox.next_due()
    assert following is not None
    assert timedelta(seconds=48) <= following - NOW <= timedelta(seconds=72)
    assert outbox.due(following - timedelta(microseconds=1)) == []
    again = only(outbox, following)
    assert (again.mail, again.attempts) == (whole(mail), 1)


def test_mails_put_off_together_do_not_come_back_together(memory: Memory, outbox: Outbox) -> None:
    put(memory, *(outgoing() for _ in range(10)))
    for queued in outbox.claim(NOW):
        outbox.settle((queued, TryLater("connection"), NOW))
    assert len({posting.due_at for posting in outbox.postings("2026-0001")}) == 10


def test_the_journal_tells_the_first_delay_and_every_other_kind(engine: Engine, memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing())
    now = NOW
    for status in ("connection", "connection", "4.7.1", "4.7.1", "connection"):
        attempt(outbox, TryLater(status), now)
        now = outbox.next_due() or now
    deferred = "delivery deferred"
    assert journalled(engine) == [(deferred, "connection"), (deferred, "4.7.1"), (deferred, "connection")]


def test_after_five_days_it_is_given_up(engine: Engine, memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing())
    tries, now = 0, NOW
    while due := outbox.next_due():
        now, tries = due, tries + 1
        attempt(outbox, TryLater("4.7.1"), now)
    assert timedelta(days=5) <= now - NOW <= timedelta(days=5, hours=1.2)
    (posting,) = outbox.postings("2026-0001")
    assert (posting.state, posting.attempts, posting.last_status) == (State.EXPIRED, tries, "4.7.1")
    assert journalled(engine) == [("delivery deferred", "4.7.1"), ("delivery failed", "4.7.1")]
    assert json.loads(list(Journal(engine).rows())[-1].facts)["gave_up"] == "yes"
    assert stored(engine) == 0


def test_patience_can_be_chosen(engine: Engine, memory: Memory) -> None:
    put(memory, outgoing())
    outbox = Outbox(engine, Patience((timedelta(seconds=10),), give_up_after=timedelta(hours=1), spread=0))
    attempt(outbox, TryLater("4.7.1"))
    assert outbox.next_due() == NOW + timedelta(seconds=10)
    attempt(outbox, TryLater("4.7.1"), NOW + timedelta(hours=1))
    assert outbox.next_due() is None


def test_settling_again_changes_nothing(engine: Engine, memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing())
    queued = claimed(outbox)
    for delivery in (Refused("5.1.1"), Sent(), TryLater("timeout")):
        outbox.settle((queued, delivery, NOW))
    assert journalled(engine) == [("delivery failed", "5.1.1")]


@pytest.mark.parametrize("late", [TryLater("timeout"), Refused("5.7.1")])
def test_after_a_lost_lease_a_failure_is_not_believed(memory: Memory, outbox: Outbox, late: Delivery) -> None:
    put(memory, outgoing())
    mine = claimed(outbox)
    theirs = claimed(outbox, NOW + MINUTE)
    outbox.settle((mine, late, NOW + MINUTE))
    assert outbox.depth().queued == 1
    outbox.settle((theirs, Sent(), NOW + MINUTE))
    assert outbox.depth().queued == 0


def test_after_a_lost_lease_a_success_counts(engine: Engine, memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing())
    mine = claimed(outbox)
    theirs = claimed(outbox, NOW + MINUTE)
    outbox.settle((mine, Sent(), NOW + MINUTE))
    outbox.settle((theirs, TryLater("timeout"), NOW + MINUTE))
    assert journalled(engine) == [("accepted by the server", "250")]


# ---------------------------------------------------------------- looking


def test_depth_and_age(memory: Memory, outbox: Outbox) -> None:
    assert outbox.depth() == Depth(0, None)
    put(memory, outgoing(), at=NOW)
    put(memory, outgoing(), outgoing(), at=NOW + MINUTE)
    assert outbox.depth() == Depth(3, NOW)
    (first,) = outbox.claim(NOW, limit=1)
    outbox.settle((first, Sent(), NOW))
    assert outbox.depth() == Depth(2, NOW + MINUTE)


def test_postings_are_those_of_one_exchange(memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing(recipient="1"), outgoing(recipient="2", reference="2026-0002"), outgoing(recipient="3"))
    assert [posting.recipient for posting in outbox.postings("2026-0001")] == ["1", "3"]
    assert outbox.postings("2026-0003") == ()


# ---------------------------------------------------------------- several robots


def test_robots_claim_different_mails(postgres_url: str) -> None:
    """Side by side, each mail once, none waiting for another, and who died leaves his to others after a lease."""
    engine = open_store(postgres_url)
    migrate(engine)
    outbox = Outbox(engine)
    put(Memory(engine), *(outgoing() for _ in range(40)))
    claimed: list[int] = []

    def work() -> None:
        while mails := outbox.claim(NOW, limit=5):
            claimed.extend(one.id for one in mails)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 40
    assert outbox.due(NOW) == []
    again = outbox.due(NOW + LEASE, limit=100)
    assert [one.attempts for one in again] == [1] * 40
    engine.dispose()


def test_no_claim_waits_for_a_lock(postgres_url: str) -> None:
    engine = open_store(postgres_url, patience=2)
    migrate(engine)
    outbox = Outbox(engine)
    put(Memory(engine), outgoing(recipient="1"), outgoing(recipient="2"))
    locked = select(schema.outbox).order_by(schema.outbox.c.id).limit(1).with_for_update()
    with engine.begin() as connection:
        connection.execute(locked)
        assert [one.mail.recipient for one in outbox.claim(NOW)] == ["2"]
    engine.dispose()
