"""A bare IMAP dialogue over a socket: for tests that must see every octet a server says."""

import re
import socket
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command brought: the untagged responses in their order, literals included, and the tagged one."""

    untagged: list[bytes]
    status: str
    text: str

    def told(self, word: str) -> list[bytes]:
        """The untagged responses that hold this word, EXISTS or FETCH for instance."""
        return [response for response in self.untagged if word.encode() in response.split(b" ", 3)]


class Dialogue:
    """One connection. Every answer must come within five seconds."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Connect and read the greeting."""
        plain = socket.create_connection(("127.0.0.1", port), 5)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        self._lines = self._socket.makefile("rb")
        self._count = 0
        self.greeting = self.response()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self._socket.sendall(octets)

    def response(self) -> bytes:
        """The next response, its literals included, without its line end. Raises TimeoutError and EOFError."""
        response = self._line()
        while announced := re.search(rb"\{(\d+)\}\r\n\Z", response):
            response += self._lines.read(int(announced[1])) + self._line()
        return response[:-2]

    def _line(self) -> bytes:
        line = self._lines.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError(f"the server hung up after {line!r}")
        return line

    def do(self, command: str | bytes) -> Answer:
        """Send a command and read up to its tagged response. A literal in it must need no invitation: `{5+}`."""
        return self.answer(self.begin(command))

    def begin(self, command: str | bytes) -> bytes:
        """Send a command and do not wait; returns its tag."""
        self._count += 1
        tag = b"t%d" % self._count
        self.send(tag + b" " + (command.encode() if isinstance(command, str) else command) + b"\r\n")
        return tag

    def answer(self, tag: bytes) -> Answer:
        """Read up to the tagged response."""
        untagged = []
        while not (response := self.response()).startswith(tag + b" "):
            untagged.append(response)
        _, status, *text = response.decode().split(" ", 2)
        return Answer(untagged, status, text[0] if text else "")

    def starttls(self, context: ssl.SSLContext) -> None:
        """Go over to TLS."""
        assert self.do("STARTTLS").status == "OK"
        self._socket = context.wrap_socket(self._socket, server_hostname="localhost")
        self._lines = self._socket.makefile("rb")
