"""A tap on the wire between the robot and its IMAP server: notes what the robot says, and when mail is announced."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

_PIECE = 1024 * 1024
_COMMAND = re.compile(rb"^\S+ ([A-Za-z]+(?: (?:FETCH|MOVE|SEARCH|STORE|COPY))?)", re.IGNORECASE)
_COUNT = re.compile(rb"\* (\d+) EXISTS")

Heard = Callable[[float, str], None]
"""When, and what: a command in capitals, CONNECT, or `EXISTS 3` while the robot idles."""


class Tap:
    """Passes connections on to the server at this port of this machine."""

    def __init__(self, port: int, heard: Heard) -> None:
        """`heard` is told of everything."""
        self._port = port
        self._heard = heard

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        self._heard(monotonic(), "CONNECT")
        there, here = await asyncio.open_connection("127.0.0.1", self._port, limit=_PIECE)
        call = _Call(self._heard)
        await asyncio.gather(_pass_on(reader, here, call.said), _pass_on(there, writer, call.answered))


class _Call:
    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._idles = False

    def said(self, octets: bytes) -> None:
        """By the robot. It waits for each answer, so a command begins a piece."""
        found = _COMMAND.match(octets)
        if found:
            command = found[1].decode().upper()
            self._idles = command == "IDLE"
            self._heard(monotonic(), command)
        elif octets.upper().startswith(b"DONE"):
            self._idles = False

    def answered(self, octets: bytes) -> None:
        """By the server."""
        if self._idles and (found := _COUNT.search(octets)):
            self._heard(monotonic(), f"EXISTS {found[1].decode()}")


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tell: Callable[[bytes], None]) -> None:
    with suppress(ConnectionError):
        while octets := await reader.read(_PIECE):
            tell(octets)
            writer.write(octets)
            await writer.drain()
    writer.close()
