"""Sending: one mail to one recipient, with one of three outcomes. A Postman keeps a connection and uses it again.

A server's answer, a lost connection, a time-out are values (Sent, TryLater, Refused), never exceptions.
"""

import asyncio
import re
import ssl
from collections.abc import Sequence
from contextlib import suppress

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponse,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from mailbot.core.mail import Delivery, OutgoingMail, Refused, Sent, TryLater
from mailbot.wire.access import Credential, Mechanism, SecretUnavailable, SmtpAccess, Tls
from mailbot.wire.dot import Unsendable, prepared
from mailbot.wire.envelope import address_flaw
from mailbot.wire.tls import client_context

PORTION = 512 * 1024  # octets written at once
SLOWEST = 16 * 1024  # octets a second: a mail that takes longer than that has stalled
LONGEST_ENVELOPE_ID = 100  # RFC 3461 §5.4
NOT_THE_MAIL = frozenset({421, 503, 530, 534, 535, 538})
"""These speak of the session or of our login, 5xx or not: no mail must be given up for them."""


class NoWayToLogIn(SMTPException):
    """The server offers no login that we know."""


class Postman:
    """One connection to the server that takes our mail. For one event loop; deliveries wait for each other."""

    def __init__(self, access: SmtpAccess) -> None:
        """Connects at the first delivery."""
        self._access = access
        self._client: SMTP | None = None
        self._lock = asyncio.Lock()

    async def deliver(self, mail: OutgoingMail) -> Delivery:
        """Hand a mail over, its octets exactly as they are. Cancelled half-way, it may have been sent."""
        async with self._lock:
            try:
                await self._transact(mail)
            except Unsendable as problem:
                return Refused(problem.status)
            except (SMTPException, OSError, SecretUnavailable) as problem:
                await self._settle(problem)
                return _outcome(problem)
            except BaseException:
                self._drop()
                raise
            return Sent()

    async def connect(self) -> TryLater | None:
        """Connect and log in, for `check`: why it did not work, None if it did."""
        async with self._lock:
            try:
                self._client = await _connect(self._access)
            except (SMTPException, OSError, SecretUnavailable) as problem:
                return TryLater(_trouble(problem), getattr(problem, "code", None))
            return None

    async def close(self) -> None:
        """Say good-bye. May be called any number of times."""
        async with self._lock:
            if self._client:
                with suppress(SMTPException, OSError):
                    await self._client.quit(timeout=2)
            self._drop()

    async def _transact(self, mail: OutgoingMail) -> None:
        """MAIL, RCPT, DATA."""
        _check_envelope(mail)
        pieces = prepared(mail.head, mail.tail, mail.foot)
        client = await self._begin(mail)
        await _rcpt(client, mail)
        await _data(client, pieces, self._access.dot_patience + _size(mail) / SLOWEST)

    async def _begin(self, mail: OutgoingMail) -> SMTP:
        """MAIL: on the connection that is there, if it still answers, else on a new one."""
        if self._client and self._client.is_connected:
            try:
                return await _mail(self._client, mail)
            except SMTPSenderRefused as problem:
                if problem.code != 421:  # servers end a session so, after some time or some number of mails
                    raise
            except OSError:
                pass
        self._drop()
        self._client = await _connect(self._access)
        return await _mail(self._client, mail)

    async def _settle(self, problem: Exception) -> None:
        """Make the connection ready for another mail, or give it up."""
        polite = isinstance(problem, (SMTPSenderRefused, SMTPRecipientRefused)) and self._client
        if polite and self._client and self._client.is_connected:
            with suppress(SMTPException, OSError):
                await self._client.rset()
                return
        self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client:
            if isinstance(client.transport, asyncio.WriteTransport):
                client.transport.abort()  # close() alone would still send what is buffered, final dot and all
            client.close()


# ---------------------------------------------------------------- the session


async def _connect(access: SmtpAccess) -> SMTP:
    """A session, encrypted and logged in as `access` says. Raises SMTPException, OSError, SecretUnavailable."""
    client = SMTP(
        hostname=access.host,
        port=access.port,
        use_tls=access.tls is Tls.IMPLICIT,
        # None would mean: in clear, password and all, if somebody on the way has taken STARTTLS out of the answer.
        start_tls=access.tls is Tls.STARTTLS,
        tls_context=client_context(access.ca_file),
        local_hostname=access.ehlo_name,
        timeout=access.patience,
    )
    try:
        await client.connect()
        await client.ehlo()
        if access.credential:
            await _log_in(client, access.credential)
    except BaseException:
        client.close()
        raise
    return client


async def _log_in(client: SMTP, credential: Credential) -> None:
    """One try with the best mechanism: the library's own login() tries all of them, which looks like an attack."""
    secret = (await asyncio.to_thread(credential.secret)).encode()
    name = credential.username.encode()
    offered = client.server_auth_methods
    try:
        if credential.mechanism is Mechanism.XOAUTH2 and "xoauth2" in offered:
            await client.auth_xoauth2(name, secret)
        elif credential.mechanism is Mechanism.PASSWORD and "plain" in offered:
            await client.auth_plain(name, secret)
        elif credential.mechanism is Mechanism.PASSWORD and "login" in offered:
            await client.auth_login(name, secret)
        else:
            raise NoWayToLogIn("none of the mechanisms offered fits")
    except SMTPAuthenticationError:
        credential.forget()
        raise


