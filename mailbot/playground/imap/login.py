"""IMAP commands for any time and for logging in."""

import base64
import binascii
import re

from mailbot.playground.accounts import Account
from mailbot.playground.imap.session import Session
from mailbot.playground.imap.syntax import BadSyntax, Refused, Word, text


async def capability(session: Session, _arguments: list[Word]) -> None:
    """CAPABILITY."""
    session.tell(f"CAPABILITY {session.capabilities}")


async def noop(_session: Session, _arguments: list[Word]) -> None:
    """NOOP and CHECK: news is told after every command anyway."""


async def identify(session: Session, _arguments: list[Word]) -> None:
    """ID (RFC 2971)."""
    session.tell('ID ("name" "mailbot playground")')


async def logout(session: Session, _arguments: list[Word]) -> None:
    """LOGOUT."""
    session.tell("BYE until next time")
    session.leave()
    session.over = True


async def starttls(session: Session, _arguments: list[Word]) -> None:
    """STARTTLS: the handshake follows the tagged OK."""
    if not session.starttls:
        raise BadSyntax("there is TLS already, or none to be had")
    session.tls_begins = True


async def login(session: Session, arguments: list[Word]) -> str:
    """LOGIN with a password."""
    _may_log_in(session)
    name, password = text(arguments[0]), text(arguments[1])
    return _logged_in(session, session.store.login(name, password))


async def authenticate(session: Session, arguments: list[Word]) -> str:
    """AUTHENTICATE PLAIN (RFC 4616) or XOAUTH2, with or without an initial response."""
    _may_log_in(session)
    mechanism = text(arguments[0]).upper()
    if mechanism not in {"PLAIN", "XOAUTH2"}:
        raise Refused("[CANNOT] unknown mechanism")
    answer = _base64(text(arguments[1]) if len(arguments) > 1 else await session.ask(""))
    if mechanism == "XOAUTH2":
        return await _by_token(session, answer)
    _, name, password = [*answer.split("\0"), "", ""][:3]
    return _logged_in(session, session.store.login(name, password))


async def _by_token(session: Session, answer: str) -> str:
    found = re.fullmatch("user=([^\1]*)\1auth=Bearer ([^\1]*)\1\1", answer)
    account = session.store.login_by_token(found[1], found[2]) if found else None
    if not account:  # the reason comes as one more challenge, which the client answers with an empty line
        await session.ask(base64.b64encode(b'{"status":"401","schemes":"bearer"}').decode())
    return _logged_in(session, account)


def _base64(word: str) -> str:
    try:
        return base64.b64decode(word, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        raise BadSyntax("this is not base64") from None


def _may_log_in(session: Session) -> None:
    if session.starttls:
        raise Refused("[PRIVACYREQUIRED] STARTTLS first")
    if session.account:
        raise BadSyntax("logged in already")


def _logged_in(session: Session, account: Account | None) -> str:
    if not account:
        raise Refused("[AUTHENTICATIONFAILED] login or password is wrong")
    session.account = account
    return f"[CAPABILITY {session.capabilities}] welcome"
