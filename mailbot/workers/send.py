"""The outbox, emptied: mails are claimed (the tries are counted), each is handed to the server, and settled."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from threading import Event

from mailbot.core.mail import Refused, Sent
from mailbot.store.engine import StoreUnavailable
from mailbot.store.outbox import BATCH, LEASE, SMALL, Outbox, Queued, Settlement
from mailbot.wire.dot import forget
from mailbot.wire.smtp import Postman
from mailbot.workers.alarm import Alarm

log = logging.getLogger(__name__)

SETTLE_EVERY = 1.0  # seconds between tries to write an outcome down

Clock = Callable[[], datetime]


async def send_due(
    outbox: Outbox,
    postmen: Sequence[Postman],
    clock: Clock,
    stop: Event | None = None,
    claimed: Sequence[Queued] | None = None,
) -> int:
    """Try everything that is due, urgent mail first, on all connections side by side; how many tries were made.

    `claimed`: what the caller has claimed already.
    """
    tried = 0
    if claimed is None:
        claimed = await asyncio.to_thread(outbox.claim, clock())
    while claimed:
        tried += await _Batch(claimed, outbox, clock, stop).send(postmen)
        more = len(claimed) == BATCH or any(len(queued.mail.tail) > SMALL for queued in claimed)
        if not more or (stop and stop.is_set()):
            break
        claimed = await asyncio.to_thread(outbox.claim, clock(), expected=True)
    forget()
    return tried


class _Batch:
    """Claimed mails on their way. Each connection has one of them in hand, and settles it before it takes the next."""

    def __init__(self, claimed: Sequence[Queued], outbox: Outbox, clock: Clock, stop: Event | None) -> None:
        self.left = deque(claimed)
        self.in_hand: set[int] = set()
        self.outbox, self.clock, self.stop = outbox, clock, stop
        self.books = _Books(outbox, stop)

    async def send(self, postmen: Sequence[Postman]) -> int:
        """How many tries were made. What was not tried, because we were told to stop, is due again."""
        try:
            async with self._held_on_to():
                # Each round ends by itself: a server sent two mails at once on one connection understands neither.
                ended = await asyncio.gather(*map(self._round, postmen), return_exceptions=True)
        finally:
            if self.left:
                with suppress(StoreUnavailable):  # else they are due after the lease
                    await asyncio.to_thread(self.outbox.put_back, list(self.left), self.clock())
        return sum(map(_made, ended))

    async def _round(self, postman: Postman) -> int:
        tried = 0
        while self.left and not (self.stop and self.stop.is_set()):
            await self._send(self.left.popleft(), postman)
            tried += 1
        return tried

    async def _send(self, queued: Queued, postman: Postman) -> None:
        self.in_hand.add(queued.id)
        outcome = await postman.deliver(queued.mail)
        await self.books.settle((queued, outcome, self.clock()))
        self.in_hand.remove(queued.id)
        status = "" if isinstance(outcome, Sent) else outcome.status
        level = logging.WARNING if isinstance(outcome, Refused) else logging.INFO
        log.log(level, "%s %s %s", queued.mail.message_id, outcome.outcome, status)

    @asynccontextmanager
    async def _held_on_to(self) -> AsyncIterator[None]:
        """Keep the leases for as long as a slow server needs, so that no other worker sends the mails too."""
        renewing = asyncio.create_task(self._renew(tuple(self.left)))
        try:
            yield
        finally:
            renewing.cancel()

    async def _renew(self, claimed: Collection[Queued]) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            waiting = {queued.id for queued in self.left} | self.in_hand
            for queued in claimed:
                if queued.id in waiting:
                    await self._renew_one(queued)

    async def _renew_one(self, queued: Queued) -> None:
        with suppress(StoreUnavailable):  # perhaps the next time, and before the lease is over
            ours = await asyncio.to_thread(self.outbox.renew, queued, self.clock())
            if not ours and queued in self.left:
                self.left.remove(queued)  # another worker has it


class _Books:
    """Writes outcomes down: those that come while others are being written, in one transaction."""

    def __init__(self, outbox: Outbox, stop: Event | None) -> None:
        self.outbox, self.stop = outbox, stop
        self.unwritten: list[tuple[Settlement, asyncio.Future[None]]] = []
        self.writing: asyncio.Task[None] | None = None

    async def settle(self, settlement: Settlement) -> None:
        """Returns when it is written. Raises StoreUnavailable when told to stop, or after a lease."""
        written = asyncio.get_running_loop().create_future()
        self.unwritten.append((settlement, written))
        if self.writing is None or self.writing.done():
            self.writing = asyncio.create_task(self._write())
        await written

    async def _write(self) -> None:
        while self.unwritten:
            together, self.unwritten = self.unwritten, []
            try:
                await self._insist([settlement for settlement, _ in together])
            except Exception as failure:  # noqa: BLE001 - each of those who wait is told
                for _, written in together:
                    if not written.done():  # its round may have been cancelled
                        written.set_exception(failure)
            else:
                for _, written in together:
                    if not written.done():
                        written.set_result(None)

    async def _insist(self, settlements: Sequence[Settlement]) -> None:
        """However long the database is out of reach: else the mails would be sent again.

        Raises StoreUnavailable when told to stop, or, where nobody can tell it to, after a lease.
        """
        alarm, give_up = Alarm("what became of a mail is not written down"), time.monotonic() + LEASE.total_seconds()
        while True:
            try:
                await asyncio.to_thread(self.outbox.settle, *settlements)
                return alarm.over()
            except StoreUnavailable as failure:
                if self.stop.is_set() if self.stop else time.monotonic() > give_up:
                    raise
                alarm.ring(failure)
            await asyncio.sleep(SETTLE_EVERY)


def _made(ended: int | BaseException) -> int:
    if isinstance(ended, BaseException):
        raise ended
    return ended
