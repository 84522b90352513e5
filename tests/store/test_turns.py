"""The outbox: senders take turns, mail by mail, on both databases."""

import time

from mailbot.core.decision import Decision
from mailbot.core.mail import Sent, TryLater
from mailbot.store.memory import Memory
from mailbot.store.outbox import Outbox
from tests.store.samples import NOW, outgoing


def queue(memory: Memory, sender: str, count: int, *, urgent: bool = False) -> None:
    mails = [outgoing(purpose=sender, urgent=urgent) for _ in range(count)]
    memory.record(None, Decision(sender=sender), mails, NOW)


def order(outbox: Outbox, limit: int = 100) -> list[str]:
    """Whose mails go out next."""
    return [queued.mail.purpose for queued in outbox.due(NOW, limit)]


def test_a_flood_delays_others_by_no_more_than_its_share(memory: Memory, outbox: Outbox) -> None:
    queue(memory, "FR", 40)
    queue(memory, "DE", 2)
    queue(memory, "IT", 1)
    assert order(outbox, 7) == ["FR", "DE", "IT", "FR", "DE", "FR", "FR"]


def test_ten_thousand_mails_of_one_sender_delay_another_by_one(memory: Memory, outbox: Outbox) -> None:
    queue(memory, "FR", 10_000)
    queue(memory, "IT", 2)
    began = time.monotonic()
    assert order(outbox, 4) == ["FR", "IT", "FR", "IT"]
    assert time.monotonic() - began < 0.5, "and they are found without reading the others"


def test_who_comes_amid_a_flood_is_next(memory: Memory, outbox: Outbox) -> None:
    queue(memory, "FR", 40)
    for claimed in outbox.claim(NOW, 20):
        outbox.settle((claimed, Sent(), NOW))
    queue(memory, "DE", 2)
    assert order(outbox, 4) == ["FR", "DE", "FR", "DE"]


def test_a_sender_gains_nothing_by_many_small_portions(memory: Memory, outbox: Outbox) -> None:
    for _ in range(10):
        queue(memory, "FR", 1)
    queue(memory, "DE", 3)
    assert order(outbox, 6) == ["FR", "DE", "FR", "DE", "FR", "DE"]


def test_urgent_mail_goes_first_and_takes_turns_of_its_own(memory: Memory, outbox: Outbox) -> None:
    queue(memory, "FR", 3)
    queue(memory, "FR", 2, urgent=True)
    queue(memory, "DE", 1, urgent=True)
    assert order(outbox) == ["FR", "DE", "FR", "FR", "FR", "FR"]


def test_mail_that_was_put_off_does_not_hold_the_clock_back(memory: Memory, outbox: Outbox) -> None:
    """It keeps its low number; whoever comes after it must not get one as low, or those between would starve."""
    queue(memory, "IT", 1)
    [put_off] = outbox.claim(NOW, 1)
    outbox.settle((put_off, TryLater("4.7.1"), NOW))
    queue(memory, "FR", 30)
    for claimed in outbox.claim(NOW, 20):
        outbox.settle((claimed, Sent(), NOW))
    queue(memory, "DE", 20)
    assert order(outbox, 6) == ["FR", "DE", "FR", "DE", "FR", "DE"]
