"""The clock's work: whatever time or a delivery's outcome calls for is decided, written and recorded like a mail."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from mailbot.core.decision import Decision, Entry, Event, Moment
from mailbot.core.deliveries import after_delays, after_failures, calls_backups
from mailbot.core.records import Exchange, Reason
from mailbot.core.ticks import BACKED_UP, REMINDED, Tick, advance, is_due, needs_original
from mailbot.store.engine import Clash
from mailbot.store.memory import Memory
from mailbot.workers.duties import DUTIES
from mailbot.workers.failures import survive
from mailbot.workers.housekeeping import Housekeeper
from mailbot.workers.receive import MOST_TRIES, Receiver
from mailbot.workers.timekeeping import Timekeeper

log = logging.getLogger(__name__)

Step = Callable[[Exchange, Receiver], bool]
Judge = Callable[[Tick], Decision]


def tick(receiver: Receiver, timekeeper: Timekeeper, housekeeper: Housekeeper) -> int:
    """Everything that is due now; how many exchanges had something.

    While the clock is not believed only failures are looked at: a refusal is one at any hour.
    """
    receiver.renew()
    memory, moment = receiver.memory, receiver.moment()
    done = _each(memory.failed(), _follow_up, receiver)
    if not timekeeper.believes(moment.now):
        return done
    housekeeper.purge(moment.now)
    done += _each(memory.delayed(moment.now, receiver.network.terms), _warn, receiver)
    due = {exchange.reference: exchange for exchange in _candidates(memory, moment)}
    done += _each(due.values(), _advance, receiver)
    return done + sum(survive(name, partial(duty, receiver, moment)) for name, duty in DUTIES.items())


def _each(exchanges: Iterable[Exchange], step: Step, receiver: Receiver) -> int:
    return sum(survive(exchange.reference, partial(step, exchange, receiver)) for exchange in exchanges)


def _candidates(memory: Memory, moment: Moment) -> Iterator[Exchange]:
    yield from memory.half_passed(moment.now, fewer_reminders_than=REMINDED)
    yield from memory.deadline_passed(moment.now, fewer_reminders_than=BACKED_UP)
    page = memory.waiting()
    while page:
        yield from page
        page = memory.waiting(after=page[-1].reference)


# ---------------------------------------------------------------- one exchange


def _follow_up(exchange: Exchange, receiver: Receiver) -> bool:
    now, postings = _now(exchange, receiver), receiver.memory.postings(exchange.reference)
    judge = partial(after_failures, postings=postings)
    return _carry_out(judge, now, receiver, reopening=calls_backups(now, postings))


def _warn(exchange: Exchange, receiver: Receiver) -> bool:
    now = _now(exchange, receiver)
    return _record(after_delays(now, receiver.memory.postings(exchange.reference)), now, receiver)


def _advance(exchange: Exchange, receiver: Receiver) -> bool:
    now = _now(exchange, receiver)
    return is_due(now) and _carry_out(advance, now, receiver, reopening=needs_original(now))


def _now(exchange: Exchange, receiver: Receiver) -> Tick:
    return Tick(exchange, receiver.memory.as_suspended(receiver.network), receiver.moment())


def _carry_out(judge: Judge, now: Tick, receiver: Receiver, *, reopening: bool) -> bool:
    if not reopening:
        return _record(judge(now), now, receiver)
    return receiver.counted(now.exchange.original, partial(_reopen_and_judge, judge, now, receiver))


def _reopen_and_judge(judge: Judge, now: Tick, receiver: Receiver, tries: int) -> bool:
    """With the author's mail at hand; where that has stalled or killed the robot time and again, without it."""
    digest = now.exchange.original
    if tries > MOST_TRIES:
        log.error("ALARM %s: its kept mail is set aside after %d failures", now.exchange.reference, MOST_TRIES)
        return _record(_without_original(judge(now), now), now, receiver)
    opened = replace(now, intent=receiver.reopen(digest))
    recorded = _record(judge(opened), opened, receiver)
    receiver.memory.forget_tries(digest)
    return recorded


def _without_original(decision: Decision, now: Tick) -> Decision:
    facts = {"mail": now.exchange.original, "reason": Reason.POISON.value}
    return replace(decision, entries=(*decision.entries, Entry(Event.SET_ASIDE, now.exchange.reference, facts=facts)))


def _record(decision: Decision, now: Tick, receiver: Receiver) -> bool:
    """A clash means that a mail or another robot was faster: the next round looks again."""
    try:
        receiver.memory.record(None, decision, receiver.write(decision, now.moment), now.now)
    except Clash:
        return False
    log.info("%s %s", now.exchange.reference, ", ".join(entry.event.value for entry in decision.entries))
    return True
