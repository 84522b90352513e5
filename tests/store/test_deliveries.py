"""What became of the mails: found by whoever must act on it, dealt with once, and what reports claim beside it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from mailbot.core.decision import Decision, Entry, Event
from mailbot.core.mail import Bounce, Delivery, MailClass, OutgoingMail, Refused, Sent, TryLater
from mailbot.core.postings import Hint, Report, Reported, Returned, State
from mailbot.core.records import Terms
from mailbot.core.retry import Patience
from mailbot.store.engine import Clash
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.outbox import Outbox
from tests.store.samples import NOW, exchange, intent, network, opened, outgoing

HOUR = timedelta(hours=1)
TERMS = Terms()
UNDELIVERABLE = Report.UNDELIVERABLE


def request(**changes: object) -> OutgoingMail:
    return outgoing(**{"letter": "request", "author": "FR", "urgent": True, **changes})


def put(memory: Memory, *mails: OutgoingMail) -> None:
    memory.record(None, Decision(exchanges=(exchange(),)), mails, NOW)


def attempt(outbox: Outbox, delivery: Delivery) -> None:
    for queued in outbox.claim(NOW):
        outbox.settle((queued, delivery, NOW))


def failed(memory: Memory) -> list[str]:
    return [found.reference for found in memory.failed()]


def delayed(memory: Memory, hours: float) -> list[str]:
    return [found.reference for found in memory.delayed(NOW + hours * HOUR, TERMS)]


def the_id(memory: Memory) -> int:
    (posting,) = memory.postings("2026-0001")
    return posting.id


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("delivery", "found"), [(Refused("5.1.1"), ["2026-0001"]), (Sent(), []), (TryLater("4.7.1"), [])]
)
def test_an_exchange_with_a_refused_mail_is_found(
    memory: Memory, outbox: Outbox, delivery: Delivery, found: list[str]
) -> None:
    put(memory, request(), request(recipient="night@de.example"))
    assert failed(memory) == []
    attempt(outbox, delivery)
    assert failed(memory) == found


def test_a_mail_that_was_given_up_is_found(engine: Engine, memory: Memory) -> None:
    put(memory, request())
    attempt(Outbox(engine, Patience(delays=(HOUR,), give_up_after=timedelta(0))), TryLater("timeout"))
    assert failed(memory) == ["2026-0001"]
    assert memory.postings("2026-0001")[0].state is State.EXPIRED


def test_nobody_asks_about_a_receipt_or_a_notice(memory: Memory, outbox: Outbox) -> None:
    put(memory, outgoing(letter="receipt"), outgoing(letter="notice", reference=None, party=None))
    attempt(outbox, Refused("5.1.1"))
    assert failed(memory) == []


def test_a_failure_is_dealt_with_once(engine: Engine, memory: Memory, outbox: Outbox) -> None:
    put(memory, request())
    attempt(outbox, Refused("5.1.1"))
    dealt = Decision(followed_up=(the_id(memory),), entries=(Entry(Event.FAILURE_TOLD),))
    memory.record(None, dealt, [outgoing(letter="undelivered")], NOW + HOUR)
    assert failed(memory) == []
    assert memory.postings("2026-0001")[0].followed_up_at == NOW + HOUR
    rows = Journal(engine).head()[0]
    with pytest.raises(Clash):
        memory.record(None, dealt, [outgoing(letter="undelivered")], NOW + HOUR)
    assert Journal(engine).head()[0] == rows
    assert len(memory.postings("2026-0001")) == 2


# ---------------------------------------------------------------- delays


@pytest.mark.parametrize(("urgent", "hours"), [(True, 4), (False, 24)])
def test_a_mail_on_its_way_for_too_long_is_found(memory: Memory, outbox: Outbox, urgent: bool, hours: int) -> None:
    put(memory, request(urgent=urgent))
    attempt(outbox, TryLater("4.7.1"))
    assert delayed(memory, hours - 0.01) == []
    assert delayed(memory, hours) == ["2026-0001"]


def test_a_delay_is_dealt_with_once(memory: Memory) -> None:
    put(memory, request())
    told = Decision(warned=(the_id(memory),))
    memory.record(None, told, [], NOW)
    assert delayed(memory, 100) == []
    with pytest.raises(Clash):
        memory.record(None, told, [], NOW)


def test_what_is_settled_or_has_no_author_is_not_late(memory: Memory, outbox: Outbox) -> None:
    put(memory, request())
    attempt(outbox, Sent())
    memory.record(None, Decision(), [outgoing(letter="reminder")], NOW)
    assert delayed(memory, 100) == []


# ---------------------------------------------------------------- reports


def report(memory: Memory, claim: Report, status: str = "5.1.1") -> None:
    memory.record(None, Decision(reports=(Reported(the_id(memory), claim, status),)), [], NOW + HOUR)


def test_a_claim_stands_beside_what_our_server_said(memory: Memory, outbox: Outbox) -> None:
    put(memory, request())
    attempt(outbox, Sent())
    report(memory, UNDELIVERABLE)
    (found,) = memory.postings("2026-0001")
    assert (found.state, found.last_status, found.settled_at) == (State.SENT, "250", NOW)
    assert (found.reported, found.reported_status, found.reported_at) == (UNDELIVERABLE, "5.1.1", NOW + HOUR)
    assert found.standing == "undeliverable"
    assert failed(memory) == ["2026-0001"]


@pytest.mark.parametrize("claim", sorted(set(Report) - {UNDELIVERABLE}))
def test_other_claims_are_no_failure(memory: Memory, outbox: Outbox, claim: Report) -> None:
    put(memory, request())
    attempt(outbox, Sent())
    report(memory, claim)
    assert failed(memory) == []


def test_a_claim_cancels_no_retry(memory: Memory, outbox: Outbox) -> None:
    """trust.md 16."""
    put(memory, request())
    report(memory, UNDELIVERABLE)
    assert failed(memory) == []
    assert len(outbox.due(NOW)) == 1
    attempt(outbox, Sent())
    assert failed(memory) == ["2026-0001"]


# ---------------------------------------------------------------- which mail a report is about


BOUNCED = replace(opened(), mail_class=MailClass.BOUNCE)


def returned(memory: Memory, bounce: Bounce | None = None, returned_to: str | None = None) -> Returned | None:
    asked = intent(replace(BOUNCED, bounce=bounce), None, returned_to=returned_to)
    return memory.recall(asked, network()).returned


@pytest.fixture
def two(memory: Memory) -> Memory:
    mails = (request(tracking=name, message_id=f"<{name}@hub.example>", recipient=name) for name in ("one", "two"))
    put(memory, *mails)
    return memory


@pytest.mark.parametrize(
    ("bounce", "returned_to", "found"),
    [
        (None, "one", ("one", Hint.RETURN_PATH)),
        (Bounce((), "<two@hub.example>", "two"), "one", ("one", Hint.RETURN_PATH)),
        (Bounce((), "<two@hub.example>", "ONE"), None, ("one", Hint.ENVELOPE_ID)),
        (Bounce((), "<two@hub.example>", "ONE"), "unknown", ("one", Hint.ENVELOPE_ID)),
        (Bounce((), "<two@hub.example>"), None, ("two", Hint.MESSAGE_ID)),
        (Bounce((), "<three@hub.example>", "three\0\ud800"), "three", None),
        (None, None, None),
    ],
)
def test_the_mail_that_a_report_is_about(
    two: Memory, bounce: Bounce | None, returned_to: str | None, found: tuple[str, Hint] | None
) -> None:
    about = returned(two, bounce, returned_to)
    assert (about and (about.posting.recipient, about.hint)) == found
    assert about is None or not about.vouched


@pytest.mark.parametrize("made_by", sorted(set(MailClass) - {MailClass.BOUNCE, MailClass.DELIVERY_REPORT}))
def test_only_a_report_is_about_a_mail(two: Memory, made_by: MailClass) -> None:
    asked = intent(replace(BOUNCED, mail_class=made_by), None, returned_to="one")
    assert two.recall(asked, network()).returned is None
