"""The path of one mail: opened, understood, decided, written, recorded. Everything before `record` may be repeated."""

import errno
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypeGuard, TypeVar

from mailbot.core.certificates import Certificate, Fingerprint
from mailbot.core.commands.needs import to_reopen, wanted
from mailbot.core.decision import Decision, Entry, Folder, Intent, Known, Moment, Network
from mailbot.core.holding import poisoned
from mailbot.core.judgement import confirmed, decide, understand
from mailbot.core.mail import IncomingMail, OpenedMail, OutgoingMail, Trouble
from mailbot.core.pins import Attached
from mailbot.core.postings import Hint
from mailbot.core.records import Question
from mailbot.core.sight import Closed, Reopened, Sight, Slice, Wanted
from mailbot.mail.gpg import GpgFailure
from mailbot.mail.writing import Writer
from mailbot.store.engine import Clash, StoreUnavailable
from mailbot.store.memory import Counted, Memory, Original
from mailbot.wire.imap import Oversized
from mailbot.workers.crew import Begun, Crew
from mailbot.workers.failures import Unable, tell
from mailbot.workers.keeper import Keeper
from mailbot.workers.limit import time_limit

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Wrapping = Future[bytes]
"""A mail on its way to be sealed to the robot itself."""

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
ROOM = 128 * 1024 * 1024  # octets of kept mail that the commands of one mail may have opened again
SMALL = 1024 * 1024  # octets: what may be done twice, or in vain, without a thought for time and memory
MOST_CLASHES = 20  # every clash means that another worker got on; so many in a row is a bug


class RevokedBy(Protocol):
    """The pinned certificates that a key block revokes."""

    def __call__(self, octets: bytes, *, pinned: dict[Fingerprint, Certificate]) -> list[Attached]: ...


