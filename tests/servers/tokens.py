"""Tells Dovecot which OAuth2 tokens are good, and whose."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit


class TokenServer:
    """A token information endpoint on loopback. `tokens` may be changed at any time: token -> login."""

    def __init__(self) -> None:
        """Listen on a port that the kernel chooses."""
        self.tokens: dict[str, str] = {}
        tokens = self.tokens

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = parse_qs(urlsplit(self.path).query).get("access_token", [""])[0]
                login = tokens.get(token)
                self.send_response(200 if login else 401)
                self.end_headers()
                self.wfile.write(json.dumps({"username": login, "active": True} if login else {}).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}/?access_token="
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
