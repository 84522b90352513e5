"""IMAP commands on mails."""

import imaplib
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from mailbot.playground.accounts import Folder, Mail
from mailbot.playground.imap.folders import SYSTEM_FLAGS
from mailbot.playground.imap.parts import envelope, part_of, section, structure
from mailbot.playground.imap.search import Search
from mailbot.playground.imap.session import Session, flag_list
from mailbot.playground.imap.syntax import BadSyntax, Refused, Word, listed, literal, number_set, text

Show = Callable[[Mail], bytes]

_SEEN: Final = "\\Seen"
_DELETED: Final = "\\Deleted"
_CANONICAL: Final = {flag.lower(): flag for flag in SYSTEM_FLAGS}
_FAST: Final = ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]
_MACROS: Final = {"FAST": _FAST, "ALL": [*_FAST, "ENVELOPE"], "FULL": [*_FAST, "ENVELOPE", "BODY"]}
_RFC822: Final = {"RFC822": "", "RFC822.HEADER": "HEADER", "RFC822.TEXT": "TEXT"}
_BODY: Final = re.compile(
    r"BODY(?P<peek>\.PEEK)?\[(?P<section>.*)\](?:<(?P<start>\d+)\.(?P<length>\d+)>)?", re.IGNORECASE
)
_STORE: Final = re.compile(r"([+-]?)FLAGS(\.SILENT)?", re.IGNORECASE)

# ---- FETCH ----

_SHOWS: Final[dict[str, Show]] = {
    "FLAGS": lambda mail: f"FLAGS {flag_list(mail.flags)}".encode(),
    "UID": lambda mail: b"UID %d" % mail.uid,
    "INTERNALDATE": lambda mail: f"INTERNALDATE {imaplib.Time2Internaldate(mail.arrived)}".encode(),
    "RFC822.SIZE": lambda mail: b"RFC822.SIZE %d" % len(mail.octets),
    "ENVELOPE": lambda mail: b"ENVELOPE " + envelope(part_of(mail.octets)),
    "BODYSTRUCTURE": lambda mail: b"BODYSTRUCTURE " + structure(part_of(mail.octets), extended=True),
    "BODY": lambda mail: b"BODY " + structure(part_of(mail.octets), extended=False),
}


async def fetch(session: Session, arguments: list[Word], *, by_uid: bool = False) -> None:
    """FETCH; reading a body without PEEK marks the mail as seen."""
    chosen = session.chosen(text(arguments[0]), by_uid=by_uid)
    items = _items(arguments[1], by_uid=by_uid)
    shows = [_show(item) for item in items]
    reading = any(map(_reads, items)) and not session.read_only
    for number, mail in chosen:
        now, shown = mail, shows
        if reading and _SEEN not in mail.flags:
            now = session.mark(number, mail, mail.flags | {_SEEN})
            shown = shows if "FLAGS" in items else [_SHOWS["FLAGS"], *shows]
        session.tell(b"%d FETCH (%b)" % (number, b" ".join(show(now) for show in shown)))
        await session.writer.drain()


def _items(word: Word, *, by_uid: bool) -> list[str]:
    items = [text(item) for item in listed(word)]
    items = [item if "[" in item else item.upper() for item in items]
    if len(items) == 1:
        items = list(_MACROS.get(items[0], items))
    return ["UID", *items] if by_uid and "UID" not in items else items


def _show(item: str) -> Show:
    if known := _SHOWS.get(item):
        return known
    if item in _RFC822:
        return lambda mail: item.encode() + b" " + _octets(mail, _RFC822[item])
    if found := _BODY.fullmatch(item):
        return lambda mail: _body(mail, found)
    raise BadSyntax("unknown fetch item")


def _body(mail: Mail, asked: re.Match[str]) -> bytes:
    name = asked["section"].upper()
    if asked["start"] is None:
        return f"BODY[{name}] ".encode() + _octets(mail, name)
    start = int(asked["start"])
    return f"BODY[{name}]<{start}> ".encode() + _octets(mail, name, slice(start, start + int(asked["length"])))


def _octets(mail: Mail, name: str, part: slice = slice(None)) -> bytes:
    octets = section(part_of(mail.octets), name) if name else mail.octets
    return b"NIL" if octets is None else literal(octets[part])


def _reads(item: str) -> bool:
    if found := _BODY.fullmatch(item):
        return not found["peek"]
    return item in {"RFC822", "RFC822.TEXT"}


async def uid_fetch(session: Session, arguments: list[Word]) -> None:
    """UID FETCH."""
    await fetch(session, arguments, by_uid=True)


# ---- STORE ----


async def store(session: Session, arguments: list[Word], *, by_uid: bool = False) -> None:
    """STORE."""
    _ = session.writable_folder
    chosen = session.chosen(text(arguments[0]), by_uid=by_uid)
    asked = _STORE.fullmatch(text(arguments[1]))
    if not asked:
        raise BadSyntax("STORE stores flags")
    flags = _flags(listed(arguments[2]) if isinstance(arguments[2], list) else arguments[2:])
    for number, mail in chosen:
        now = session.mark(number, mail, _combined(mail.flags, asked[1], flags))
        if not asked[2]:
            items = ["UID", "FLAGS"] if by_uid else ["FLAGS"]
            session.tell(b"%d FETCH (%b)" % (number, b" ".join(_SHOWS[item](now) for item in items)))


