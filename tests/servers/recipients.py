"""Tells Postfix which addresses Dovecot has, at the moment it asks: a socketmap (socketmap_table(5))."""

import contextlib
import re
import socketserver
import threading
from collections.abc import Container
from io import BufferedIOBase
from typing import Self


class RecipientServer:
    """Answers on loopback whether an address is known, with or without its +extension."""

    def __init__(self, known: Container[str]) -> None:
        """`known`: addresses in lower case; may grow at any time."""

        class Answer(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    while question := _netstring(self.rfile):
                        _, _, address = question.lower().partition(" ")
                        # A socketmap is asked for the whole address only.
                        found = address in known or re.sub(r"\+[^@]*@", "@", address) in known
                        answer = "OK known" if found else "NOTFOUND "
                        self.wfile.write(f"{len(answer)}:{answer},".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        """Start to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _netstring(stream: BufferedIOBase) -> str:
    """The next netstring; empty at the end."""
    length = b""
    while (digit := stream.read(1)).isdigit():
        length += digit
    return stream.read(int(length) + 1)[:-1].decode() if length else ""
