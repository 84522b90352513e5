"""The other end, behaving badly on purpose: servers that follow a script, and a wire between client and real server."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, Self


class Dialogue:
    """One connection of a scripted server: `say` and `hear` lines."""

    def __init__(self, connection: socket.socket) -> None:
        """A connection that was accepted."""
        self._connection = connection
        self._lines: BinaryIO = connection.makefile("rb")

    def say(self, *lines: str | bytes) -> None:
        """Send lines in one segment; each gets its CRLF."""
        octets = (line.encode() if isinstance(line, str) else line for line in lines)
        self._connection.sendall(b"".join(line + b"\r\n" for line in octets))

    def say_raw(self, octets: bytes) -> None:
        """Send exactly these octets."""
        self._connection.sendall(octets)

    def hear(self) -> str:
        """The next line; raises EOFError when the client has gone."""
        line = self._lines.readline()
        if not line:
            raise EOFError
        return line.decode("utf-8", "replace").rstrip("\r\n")

    def begin_tls(self, context: ssl.SSLContext) -> None:
        """Encrypt from here on."""
        self._connection = context.wrap_socket(self._connection, server_side=True)
        self._lines = self._connection.makefile("rb")

    def stay(self) -> None:
        """Say nothing until the client goes away."""
        with contextlib.suppress(OSError):
            while self._connection.recv(65536):
                pass

    def cut(self) -> None:
        """End the connection here and now."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


Script = Callable[[Dialogue], None]


class ScriptedServer:
    """Plays a script to each client. `heard` is all that clients said, `connections` how many there were."""

    host = "localhost"

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        """With `tls`: encrypted from the first octet."""
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        """Listen."""
        self._run(self._accept)
        return self

    def __exit__(self, *_exception: object) -> None:
        """End all connections; a script that failed fails the test."""
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)
        assert not self.failures, self.failures

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                self._run(lambda accepted=connection: self._play(accepted))  # type: ignore[misc]

    def _play(self, connection: socket.socket) -> None:
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            dialogue = Dialogue(connection)
            self._script(dialogue)
            dialogue.cut()
        except (OSError, EOFError):
            connection.close()
        except BaseException as problem:  # noqa: BLE001 - told at the end
            self.failures.append(problem)
            connection.close()


class Wire:
    """A TCP proxy in front of a real server, for cutting, swallowing and counting."""

    host = "localhost"

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        """To the server on that port."""
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._flowing = threading.Event()
        self._flowing.set()
        self._ended = False
        self.connections = 0
        self.from_server = 0
        """Octets passed on from the server to clients."""
        self.segments_from_client = 0
        self.cut_after: int | None = None
        """Cut everything when the server has sent that many octets more."""

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """End."""
        self._ended = True
        self._flowing.set()
        _close(self._listener)
        self.cut()
        self._thread.join(5)

    def swallow(self) -> None:
        """From now on nothing comes through, in either direction, and nobody notices."""
        self._flowing.clear()

    def cut(self) -> None:
        """End all connections."""
        for pair in self._pairs:
            for each in pair:
                _close(each)
        self._pairs.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(self._target)
                for each in (client, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pairs.append((client, server))
                threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, from_server: bool) -> None:
        with contextlib.suppress(OSError):
            while octets := source.recv(4096):
                self._flowing.wait()
                if self._ended:
                    break
                sink.sendall(self._counted(octets, from_server))
        for each in (source, sink):
            _close(each)

    def _counted(self, octets: bytes, from_server: bool) -> bytes:
        if not from_server:
            self.segments_from_client += 1
            return octets
        self.from_server += len(octets)
        if self.cut_after is not None:
            self.cut_after -= len(octets)
            if self.cut_after < 0:
                raise OSError("cut")
        return octets


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def eventually(true: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Wait until it is true; the test fails if it does not become so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)
