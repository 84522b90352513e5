"""The outbox, emptied: each mail is taken (the try is counted), handed to the server, and settled."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from threading import Event

from mailbot.core.mail import Delivery, Refused, Sent
from mailbot.store.engine import StoreUnavailable
from mailbot.store.outbox import LEASE, Outbox, Queued
from mailbot.wire.smtp import Postman
from mailbot.workers.alarm import Alarm

log = logging.getLogger(__name__)

BATCH = 20  # mails read from the outbox at once; few enough that two robots share a flood
SETTLE_EVERY = 1.0  # seconds between tries to write an outcome down

Clock = Callable[[], datetime]


async def send_due(outbox: Outbox, postmen: Sequence[Postman], clock: Clock, stop: Event | None = None) -> int:
    """Try everything that is due, urgent mail first, on all connections side by side; how many tries were made."""
    tried = 0
    while batch := await asyncio.to_thread(outbox.claim, clock(), BATCH):
        left = iter(batch)
        rounds = [_deliver(left, postman, outbox, clock, stop) for postman in postmen]
        # Each round ends by itself: a server that is sent two mails at once by two rounds would understand neither.
        ended = await asyncio.gather(*rounds, return_exceptions=True)
        made = sum(_made(round_) for round_ in ended)
        tried += made
        if not made or (stop and stop.is_set()):
            break  # nothing could be taken: another worker is at it
    return tried


async def _deliver(left: Iterator[Queued], postman: Postman, outbox: Outbox, clock: Clock, stop: Event | None) -> int:
    tried = 0
    for queued in left:
        if stop and stop.is_set():
            break
        tried += await _send(queued, outbox, postman, clock, stop)
    return tried


def _made(ended: int | BaseException) -> int:
    if isinstance(ended, BaseException):
        raise ended
    return ended


async def _send(queued: Queued, outbox: Outbox, postman: Postman, clock: Clock, stop: Event | None) -> int:
    if not await asyncio.to_thread(outbox.take, queued, clock()):
        return 0  # another worker has it
    async with _held_on_to(queued, outbox, clock):
        outcome = await postman.deliver(queued.mail)
        await _settle(queued, outcome, outbox, clock, stop)
    status = "" if isinstance(outcome, Sent) else outcome.status
    level = logging.WARNING if isinstance(outcome, Refused) else logging.INFO
    log.log(level, "%s %s %s", queued.mail.message_id, outcome.outcome, status)
    return 1


async def _settle(queued: Queued, outcome: Delivery, outbox: Outbox, clock: Clock, stop: Event | None) -> None:
    """Write down what became of a mail, however long the database is out of reach: else it would be sent again.

    Raises StoreUnavailable when told to stop, or, where nobody can tell it to, after a lease.
    """
    told_at, alarm = clock(), Alarm("what became of a mail is not written down")
    give_up = time.monotonic() + LEASE.total_seconds()
    while True:
        try:
            await asyncio.to_thread(outbox.settle, queued, outcome, told_at)
            return alarm.over()
        except StoreUnavailable as failure:
            if stop.is_set() if stop else time.monotonic() > give_up:
                raise
            alarm.ring(failure)
        await asyncio.sleep(SETTLE_EVERY)


@asynccontextmanager
async def _held_on_to(queued: Queued, outbox: Outbox, clock: Clock) -> AsyncIterator[None]:
    """Keep the lease of a taken mail for as long as a slow server needs, so that no other worker sends it too."""
    renewing = asyncio.create_task(_renew(queued, outbox, clock))
    try:
        yield
    finally:
        renewing.cancel()


async def _renew(queued: Queued, outbox: Outbox, clock: Clock) -> None:
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 3)
        with suppress(StoreUnavailable):  # perhaps the next time, and before the lease is over
            await asyncio.to_thread(outbox.renew, queued, clock())
