"""An SMTP server with named misbehaviours: it refuses, falls silent, hangs up or dawdles at the step that a test names.

Without any it is a plain submission server that takes everything and keeps what it took, octet for octet.
"""

import asyncio
import base64
import re
import ssl
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mailbot.playground.loopback import LoopbackServer

LONGEST_LINE: Final = 2**20
"""Octets."""


class Step(StrEnum):
    """Where in the dialogue."""

    CONNECT = "connect"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    """While the mail comes in: nothing can be said here, only fallen silent or hung up."""
    DOT = "dot"
    KEPT = "kept"
    """The mail is taken already, the 250 is not yet said."""


class Act(StrEnum):
    """What happens there."""

    REFUSE = "refuse"
    HANG = "hang"
    """Nothing more is said or read, the connection stays open."""
    DROP = "drop"
    """The connection is cut."""
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """One act at one step; the name is for a test's id."""

    name: str
    step: Step
    act: Act
    reply: str = ""
    seconds: float = 0.0
    only: str = ""
    """Only when the command holds this text, such as one recipient's address."""
    times: int = 0
    """So many times, then no more; 0: always."""


def refuse(step: Step, reply: str, *, only: str = "", times: int = 0) -> Misbehaviour:
    """Answer this; after 421 the connection is closed."""
    return Misbehaviour(f"{step}-{reply[:3]}", step, Act.REFUSE, reply=reply, only=only, times=times)


def hang(step: Step, *, times: int = 0) -> Misbehaviour:
    """Fall silent."""
    return Misbehaviour(f"{step}-hang", step, Act.HANG, times=times)


def drop(step: Step, *, times: int = 0) -> Misbehaviour:
    """Cut the connection."""
    return Misbehaviour(f"{step}-drop", step, Act.DROP, times=times)


def slow(step: Step, seconds: float) -> Misbehaviour:
    """Answer properly, but late."""
    return Misbehaviour(f"{step}-slow", step, Act.SLOW, seconds=seconds)


_ANSWERED: Final = [step for step in Step if step not in {Step.BODY, Step.KEPT}]
TEMPORARY: Final = [refuse(step, "451 4.3.0 try again later") for step in _ANSWERED]
PERMANENT: Final = [refuse(step, "550 5.7.1 not here") for step in _ANSWERED]
CLOSING: Final = [refuse(step, "421 4.3.2 shutting down") for step in _ANSWERED]
SILENT: Final = [hang(step) for step in Step]
CUT: Final = [drop(step) for step in Step]


@dataclass(frozen=True, slots=True)
class Accepted:
    """One mail that was taken."""

    sender: str
    sender_options: tuple[str, ...]
    recipients: tuple[str, ...]
    recipient_options: tuple[tuple[str, ...], ...]
    octets: bytes = field(repr=False)
    login: str
    """Who had logged in; empty: nobody."""
    encrypted: bool


