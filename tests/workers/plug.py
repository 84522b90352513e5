"""The stage for pulling the plug: a network that has one exchange open, brought back to that state before each play."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from mailbot.core.decision import Event
from mailbot.core.records import HeldMail
from mailbot.playground.composing import Attachment, Form
from mailbot.playground.configuration import Server, write_config
from mailbot.playground.keys import Key, end_agents
from mailbot.store.engine import open_store
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.outbox import Outbox
from tests.servers.badsmtp import Accepted, BadSmtp
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postgres import Postgres
from tests.stories.world import CONTROL, RELAYS, ROOT, Cast
from tests.workers.robot_process import MOST_ROUNDS, Order

ACCOUNT = "ACCOUNT"
FOLDERS = ("INBOX", "Done", "Held", "Dropped")
AHEAD = 2.5  # hours: more than half of the time of an urgent request
SECONDS_PER_MAIL = 3
FIRST, SECOND, ANSWER = "Wo ist er?\n", "Et elle ?\n", "In Kufstein.\n"


class Scene(StrEnum):
    """What is played; beside it, somebody is to be reminded."""

    DESKS = "desks"  # an answer and a new request
    ORDERS = "orders"  # a held mail is dropped by command, a certificate announced, a ping round begun by the schedule
    DIGEST = "digest"  # that of the day is due


class Database(Protocol):
    """Where the robot remembers, and how that is put back to how it was."""

    name: str
    url: str

    def keep(self) -> None: ...
    def put_back(self) -> None: ...


class Sqlite:
    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self.file = folder / "mailbot.sqlite"
        self.url = f"sqlite:///{self.file}"

    def keep(self) -> None:
        shutil.copy(self.file, f"{self.file}.kept")

    def put_back(self) -> None:
        for tail in ("-wal", "-shm"):
            Path(f"{self.file}{tail}").unlink(missing_ok=True)
        shutil.copy(f"{self.file}.kept", self.file)


class Postgresql:
    name = "PostgreSQL"

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.url = server.database()
        self.database = self.url.partition("@/")[2].partition("?")[0]

    def keep(self) -> None:
        self.server.execute(f"CREATE DATABASE {self.database}_kept TEMPLATE {self.database} STRATEGY FILE_COPY")

    def put_back(self) -> None:
        self.server.execute(f"DROP DATABASE {self.database} WITH (FORCE)")
        self.server.execute(f"CREATE DATABASE {self.database} TEMPLATE {self.database}_kept STRATEGY FILE_COPY")


@dataclass(frozen=True)
class Outcome:
    """What came of a play in the end; two plays that differ in nothing but a kill must be equal in this."""

    delivered: Mapping[tuple[str, str], int]  # recipient and outer subject -> how many mails
    exchanges: tuple[tuple[str, ...], ...]
    rounds: tuple[tuple[str, ...], ...]
    journal: Mapping[tuple[str, ...], int]
    sound: bool  # the journal's chain
    owed: int
    filed: Mapping[str, int]  # folder -> mails in it
    held: tuple[str, ...]  # reasons


@dataclass(frozen=True)
class Played:
    """A play: how the first robot ended, what came of it, and which mails the server got twice."""

    code: int
    outcome: Outcome
    repeated: tuple[tuple[Accepted, ...], ...]
    accepted: tuple[Accepted, ...]
    rounds: int


class Plug:
    """One network on one database: plays two mails against robots that are killed."""

    def __init__(self, folder: Path, cast: Cast, dovecot: Dovecot, smtp: BadSmtp, database: Database) -> None:
        self.cast, self.dovecot, self.smtp, self.database = cast, dovecot, smtp, database
        self.folder = folder
        self.config = self._configure()
        self.plays = 0
        self._robots = subprocess.Popen(
            [sys.executable, "-m", "tests.workers.robot_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("ab"),
            cwd=ROOT,
        )
        self.account = self.fresh_account()
        self.mails: tuple[bytes, ...] = self._open_an_exchange()
        self.orders: tuple[bytes, ...] = self._give_orders()
        database.keep()

    # ---------------------------------------------------------------- robots

    def order(self, **what: Any) -> dict[str, Any]:
        """Have a robot work as `Order` says; how it ended."""
        assert self._robots.stdin is not None
        assert self._robots.stdout is not None
        self._robots.stdin.write(Order(str(self.config), **what).line())
        self._robots.stdin.flush()
        answer: dict[str, Any] = json.loads(self._robots.stdout.readline())
        assert "problem" not in answer, answer
        return answer

    def end(self) -> None:
        assert self._robots.stdin is not None
        self._robots.stdin.close()
        self._robots.wait(10)

    def run_until_idle(self, hours: float = AHEAD) -> int:
        """What an operator's restart does; how many rounds it took."""
        answer = self.order(hours=hours, rounds=MOST_ROUNDS)
        assert answer["code"] == 0, (self.folder / "log").read_text("utf-8")[-3000:]
        return int(answer["rounds"])

    # ---------------------------------------------------------------- plays

    def begin(self, *mails: bytes, scene: Scene = Scene.DESKS) -> None:
        """The state with one exchange open, and these mails in a new mailbox."""
        self.database.put_back()
        self.smtp.forget()
        self.account = self.fresh_account(scene)
        for mail in mails:
            self.dovecot.deliver(self.account, mail)

    def play(self, scene: Scene = Scene.DESKS, **kill: Any) -> Played:
        """The mails of the scene and the clock's work, by a robot that is killed there and one that follows."""
        mails = {Scene.DESKS: self.mails, Scene.ORDERS: self.orders}
        self.begin(*mails.get(scene, ()), scene=scene)
        code = self.order(hours=AHEAD, **kill)["code"] if kill else 0
        rounds = self.run_until_idle()
        accepted = tuple(self.smtp.accepted)
        return Played(code, self.outcome(accepted), _repeated(accepted), accepted, rounds)

    def outcome(self, accepted: tuple[Accepted, ...]) -> Outcome:
        engine = open_store(self.database.url)
        try:
            memory, journal = Memory(engine), Journal(engine)
            rows = [row for row in journal.rows() if row.event != Event.DEFERRED]
            return Outcome(
                delivered=Counter(_first_of_each(accepted)),
                exchanges=tuple(
                    (e.reference, e.stage, *(f"{p.party} {p.stage} {p.reminders}" for p in e.parts))
                    for e in memory.latest_exchanges()
                ),
                rounds=tuple(
                    (r.label, r.stage, *(f"{p.party} {p.stage}" for p in r.probes)) for r in memory.rounds.latest(9)
                ),
                journal=Counter((row.event, row.reference or "", row.party or "") for row in rows),
                sound=not journal.verify().findings,
                owed=Outbox(engine).depth().queued,
                filed={name: len(self.dovecot.mails(self.account, name)) for name in FOLDERS},
                held=tuple(held.reason for held in memory.held_mails()),
            )
        finally:
            engine.dispose()

    def held(self) -> tuple[HeldMail, ...]:
        engine = open_store(self.database.url)
        try:
            return Memory(engine).held_mails()
        finally:
            engine.dispose()

    def texts(self, accepted: tuple[Accepted, ...]) -> set[tuple[str, str]]:
        """Who was sent words that somebody wrote: each mail opened with its reader's key."""
        people = {person.address: person for person in self.cast.people.values()}
        found = {(mail.recipients[0], people[mail.recipients[0]].read(mail.octets).text) for mail in accepted}
        return {(recipient, text) for recipient, text in found if text}

    # ---------------------------------------------------------------- setting up

    def fresh_account(self, scene: Scene = Scene.DESKS) -> str:
        """An empty mailbox, which the configuration names from now on."""
        self.plays += 1
        account = self.dovecot.add(f"plug-{self.plays}-{self.database.name.lower()}@hub.example")
        text = self._text.replace(ACCOUNT, account)
        if scene is Scene.ORDERS:
            text = text.replace("[secretariat]\n", f"{_scheduled()}[secretariat]\n")
        if scene is Scene.DIGEST:
            text = text.replace("daily = false", "daily = true")
            text = text.replace("seconds_per_mail = 3", "seconds_per_mail = 60")  # its pictures take their time
        self.config.write_text(text)
        return account

    def _configure(self) -> Path:
        certified = self.dovecot.authority.cert_file
        config = write_config(
            self.folder,
            self.cast.robot,
            self.cast.people,
            RELAYS,
            imap=Server(self.dovecot.imaps_port, ACCOUNT, PASSWORD, "implicit", "localhost", certified),
            smtp=Server(self.smtp.port, "robot", PASSWORD),
        )
        # One connection, so that one kill repeats one mail at most.
        text = config.read_text().replace("[smtp]\n", "[smtp]\nconnections = 1\n")
        store, limits = f'[store]\nurl = "{self.database.url}"\n', "[limits]\nseconds_per_mail = 3\n"
        hour = _wall(12).hour  # no play reaches it, whenever the tests run: what is sent daily is half a day old
        terms = f"[terms]\noverview_hour = {hour}\n"
        text = text.replace("daily = false\n", f'daily = false\nat = "{hour:02}:00"\n')
        self._text = text.replace("[secretariat]\n", f"{store}{limits}{terms}[secretariat]\n")
        return config

    def _open_an_exchange(self) -> tuple[bytes, ...]:
        """FR asks DE and IT, urgently; then two mails that are still to come: DE's answer, and FR's next request."""
        people = self.cast.people
        self.dovecot.deliver(self.account, people["fr"].write("[REQUEST DE,IT urgent] Vol AZ 318", FIRST))
        self.run_until_idle(hours=0)
        [asked] = [mail for mail in self.smtp.accepted if mail.recipients == (people["de"].address,)]
        answer = people["de"].press_reply(people["de"].read(asked.octets), ANSWER, quoting=False)
        return answer, people["fr"].write("[REQUEST DE,IT] Vol AZ 319", SECOND)

    def _give_orders(self) -> tuple[bytes, ...]:
        """A mail that nobody signed, the secretariat's command to drop it, and IT's next certificate."""
        people, home = self.cast.people, self.folder / "next"
        key = Key.make(home, people["it"].name, people["it"].address)
        end_agents([key])
        attached = Attachment("key.asc", key.certificate, "application/pgp-keys")
        command = people["sec"].draft("[DROP H-1]", "\n")
        return (
            people["es"].write("[INFO FR]", "Hola\n", form=Form.ENCRYPTED),
            people["sec"].send_off(replace(command, to=CONTROL)),
            people["it"].write("[KEY]", "\n", [attached]),
        )


