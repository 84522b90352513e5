"""An SMTP server that takes everything and keeps nothing, as fast as octets come: it must never be what is measured."""

import asyncio
from collections.abc import Callable
from time import monotonic

_GREETING = b"220 sink.example ESMTP\r\n"
_EHLO = b"250-sink.example\r\n250-SIZE 200000000\r\n250-8BITMIME\r\n250 DSN\r\n"
_END = b"\r\n.\r\n"
_BUFFER = 1024 * 1024

Taken = Callable[[float, str, int], None]
"""When the final dot was answered, for whom, and how many octets there were."""


class Sink(asyncio.BufferedProtocol):
    """One connection. A client sends nothing between its final dot and our answer, so the dot ends a read."""

    def __init__(self, taken: Taken) -> None:
        """`taken` is told of each mail."""
        self._taken = taken
        self._buffer = bytearray(_BUFFER)
        self._line = b""
        self._end = b""
        self._in_data = False
        self._size = 0
        self._recipient = ""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server gives
        self._transport = transport
        transport.write(_GREETING)

    def get_buffer(self, _sizehint: int) -> bytearray:
        """The same for every read: nothing is kept."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Octets came."""
        if self._in_data:
            self._swallow(nbytes)
            return
        self._line += self._buffer[:nbytes]
        *lines, self._line = self._line.split(b"\r\n")
        for line in lines:
            self._transport.write(self._answer(line))

    def _swallow(self, count: int) -> None:
        self._size += count
        self._end = (self._end + bytes(self._buffer[max(0, count - len(_END)) : count]))[-len(_END) :]
        if self._end == _END:
            self._in_data = False
            self._transport.write(b"250 2.0.0 taken\r\n")
            self._taken(monotonic(), self._recipient, self._size)

    def _answer(self, line: bytes) -> bytes:
        word = line[:4].upper()
        if word == b"EHLO":
            return _EHLO
        if word == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode("ascii", "replace")
        if word == b"DATA":
            self._in_data, self._end, self._size = True, b"\r\n", 0
            return b"354 go on\r\n"
        return b"221 bye\r\n" if word == b"QUIT" else b"250 2.0.0 fine\r\n"
