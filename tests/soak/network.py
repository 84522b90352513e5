"""The network that is soaked: Dovecot behind a wire that is cut, Postfix, a bad SMTP server, one robot or two."""

import itertools
import secrets
import smtplib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mailbot.playground.configuration import Server, write_config
from mailbot.playground.people import Person
from tests.servers.badsmtp import Accepted, BadSmtp, Misbehaviour, Step
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postfix import Postfix
from tests.servers.proxy import CutWire
from tests.servers.robots import RobotProcess
from tests.stories.world import RELAYS, Cast

SETTINGS = """\
[store]
{url}
[retry]
delays = ["1s", "2s", "4s"]
[terms]
notice_interval = "1m"
[limits]
requests_per_hour = 100000
urgent_per_hour = 100000
all_per_day = 100000
answers_per_hour = 100000
letters_per_hour = 100000
volume_mib_per_day = 100000000
[secretariat]
"""
_NUMBERS = itertools.count(1)


class Front(BadSmtp):
    """Where the robots hand over: keeps when each mail came first, and counts what it did wrong."""

    def __init__(self) -> None:
        super().__init__(users={"robot": PASSWORD})
        self.came: dict[bytes, float] = {}  # Message-ID -> when it came first, by time.monotonic
        self.did: Counter[str] = Counter()  # name of a misbehaviour -> how often

    def keep(self, mail: Accepted) -> None:
        self.came.setdefault(message_id(mail.octets), time.monotonic())
        super().keep(mail)

    def due(self, step: Step, command: str) -> Misbehaviour | None:
        due = super().due(step, command)
        if due:
            self.did[due.name] += 1
        return due


@dataclass
class Network:
    """Everything that can be stopped, cut and killed. `secret`: what the robots have in common."""

    cast: Cast
    dovecot: Dovecot
    postfix: Postfix
    front: Front
    wire: CutWire
    address: str
    robots: list[RobotProcess]
    url: str
    posted: dict[str, float] = field(default_factory=dict)  # Message-ID -> when Postfix took it

    @property
    def people(self) -> Mapping[str, Person]:
        return self.cast.people

    def post(self, sender: str, octets: bytes) -> None:
        """Give a mail to Postfix, as often as it takes until it has it."""
        while True:
            try:
                with smtplib.SMTP(self.postfix.host, self.postfix.port, "desk.example", timeout=10) as server:
                    server.sendmail(sender, [self.address], octets)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.2)
            else:
                self.posted[message_id(octets).decode()] = time.monotonic()
                return

    def calm(self) -> None:
        """Nothing goes wrong from now on."""
        self.front.misbehave()
        self.wire.mend()
        self.dovecot.thaw()

    def waiting(self) -> int:
        """Mails that lie in INBOX or in Postfix, which is told to go on: it may sleep on them for 300 s."""
        inside = len(self.postfix.queue)
        if inside:
            self.postfix.flush()
        return inside + len(self.dovecot.mails(self.address))


@contextmanager
def network(folder: Path, cast: Cast, dovecot: Dovecot, postfix: Postfix, url: str) -> Iterator[Network]:
    """The network, with no robot begun; `url`: of PostgreSQL, or empty for SQLite. Two robots where there is room."""
    address = dovecot.add(f"soak-{next(_NUMBERS)}@hub.example")
    with Front() as front, CutWire(dovecot.imaps_port) as wire:
        secret = secrets.token_bytes(32)
        configs = [
            _configure(folder / name, cast, dovecot, Server(wire.port, address, PASSWORD), front.port, url, secret)
            for name in (["one", "two"] if url else ["one"])
        ]
        robots = [RobotProcess(config) for config in configs]
        real = url or f"sqlite:///{configs[0].parent}/state/mailbot.sqlite"
        try:
            yield Network(cast, dovecot, postfix, front, wire, address, robots, real)
        finally:
            for robot in robots:
                robot.end()


def _configure(
    folder: Path, cast: Cast, dovecot: Dovecot, imap: Server, smtp_port: int, url: str, secret: bytes
) -> Path:
    """One robot's machine."""
    folder.mkdir(parents=True)
    certified = dovecot.authority.cert_file
    config = write_config(
        folder,
        cast.robot,
        cast.people,
        RELAYS,
        imap=Server(imap.port, imap.username, imap.password, "implicit", "localhost", certified),
        smtp=Server(smtp_port, "robot", PASSWORD),
    )
    settings = SETTINGS.format(url=f'url = "{url}"' if url else "")
    text = (
        config.read_text().replace("[secretariat]\n", settings).replace("timeout_seconds = 20", "timeout_seconds = 3")
    )
    config.write_text(text.replace("[smtp]\n", "[smtp]\nfinal_answer_seconds = 5\n"))
    secret_file = folder / "state" / "secret"
    secret_file.touch(mode=0o600)
    secret_file.write_bytes(secret)
    return config


def message_id(octets: bytes) -> bytes:
    """Of a mail, as it stands in its outer header."""
    header = octets.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ")
    fields = (line.partition(b":") for line in header.split(b"\r\n"))
    return next(value.strip() for name, _, value in fields if name.lower() == b"message-id")
