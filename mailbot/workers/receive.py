"""The path of one mail: opened, understood, decided, written, recorded. Everything before `record` may be repeated."""

import errno
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from mailbot.core.decision import Decision, Entry, Folder, Intent, Known, Moment, Network
from mailbot.core.holding import poisoned
from mailbot.core.judgement import confirmed, decide, understand
from mailbot.core.mail import IncomingMail, OpenedMail, OutgoingMail, Trouble
from mailbot.core.postings import Hint
from mailbot.core.records import Question
from mailbot.mail.gpg import GpgFailure
from mailbot.mail.writing import Writer
from mailbot.store.engine import Clash, StoreUnavailable
from mailbot.store.memory import Memory, Original
from mailbot.wire.imap import Oversized
from mailbot.workers.limit import time_limit

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MOST_TRIES = 3  # a mail that broke the robot this often is held (mail-in-the-wild.md 20)
# What no mail brings about: a disk that is full, read-only or broken, and too many open files.
_SYSTEM_FAULTS = frozenset(
    {
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOSPC,
        errno.EROFS,
    }
)
MOST_CLASHES = 20  # every clash means that another worker got on; so many in a row is a bug


class Unable(Exception):
    """The world is broken (database, disk, gpg): no mail can be handled now, none is to blame. The text says what."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Acts on incoming mail, each once. `chance` gives that many random bytes."""

    network: Network
    memory: Memory
    writer: Writer
    open_mail: Callable[[IncomingMail], OpenedMail]
    wrap: Callable[[bytes], bytes]  # seals octets to the robot itself
    unwrap: Callable[[bytes], bytes]
    clock: Callable[[], datetime]
    chance: Callable[[int], bytes]
    patience: float  # seconds for opening a mail, and for writing what it leads to
    _excused: list[str] = field(default_factory=list, init=False)  # tries to be taken back once the database lets us

    def receive(self, mail: IncomingMail | Oversized) -> Folder:
        """The folder that this mail belongs in; acts on it first if that was never done. Raises Unable."""
        try:
            self._take_back_tries()
            return self.memory.folder_of(mail.digest) or self._handle(mail)
        except StoreUnavailable as failure:
            raise Unable(str(failure)) from None

    def suspects(self, digests: Collection[str]) -> frozenset[str]:
        """Which of these mails were tried before and broke off: they are not let in front of others. Raises Unable."""
        try:
            self._take_back_tries()
            return self.memory.tried(digests)
        except StoreUnavailable as failure:
            raise Unable(str(failure)) from None

    def counted(self, digest: str, work: Callable[[int], Result]) -> Result:
        """Count a try at this mail, then make it: a mail that kills the robot must still run out of tries.

        `work` is told the number of the try, which is taken back where the mail is not to blame. Raises Unable.
        """
        tries = self.memory.count_try(digest, self.clock())
        try:
            return work(tries)
        except (GpgFailure, OSError, StoreUnavailable) as failure:
            said = self._unable_or(failure)
            if isinstance(said, Unable):
                self._excused.append(digest)
                with suppress(StoreUnavailable):
                    self._take_back_tries()
            raise said from None

    def _handle(self, mail: IncomingMail | Oversized) -> Folder:
        return self.counted(mail.digest, partial(self._shelve_or_act, mail))

    def _shelve_or_act(self, mail: IncomingMail | Oversized, tries: int) -> Folder:
        return self._shelve(mail) if tries > MOST_TRIES else self._act_unless_beaten(mail)

    def _unable_or(self, failure: Exception) -> Exception:
        """Unable, unless the mail is to blame: it may stall gpg, too; only if gpg fails with everything is it not."""
        systems = isinstance(failure, StoreUnavailable) or getattr(failure, "errno", None) in _SYSTEM_FAULTS
        if not systems and self._gpg_works():
            return failure
        # An OSError's text names files.
        return Unable(failure.strerror or "system failure" if isinstance(failure, OSError) else str(failure))

    def _take_back_tries(self) -> None:
        """Of mails that are not to blame: else three outages would make a poisonous mail of a good one."""
        while self._excused:
            self.memory.uncount_try(self._excused[-1])
            self._excused.pop()

    def _act_unless_beaten(self, mail: IncomingMail | Oversized) -> Folder:
        for _ in range(MOST_CLASHES):
            try:
                return self._act(mail)
            except Clash:
                log.info("%s clash, judging again", mail.digest)
                if folder := self.memory.folder_of(mail.digest):
                    return folder
        raise RuntimeError(f"{mail.digest}: {MOST_CLASHES} clashes in a row")

    def _gpg_works(self) -> bool:
        try:
            return self.unwrap(self.wrap(b"well?")) == b"well?"
        except (GpgFailure, OSError):
            return False

    def _act(self, mail: IncomingMail | Oversized) -> Folder:
        moment = self.moment()
        intent = self._understand(self._open(mail))
        decision = self._decide(intent, moment)
        if decision.answered:
            decision = self._judge_again(decision, decision.answered, moment)
        self._record(mail.digest, decision, moment, self._original(mail, intent.opened, decision))
        log.info("%s %s", mail.digest, "; ".join(_said(entry) for entry in decision.entries))
        return decision.folder

    def moment(self) -> Moment:
        """Now, the next reference, and fresh chance."""
        now = self.clock()
        return Moment(now, self.memory.fresh_reference(now), self.chance(32))

    def reopen(self, digest: str) -> Intent | None:
        """A kept mail, opened and understood again with today's keys; None if it is no longer kept."""
        original = self.memory.original(digest)
        if original is None:
            return None
        octets = self.unwrap(original.octets)
        return self._understand(self._open(IncomingMail(octets, digest)))

    def _open(self, mail: IncomingMail | Oversized) -> OpenedMail:
        with time_limit(self.patience):
            if isinstance(mail, IncomingMail):
                return self.open_mail(mail)
            seen = self.open_mail(IncomingMail(mail.header, mail.digest))
            return replace(seen, size=mail.size, trouble=Trouble.TOO_LARGE, signatures=())

    def _understand(self, opened: OpenedMail) -> Intent:
        return replace(understand(opened, self.network), returned_to=self.writer.returned_to(_arrived_at(opened)))

    def _decide(self, intent: Intent, moment: Moment) -> Decision:
        return decide(intent, self._recall(intent), moment)

    def _recall(self, intent: Intent) -> Known:
        """What is remembered; of a report also whether its return path proves which mail it is about."""
        known = self.memory.recall(intent, self.network)
        returned, tracking = known.returned, intent.returned_to
        if returned is None or returned.hint is not Hint.RETURN_PATH or tracking is None:
            return known
        vouched = self.writer.vouches(_arrived_at(intent.opened), tracking, returned.posting.recipient)
        return replace(known, returned=replace(returned, vouched=vouched))

    def _judge_again(self, decision: Decision, question: Question, moment: Moment) -> Decision:
        """The mail that a question was about, its tag now vouched for; both are recorded as one."""
        held = self.reopen(question.digest)
        return (
            decision.with_rejudged(question.digest, self._decide(confirmed(held, question.tag), moment))
            if held
            else decision
        )

    def _record(self, digest: str, decision: Decision, moment: Moment, original: Original | None) -> None:
        mails = self.write(decision, moment)
        self.memory.record(digest, decision, mails, moment.now, original)

    def write(self, decision: Decision, moment: Moment) -> list[OutgoingMail]:
        """Every letter of the decision, sealed."""
        with time_limit(self.patience):
            return [mail for letter in decision.letters for mail in self.writer.write(letter, moment)]

    def _original(self, mail: IncomingMail | Oversized, opened: OpenedMail, decision: Decision) -> Original | None:
        """As it came, sealed to the robot itself: even of an encrypted mail the header may hold the author's words, and
        no disk holds clear text. What was too large to be fetched stays in the mailbox alone.
        """
        if not decision.keep_original or isinstance(mail, Oversized):
            return None
        return Original(self.wrap(mail.octets), came_sealed=opened.sealed)

    def _shelve(self, mail: IncomingMail | Oversized) -> Folder:
        """Held unopened, with an alarm: opening it is what fails."""
        moment = self.moment()
        if isinstance(mail, Oversized):
            size, original = mail.size, None
        else:
            size, original = len(mail.octets), Original(self.wrap(mail.octets))
        decision = poisoned(mail.digest, size, moment)
        self._record(mail.digest, decision, moment, original)
        log.error("%s held after %d failures", mail.digest, MOST_TRIES)
        return decision.folder


def _said(entry: Entry) -> str:
    """An entry as the log has it: the event, and why a mail is held or refused."""
    why = entry.facts.get("reason") or entry.facts.get("why")
    return f"{entry.event}: {why}" if why else entry.event.value


def _arrived_at(opened: OpenedMail) -> tuple[str, ...]:
    """The addresses that brought it here, as far as its header says."""
    return opened.outer.delivered_to + opened.outer.to
