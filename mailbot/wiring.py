"""Builds the parts from the configuration; the only module that knows them all."""

import asyncio
import hashlib
import hmac
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from mailbot.config import Config
from mailbot.core import digest
from mailbot.core.certificates import Certificate, Fingerprint
from mailbot.core.decision import Network, Occasion
from mailbot.core.mail import IncomingMail, OpenedMail
from mailbot.core.parties import Directory
from mailbot.core.pins import PROPOSED, Amendments, amended
from mailbot.core.rounds import schedule
from mailbot.core.vitals import Sign
from mailbot.disk import sync
from mailbot.mail.bringing import armoured, look_at, revoked_by
from mailbot.mail.classification import OwnMarks
from mailbot.mail.gpg import Beside, Gpg
from mailbot.mail.headers import sender_of
from mailbot.mail.keyring import Keyring, RobotKey, make_home
from mailbot.mail.opening import open_mail
from mailbot.mail.preview import Previewer
from mailbot.mail.return_path import ReturnPath
from mailbot.mail.templates import Templates
from mailbot.mail.writing import Robot as Identity
from mailbot.mail.writing import Writer
from mailbot.pictures.drawing import draw
from mailbot.pictures.paper import print_page
from mailbot.store.agreement import agrees
from mailbot.store.archive import Archive
from mailbot.store.clock import lead_of
from mailbot.store.engine import open_store
from mailbot.store.handover import Handover, open_handover
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.migrations import check_schema, migrate, schema_version
from mailbot.store.moves import Moves
from mailbot.store.outbox import Outbox
from mailbot.store.soundness import look_over_journal, look_over_pages
from mailbot.store.watch import sender_watch_of, watch_of
from mailbot.wire.imap import Mailbox
from mailbot.wire.smtp import Postman
from mailbot.workers.crew import Crew
from mailbot.workers.draining import drain
from mailbot.workers.housekeeping import Housekeeper
from mailbot.workers.keeper import Keeper
from mailbot.workers.loop import Signals, close_all, hand_over_forever, receive_forever, send_forever
from mailbot.workers.receive import Receiver
from mailbot.workers.refiling import Refiler
from mailbot.workers.send import send_due
from mailbot.workers.sentinel import Sentinel
from mailbot.workers.tick import tick
from mailbot.workers.timekeeping import Timekeeper

SECRET_OCTETS = 32
DYING = 3.0  # seconds


class Occupied(Exception):
    """Another robot is at work on this database, and on SQLite, or for `once`, there is only room for one."""


class NoSender(Exception):
    """The configuration does not say how `receive` and `send` meet: section [send]."""


class ForeignSecret(Exception):
    """The file `state/secret` is not the one that the database's mails were handled with; the text is its path."""


class KeyProblems(Exception):
    """The robot cannot start, because its own key is not there or not usable; `findings` say what to do."""

    def __init__(self, keyring: Keyring) -> None:
        """All findings about keys become the text."""
        super().__init__("\n".join(str(finding) for finding in keyring.findings))
        self.findings = keyring.findings


