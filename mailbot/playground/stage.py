"""What the play needs, in one temporary folder: servers on loopback, people with keys, a configured robot."""

import secrets
import smtplib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Final

from mailbot.config import load
from mailbot.playground.accounts import Store
from mailbot.playground.configuration import ROBOT_NAME, Server, write_config
from mailbot.playground.imap import ImapServer
from mailbot.playground.keys import Key, end_agents
from mailbot.playground.people import Person, gather
from mailbot.playground.programs import Servers
from mailbot.playground.reading import ReadMail
from mailbot.playground.script import RELAYS, ROLES
from mailbot.playground.smtp import SmtpServer
from mailbot.wiring import Robot
from mailbot.workers.loop import Signals

ROBOT: Final = "robot"
_ADDRESS, _CONTROL = "network@hub.example", "control@hub.example"
_PASSWORD_OCTETS: Final = 6  # nobody but this machine can reach the servers


@dataclass(frozen=True, slots=True)
class Stage:
    """The set-up playground. `folder` holds the GnuPG homes, the configuration, and the robot's state."""

    folder: Path
    store: Store
    imap: ImapServer
    smtp: SmtpServer
    password: str  # of every account
    robot_key: Key
    people: dict[str, Person]
    config: Path

    @property
    def servers(self) -> Servers:
        """Where a mail program connects."""
        return Servers(self.imap.port, self.smtp.port, self.password)

    def post(self, login: str, octets: bytes) -> None:
        """Hand a mail of this person to the SMTP server, as a mail program does."""
        person = self.people[login]
        with smtplib.SMTP("127.0.0.1", self.smtp.port, local_hostname="desk.example", timeout=30) as server:
            server.login(login, self.password)
            server.sendmail(person.address, [person.hub.address], octets)

    def mailbox(self, login: str) -> list[bytes]:
        """What lies in this person's INBOX, oldest first."""
        return [mail.octets for mail in self.store.mails(login)]

    def latest(self, login: str) -> ReadMail:
        """The latest mail that this person got, as he sees it."""
        return self.people[login].read(self.mailbox(login)[-1])


@contextmanager
def set_up() -> Iterator[Stage]:
    """Make everything; in the end, nothing of it is left."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(_short_folder()))
        robot, people = gather(folder / "gnupg", (ROBOT_NAME, _ADDRESS, _CONTROL), ROLES)
        closing.callback(end_agents, [robot, *(person.key for person in people.values())])
        yield _staged(closing, folder, robot, people)


@contextmanager
def beside(stage: Stage, name: str, backups: Mapping[str, str], understudies: Mapping[str, Person]) -> Iterator[Stage]:
    """The same people with these beside them, on servers and with a configuration of their own.

    `backups`: code of a party -> the address of its backup.
    """
    with ExitStack() as closing:
        folder = stage.folder / name
        folder.mkdir()
        yield _staged(closing, folder, stage.robot_key, {**stage.people, **understudies}, backups)


def _staged(
    closing: ExitStack,
    folder: Path,
    robot: Key,
    people: dict[str, Person],
    backups: Mapping[str, str] = MappingProxyType({}),
) -> Stage:
    store, password = Store(), secrets.token_urlsafe(_PASSWORD_OCTETS)
    store.add(ROBOT, password, _ADDRESS, _CONTROL)
    for login, person in people.items():
        store.add(login, password, person.address)
    imap = closing.enter_context(ImapServer(store))
    smtp = closing.enter_context(SmtpServer(store))
    config = write_config(
        folder,
        robot,
        {login: person for login, person in people.items() if login in ROLES},
        RELAYS,
        imap=Server(imap.port, ROBOT, password),
        smtp=Server(smtp.port, ROBOT, password),
        backups=backups,
    )
    return Stage(folder, store, imap, smtp, password, robot, people, config)


@contextmanager
def robot_at_work(config: Path) -> Iterator[Robot]:
    """The real robot, watching its mailbox until the block ends. Raises what loading and opening raise."""
    with Robot(load(config)) as robot:
        signals = Signals()
        running = Thread(target=robot.run, args=(signals,), name=ROBOT)
        running.start()
        try:
            yield robot
        finally:
            signals.stop.set()
            signals.queued.set()
            running.join()


def _short_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder whose path leaves room for the sockets of gpg-agent, which come and go while it is removed."""
    usual = len(tempfile.gettempdir()) < 40
    place = None if usual else "/tmp"  # noqa: S108 - a directory with a name nobody can guess is made in it
    return tempfile.TemporaryDirectory(prefix="mb", dir=place, ignore_cleanup_errors=True)