@dataclass(frozen=True, slots=True)
class Receiver:
    """Acts on incoming mail, each once. `chance` gives that many random bytes."""

    keeper: Keeper
    memory: Memory
    writer: Writer
    open_mail: Callable[[IncomingMail], OpenedMail]
    open_alone: Callable[[IncomingMail], OpenedMail]  # sooner, for more work
    wrap: Callable[[bytes], bytes]  # seals octets to the robot itself
    unwrap: Callable[[bytes], bytes]
    look_at: Callable[[bytes], Attached]  # a key block
    revoked_by: RevokedBy
    clock: Callable[[], datetime]
    chance: Callable[[int], bytes]
    patience: float  # seconds for opening a mail, and for writing what it leads to
    crew: Crew
    _begun: dict[str, Begun] = field(default_factory=dict, init=False)  # by digest
    _amended: list[str] = field(default_factory=list, init=False)  # mails that changed certificates, not yet renewed
    _excused: list[str] = field(default_factory=list, init=False)  # tries to be taken back once the database lets us

    @property
    def network(self) -> Network:
        """As it is now, but for the suspensions of the database."""
        return self.keeper.network

    def renew(self) -> None:
        """Look whether the keyring is another one; if so, what was opened ahead is opened again. Raises Unable."""
        try:
            renewed = self.keeper.renew(self.clock())
        except StoreUnavailable as failure:
            raise Unable(str(failure)) from None
        except (GpgFailure, OSError) as failure:
            raise Unable("the keyring cannot be renewed") from failure
        self._amended.clear()
        for digest, begun in self._begun.items() if renewed else ():
            self._begun[digest] = Begun(begun.tries)

    def begin(self, mails: Sequence[IncomingMail | Oversized], *, again: bool = False) -> frozenset[str]:
        """Count the tries of these mails and begin to open them, each on a thread, so that they are ready for
        receive(), which must follow for each, or stand_down().

        Returns which of them were tried before and broke off: unless it is `again`, these are not begun, and are not to
        be let in front of others. Raises Unable.
        """
        fresh = {mail.digest: mail for mail in mails if mail.digest not in self._begun}
        # One that is alone is in a hurry: while its try is counted, a core has nothing else to do.
        wrapping = self._wrapped(mails[0]) if len(mails) == 1 and _is_small(mails[0]) else None
        self.renew()
        try:
            self._take_back_tries()
            counted = self.memory.count_tries(fresh, self.clock(), again=again) if fresh else Counted()
        except StoreUnavailable as failure:
            raise Unable(str(failure)) from None
        for digest, tries in counted.tries.items():
            if tries > MOST_TRIES:
                self._begun[digest] = Begun(tries)
            elif len(mails) == 1:  # a large one in a hurry would need twice the memory
                self._begun[digest] = Begun(tries, wrapping=wrapping, alone=_is_small(fresh[digest]))
            else:
                self._begun[digest] = self._begin(fresh[digest], tries)
        return counted.suspects

    def _begin(self, mail: IncomingMail | Oversized, tries: int) -> Begun:
        opening = self.crew.ahead(self._open, mail, self.open_mail)
        return Begun(tries, opening, self.crew.ahead(self.wrap, mail.octets) if _is_small(mail) else None)

    def stand_down(self) -> None:
        """No more mail is taken for now: those that were begun are not to blame."""
        while self._begun:
            digest, begun = self._begun.popitem()
            begun.cancel()
            self._excused.append(digest)
        with suppress(StoreUnavailable):
            self._take_back_tries()

    def receive(self, mail: IncomingMail | Oversized) -> Folder:
        """The folder that this mail belongs in; acts on it first if that was never done. Raises Unable."""
        if self._amended or mail.digest not in self._begun:
            self.renew()
        try:
            self._take_back_tries()
            if begun := self._begun.pop(mail.digest, None):
                return self._tried(mail.digest, partial(self._shelve_or_act, mail, begun))
            return self.memory.folder_of(mail.digest) or self._handle(mail)
        except StoreUnavailable as failure:
            raise Unable(str(failure)) from None

    def counted(self, digest: str, work: Callable[[int], Result]) -> Result:
        """Count a try at this mail, then make it: a mail that kills the robot must still run out of tries.

        `work` is told the number of the try, which is taken back where the mail is not to blame. Raises Unable.
        """
        tries = self.memory.count_try(digest, self.clock())
        return self._tried(digest, partial(work, tries))

    def _tried(self, digest: str, work: Callable[[], Result]) -> Result:
        try:
            return work()
        except (GpgFailure, OSError, StoreUnavailable) as failure:
            said = self._unable_or(failure)
            if isinstance(said, Unable):
                self._excused.append(digest)
                with suppress(StoreUnavailable):
                    self._take_back_tries()
            raise said from None

    def _handle(self, mail: IncomingMail | Oversized) -> Folder:
        return self.counted(mail.digest, lambda tries: self._shelve_or_act(mail, Begun(tries)))

    def _shelve_or_act(self, mail: IncomingMail | Oversized, begun: Begun) -> Folder:
        return self._shelve(mail) if begun.tries > MOST_TRIES else self._act_unless_beaten(mail, begun)

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

    def _act_unless_beaten(self, mail: IncomingMail | Oversized, begun: Begun) -> Folder:
        for _ in range(MOST_CLASHES):
            try:
                return self._act(mail, begun)
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

    def _act(self, mail: IncomingMail | Oversized, begun: Begun) -> Folder:
        decision, moment, came_sealed = self._judge(mail, begun)
        wrapping = begun.wrapping
        if decision.keep_original and not wrapping and _is_small(mail):
            wrapping = self._wrapped(mail)
        mails = self.write(decision, moment)
        # What the letters hold lies in the mails now: of 25 MiB one copy less.
        decision = replace(decision, letters=())
        if decision.keep_original:
            wrapping = wrapping or self._wrapped(mail)  # a large one, now that there is room
        kept = wrapping.result() if wrapping and decision.keep_original else None
        original = Original(kept, came_sealed=came_sealed) if kept else None
        self.memory.record(mail.digest, decision, mails, moment.now, original)
        if decision.amends:
            self._amended.append(mail.digest)
        log.info("%s %s", mail.digest, "; ".join(_said(entry) for entry in decision.entries))
        return decision.folder

    def _judge(self, mail: IncomingMail | Oversized, begun: Begun) -> tuple[Decision, Moment, bool]:
        """What is to be done, and whether the mail came sealed."""
        opened = self._opened(mail, begun)
        moment, intent = self.moment(), self._understand(opened)
        decision = self._decide(intent, moment)
        if decision.answered:
            decision = self._judge_again(decision, decision.answered, moment)
        return decision, moment, opened.sealed

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
        return self._understand(self._open(IncomingMail(octets, digest), self.open_mail))

    def see(self, wanted: Wanted, now: datetime) -> Sight:
        """What the commands of a mail, or one of the shell, need: from the store, and kept mails opened again."""
        sight = self.memory.see(wanted, now)
        room, reopened = ROOM, dict[str, Reopened | Closed]()
        for digest in to_reopen(wanted, sight):
            reopened[digest], room = self._opened_again(digest, room)
        return replace(sight, reopened=reopened, judge=decide)

    def _opened_again(self, digest: str, room: int) -> tuple[Reopened | Closed, int]:
        """A kept mail, with what it needs of what is remembered; and how much room is left for others."""
        original = self.memory.original(digest)
        if original is None:
            return Closed.GONE, room
        if len(original.octets) > room:
            return Closed.TOO_MUCH, room
        try:
            intent = self.reopen(digest)
        except (GpgFailure, OSError, StoreUnavailable):
            raise
        except Exception as broken:  # noqa: BLE001 - it may be held because opening it fails
            tell(digest, broken)
            return Closed.BROKEN, room
        found = Reopened(intent, self._known(intent)) if intent else Closed.GONE
        return found, room - len(original.octets)

    def _open(self, mail: IncomingMail | Oversized, open_mail: Callable[[IncomingMail], OpenedMail]) -> OpenedMail:
        with time_limit(self.patience):
            if isinstance(mail, IncomingMail):
                return open_mail(mail)
            seen = open_mail(IncomingMail(mail.header, mail.digest))
            return replace(seen, size=mail.size, trouble=Trouble.TOO_LARGE, signatures=())

    def _understand(self, opened: OpenedMail) -> Intent:
        return replace(understand(opened, self.network), returned_to=self.writer.returned_to(_arrived_at(opened)))

    def _decide(self, intent: Intent, moment: Moment) -> Decision:
        return decide(intent, self._recall(intent), moment)

    def _recall(self, intent: Intent) -> Known:
        """What is remembered, and what the commands of the mail need to see."""
        known = self._known(intent)
        now = self.clock()
        needed = wanted(intent, known.network, now)
        if needed is None:
            return known
        looks = needed.slices & {Slice.RENEWALS} and intent.opened.keys
        attached = tuple(self.look_at(block) for block in looks) if looks else ()
        return replace(known, sight=replace(self.see(needed, now), attached=attached))

    def _known(self, intent: Intent) -> Known:
        """What is remembered; of a report also whether its return path proves which mail it is about."""
        known = self._revoking(self.memory.recall(intent, self.network), intent.opened)
        returned, tracking = known.returned, intent.returned_to
        if returned is None or returned.hint is not Hint.RETURN_PATH or tracking is None:
            return known
        vouched = self.writer.vouches(_arrived_at(intent.opened), tracking, returned.posting.recipient)
        return replace(known, returned=replace(returned, vouched=vouched))

    def _revoking(self, known: Known, opened: OpenedMail) -> Known:
        """With the pinned certificates that something in the mail revokes, whoever sent it (trust.md 12)."""
        if not opened.keys:
            return known
        directory = known.network.directory
        of_use = directory.fingerprints() - directory.revoked
        pinned = {f: c for f, c in known.network.certificates.items() if f in of_use}
        found = {one.octets: one for block in opened.keys for one in self.revoked_by(block, pinned=pinned)}
        return replace(known, revoked=tuple(found.values()), unsettled=self.memory.proposals()) if found else known

    def _judge_again(self, decision: Decision, question: Question, moment: Moment) -> Decision:
        """The mail that a question was about, its tag now vouched for; both are recorded as one."""
        held = self.reopen(question.digest)
        return (
            decision.with_rejudged(question.digest, self._decide(confirmed(held, question.tag), moment))
            if held
            else decision
        )

    def write(self, decision: Decision, moment: Moment) -> list[OutgoingMail]:
        """Every letter of the decision, sealed."""
        with time_limit(self.patience):
            written = self.crew.each(partial(self.writer.write, moment=moment), decision.letters)
            return [mail for mails in written for mail in mails]

    def _opened(self, mail: IncomingMail | Oversized, begun: Begun) -> OpenedMail:
        if begun.opening:
            return begun.opening.result()
        return self._open(mail, self.open_alone if begun.alone else self.open_mail)

    def _wrapped(self, mail: IncomingMail | Oversized) -> Wrapping | None:
        """As it came, sealed to the robot itself: even of an encrypted mail the header may hold the author's words, and
        no disk holds clear text. What was too large to be fetched stays in the mailbox alone.
        """
        return self.crew.beside(self.wrap, mail.octets) if isinstance(mail, IncomingMail) else None

    def _shelve(self, mail: IncomingMail | Oversized) -> Folder:
        """Held unopened, with an alarm: opening it is what fails."""
        moment = self.moment()
        if isinstance(mail, Oversized):
            size, original = mail.size, None
        else:
            size, original = len(mail.octets), Original(self.wrap(mail.octets))
        decision = poisoned(mail.digest, size, moment)
        self.memory.record(mail.digest, decision, self.write(decision, moment), moment.now, original)
        log.error("%s held after %d failures", mail.digest, MOST_TRIES)
        return decision.folder


def _is_small(mail: IncomingMail | Oversized) -> TypeGuard[IncomingMail]:
    return isinstance(mail, IncomingMail) and len(mail.octets) <= SMALL


def _said(entry: Entry) -> str:
    """An entry as the log has it: the event, and why a mail is held or refused."""
    why = entry.facts.get("reason") or entry.facts.get("why")
    return f"{entry.event}: {why}" if why else entry.event.value


def _arrived_at(opened: OpenedMail) -> tuple[str, ...]:
    """The addresses that brought it here, as far as its header says."""
    return opened.outer.delivered_to + opened.outer.to
