"""The playground's SMTP server: takes mail for the accounts in memory, as an ordinary submission server and MX would.

It behaves well; the tests' server that does not is tests/servers/badsmtp.py. Loopback only. Limits, all aiosmtpd's: no
DSN (its parameters get 555), and lines over 1000 octets are refused.
"""

import asyncio
import logging
import re
import secrets
import ssl
import threading
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from mailbot.playground.accounts import Store
from mailbot.playground.loopback import LoopbackServer

LARGEST_MAIL: Final = 96 * 1024 * 1024
"""Octets: room for a mail of 50 MiB in base64."""
MOST_DELIVERIES_KEPT: Final = 1000

_NAME: Final = "playground.mailbot.example"
_ADDRESS: Final = re.compile(r"[^\s<>@\x00-\x1f\x7f]{1,256}@[^\s<>@\x00-\x1f\x7f]{1,255}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One mail that was accepted: envelope and octets as they came, before any header of ours."""

    sender: str
    """Empty: the null sender of bounces."""
    recipients: tuple[str, ...]
    octets: bytes = field(repr=False)


class SmtpServer(LoopbackServer):
    """Delivers into a store's accounts, which may log in here too (PLAIN, LOGIN).

    With a TLS context, STARTTLS is offered and due before any password; with `implicit_tls` all is TLS from the start.
    With `auth_required` nobody sends without logging in. Which sender address somebody uses is not looked at: the
    playground needs forgers.
    """

    def __init__(
        self,
        store: Store,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        auth_required: bool = False,
    ) -> None:
        """Port 0: the kernel chooses."""
        super().__init__(port=port, tls=tls)
        self._store = store
        self._implicit_tls = implicit_tls
        self._auth_required = auth_required
        self._kept: deque[Delivery] = deque(maxlen=MOST_DELIVERIES_KEPT)
        self._arrived = threading.Condition()

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """What was accepted so far, the latest last."""
        with self._arrived:
            return tuple(self._kept)

    def wait(self, count: int, seconds: float = 10.0) -> tuple[Delivery, ...]:
        """Wait until that many mails were accepted. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._kept) >= count, seconds):
                raise TimeoutError(f"{len(self._kept)} of {count} mails after {seconds} s")
            return tuple(self._kept)

    async def _open(self) -> asyncio.Server:
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # below, aiosmtpd logs every line of a mail
        warnings.filterwarnings("ignore", "Requiring AUTH", module="aiosmtpd")  # on loopback it may go in clear
        in_band = self.tls if not self._implicit_tls else None
        protocol = partial(
            SMTP,
            _Reception(self._store, self._keep),
            hostname=_NAME,
            ident="ESMTP mailbot playground",
            data_size_limit=LARGEST_MAIL,
            enable_SMTPUTF8=True,
            tls_context=in_band,
            auth_require_tls=in_band is not None,
            auth_required=self._auth_required,
            authenticator=self._authenticate,
            loop=asyncio.get_running_loop(),
        )
        wrapped = self.tls if self._implicit_tls else None
        return await asyncio.get_running_loop().create_server(protocol, self.host, self.port, ssl=wrapped)

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, who: Any
    ) -> AuthResult:
        known = isinstance(who, LoginPassword) and self._store.login(_text(who.login), _text(who.password))
        # handled=False: aiosmtpd answers the refusal; else the client would wait for ever.
        return AuthResult(success=bool(known), handled=False)

    def _keep(self, delivery: Delivery) -> None:
        with self._arrived:
            self._kept.append(delivery)
            self._arrived.notify_all()


class _Reception:
    """aiosmtpd calls these at MAIL, RCPT and the final dot."""

    def __init__(self, store: Store, keep: Callable[[Delivery], None]) -> None:
        self._store = store
        self._keep = keep

    async def handle_MAIL(  # noqa: N802 - the name is aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address != "<>" and not _ADDRESS.fullmatch(address):
            return "553 5.1.7 this is no sender address"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 sender noted"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if not _ADDRESS.fullmatch(address) or not self._store.account_of(address):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient noted"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        octets = envelope.original_content or b""
        sender = (envelope.mail_from or "").replace("<>", "")
        queue_id = secrets.token_hex(5).upper()
        for recipient in envelope.rcpt_tos:
            if account := self._store.account_of(recipient):
                trace = _trace(sender, recipient, session, queue_id)
                self._store.deliver(account.login, trace + octets)
        self._keep(Delivery(sender, tuple(envelope.rcpt_tos), octets))
        return f"250 2.0.0 delivered as {queue_id}"


def _trace(sender: str, recipient: str, session: Session, queue_id: str) -> bytes:
    """The headers that an MTA adds at final delivery (RFC 5321 §4.4), Delivered-To as Postfix and Dovecot write it."""
    greeted = re.sub(r"[^A-Za-z0-9.:\[\]-]", "", session.host_name or "")[:255]
    how = "ESMTPA" if session.authenticated else "ESMTP"
    now = format_datetime(datetime.now(UTC))
    lines = [
        f"Return-Path: <{sender}>",
        f"Delivered-To: {recipient}",
        f"Received: from {greeted or 'unknown'} ([127.0.0.1])",
        f"\tby {_NAME} with {how} id {queue_id}",
        f"\tfor <{recipient}>; {now}",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
