"""The outbox, emptied: each mail is taken (the try is counted), handed to the server, and settled."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from threading import Event

from mailbot.core.mail import Refused, Sent
from mailbot.store.outbox import Outbox, Queued
from mailbot.wire.smtp import Postman

log = logging.getLogger(__name__)

BATCH = 50  # mails read from the outbox at once


async def send_due(outbox: Outbox, postman: Postman, clock: Callable[[], datetime], stop: Event | None = None) -> int:
    """Try everything that is due, urgent mail first; how many tries were made."""
    tried = 0
    while batch := await asyncio.to_thread(outbox.due, clock(), BATCH):
        for queued in batch:
            if stop and stop.is_set():
                return tried
            tried += await _send(queued, outbox, postman, clock)
    return tried


async def _send(queued: Queued, outbox: Outbox, postman: Postman, clock: Callable[[], datetime]) -> int:
    if not await asyncio.to_thread(outbox.take, queued, clock()):
        return 0  # another worker has it
    outcome = await postman.deliver(queued.mail)
    await asyncio.to_thread(outbox.settle, queued, outcome, clock())
    status = "" if isinstance(outcome, Sent) else outcome.status
    level = logging.WARNING if isinstance(outcome, Refused) else logging.INFO
    log.log(level, "%s %s %s", queued.mail.message_id, outcome.outcome, status)
    return 1
