"""The house in order: kept mail that nothing needs any more is purged, and the mailbox's folders follow decisions."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailbot.core.retention import Retention
from mailbot.store.archive import Archive
from mailbot.wire.imap import Mailbox
from mailbot.workers.refiling import Refiler

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)


@dataclass(slots=True)
class Housekeeper:
    """Purges when a robot starts, and a day after each time; refiles in every round."""

    archive: Archive
    retention: Retention
    refiler: Refiler
    _last: datetime | None = field(default=None, init=False)

    def refile(self, mailbox: Mailbox, *, clock_believed: bool) -> None:
        """What was released or dropped goes to its folder. Raises MailboxFailure, StoreUnavailable."""
        self.refiler.move(mailbox)
        if clock_believed:
            self.refiler.clear(mailbox)

    def purge(self, now: datetime) -> None:
        """To be called only while the clock is believed: one that is wrong would make every mail look old."""
        if self._last is None or abs(now - self._last) >= EVERY:
            gone = self.archive.purge(self.retention, now, "robot")
            self._last = now
            if gone:
                log.info("purged %d kept mails, %d octets", len(gone), sum(mail.size for mail in gone))