def clock() -> datetime:
    """Now, aware UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Done:
    """What `once` did."""

    filed: int  # mails moved out of INBOX
    ticked: int  # exchanges in which time alone called for something
    tried: int  # deliveries
    queued: int  # mails still owed afterwards


class Robot:
    """Everything that a running robot is made of. Close it, or use it in a `with`."""

    def __init__(self, config: Config, now: Callable[[], datetime] = clock) -> None:
        """Open database and keyring; nothing is connected yet. Raises KeyProblems, or what the parts raise."""
        self.config = config
        # In a zone with summer time an hour later may be two.
        self.clock: Callable[[], datetime] = lambda: now().astimezone(UTC)
        self._closing = ExitStack()
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self.engine = self._open_store()
            self.memory = Memory(self.engine, machine=clock)
            self.keeper = Keeper(self.memory, self._build_keyring, self.clock())
            self._closing.callback(self.keeper.close)
        except BaseException:
            self._closing.close()
            raise
        self.watch = watch_of(self.engine)
        self._closing.callback(self.watch.release)
        self.outbox = Outbox(self.engine, config.patience, machine=clock)
        self.secret = self._shared_secret()

    def __enter__(self) -> Self:
        """Nothing more to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End gpg's agent and the database connections."""
        self._closing.close()

    def _shared_secret(self) -> bytes:
        """Robots with different secrets would not know each other's replays and return paths."""
        secret = state_secret(self.config.state_dir)
        if not agrees(self.engine, "secret", derived(secret, "agreement").hex()):
            self.close()
            raise ForeignSecret(self.config.state_dir / "secret")
        return secret

    @property
    def network(self) -> Network:
        """As configuration and mails have it now, but for the suspensions of the database."""
        return self.keeper.network

    # ------------------------------------------------------------ parts, one set for each thread

    def gpg(self) -> Gpg:
        """GnuPG in the working home; one for each thread."""
        robot, home = self.config.robot, self.keeper.keyring.home
        return self.keeper.lend(Gpg(home, robot.fingerprint, robot.passphrase(), policy=self.config.policy))

    def opener(self, gpg: Gpg, beside: Beside | None = None) -> Callable[[IncomingMail], OpenedMail]:
        """What opens mails with this gpg."""
        return partial(
            open_mail,
            gpg=gpg,
            replay_key=derived(self.secret, "replay"),
            limits=self.config.limits,
            own=own_marks(self.config),
            delivery_fields=self.config.delivery_fields,
            beside=beside,
        )

    def receiver(self) -> Receiver:
        """What acts on mails."""
        gpg, crew = self.gpg(), Crew()
        gpg.wake()
        self._closing.callback(crew.close)
        return Receiver(
            keeper=self.keeper,
            memory=self.memory,
            writer=self.writer(gpg),
            open_mail=self.opener(gpg),
            open_alone=self.opener(gpg, crew.beside),
            wrap=gpg.seal_to_self,
            unwrap=gpg.open_own,
            look_at=partial(look_at, policy=self.config.policy, known=gpg.known),
            revoked_by=partial(revoked_by, policy=self.config.policy, known=gpg.known),
            clock=self.clock,
            chance=secrets.token_bytes,
            patience=self.config.limits.seconds,
            crew=crew,
        )

    def writer(self, gpg: Gpg) -> Writer:
        """What writes letters with this gpg."""
        robot = self.config.robot
        identity = Identity(robot.name, robot.address, robot.control_address, robot.fingerprint, robot.domain)
        path = ReturnPath(robot.return_path, robot.address, derived(self.secret, "return path"), robot.return_domain)
        templates, cache = Templates(self.config.templates_dir), cache_of(self.config)
        drawing, printing = partial(draw, cache=cache), partial(print_page, cache=cache)
        return Writer(identity, gpg, templates, path, robot.share, drawing, printing)

    def previewer(self) -> Previewer:
        """What shows letters, unsealed."""
        return previewer_of(self.config)

    def timekeeper(self) -> Timekeeper:
        """What holds the clock against the journal."""
        return Timekeeper(Journal(self.engine), self.config.terms, partial(lead_of, self.engine, clock))

    def housekeeper(self) -> Housekeeper:
        """What drops kept mail that nothing needs any more."""
        refiler = Refiler(Moves(self.engine), self.config.retention.held, self.clock)
        return Housekeeper(Archive(self.engine), self.config.retention, refiler)

    def mailbox(self) -> Mailbox:
        """A connection to the mailbox, not yet made."""
        return Mailbox(self.config.imap, partial(_whose, self.config.directory))

    def postmen(self) -> list[Postman]:
        """The connections to the server that takes our mail, not yet made."""
        return [Postman(self.config.smtp) for _ in range(self.config.smtp.connections)]

    # ------------------------------------------------------------ at work

    def once(self) -> Done:
        """Drain the mailbox, do the clock's work, empty the outbox. Raises Occupied."""
        receiver, timekeeper, housekeeper = self.receiver(), self.timekeeper(), self.housekeeper()
        with self._watching():
            with self.mailbox() as mailbox:
                filed = drain(mailbox, receiver, self.watch)
                housekeeper.refile(mailbox, clock_believed=timekeeper.believes(self.clock()))
            self.memory.note_contact(self.clock())
            ticked = tick(receiver, timekeeper, housekeeper)
        tried = asyncio.run(self._send())
        return Done(filed, ticked, tried, self.outbox.depth().queued)

    def run(self, signals: Signals) -> None:
        """Receive, tick and send until told to stop; on PostgreSQL beside other robots. Raises Occupied on SQLite."""
        with nullcontext() if self.watch.shared else self._watching():
            self._work(signals)

    def _work(self, signals: Signals) -> None:
        self._beside(signals, partial(self.send, signals))

    def receive(self, signals: Signals) -> None:
        """As run(), but the sending is another process's (trust.md 19). Raises Occupied on SQLite."""
        with nullcontext() if self.watch.shared else self._watching():
            if self.watch.shared:
                self._beside(signals, partial(_until_stopped, signals))
            else:
                self._beside(signals, partial(hand_over_forever, self.handover(), self.clock, signals))

    def handover(self) -> Handover:
        """The receiver's end of the hand-over file. Raises NoSender, OSError."""
        if self.config.handover is None:
            raise NoSender
        shared = open_handover(self.config.handover)
        self._closing.callback(shared.dispose)
        return Handover(self.engine, shared)

    def _beside(self, signals: Signals, other: Callable[[], None]) -> None:
        """Receive and keep watch in threads of their own, and the other in this one, until one of them ends."""
        sentinel = self.sentinel(signals)
        threads = [
            threading.Thread(target=self._receive, args=(signals,), name="receive"),
            threading.Thread(target=sentinel.stand, args=(signals,), name="sentinel"),
        ]
        for thread in threads:
            thread.start()
        try:
            other()
        finally:
            signals.stop.set()
            for thread in threads:
                thread.join()

    def sentinel(self, signals: Signals) -> Sentinel:
        """What tells operators when something is the matter."""
        return Sentinel(
            keeper=self.keeper,
            engine=self.engine,
            writer=self.writer(self.gpg()),
            clock=self.clock,
            chance=secrets.token_bytes,
            health=signals.health,
            terms=self.config.alarms,
            robot=socket.gethostname(),
            smtp=self.config.smtp,
            route=self.config.second_smtp,
            publish=self.metrics(),
            late=self._late,
        )

    def _late(self, now: datetime) -> Iterator[tuple[str, datetime]]:
        """What the schedules called for since there is a robot, and nobody has done."""
        began_at = Journal(self.engine).began_at()
        found = (self._late_ping(now), self._late_digest(now))
        yield from (late for late in found if late and began_at and late[1] >= began_at)

    def _late_ping(self, now: datetime) -> tuple[str, datetime] | None:
        if not self.config.ping.schedule:
            return None
        network, done = self.memory.as_suspended(self.network), frozenset(self.memory.turns(schedule.NAME))
        since = schedule.due_since(network, now, done)
        return (schedule.NAME, since) if since else None

    def _late_digest(self, now: datetime) -> tuple[str, datetime] | None:
        turn = self.config.reporting.turn(now)
        if turn is None or not self.memory.undone([Occasion(digest.NAME, turn)]):
            return None
        return digest.NAME, self.config.reporting.due_at(turn)

    def metrics(self) -> Callable[[Iterable[Sign]], None] | None:
        """For Prometheus, if the configuration wants them."""
        textfile, port = self.config.metrics_file, self.config.metrics_port
        if not textfile and not port:
            return None
        from mailbot.workers.metrics import Metrics  # noqa: PLC0415 - a library that most robots never need

        return Metrics(textfile, port).publish

    def send(self, signals: Signals) -> None:
        """Send until told to stop."""
        asyncio.run(send_forever(self.outbox, self.postmen(), self.clock, signals))

    def _receive(self, signals: Signals) -> None:
        receive_forever(self.mailbox, self.receiver(), self.timekeeper(), self.housekeeper(), self.watch, signals)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """A robot that was just killed may take a moment to be gone."""
        end = time.monotonic() + DYING
        while not self.watch.acquire():
            if time.monotonic() > end:
                raise Occupied
            time.sleep(0.1)
        try:
            yield
        finally:
            self.watch.release()

    async def _send(self) -> int:
        postmen = self.postmen()
        try:
            self.outbox.resume(self.clock())
            return await send_due(self.outbox, postmen, self.clock)
        finally:
            await close_all(postmen)

    # ------------------------------------------------------------ opening

    def _open_store(self) -> Engine:
        engine = open_store(self.config.store_url)
        self._closing.callback(engine.dispose)
        look_over_pages(engine)
        if schema_version(engine) is None:
            migrate(engine)
        check_schema(engine)
        look_over_journal(engine)
        return engine

    def _build_keyring(
        self, amendments: Amendments, brought: Mapping[Fingerprint, bytes], now: datetime
    ) -> tuple[Keyring, Network]:
        config = self.config
        keyring = open_keyring(config, amendments, brought, now)
        if not keyring.has_robot_key:
            keyring.close()
            raise KeyProblems(keyring)
        gpg = Gpg(keyring.home, config.robot.fingerprint, policy=config.policy)
        return keyring, network_of(config, gpg, amended(config.directory, amendments, now))