class BadSmtp(LoopbackServer):
    """Misbehaves as told by `misbehave`, from the next command on."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        strip_starttls: bool = False,
        users: dict[str, str] | None = None,
        offers: Iterable[str] = ("8BITMIME", "SIZE 104857600", "DSN", "ENHANCEDSTATUSCODES"),
    ) -> None:
        """`strip_starttls`: an attacker in the middle hides STARTTLS; `users`: login -> password."""
        super().__init__(tls=tls)
        self.implicit_tls = implicit_tls
        self.strip_starttls = strip_starttls
        self.users = users or {}
        self.offers = tuple(offers)
        self.connections = 0
        self._news = threading.Condition()
        self._misbehaviours: tuple[Misbehaviour, ...] = ()
        self._done: Counter[Misbehaviour] = Counter()
        self._accepted: list[Accepted] = []
        self._commands: list[str] = []

    def misbehave(self, *misbehaviours: Misbehaviour) -> None:
        """From now on do these and no others."""
        with self._news:
            self._misbehaviours = misbehaviours
            self._done.clear()

    @property
    def accepted(self) -> list[Accepted]:
        """Every mail that was taken, the latest last."""
        with self._news:
            return list(self._accepted)

    @property
    def commands(self) -> list[str]:
        """Every command line of every connection, in the order of their arrival."""
        with self._news:
            return list(self._commands)

    def wait(self, count: int, seconds: float = 10.0) -> list[Accepted]:
        """Wait until that many mails were taken. Raises TimeoutError."""
        with self._news:
            if not self._news.wait_for(lambda: len(self._accepted) >= count, seconds):
                raise TimeoutError(f"{len(self._accepted)} of {count} mails after {seconds} s")
            return list(self._accepted)

    def forget(self) -> None:
        """Behave, and forget what was taken and said."""
        self.misbehave()
        with self._news:
            self._accepted.clear()
            self._commands.clear()
            self.connections = 0

    def due(self, step: Step, command: str) -> Misbehaviour | None:
        """What is to be done wrong now, if anything."""
        with self._news:
            for each in self._misbehaviours:
                if each.step is step and each.only in command and not 0 < each.times <= self._done[each]:
                    self._done[each] += 1
                    return each
        return None

    def keep(self, mail: Accepted) -> None:
        """Take a mail."""
        with self._news:
            self._accepted.append(mail)
            self._news.notify_all()

    def note(self, command: str) -> None:
        """Write a command down."""
        with self._news:
            self._commands.append(command)

    async def _open(self) -> asyncio.Server:
        wrapped = self.tls if self.implicit_tls else None
        return await asyncio.start_server(self._connected, self.host, self.port, ssl=wrapped, limit=LONGEST_LINE)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await _Dialogue(self, reader, writer).run()
            writer.close()
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            writer.transport.abort()


class _Dialogue:
    """One connection. Hanging up is ConnectionAbortedError."""

    def __init__(self, server: BadSmtp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._login = ""
        self._encrypted = server.implicit_tls
        self._over = False
        self._reset()

    async def run(self) -> None:
        await self._answer(Step.CONNECT, "220 bad.example ESMTP")
        while not self._over:
            line = (await self._reader.readuntil(b"\n")).decode("utf-8", "replace").strip()
            self._server.note(line)
            verb, _, rest = line.partition(" ")
            do = getattr(self, f"_{verb.lower()}", None) if verb.upper() in _VERBS else None
            await (do(rest) if do else self._say("500 5.5.2 unknown command"))

    def _reset(self) -> None:
        self._sender: str | None = None
        self._sender_options: tuple[str, ...] = ()
        self._recipients: list[tuple[str, tuple[str, ...]]] = []

    async def _say(self, line: str) -> None:
        self._writer.write(f"{line}\r\n".encode())
        await self._writer.drain()

    async def _answer(self, step: Step, normal: str, command: str = "") -> bool:
        """Say `normal` and return True, or misbehave."""
        due = self._server.due(step, command)
        if due and due.act is Act.REFUSE:
            await self._say(due.reply)
            self._over = due.reply.startswith("421")
            return False
        if due:
            await self._stall_or_drop(due)
        if normal:
            await self._say(normal)
        return True

    async def _stall_or_drop(self, due: Misbehaviour) -> None:
        if due.act is Act.DROP:
            raise ConnectionAbortedError
        if due.act is Act.HANG:
            await asyncio.Event().wait()
        await asyncio.sleep(due.seconds)

    async def _ehlo(self, _rest: str) -> None:
        starttls = self._server.tls and not self._encrypted and not self._server.strip_starttls
        auth = self._server.users and (self._encrypted or not self._server.tls)
        extra = [*(["STARTTLS"] if starttls else []), *(["AUTH PLAIN LOGIN"] if auth else [])]
        lines = ["bad.example", *self._server.offers, *extra]
        await self._answer(Step.EHLO, "\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    async def _helo(self, _rest: str) -> None:
        await self._answer(Step.EHLO, "250 bad.example")

    async def _starttls(self, _rest: str) -> None:
        if not self._server.tls or self._server.strip_starttls:
            await self._say("502 5.5.1 no TLS here")
        elif await self._answer(Step.STARTTLS, "220 2.0.0 go on"):
            await self._writer.start_tls(self._server.tls)
            self._encrypted = True
            self._reset()

    async def _auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        if mechanism.upper() == "PLAIN":
            _, login, password = _decoded(initial or await self._ask("")).split("\0")
        else:
            login, password = _decoded(initial or await self._ask("Username:")), _decoded(await self._ask("Password:"))
        if self._server.users.get(login) != password:
            await self._say("535 5.7.8 wrong")
        elif await self._answer(Step.AUTH, "235 2.7.0 welcome"):
            self._login = login

    async def _ask(self, question: str) -> str:
        await self._say(f"334 {base64.b64encode(question.encode()).decode()}")
        return (await self._reader.readuntil(b"\n")).decode("ascii", "replace").strip()

    async def _mail(self, rest: str) -> None:
        if await self._answer(Step.MAIL, "250 2.1.0 fine", rest):
            self._sender, self._sender_options = _address_and_options(rest)

    async def _rcpt(self, rest: str) -> None:
        if self._sender is None:
            await self._say("503 5.5.1 MAIL first")
        elif await self._answer(Step.RCPT, "250 2.1.5 fine", rest):
            self._recipients.append(_address_and_options(rest))

    async def _data(self, _rest: str) -> None:
        if not self._recipients:
            return await self._say("503 5.5.1 RCPT first")
        if await self._answer(Step.DATA, "354 go on"):
            octets = await self._body()
            if await self._answer(Step.DOT, ""):
                self._keep(octets)
                await self._answer(Step.KEPT, "250 2.0.0 taken")
            self._reset()
        return None

    def _keep(self, octets: bytes) -> None:
        names, options = [name for name, _ in self._recipients], [options for _, options in self._recipients]
        mail = Accepted(
            self._sender or "", self._sender_options, tuple(names), tuple(options), octets, self._login, self._encrypted
        )
        self._server.keep(mail)

    async def _body(self) -> bytes:
        """Up to the final dot. A client that sends the next command before our answer is not reckoned with."""
        octets = bytearray(b"\r\n" + await self._reader.readuntil(b"\n"))
        await self._answer(Step.BODY, "")
        while not octets.endswith(b"\r\n.\r\n"):
            octets += await self._reader.readuntil(b"\n")
        return re.sub(rb"(?<=\r\n)\.", b"", bytes(octets[:-3]))[2:]

    async def _rset(self, _rest: str) -> None:
        self._reset()
        await self._say("250 2.0.0 forgotten")

    async def _noop(self, _rest: str) -> None:
        await self._say("250 2.0.0 fine")

    async def _quit(self, _rest: str) -> None:
        self._over = True
        await self._say("221 2.0.0 bye")


_VERBS: Final = {"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT"}


def _decoded(word: str) -> str:
    return base64.b64decode(word).decode("utf-8", "replace")


def _address_and_options(rest: str) -> tuple[str, tuple[str, ...]]:
    """`FROM:<a@b> RET=HDRS` -> address and options."""
    found = re.fullmatch(r"(?:FROM|TO): ?<([^>]*)>(.*)", rest, re.IGNORECASE)
    return (found[1], tuple(found[2].split())) if found else ("", ())
