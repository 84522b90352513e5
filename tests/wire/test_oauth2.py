"""Access tokens against a token end point that can be told what to answer."""

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from mailbot.wire import oauth2
from mailbot.wire.access import SecretUnavailable
from mailbot.wire.oauth2 import Provider, Tokens, url_flaw
from tests.servers.authority import Authority


class EndPoint:
    """Answers what `answers` says, then `{}`; `asked` holds the forms that came."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answers: list[bytes | dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.status = 200
        point = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                point.asked.append({name: values[0] for name, values in form.items()})
                answer = point.answers.pop(0) if point.answers else {}
                self.send_response(point.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if context else "http"
        self.url = f"{scheme}://localhost:{self.server.server_port}/common/token?v=2"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def point() -> Iterator[EndPoint]:
    point = EndPoint()
    yield point
    point.close()


def provider(point: EndPoint) -> Provider:
    return Provider(point.url, "robot", lambda: "s3cret", lambda: "refresh-0", "mail offline_access", patience=5)


def test_a_token_is_asked_for_once_and_kept(point: EndPoint) -> None:
    point.answers = [{"access_token": "t1", "expires_in": 3600}]
    tokens = Tokens(provider(point))
    assert [tokens.read(), tokens.read()] == ["t1", "t1"]
    assert point.asked == [
        {
            "client_id": "robot",
            "client_secret": "s3cret",
            "grant_type": "refresh_token",
            "refresh_token": "refresh-0",
            "scope": "mail offline_access",
        }
    ]


def test_without_a_refresh_token_the_robot_asks_in_its_own_name(point: EndPoint) -> None:
    point.answers = [{"access_token": "t1", "expires_in": "3600"}]
    assert Tokens(replace(provider(point), refresh_token=None)).read() == "t1"
    assert point.asked[0]["grant_type"] == "client_credentials"
    assert "refresh_token" not in point.asked[0]


def test_a_token_is_renewed_before_it_expires(point: EndPoint, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(oauth2, "monotonic", lambda: now)
    point.answers = [{"access_token": "t1", "expires_in": 3600}, {"access_token": "t2", "expires_in": 3600}]
    tokens = Tokens(provider(point))
    assert tokens.read() == "t1"
    now += 3539
    assert tokens.read() == "t1"
    now += 2
    assert tokens.read() == "t2"


def test_a_token_that_the_mail_server_refused_is_not_used_again(point: EndPoint) -> None:
    point.answers = [{"access_token": "t1", "expires_in": 3600}, {"access_token": "t2", "expires_in": 3600}]
    tokens = Tokens(provider(point))
    tokens.read()
    tokens.forget()
    assert tokens.read() == "t2"


def test_a_refresh_token_that_came_along_is_used_next_and_dropped_when_refused(point: EndPoint) -> None:
    point.answers = [
        {"access_token": "t1", "expires_in": 0, "refresh_token": "refresh-1"},
        {"error": "invalid_grant"},
        {"access_token": "t3"},
    ]
    tokens = Tokens(provider(point))
    tokens.read()
    with pytest.raises(SecretUnavailable, match="invalid_grant"):
        tokens.read()
    assert tokens.read() == "t3"
    assert [form["refresh_token"] for form in point.asked] == ["refresh-0", "refresh-1", "refresh-0"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>access_token=t0ps3cret</html>",
        b"[]",
        b'{"access_token": ["t0ps3cret"]}',
        b'{"error": "invalid_client", "error_description": "t0ps3cret"}',
        b'{"error": "t0ps3cret is wrong"}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_token_is_told_without_its_words(point: EndPoint, answer: bytes) -> None:
    point.answers = [answer]
    with pytest.raises(SecretUnavailable) as caught:
        Tokens(provider(point)).read()
    assert "localhost" in str(caught.value)
    assert "t0ps3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_redirection_is_not_followed(point: EndPoint) -> None:
    """The secrets would go along."""
    point.status = 307
    with pytest.raises(SecretUnavailable):
        Tokens(provider(point)).read()
    assert len(point.asked) == 1


def test_nobody_there() -> None:
    with pytest.raises(SecretUnavailable):
        Tokens(Provider("http://localhost:1/token", "robot")).read()


def test_the_end_point_is_verified(authority: Authority) -> None:
    point = EndPoint(authority.localhost.server_context())
    point.answers = [{"access_token": "t1"}]
    with pytest.raises(SecretUnavailable):
        Tokens(provider(point)).read()
    assert point.asked == []
    assert Tokens(replace(provider(point), ca_file=str(authority.cert_file))).read() == "t1"
    point.close()


def test_secrets_do_not_show(point: EndPoint) -> None:
    assert "s3cret" not in repr(provider(point))


def test_urls_that_secrets_may_be_sent_to() -> None:
    assert url_flaw("https://login.example.org/common/token") is None
    assert url_flaw("http://127.0.0.1:8080/token") is None
    assert url_flaw("http://[::1]/token") is None
    for url in ("http://login.example.org/", "ftp://x/", "login.example.org", "https://", "https://x:port/", ""):
        assert url_flaw(url)
