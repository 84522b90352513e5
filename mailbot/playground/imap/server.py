"""Listens, reads commands, answers them."""

import asyncio
import re
import ssl
from contextlib import suppress

from mailbot.playground.accounts import Store
from mailbot.playground.imap.commands import COMMANDS, KEEP_NUMBERS
from mailbot.playground.imap.session import LARGEST_LINE, Session
from mailbot.playground.imap.syntax import BadSyntax, Refused, Word, text, words
from mailbot.playground.loopback import LoopbackServer


class ImapServer(LoopbackServer):
    """Serves a store's accounts.

    With a TLS context, STARTTLS is offered and due before any password; with `implicit_tls` all is TLS from the start.
    """

    def __init__(
        self,
        store: Store,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
    ) -> None:
        """Raises ValueError unless `host` is a loopback address."""
        super().__init__(host=host, port=port, tls=tls)
        self.store = store
        self._implicit_tls = implicit_tls

    async def _open(self) -> asyncio.Server:
        wrapped = self.tls if self._implicit_tls else None
        return await asyncio.start_server(self._connected, self.host, self.port, ssl=wrapped, limit=LARGEST_LINE)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader, writer, self.store, None if self._implicit_tls else self.tls)
        try:
            await _serve(session)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client is gone
        except asyncio.CancelledError:  # the server stops, or a test cuts the connection: without a word
            writer.transport.abort()
        finally:
            session.leave()
            writer.close()


async def _serve(session: Session) -> None:
    session.tell(f"OK [CAPABILITY {session.capabilities}] mailbot playground")
    while not session.over:
        await session.writer.drain()
        tag, _, rest = (await session.command()).partition(b" ")
        if not re.fullmatch(rb"[^\s(){%*\"\\+\]]+", tag):
            session.tell("BAD a command begins with a tag")
            continue
        answer = await _answer(session, rest)
        session.writer.write(b"%b %b\r\n" % (tag, answer.encode("utf-8", "replace")))
        if session.tls_begins:
            await session.begin_tls()
    with suppress(ConnectionError):
        await session.writer.drain()


async def _answer(session: Session, command: bytes) -> str:
    """Do a command and tell the news; returns the tagged answer."""
    name = ""
    try:
        arguments = words(command)
        name = _name(arguments)
        answer = f"OK {await _do(session, name, arguments) or 'done'}"
    except Refused as reason:
        answer = f"NO {reason}"
    except BadSyntax as reason:
        answer = f"BAD {reason}"
    except RecursionError:
        answer = "BAD nested too deeply"
    if session.folder:
        session.announce(expunges=name not in KEEP_NUMBERS)
    return answer


def _name(arguments: list[Word]) -> str:
    """Take the command's name off its words; `UID FETCH` is a command of its own."""
    if not arguments:
        raise BadSyntax("a command has a name")
    name = text(arguments.pop(0)).upper()
    return f"UID {text(arguments.pop(0)).upper()}" if name == "UID" and arguments else name


async def _do(session: Session, name: str, arguments: list[Word]) -> str | None:
    command = COMMANDS.get(name)
    if command is None:
        raise BadSyntax("unknown command")
    try:
        return await command(session, arguments)
    except IndexError:
        raise BadSyntax("an argument is missing") from None
