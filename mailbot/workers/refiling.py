"""What was released or dropped lies in the mailbox's folder Held: it is moved where it belongs, and deleted in time."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailbot.core.decision import Folder
from mailbot.store.moves import Moves, by_folder
from mailbot.wire.imap import Mailbox

log = logging.getLogger(__name__)

CLEARED_EVERY = timedelta(days=1)


@dataclass(slots=True)
class Refiler:
    """Makes the mailbox agree with what was decided about held mail. `kept_for`: how long a dropped one is kept."""

    moves: Moves
    kept_for: timedelta
    clock: Callable[[], datetime]
    _cleared: datetime | None = field(default=None, init=False)

    def move(self, mailbox: Mailbox) -> None:
        """Move what is to be moved. May be repeated from any point."""
        wanted = self.moves.wanted()
        for folder, digests in by_folder(wanted).items():
            mailbox.refile(Folder.HELD, folder, digests)
            self.moves.done(digests)
            log.info("%d held mails moved to %s", len(digests), folder)

    def clear(self, mailbox: Mailbox) -> None:
        """Once a day, clear the folder of what was dropped. To be called only while the clock is believed."""
        now = self.clock()
        if self._cleared is None or abs(now - self._cleared) >= CLEARED_EVERY:
            gone = mailbox.clear(Folder.DROPPED, (now - self.kept_for).date())
            self._cleared = now
            if gone:
                log.info("%d dropped mails deleted", gone)
