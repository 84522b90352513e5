"""A network on real servers: people with keys, Dovecot, Postfix, and the robot as the process operators start."""

import json
import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from mailbot.cli import mailbot
from mailbot.core.parties import SECRETARIAT
from mailbot.playground.configuration import ROBOT_NAME, Server, write_config
from mailbot.playground.keys import Key, end_agents
from mailbot.playground.people import Person, Role, gather
from mailbot.playground.reading import ReadMail
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postfix import Postfix

ROOT = Path(__file__).parents[2]
ADDRESS, CONTROL = "network@hub.example", "control@hub.example"
ROLES: Mapping[str, Role] = {
    "fr": Role("France", "desk@fr.example", "FR"),
    "fr-ministry": Role("Ministère", "ministry@fr.example", "FR"),
    "de": Role("Deutschland", "desk@de.example", "DE"),
    "de-police": Role("BKA", "police@de.example", "DE"),
    "de-border": Role("Bundespolizei", "border@de.example", "DE"),
    "it": Role("Italia", "desk@it.example", "IT"),
    "es": Role("España", "desk@es.example", "ES"),
    "sec": Role("Secretariat", "secretariat@network.example", SECRETARIAT),
    "ops": Role("Night watch", "operator@watch.example"),  # registered by the stories in which somebody operates
    "stranger": Role("Stranger", "somebody@elsewhere.example"),
}
RELAYS = {"fr-ministry": ["reply"], "de-police": ["request"], "de-border": ["request", "information"]}


@dataclass(frozen=True)
class Cast:
    """Everybody's keys, made once for all stories."""

    robot: Key
    people: Mapping[str, Person]


@contextmanager
def gathered(folder: Path) -> Iterator[Cast]:
    """Everybody, with agents that end when the block does."""
    robot, people = gather(folder, (ROBOT_NAME, ADDRESS, CONTROL), ROLES)
    try:
        yield Cast(robot, people)
    finally:
        end_agents([robot, *(person.key for person in people.values())])


@dataclass(frozen=True)
class World:
    """Empty mailboxes, a robot without memory, and the means to play with them."""

    folder: Path
    cast: Cast
    dovecot: Dovecot
    postfix: Postfix
    config: Path

    @property
    def people(self) -> Mapping[str, Person]:
        return self.cast.people

    # ---- mail

    def post(self, login: str, octets: bytes, to: str = ADDRESS) -> None:
        """Give a mail of this person to Postfix."""
        with smtplib.SMTP(self.postfix.host, self.postfix.port, "desk.example", timeout=30) as server:
            server.sendmail(self.people[login].address, [to], octets)

    def raw(self, login: str, count: int) -> list[bytes]:
        """The mails of a person as they lie in the mailbox, as soon as there are so many."""
        found = self.dovecot.wait(self.people[login].address, count)
        assert len(found) == count
        return found

    def mails(self, login: str, count: int) -> list[ReadMail]:
        """The same, as the person sees them."""
        return [self.people[login].read(octets) for octets in self.raw(login, count)]

    def every_mail(self) -> dict[str, list[bytes]]:
        """What lies in everybody's INBOX now."""
        return {login: self.dovecot.mails(person.address) for login, person in self.people.items()}

    def filed(self, folder: str, count: int) -> None:
        """Wait until so many of the robot's mails lie in this folder of its mailbox, and none in INBOX."""
        assert len(self.dovecot.wait(ADDRESS, count, folder)) == count
        assert self.dovecot.mails(ADDRESS) == []

    # ---- the robot

    @property
    def log(self) -> str:
        """What the robot's processes wrote to their standard output and error."""
        return (self.folder / "log").read_text("utf-8")

    @contextmanager
    def robot(self) -> Iterator[None]:
        """`mailbot run` for the length of the block; it must end in order."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mailbot", "run", "--verbose", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment(),
            )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            finally:
                process.kill()
        assert process.returncode == 0, self.log

    def once(self) -> None:
        """`mailbot once`, in this process; a mail that is still owed afterwards is a failure."""
        self.look("once", "--verbose")

    def look(self, *words: str) -> str:
        """What a command says on standard output; it must find nothing wrong."""
        result = CliRunner().invoke(mailbot, [*words, "--config", str(self.config)], standalone_mode=False)
        assert result.exception is None, (words, result.exception, result.output)
        assert not result.return_value, (words, result.output)
        return result.stdout

    def ask(self, *words: str) -> Any:
        """The data of a command's JSON answer."""
        answer = json.loads(self.look(*words, "--json"))
        assert (answer["schema"], answer["ok"], answer["problems"]) == (1, True, [])
        return answer["data"]

    def journal(self) -> list[dict[str, Any]]:
        """Every row."""
        return [json.loads(line) for line in self.look("journal", "export").splitlines()]

    def _environment(self) -> dict[str, str]:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}


def new_world(folder: Path, cast: Cast, dovecot: Dovecot, postfix: Postfix) -> World:
    """Everybody's mailboxes emptied, and a configuration in `folder`."""
    dovecot.add(ADDRESS, CONTROL)
    for person in cast.people.values():
        dovecot.add(person.address)
    certified = dovecot.authority.cert_file
    config = write_config(
        folder,
        cast.robot,
        cast.people,
        RELAYS,
        imap=Server(dovecot.imaps_port, ADDRESS, PASSWORD, "implicit", "localhost", certified),
        smtp=Server(postfix.submission_port, ADDRESS, PASSWORD, "starttls", "localhost", certified),
    )
    return World(folder, cast, dovecot, postfix, config)
