"""A robot without mail servers, with real gpg and database: rounds are started, and mails of any shape handed to it."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from mailbot.config import load
from mailbot.core.decision import Folder
from mailbot.core.mail import IncomingMail, OutgoingMail, Sent
from mailbot.core.rounds.records import Probe, Round
from mailbot.core.rounds.starting import start_round
from mailbot.core.tags import parse
from mailbot.playground.configuration import Server, write_config
from mailbot.playground.people import Person
from mailbot.playground.reading import ReadMail
from mailbot.wiring import Robot
from mailbot.workers.duties.rounds import advance_round
from mailbot.workers.receive import Receiver
from tests.stories.world import ADDRESS, RELAYS, Cast

TONIGHT = datetime.now(UTC)  # the keys were made just now
NIGHT_DESK = "night@de.example"
KEYLESS = "desk@pt.example"
PORTUGAL = f"""
[[parties]]
code = "PT"
name = {{ en = "Portugal", fr = "Portugal" }}
language = "en"
time_zone = "Europe/Lisbon"
desks = [{{ address = "{KEYLESS}" }}]
"""


@dataclass
class Desk:
    """One robot and the people it pings. `at` is what its clock says; it only moves when a test moves it."""

    robot: Robot
    people: Mapping[str, Person]
    at: datetime = TONIGHT

    @property
    def receiver(self) -> Receiver:
        return replace(self._receiver, clock=lambda: self.at)

    def __post_init__(self) -> None:
        self._receiver = self.robot.receiver()

    def later(self, **passed: float) -> None:
        self.at += timedelta(**passed)

    def ping(self, tag: str = "[PING FR]") -> Round:
        """A round, started now; what other rounds still owed is forgotten."""
        self.sent()
        order, memory = parse(tag).tag, self.robot.memory
        assert order
        moment = self.receiver.moment()
        started = start_round(order, self.robot.network, moment, "SEC", "", memory.rounds.past())
        assert started.round
        memory.record(None, started.decision, self.receiver.write(started.decision, moment), moment.now)
        return self.round(started.round.number)

    def round(self, number: int) -> Round:
        found = self.robot.memory.rounds.numbered(number)
        assert found
        return found

    def probe(self, round_: Round, party: str = "FR") -> Probe:
        """As the database has it now."""
        found = self.round(round_.number).probe(party)
        assert found
        return found

    def sent(self) -> list[OutgoingMail]:
        """What is owed, taken by a server."""
        owed = self.robot.outbox.claim(self.at, limit=100)
        if owed:
            self.robot.outbox.settle(*((queued, Sent(), self.at) for queued in owed))
        return [queued.mail for queued in owed]

    def seen(self, login: str) -> tuple[ReadMail, Message, str]:
        """The latest mail to this person: as he reads it, as it came, and its return path."""
        person = self.people[login]
        mail = [mail for mail in self.sent() if mail.recipient == person.address][-1]
        return person.read(mail.octets), message_from_bytes(mail.octets), mail.envelope_sender

    def advance(self, round_: Round) -> int:
        """Time passes for this round alone; whether anything came of it."""
        return advance_round(self.round(round_.number), self.receiver, self.receiver.moment())

    def receive(self, octets: bytes) -> Folder:
        """The robot gets this mail."""
        octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return self.receiver.receive(IncomingMail(octets, hashlib.sha256(octets).hexdigest()))


@contextmanager
def ping_desk(folder: Path, cast: Cast) -> Iterator[Desk]:
    """With a backup for Germany, and Portugal, which has no key."""
    nowhere = Server(9, "x", "x")
    config = write_config(folder, cast.robot, cast.people, RELAYS, imap=nowhere, smtp=nowhere)
    written = config.read_text("utf-8")
    desk = '[[parties.desks]]\naddress = "desk@de.example"\n'
    assert desk in written
    written = written.replace(desk, f'{desk}[[parties.backups]]\naddress = "{NIGHT_DESK}"\n')
    config.write_text(written + PORTUGAL, "utf-8")
    with Robot(load(config)) as robot:
        yield Desk(robot, cast.people)


def to_robot(sender: str, subject: str, text: str, *more: str, to: str = ADDRESS) -> bytes:
    """A mail without OpenPGP; `more` are header fields."""
    fields = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Date: Tue, 24 Nov 2026 02:05:00 +0000"]
    fields += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
    return "\n".join([*fields, *more, "", text, ""]).encode()
