"""The clock's work: whatever time alone calls for is decided, written and recorded like a mail."""

import logging
from collections.abc import Iterator
from dataclasses import replace

from mailbot.core.decision import Moment
from mailbot.core.records import Exchange
from mailbot.core.ticks import BACKED_UP, REMINDED, Tick, advance, is_due, needs_original
from mailbot.store.engine import Clash
from mailbot.store.memory import Memory
from mailbot.workers.receive import Receiver

log = logging.getLogger(__name__)


def tick(receiver: Receiver) -> int:
    """Everything that is due now; how many exchanges had something."""
    moment = receiver.moment()
    found = {exchange.reference: exchange for exchange in _candidates(receiver.memory, moment)}
    return sum(_advance(exchange, receiver) for exchange in found.values())


def _candidates(memory: Memory, moment: Moment) -> Iterator[Exchange]:
    yield from memory.half_passed(moment.now, fewer_reminders_than=REMINDED)
    yield from memory.deadline_passed(moment.now, fewer_reminders_than=BACKED_UP)
    page = memory.waiting()
    while page:
        yield from page
        page = memory.waiting(after=page[-1].reference)


def _advance(exchange: Exchange, receiver: Receiver) -> int:
    """One exchange. A clash means that a mail changed it meanwhile: the next round looks again."""
    now = Tick(exchange, receiver.memory.as_suspended(receiver.network), receiver.moment())
    if not is_due(now):
        return 0
    if needs_original(now):
        now = replace(now, intent=receiver.reopen(exchange.original))
    decision = advance(now)
    try:
        receiver.memory.record(None, decision, receiver.write(decision, now.moment), now.now)
    except Clash:
        return 0
    log.info("%s %s", exchange.reference, ", ".join(entry.event.value for entry in decision.entries))
    return 1
