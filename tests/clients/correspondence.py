"""What the tests with real mail programs begin with: a playground in which France has asked Germany and Italy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailbot.core.records import PartStage
from mailbot.playground.composing import Attachment
from mailbot.playground.people import Person
from mailbot.playground.programs import hand_over
from mailbot.playground.reading import ReadMail
from mailbot.playground.stage import ROBOT, Stage, robot_at_work, set_up
from mailbot.wiring import Robot
from tests.servers.programs import wait_until

SUBJECT = "Traveller, flight AZ 318 to Rome"
TEXT = """\
Good evening,

a man with a stolen French passport, series 20CF, is expected
tonight on flight AZ 318 from Paris to Rome, then on the night
train to Munich. His details are attached.

Please tell us if he comes to a check — his name may be Käse.

The duty officer
"""
DETAILS = Attachment("details.csv", b"field;value\npassport;20CF\nflight;AZ 318\n", "text/csv")
PATIENCE = 30.0  # seconds


@dataclass(frozen=True)
class Correspondence:
    """The playground with its robot at work, and what the people's mail programs need."""

    stage: Stage
    robot: Robot
    clients: Path  # keys and configurations, as `demo --keep` hands them over

    def person(self, login: str) -> Person:
        """One of the desks."""
        return self.stage.people[login]

    @property
    def reference(self) -> str:
        """Of the one exchange."""
        [exchange] = self.robot.memory.latest_exchanges()
        return exchange.reference

    def stage_of(self, party: str) -> PartStage:
        """How this party's part of it stands."""
        [exchange] = self.robot.memory.latest_exchanges()
        return next(part.stage for part in exchange.parts if part.party == party)

    def await_stage(self, party: str, stage: PartStage) -> None:
        """Wait until the robot has understood what this party's mail says. Raises TimeoutError."""
        wait_until(lambda: self.stage_of(party) is stage, f"{party} {stage.value}", PATIENCE, 0.05)

    def mails(self, login: str, count: int) -> list[ReadMail]:
        """The mails of a desk, as soon as there are so many."""
        found = self.stage.store.wait(login, count, seconds=PATIENCE)
        assert len(found) == count
        return [self.person(login).read(mail.octets) for mail in found]

    def sent_by(self, login: str) -> list[bytes]:
        """What the robot took from this desk and acted on, oldest first."""
        sender = f"Return-Path: <{self.person(login).address}>".encode()
        return [mail.octets for mail in self.stage.store.mails(ROBOT, "Done") if mail.octets.startswith(sender)]


@contextmanager
def france_has_asked() -> Iterator[Correspondence]:
    """Germany and Italy have the request in their mailboxes."""
    with set_up() as stage, robot_at_work(stage.config) as robot:
        clients = stage.folder / "clients"
        hand_over(clients, stage.people, stage.robot_key, stage.servers)
        stage.post("fr", stage.people["fr"].write(f"[REQUEST DE,IT urgent] {SUBJECT}", TEXT, [DETAILS]))
        for login in ("de", "it", "fr"):
            stage.store.wait(login, 1, seconds=PATIENCE)
        yield Correspondence(stage, robot, clients)