async def _mail(client: SMTP, mail: OutgoingMail) -> SMTP:
    """The library's own mail() and rcpt() parse the address that was checked here before, for a third of the time."""
    words = (f"FROM:<{mail.envelope_sender}>", *_mail_options(client, mail))
    answer = await client.execute_command(b"MAIL", *(word.encode("ascii") for word in words))
    if answer.code != 250:
        raise SMTPSenderRefused(answer.code, answer.message, mail.envelope_sender)
    return client


async def _rcpt(client: SMTP, mail: OutgoingMail) -> None:
    words = (f"TO:<{mail.recipient}>", *_recipient_options(client, mail))
    answer = await client.execute_command(b"RCPT", *(word.encode("ascii") for word in words))
    if answer.code not in {250, 251}:
        raise SMTPRecipientRefused(answer.code, answer.message, mail.recipient)


async def _data(client: SMTP, pieces: Sequence[bytes], patience: float) -> None:
    """DATA, then the octets as they are: the library's own data() searches and copies them for 1.5 s at 25 MiB."""
    begin = await client.execute_command(b"DATA")
    if begin.code != 354 or client.protocol is None:
        raise SMTPDataError(begin.code, begin.message)
    # Before the octets: whatever comes before somebody waits for it is taken for a stray answer.
    end = asyncio.ensure_future(client.protocol.read_response(timeout=patience))
    try:
        await asyncio.sleep(0)
        await _write(client, pieces, end)
        answer = await end
    finally:
        end.cancel()
    if answer.code != 250:
        raise SMTPDataError(answer.code, answer.message)


async def _write(client: SMTP, pieces: Sequence[bytes], end: "asyncio.Future[SMTPResponse]") -> None:
    """Small mails in one piece; of large ones no more at once than the connection takes, and nothing is copied."""
    if sum(map(len, pieces)) <= PORTION:
        pieces = [b"".join(pieces)]
    for piece in pieces:
        for start in range(0, len(piece), PORTION):
            if end.done() or client.protocol is None:
                return  # the server has had enough: `end` says why
            client.protocol.write(memoryview(piece)[start : start + PORTION])  # type: ignore[arg-type] # asyncio's do
            await client.protocol._drain_helper()  # noqa: SLF001 - there is no other way to wait


# ---------------------------------------------------------------- the envelope


def _check_envelope(mail: OutgoingMail) -> None:
    """Raise Unsendable unless both addresses can stand in a command; an empty sender can."""
    for address, status in ((mail.recipient, "5.1.3"), (mail.envelope_sender, "5.1.7")):
        if address_flaw(address) and (address or status == "5.1.3"):
            raise Unsendable(status if address.isascii() else "5.6.7")


def _size(mail: OutgoingMail) -> int:
    return len(mail.head) + len(mail.tail) + len(mail.foot)


def _mail_options(client: SMTP, mail: OutgoingMail) -> list[str]:
    options = [f"SIZE={_size(mail)}"] if client.supports_extension("size") else []
    if not all(piece.isascii() for piece in (mail.head, mail.tail, mail.foot)):
        if not client.supports_extension("8bitmime"):
            raise Unsendable("5.6.3")
        options.append("BODY=8BITMIME")
    if _reports_wanted(client, mail):
        envelope_id = _xtext(mail.tracking)
        options += ["RET=HDRS"] + ([f"ENVID={envelope_id}"] if 0 < len(envelope_id) <= LONGEST_ENVELOPE_ID else [])
    return options


def _recipient_options(client: SMTP, mail: OutgoingMail) -> list[str]:
    wanted = _reports_wanted(client, mail)
    return ["NOTIFY=FAILURE,DELAY", f"ORCPT=rfc822;{_xtext(mail.recipient)}"] if wanted else []


def _reports_wanted(client: SMTP, mail: OutgoingMail) -> bool:
    """Only where the server knows DSN (others refuse the parameters), and there is somebody to send a report to."""
    return client.supports_extension("dsn") and mail.envelope_sender != ""


def _xtext(text: str) -> str:
    """RFC 3461 §4."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


# ---------------------------------------------------------------- the outcome


def _outcome(problem: Exception) -> Delivery:
    if isinstance(problem, (SMTPSenderRefused, SMTPRecipientRefused, SMTPDataError)):
        return _verdict(problem)
    return TryLater(_trouble(problem), getattr(problem, "code", None))


def _verdict(problem: SMTPResponseException) -> Delivery:
    """What an answer about this mail means: its first digit decides."""
    permanent = problem.code // 100 == 5 and problem.code not in NOT_THE_MAIL
    if permanent:
        return Refused(_status(problem), problem.code)
    return TryLater(_status(problem), problem.code)


def _status(problem: SMTPResponseException) -> str:
    """The enhanced status code (RFC 2034) if it agrees with the plain one, else the plain one's class."""
    digit = problem.code // 100
    if digit not in (4, 5):
        return "protocol"
    found = re.match(r"[45]\.\d{1,3}\.\d{1,3}(?!\S)", problem.message)
    return found[0] if found and found[0].startswith(str(digit)) else f"{digit}.0.0"


def _trouble(problem: Exception) -> str:
    """A word for what keeps us from handing over any mail at all."""
    match problem:
        case SecretUnavailable() | SMTPAuthenticationError() | NoWayToLogIn():
            return "login"
        case ssl.SSLError():
            return "tls"
        case TimeoutError():
            return "timeout"
        case SMTPServerDisconnected():
            return "connection"
    if isinstance(problem, SMTPResponseException) and problem.code < 200:  # the library's number for gibberish
        return "protocol"
    no_starttls = type(problem) in (SMTPException, SMTPResponseException)  # not offered, or refused
    return "tls" if no_starttls or isinstance(problem.__cause__, ssl.SSLError) else "connection"