def _until_stopped(signals: Signals) -> None:
    signals.stop.wait()


def send_alone(config: Config, signals: Signals, now: Callable[[], datetime] = clock) -> None:
    """Send until told to stop, without a key and without the robot's own database. Raises NoSender, Occupied."""
    engine = _open_for_sending(config)
    watch = sender_watch_of(engine)
    try:
        if not watch.acquire():
            raise Occupied
        postmen = [Postman(config.smtp) for _ in range(config.smtp.connections)]
        asyncio.run(send_forever(Outbox(engine, config.patience, machine=clock), postmen, now, signals))
    finally:
        watch.release()
        engine.dispose()


def _open_for_sending(config: Config) -> Engine:
    if config.handover:
        return open_handover(config.handover)
    if config.read_send_url is None:
        raise NoSender
    engine = open_store(config.read_send_url())
    check_schema(engine)
    return engine


def open_keyring(
    config: Config, amendments: Amendments, brought: Mapping[Fingerprint, bytes], now: datetime
) -> Keyring:
    """The working GnuPG home of this configuration, as mails amended it; made anew if keys or pins have changed."""
    config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # `check` may come before the first start
    own = config.robot
    robot = RobotKey(own.gnupg_home, own.fingerprint, own.passphrase(), own.also_opens)
    pins = {**amended(config.directory, amendments, now).pins(), PROPOSED: amendments.candidates}
    return make_home(config.state_dir / "gnupg", config.keys_dir, pins, robot, brought)


