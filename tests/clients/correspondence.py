"""What the tests with real mail programs begin with: a playground in which Germany and Italy have mail."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mailbot.core.decision import Folder
from mailbot.core.records import PartStage
from mailbot.core.rounds.records import Answer
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

    def await_mail(self, login: str, subject: str) -> ReadMail:
        """The mail of a desk whose protected subject holds this, as soon as it is there. Raises TimeoutError."""

        def found() -> list[ReadMail]:
            mails = (self.person(login).read(octets) for octets in self.stage.mailbox(login))
            return [mail for mail in mails if subject in mail.subject]

        wait_until(lambda: bool(found()), f"{subject} for {login}", PATIENCE, 0.1)
        [mail] = found()
        return mail

    def answer_to_ping(self, party: str) -> Answer:
        """What this party's answer to the one ping round showed, as soon as it is recorded. Raises TimeoutError."""

        def answer() -> Answer | None:
            [round_] = self.robot.memory.rounds.latest(1)
            probe = round_.probe(party)
            return probe.answer if probe else None

        wait_until(lambda: answer() is not None, f"{party}'s answer to the ping", PATIENCE, 0.05)
        found = answer()
        assert found
        return found

    def sent_by(self, login: str, count: int) -> list[bytes]:
        """The mails of a desk as they came to the robot, oldest first, as soon as it has filed so many as done."""
        sender = f"Return-Path: <{self.person(login).address}>\r\n".encode()

        def filed() -> list[bytes]:
            done = [mail.octets for mail in self.stage.store.mails(ROBOT, Folder.DONE)]
            return [octets for octets in done if octets.startswith(sender)]

        wait_until(lambda: len(filed()) >= count, f"{count} mails of {login} filed", PATIENCE, 0.05)
        return filed()


@contextmanager
def begun() -> Iterator[Correspondence]:
    """Germany and Italy have a request of France and a ping in their mailboxes."""
    with set_up() as stage, robot_at_work(stage.config) as robot:
        clients = stage.folder / "clients"
        hand_over(clients, stage.people, stage.robot_key, stage.servers)
        stage.post("fr", stage.people["fr"].write(f"[REQUEST DE,IT urgent] {SUBJECT}", TEXT, [DETAILS]))
        stage.post("sec", _ping(stage.people["sec"]))
        for login in ("de", "it"):
            stage.store.wait(login, 2, seconds=PATIENCE)
        yield Correspondence(stage, robot, clients)


def _ping(secretariat: Person) -> bytes:
    draft = secretariat.draft("[PING DE,IT]", "")
    return secretariat.send_off(replace(draft, to=secretariat.hub.control_address))
