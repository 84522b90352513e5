"""INBOX, emptied: mails are fetched in batches, acted on in their order, and filed away together.

The tries of a few mails are counted at once, and those behind the first are opened while it is judged and sealed.
"""

from collections.abc import Callable, Sequence

from mailbot.core.decision import Folder
from mailbot.core.mail import IncomingMail
from mailbot.store.watch import Watch
from mailbot.wire.imap import Arrival, Mailbox, Oversized
from mailbot.workers.failures import Unable, tell
from mailbot.workers.receive import Receiver

STEP = 3  # mails whose tries are counted at once; up to twice as many are opened ahead of their turn
ROOM = 4 * 1024 * 1024  # octets of such mails: a large one is opened when its turn comes


class NotWatching(Exception):
    """The lock on the mailbox is gone: another robot may have it, so no more mail is taken."""


def insist(watch: Watch) -> None:
    """Raise NotWatching unless the watch over the mailbox is still ours."""
    if not watch.held():
        raise NotWatching("watch: lost")


def drain(
    mailbox: Mailbox,
    receiver: Receiver,
    watch: Watch,
    told: Callable[[], object] = lambda: None,
    rest: Callable[[], object] = lambda: None,
) -> int:
    """Act on everything that INBOX holds, each mail once; returns how many were filed. `told` is called after each, and
    `rest` before some are filed.

    A mail whose last try was broken off may end this one, too, so the others go first: such suspects come one by one,
    each after a whole batch. Most are innocent, and in a flood they would wait for its end else.
    """
    try:
        return _Draining(mailbox, receiver, watch, told, rest).work()
    finally:
        receiver.stand_down()


class _Draining:
    def __init__(
        self,
        mailbox: Mailbox,
        receiver: Receiver,
        watch: Watch,
        told: Callable[[], object],
        rest: Callable[[], object],
    ) -> None:
        self.mailbox, self.receiver, self.watch, self.told, self.rest = mailbox, receiver, watch, told, rest
        self.filed = 0
        self.failed = set[int]()  # they stay in INBOX; their next try comes with the next round
        self.suspects = set[int]()

    def work(self) -> int:
        suspect_next = False
        while True:
            arrivals = [] if suspect_next else self._fetch()
            again = not arrivals
            if again and not self.suspects:
                return self.filed
            self._file(self._act(arrivals or self._fetch_suspect(), again=again))
            suspect_next = bool(self.suspects) and not again

    def _fetch(self) -> list[Arrival]:
        return self.mailbox.fetch_new(passing_over=self.failed | self.suspects)

    def _fetch_suspect(self) -> list[Arrival]:
        """The last first: what was opened ahead behind the guilty one so waits for one time limit and no more."""
        self.suspects.remove(max(self.suspects))
        return self.mailbox.fetch_new(1, passing_over=self.failed | self.suspects)

    def _act(self, arrivals: Sequence[Arrival], *, again: bool) -> list[tuple[int, Folder]]:
        sorted_away, aside = [], set[str]()
        for place, (uid, mail) in enumerate(arrivals):
            insist(self.watch)
            if place % STEP == 0:
                aside |= self.receiver.begin(_ahead(arrivals[place : place + 2 * STEP]), again=again)
            if mail.digest in aside:
                self.suspects.add(uid)
                continue
            folder = self._receive(mail)
            if folder is None:
                self.failed.add(uid)
            else:
                sorted_away.append((uid, folder))
            self.told()
        return sorted_away

    def _receive(self, mail: IncomingMail | Oversized) -> Folder | None:
        """None: it broke us this time; the mails behind it do not wait for it."""
        try:
            return self.receiver.receive(mail)
        except Unable:
            raise
        except Exception as broken:  # noqa: BLE001 - counted before it was tried; the third time it is shelved
            tell(mail.digest, broken)
            return None

    def _file(self, sorted_away: list[tuple[int, Folder]]) -> None:
        if sorted_away:
            self.rest()
        self.mailbox.file_away(sorted_away)
        self.filed += len(sorted_away)


def _ahead(arrivals: Sequence[Arrival]) -> list[IncomingMail | Oversized]:
    """The first of these, and as many behind it as there is room for."""
    room, fitting = ROOM, list[IncomingMail | Oversized]()
    for _, mail in arrivals:
        room -= len(mail.octets) if isinstance(mail, IncomingMail) else len(mail.header)
        if room < 0 and fitting:
            break
        fitting.append(mail)
    return fitting
