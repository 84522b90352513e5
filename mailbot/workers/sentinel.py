"""The sentinel: a thread of its own that finds what is the matter, and tells it whatever else stands still."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from mailbot.core.alarms import decided
from mailbot.core.decision import Decision, Event, Moment, Network
from mailbot.core.mail import OutgoingMail, Sent
from mailbot.core.pins import ProposalState
from mailbot.core.records import HeldMail, HeldState, Reason
from mailbot.core.troubles import Alarm, AlarmTerms, News, Ringing, Trouble, news
from mailbot.core.validity import end_of
from mailbot.core.vitals import Sign, vitals
from mailbot.mail.writing import Writer
from mailbot.store.engine import Clash, StoreUnavailable, reading
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.outbox import Outbox
from mailbot.store.ringing import known_troubles
from mailbot.store.situation import situation
from mailbot.wire.access import SmtpAccess
from mailbot.wire.smtp import Postman
from mailbot.workers.failures import tell
from mailbot.workers.health import DATABASE, MAILBOX, SERVER, Health
from mailbot.workers.keeper import Keeper
from mailbot.workers.loop import Signals

log = logging.getLogger(__name__)

EVERY = 30.0  # seconds between two rounds
PROBED_EVERY = timedelta(minutes=5)  # the server, when no mail is on its way to it
VERIFIED_EVERY = timedelta(days=1)  # the whole journal: 10 s for a million rows

Late = Callable[[datetime], Iterable[tuple[str, datetime]]]  # what did not happen when it was due, and when that was


@dataclass(slots=True)
class Sentinel:
    """One for each robot. `route`: a second way out, for what the first cannot carry; `late`: the schedules."""

    keeper: Keeper
    engine: Engine
    writer: Writer  # its own: gpg is for one thread
    clock: Callable[[], datetime]
    chance: Callable[[int], bytes]
    health: Health
    terms: AlarmTerms
    robot: str  # its name among the robots on this database
    smtp: SmtpAccess | None = None  # None: another process sends
    route: SmtpAccess | None = None
    publish: Callable[[Iterable[Sign]], None] | None = None  # to whom the vital signs are shown
    late: Late = lambda _now: ()
    _probed_at: datetime | None = field(default=None, init=False)
    _verified_at: datetime | None = field(default=None, init=False)
    _broken: int | None = field(default=None, init=False)  # the first row of the journal that does not hold
    _unwritten: tuple[Ringing, ...] = field(default=(), init=False)  # what was told while the database was away

    @property
    def network(self) -> Network:
        return self.keeper.network

    def stand(self, signals: Signals) -> None:
        """Until told to stop."""
        while not signals.stop.wait(EVERY):
            try:
                if self.look():
                    signals.queued.set()
            except Clash:
                log.info("another robot told of it")
            except Exception as broken:  # noqa: BLE001 - a template, a bug: an alarm must not end the robot
                tell("sentinel", broken)

    def look(self) -> bool:
        """One round; whether there was anything to tell. Raises Clash."""
        now = self.clock()
        self._probe(now)
        try:
            found, known = list(self._troubles(now)), known_troubles(self.engine)
        except StoreUnavailable:
            return self._without_database(now)
        self._unwritten = ()
        self._show(now, known)
        told = news(found, known, self.robot, now, self.terms)
        return bool(told) and self._tell(told, now)

    def _show(self, now: datetime, known: Sequence[Ringing]) -> None:
        if self.publish:
            with reading(self.engine) as connection:
                self.publish(vitals(situation(connection, now), known).signs)

    # ------------------------------------------------------------ telling

    def _tell(self, told: News, now: datetime) -> bool:
        """Through the outbox; what the server cannot take at all now goes by the second route."""
        decision = decided(told, self.network, now, Journal(self.engine).head())
        mails = self._write(decision, now)
        if self.route and self.health.since(SERVER):
            mails = self._send(mails, self.route)
        Memory(self.engine).record(None, decision, mails, now)
        for ringing in told.begun:
            log.error("ALARM %s since %s %s", ringing.alarm, ringing.since, ringing.detail)
        for ringing in told.ended:
            log.warning("all clear: %s", ringing.alarm)
        return True

    def _write(self, decision: Decision, now: datetime) -> list[OutgoingMail]:
        moment = Moment(now, "", self.chance(32))
        return [mail for letter in decision.letters for mail in self.writer.write(letter, moment)]

    def _without_database(self, now: datetime) -> bool:
        """Nothing can be queued or remembered: it is told at once by whichever route there is, and once only."""
        since = self.health.since(DATABASE)
        if since is None or now - since < self.terms.database_after or self._unwritten:
            return False
        told = news([Trouble(Alarm.DATABASE, since, self.robot)], (), self.robot, now, self.terms)
        mails = self._write(decided(told, self.network, now, (0, "")), now)
        for route in filter(None, (self.smtp, self.route)):
            mails = self._send(mails, route)
        self._unwritten = told.begun
        return True

    def _send(self, mails: Sequence[OutgoingMail], access: SmtpAccess) -> list[OutgoingMail]:
        """Returns those that it did not take."""
        return asyncio.run(_deliver(mails, access))

    # ------------------------------------------------------------ finding

    def _troubles(self, now: datetime) -> Iterator[Trouble]:
        yield from self._outside(now)
        yield from self._inside(now)
        late = [(what, due_at) for what, due_at in self.late(now) if now - due_at >= self.terms.schedule_after]
        if late:
            yield Trouble(Alarm.SCHEDULE, min(at for _, at in late), detail=", ".join(what for what, _ in late))

    def _outside(self, now: datetime) -> Iterator[Trouble]:
        """What each robot has of its own: connections."""
        for what, alarm, after in (
            (MAILBOX, Alarm.MAILBOX, self.terms.mailbox_after),
            (SERVER, Alarm.SERVER, self.terms.server_after),
            (DATABASE, Alarm.DATABASE, self.terms.database_after),
        ):
            since = self.health.since(what)
            if since and now - since >= after:
                yield Trouble(alarm, since, self.robot)

    def _inside(self, now: datetime) -> Iterator[Trouble]:
        """What all robots see alike, in the database."""
        if (row := self._journal_broken(now)) is not None:
            yield Trouble(Alarm.JOURNAL, now, detail=str(row))
        said = Journal(self.engine).last_on_the_clock()
        if said and said.event == Event.CLOCK_DOUBTED:
            yield Trouble(Alarm.CLOCK, said.at)
        owed = Outbox(self.engine).depth()
        if owed.oldest and now - owed.oldest >= self.terms.outbox_after:
            yield Trouble(Alarm.OUTBOX, owed.oldest, detail=str(owed.queued))
        memory = Memory(self.engine)
        yield from _of_held(memory.held_mails((HeldState.WAITING,)))
        frozen = [p for p in memory.proposals() if p.state is ProposalState.FROZEN]
        if frozen:
            parties = ", ".join(sorted({p.party for p in frozen}))
            yield Trouble(Alarm.RENEWALS, min(p.changed_at for p in frozen), detail=parties)
        certificate = self.network.certificates.get(self.network.robot)
        ends = end_of(certificate) if certificate else None
        if ends and ends - now <= self.terms.key_before:
            yield Trouble(Alarm.ROBOT_KEY, ends - self.terms.key_before, detail=ends.date().isoformat())

    def _journal_broken(self, now: datetime) -> int | None:
        if self._verified_at is None or now - self._verified_at >= VERIFIED_EVERY:
            found = Journal(self.engine).verify().findings
            self._broken, self._verified_at = (found[0].number if found else None), now
        return self._broken

    def _probe(self, now: datetime) -> None:
        """Whether the server would take a mail; asked seldom, and only by who sends."""
        if self.smtp is None or (self._probed_at and now - self._probed_at < PROBED_EVERY):
            return
        self._probed_at = now
        if asyncio.run(_answers(self.smtp)):
            self.health.well(SERVER)
        else:
            self.health.failing(SERVER, now)


_ALARMING = {Reason.POISON: Alarm.POISON, Reason.NOT_MEANT_FOR_US: Alarm.FORWARDED}


def _of_held(mails: Iterable[HeldMail]) -> Iterator[Trouble]:
    """One trouble of each kind, since the first such mail."""
    by_reason: dict[Alarm, list[HeldMail]] = {}
    for mail in mails:
        if alarm := _ALARMING.get(mail.reason):
            by_reason.setdefault(alarm, []).append(mail)
    for alarm, held in by_reason.items():
        yield Trouble(alarm, min(mail.held_at for mail in held), detail=", ".join(mail.label for mail in held[:10]))


async def _answers(access: SmtpAccess) -> bool:
    postman = Postman(access)
    trouble = await postman.connect()
    await postman.close()
    return trouble is None


async def _deliver(mails: Sequence[OutgoingMail], access: SmtpAccess) -> list[OutgoingMail]:
    postman = Postman(access)
    try:
        return [mail for mail in mails if not isinstance(await postman.deliver(mail), Sent)]
    finally:
        await postman.close()
