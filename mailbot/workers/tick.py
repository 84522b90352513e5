"""The clock's work: whatever time or a delivery's outcome calls for is decided, written and recorded like a mail."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from mailbot.core.decision import Decision, Moment
from mailbot.core.deliveries import after_delays, after_failures, calls_backups
from mailbot.core.records import Exchange
from mailbot.core.ticks import BACKED_UP, REMINDED, Tick, advance, is_due, needs_original
from mailbot.store.engine import Clash, StoreUnavailable
from mailbot.store.memory import Memory
from mailbot.workers.duties import DUTIES, Duty
from mailbot.workers.failures import tell
from mailbot.workers.housekeeping import Housekeeper
from mailbot.workers.receive import Receiver
from mailbot.workers.timekeeping import Timekeeper

log = logging.getLogger(__name__)

Step = Callable[[Exchange, Receiver], bool]


def tick(receiver: Receiver, timekeeper: Timekeeper, housekeeper: Housekeeper) -> int:
    """Everything that is due now; how many exchanges had something.

    While the clock is not believed only failures are looked at: a refusal is one at any hour.
    """
    memory, moment = receiver.memory, receiver.moment()
    done = _each(memory.failed(), _follow_up, receiver)
    if not timekeeper.believes(moment.now):
        return done
    housekeeper.purge(moment.now)
    done += _each(memory.delayed(moment.now, receiver.network.terms), _warn, receiver)
    due = {exchange.reference: exchange for exchange in _candidates(memory, moment)}
    done += _each(due.values(), _advance, receiver)
    return done + sum(_perform(name, duty, receiver, moment) for name, duty in DUTIES.items())


def _perform(name: str, duty: Duty, receiver: Receiver, moment: Moment) -> int:
    """One duty that cannot be done must not keep the others from being done."""
    try:
        return duty(receiver, moment)
    except Clash:
        return 0  # another robot was faster
    except StoreUnavailable:
        raise
    except Exception as broken:  # noqa: BLE001 - a template, a key, a bug: it is tried again in the next round
        tell(name, broken)
        return 0


def _each(exchanges: Iterable[Exchange], step: Step, receiver: Receiver) -> int:
    return sum(_survive(step, exchange, receiver) for exchange in exchanges)


def _survive(step: Step, exchange: Exchange, receiver: Receiver) -> bool:
    """One exchange that cannot be worked on must not stop the clock for all the others."""
    try:
        return step(exchange, receiver)
    except StoreUnavailable:
        raise
    except Exception as broken:  # noqa: BLE001 - a template, a key, a bug: it is tried again in the next round
        tell(exchange.reference, broken)
        return False


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
    if calls_backups(now, postings):
        now = _with_original(now, receiver)
    return _record(after_failures(now, postings), now, receiver)


def _warn(exchange: Exchange, receiver: Receiver) -> bool:
    now = _now(exchange, receiver)
    return _record(after_delays(now, receiver.memory.postings(exchange.reference)), now, receiver)


def _advance(exchange: Exchange, receiver: Receiver) -> bool:
    now = _now(exchange, receiver)
    if not is_due(now):
        return False
    if needs_original(now):
        now = _with_original(now, receiver)
    return _record(advance(now), now, receiver)


def _now(exchange: Exchange, receiver: Receiver) -> Tick:
    return Tick(exchange, receiver.memory.as_suspended(receiver.network), receiver.moment())


def _with_original(now: Tick, receiver: Receiver) -> Tick:
    return replace(now, intent=receiver.reopen(now.exchange.original))


def _record(decision: Decision, now: Tick, receiver: Receiver) -> bool:
    """A clash means that a mail or another robot was faster: the next round looks again."""
    try:
        receiver.memory.record(None, decision, receiver.write(decision, now.moment), now.now)
    except Clash:
        return False
    events = ", ".join(entry.event.value for entry in decision.entries) or "outcome noted"
    log.info("%s %s", now.exchange.reference, events)
    return True