@contextmanager
def plugged(folder: Path, cast: Cast, dovecot: Dovecot, database: Database) -> Iterator[Plug]:
    """The stage on this database, with a recording SMTP server of its own."""
    with BadSmtp(users={"robot": PASSWORD}) as smtp:
        plug = Plug(folder, cast, dovecot, smtp, database)
        try:
            yield plug
        finally:
            plug.end()


def _wall(hours: float) -> datetime:
    """What the clocks show there in so many hours."""
    return datetime.now(ZoneInfo("Europe/Paris")) + timedelta(hours=hours)


def _scheduled() -> str:
    """A ping round that is due when the robot's clock is ahead, and for an hour from then."""
    due = _wall(AHEAD)
    return f'[ping]\nschedule = ["{due.minute} {due.hour} * * *"]\n'


def _message_id(mail: Accepted) -> str:
    return str(message_from_bytes(mail.octets, policy=policy.default)["Message-ID"])


def _repeated(accepted: tuple[Accepted, ...]) -> tuple[tuple[Accepted, ...], ...]:
    """Mails with one Message-ID that were taken more than once; the login and the like do not count."""
    groups: dict[str, list[Accepted]] = {}
    for mail in accepted:
        groups.setdefault(_message_id(mail), []).append(replace(mail, sender_options=()))
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _first_of_each(accepted: tuple[Accepted, ...]) -> Iterator[tuple[str, str]]:
    firsts = {_message_id(mail): mail for mail in accepted}
    for mail in firsts.values():
        subject = str(message_from_bytes(mail.octets, policy=policy.default)["Subject"])
        yield mail.recipients[0], re.sub(r"PING#[^] ]+", "PING#…", subject)  # each play has its own tokens
