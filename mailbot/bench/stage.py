"""The stage that the cases share: keys, the servers, and how a round of the robot and a round of bare gpg are made."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Protocol

from mailbot.bench import dovecot, network
from mailbot.bench.mailbox import Deposit
from mailbot.bench.network import Network, Party, Server, Settings
from mailbot.bench.robot import Running
from mailbot.bench.witness import Witness, said

START = 60.0  # seconds that a robot may take until it idles


class ImapServer(Protocol):
    """What holds the robot's mailbox, as a block."""

    name: str
    port: int
    password: str


Tell = Callable[[str], None]


def ignore(what: str) -> None:
    """Nobody wants to know."""


OpenImap = Callable[[], AbstractContextManager[ImapServer]]
"""A server with one empty account, network.ACCOUNT."""


@dataclass
class Stage:
    """One network with its keys. Each case has a mailbox, a witness and a robot of its own (`play`)."""

    folder: Path
    network: Network
    open_imap: OpenImap
    imap_name: str = ""
    journal_rows: int = 1_000_000  # of the database that is filled
    exchanges: int = 100_000
    tell: Tell = ignore  # which round is being made
    _plays: int = field(default=0, init=False)

    @contextmanager
    def play(self, more: Settings | None = None) -> Iterator["Play"]:
        """An empty mailbox, and a robot without memory; `more`: settings of it."""
        with ExitStack() as closing:
            imap = closing.enter_context(self.open_imap())
            self.imap_name = imap.name
            witness = closing.enter_context(Witness(imap.port))
            self._plays += 1
            config = self.network.configure(
                f"play{self._plays}",
                Server(witness.imap_port, imap.password),
                Server(witness.smtp_port),
                more,
            )
            box = closing.enter_context(Deposit(Server(imap.port, imap.password)))
            yield Play(self.network, witness, box, config)

    def rounds(self, count: int) -> Iterator[int]:
        """The numbers of so many rounds, each told before it begins."""
        for number in range(count):
            self.tell(f"round {number + 1} of {count}")
            yield number

    def end(self) -> None:
        """No agent is left behind."""
        for home in (self.network.members, self.network.yardstick):
            home.end_agent()


@dataclass(frozen=True)
class Play:
    """What a case works with."""

    network: Network
    witness: Witness
    box: Deposit
    config: Path

    @contextmanager
    def robot(self) -> Iterator[Running]:
        """At work; it idles when the block begins."""
        start = self.witness.now
        with Running(self.config) as running:
            self.witness.wait(start, said("IDLE"), seconds=START)
            yield running

    # ------------------------------------------------------------ bare gpg

    def pair(self, sealed: bytes, text: bytes, readers: Sequence[Party]) -> float:
        """Seconds of one decrypt and verify, and one sign and encrypt to all of these, one after the other."""
        home, robot = self.network.yardstick, self.network.robot
        began = perf_counter()
        home.open(sealed)
        home.seal(text, robot, [reader.fingerprint for reader in readers])
        return perf_counter() - began

    def sealed(self, octets: int = 2048) -> bytes:
        """Such a message as a request holds, for the yardstick to open."""
        network = self.network
        entity = network.entity("[REQUEST D0002] Vol AZ 318", octets)
        return network.members.seal(entity, network.parties[0].fingerprint, [network.robot])


@contextmanager
def set_up(parties: int, playground: OpenImap) -> Iterator[Stage]:
    """Keys for so many parties. `playground`: what to take where there is no Dovecot."""
    with tempfile.TemporaryDirectory(prefix="mb", dir=_short_place(), ignore_cleanup_errors=True) as place:
        found = network.found(Path(place), parties)
        stage = Stage(Path(place), found, dovecot.Dovecot if dovecot.is_installed() else playground)
        try:
            yield stage
        finally:
            stage.end()


def _short_place() -> str | None:
    """Sockets of gpg-agent need a short path."""
    return None if len(tempfile.gettempdir()) < 40 else "/tmp"  # noqa: S108 - a directory with a name nobody can guess
