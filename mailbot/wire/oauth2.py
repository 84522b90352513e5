"""Access tokens for XOAUTH2, from a provider's token end point (RFC 6749 §4.4 and §6)."""

import http.client
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

from mailbot.wire.access import SecretUnavailable, is_loopback
from mailbot.wire.tls import client_context

LARGEST_ANSWER = 64 * 1024  # octets; Microsoft's tokens have some 4000
SPARE = 60.0  # seconds before its end that a token is not used any more
SHORTEST_LIFE = 300.0  # seconds, where the answer does not say


@dataclass(frozen=True, slots=True)
class Provider:
    """Where tokens come from. Without `refresh_token` the robot asks in its own name (client credentials)."""

    token_url: str
    client_id: str
    client_secret: Callable[[], str] | None = field(default=None, repr=False)
    refresh_token: Callable[[], str] | None = field(default=None, repr=False)
    scope: str = ""
    ca_file: str | None = None
    patience: float = 30.0  # seconds


class Tokens:
    """Keeps one access token until it expires or the mail server refuses it. For any number of threads."""

    def __init__(self, provider: Provider) -> None:
        """Asks nothing yet."""
        self._provider = provider
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = 0.0
        self._renewed = ""  # a refresh token newer than the one in the file: some providers give one with each answer

    def read(self) -> str:
        """A token that is good for a minute at least. Raises SecretUnavailable."""
        with self._lock:
            if not self._token or monotonic() >= self._good_until:
                self._renew()
            return self._token

    def forget(self) -> None:
        """The mail server refused it: the next one is a fresh one."""
        with self._lock:
            self._token = ""

    def _renew(self) -> None:
        answer = _ask(self._provider, self._form())
        token, life = answer.get("access_token"), answer.get("expires_in", SHORTEST_LIFE)
        if not isinstance(token, str) or not token:
            self._renewed = ""  # next time what the file holds by then
            raise SecretUnavailable(f"{_host(self._provider)} gave no token: {_error(answer)}")
        self._token = token
        self._good_until = monotonic() + max(0.0, _seconds(life) - SPARE)
        if isinstance(renewed := answer.get("refresh_token"), str):
            self._renewed = renewed

    def _form(self) -> dict[str, str]:
        provider = self._provider
        form = {"client_id": provider.client_id, "grant_type": "client_credentials"}
        if provider.refresh_token:
            form |= {"grant_type": "refresh_token", "refresh_token": self._renewed or provider.refresh_token()}
        if provider.client_secret:
            form["client_secret"] = provider.client_secret()
        if provider.scope:
            form["scope"] = provider.scope
        return form


def url_flaw(url: str) -> str | None:
    """Why secrets must not be sent to this URL; None if they may: https, or http to this machine."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not url.startswith(("https://", "http://")):
        return "is not a URL like https://login.example.org/token"
    return None if url.startswith("https://") or is_loopback(host) else "must begin with https://"


def _ask(provider: Provider, form: Mapping[str, str]) -> dict[str, Any]:
    """The provider's answer, whatever its status: refusals are JSON too. Follows no redirection."""
    parts = urlsplit(provider.token_url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    try:
        connection = _connection(provider)
        try:
            connection.request("POST", target, urlencode(form), headers)
            answer = json.loads(connection.getresponse().read(LARGEST_ANSWER))
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as problem:
        # Without its cause: a text that could not be read as JSON may hold a token.
        raise SecretUnavailable(f"no token from {_host(provider)}: {type(problem).__name__}") from None
    return answer if isinstance(answer, dict) else {}


def _connection(provider: Provider) -> http.client.HTTPConnection:
    parts = urlsplit(provider.token_url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = client_context(provider.ca_file)
        return http.client.HTTPSConnection(host, parts.port, timeout=provider.patience, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=provider.patience)


def _host(provider: Provider) -> str:
    return urlsplit(provider.token_url).hostname or "nowhere"


def _error(answer: Mapping[str, Any]) -> str:
    """The error code alone, `invalid_grant` (RFC 6749 §5.2): descriptions may quote what was sent."""
    code = answer.get("error")
    return code if isinstance(code, str) and code.replace("_", "").isalnum() and len(code) < 50 else "no reason given"


def _seconds(life: object) -> float:
    try:
        return float(life)  # type: ignore[arg-type]  # a number, or (Azure once) a number in quotes
    except (TypeError, ValueError):
        return SHORTEST_LIFE