def _flags(names: Iterable[Word]) -> frozenset[str]:
    found = {_CANONICAL.get(text(name).lower(), text(name)) for name in names}
    if unknown := {flag for flag in found if flag.startswith("\\")} - set(SYSTEM_FLAGS) - {"\\Recent"}:
        raise BadSyntax(f"there is no flag {min(unknown)}")
    return frozenset(found - {"\\Recent"})


def _combined(old: frozenset[str], sign: str, flags: frozenset[str]) -> frozenset[str]:
    return {"+": old | flags, "-": old - flags, "": flags}[sign]


async def uid_store(session: Session, arguments: list[Word]) -> None:
    """UID STORE."""
    await store(session, arguments, by_uid=True)


# ---- SEARCH ----


async def search(session: Session, arguments: list[Word], *, by_uid: bool = False) -> None:
    """SEARCH."""
    _ = session.my_folder
    newest = session.view[-1].uid if session.view else 0
    question = Search(arguments, len(session.view), newest).question()
    found = [(number, mail) for number, mail in enumerate(session.view, 1) if question(number, mail)]
    session.tell(" ".join(["SEARCH", *(str(mail.uid if by_uid else number) for number, mail in found)]))


async def uid_search(session: Session, arguments: list[Word]) -> None:
    """UID SEARCH."""
    await search(session, arguments, by_uid=True)


# ---- between folders ----


async def append(session: Session, arguments: list[Word]) -> str:
    """APPEND; APPENDUID tells the new mail's UID (RFC 4315)."""
    folder = _target(session, arguments.pop(0))
    flags = _flags(listed(arguments.pop(0))) if isinstance(arguments[0], list) else frozenset()
    arrived = _moment(text(arguments.pop(0))) if len(arguments) > 1 else None
    octets = arguments[0]
    if not isinstance(octets, bytes) or not octets:
        raise BadSyntax("APPEND needs a mail")
    mail = folder.add(octets, flags, arrived)
    return f"[APPENDUID {folder.validity} {mail.uid}] put there"


def _moment(value: str) -> datetime:
    try:
        return parsedate_to_datetime(value).astimezone()
    except (IndexError, TypeError, ValueError):
        raise BadSyntax("this is no date and time") from None


async def copy(session: Session, arguments: list[Word], *, by_uid: bool = False) -> str:
    """COPY; COPYUID tells the new UIDs (RFC 4315)."""
    return f"{_transfer(session, arguments, by_uid=by_uid, away=False)} copied"


async def uid_copy(session: Session, arguments: list[Word]) -> str:
    """UID COPY."""
    return await copy(session, arguments, by_uid=True)


async def move(session: Session, arguments: list[Word], *, by_uid: bool = False) -> str:
    """MOVE (RFC 6851): COPYUID comes before the EXPUNGEs."""
    _ = session.writable_folder
    if code := _transfer(session, arguments, by_uid=by_uid, away=True):
        session.tell(f"OK {code} moved")
    return "moved"


async def uid_move(session: Session, arguments: list[Word]) -> str:
    """UID MOVE."""
    return await move(session, arguments, by_uid=True)


def _transfer(session: Session, arguments: list[Word], *, by_uid: bool, away: bool) -> str:
    """Copy, and remove at the same moment if `away`; mails that are gone meanwhile are passed over."""
    folder, chosen = session.my_folder, session.chosen(text(arguments[0]), by_uid=by_uid)
    target = _target(session, arguments[1])
    with session.store.lock:
        here = {mail.uid: mail for mail in folder.mails}
        mails = [here[mail.uid] for _, mail in chosen if mail.uid in here]
        copies = [target.add(mail.octets, mail.flags, mail.arrived) for mail in mails]
        if away:
            folder.remove([mail.uid for mail in mails])
    return f"[COPYUID {target.validity} {_uids(mails)} {_uids(copies)}]" if mails else ""


def _uids(mails: list[Mail]) -> str:
    return number_set(mail.uid for mail in mails)


def _target(session: Session, name: Word) -> Folder:
    folder = session.my_account.folder(text(name))
    if not folder:
        raise Refused("[TRYCREATE] there is no such folder")
    return folder


async def expunge(session: Session, _arguments: list[Word]) -> None:
    """EXPUNGE."""
    _remove_deleted(session, lambda _uid: True)


async def uid_expunge(session: Session, arguments: list[Word]) -> None:
    """UID EXPUNGE (RFC 4315)."""
    uids = {mail.uid for _, mail in session.chosen(text(arguments[0]), by_uid=True)}
    _remove_deleted(session, uids.__contains__)


def _remove_deleted(session: Session, chosen: Callable[[int], bool]) -> None:
    folder = session.writable_folder
    with session.store.lock:
        folder.remove([mail.uid for mail in folder.mails if _DELETED in mail.flags and chosen(mail.uid)])
