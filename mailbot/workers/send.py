"""The outbox, emptied: each mail is taken (the try is counted), handed to the server, and settled."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from threading import Event

from mailbot.core.mail import Refused, Sent
from mailbot.store.outbox import LEASE, Outbox, Queued
from mailbot.wire.smtp import Postman

log = logging.getLogger(__name__)

BATCH = 50  # mails read from the outbox at once

Clock = Callable[[], datetime]


async def send_due(outbox: Outbox, postmen: Sequence[Postman], clock: Clock, stop: Event | None = None) -> int:
    """Try everything that is due, urgent mail first, on all connections side by side; how many tries were made."""
    tried = 0
    while batch := await asyncio.to_thread(outbox.due, clock(), BATCH):
        left = iter(batch)
        rounds = [_deliver(left, postman, outbox, clock, stop) for postman in postmen]
        made = sum(await asyncio.gather(*rounds))
        tried += made
        if not made or (stop and stop.is_set()):
            break  # nothing could be taken: another worker is at it
    return tried


async def _deliver(left: Iterator[Queued], postman: Postman, outbox: Outbox, clock: Clock, stop: Event | None) -> int:
    tried = 0
    for queued in left:
        if stop and stop.is_set():
            break
        tried += await _send(queued, outbox, postman, clock)
    return tried


async def _send(queued: Queued, outbox: Outbox, postman: Postman, clock: Clock) -> int:
    if not await asyncio.to_thread(outbox.take, queued, clock()):
        return 0  # another worker has it
    async with _held_on_to(queued, outbox, clock):
        outcome = await postman.deliver(queued.mail)
    await asyncio.to_thread(outbox.settle, queued, outcome, clock())
    status = "" if isinstance(outcome, Sent) else outcome.status
    level = logging.WARNING if isinstance(outcome, Refused) else logging.INFO
    log.log(level, "%s %s %s", queued.mail.message_id, outcome.outcome, status)
    return 1


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
        await asyncio.to_thread(outbox.renew, queued, clock())