def amendments_of(config: Config) -> tuple[Amendments, Mapping[Fingerprint, bytes]]:
    """What mails changed, and the certificates that they brought; nothing as long as there is no database.

    Raises what opening one raises.
    """
    if not config.state_dir.is_dir():
        return Amendments(), {}
    engine = open_store(config.store_url)
    try:
        if schema_version(engine) is None:
            return Amendments(), {}
        check_schema(engine)
        memory = Memory(engine)
        return memory.amendments(), memory.certificates()
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class Keys:
    """What commands see of certificates: the network, and how it came to be."""

    keyring: Keyring
    network: Network
    amendments: Amendments
    brought: Mapping[Fingerprint, bytes] = field(repr=False)

    gpg: Gpg = field(repr=False)

    @property
    def known(self) -> Mapping[Fingerprint, Certificate]:
        return self.network.certificates

    def octets(self, fingerprint: Fingerprint) -> bytes:
        """The certificate, armoured."""
        return armoured(self.gpg.known(fingerprint))


@contextmanager
def open_keys(config: Config, *, alone: bool = False) -> Iterator[Keys]:
    """The working home for a while, without a robot. `alone`: without the database, which may be out of order.

    Raises GpgFailure, OSError, and what opening a database raises.
    """
    now = clock()
    amendments, brought = (Amendments(), {}) if alone else amendments_of(config)
    keyring = open_keyring(config, amendments, brought, now)
    try:
        gpg = Gpg(keyring.home, config.robot.fingerprint, policy=config.policy)
        network = network_of(config, gpg, amended(config.directory, amendments, now))
        yield Keys(keyring, network, amendments, brought, gpg)
    finally:
        keyring.close()


def network_of(config: Config, gpg: Gpg, directory: Directory | None = None) -> Network:
    """What holds for every mail: the configuration, and what gpg knows of the certificates."""
    robot = config.robot
    return Network(
        directory or config.directory,
        gpg.certificates(),
        config.terms,
        robot.address,
        robot.control_address,
        robot.fingerprint,
        config.quotas,
        config.policy,
        reporting=config.reporting,
        ping=config.ping,
        commands=config.commands,
        own={f: armoured(gpg.known(f)) for f in (robot.fingerprint, *robot.also_opens)},
        also_opens=frozenset(robot.also_opens),
    )


def _whose(directory: Directory, from_field: bytes) -> str:
    """In whose turn a mail waits: that of the registered party or relay which it claims to be from."""
    resident = directory.resident(sender_of(from_field))
    return resident.account if resident else ""


def own_marks(config: Config) -> OwnMarks:
    """How the robot's own mail is known when it comes back."""
    addresses = {config.robot.address.casefold(), config.robot.control_address.casefold()}
    return OwnMarks(frozenset(addresses), config.robot.domain)


def previewer_of(config: Config) -> Previewer:
    """What shows letters as this configuration's robot would write them; it needs no key and no database."""
    robot, cache = config.robot, cache_of(config)
    words = {
        "name": robot.name,
        "address": robot.address,
        "control_address": robot.control_address,
        "fingerprint": robot.fingerprint,
    }
    return Previewer(words, Templates(config.templates_dir), partial(draw, cache=cache), robot.domain)


def cache_of(config: Config) -> Path:
    """Where the child that draws keeps its list of fonts."""
    return config.state_dir / "fonts"


def state_secret(state_dir: Path) -> bytes:
    """The robot's own secret, made at the first start: for return paths and replay keys, known to no one."""
    path, fresh = state_dir / "secret", state_dir / f"secret.{os.getpid()}"
    if not path.exists():
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(SECRET_OCTETS))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(fresh)  # whoever links first has made it
        fresh.unlink()
        sync(state_dir)
    return path.read_bytes()


def derived(secret: bytes, purpose: str) -> bytes:
    """A secret for one purpose, from which neither the robot's nor another purpose's can be found."""
    return hmac.digest(secret, purpose.encode(), hashlib.sha256)
