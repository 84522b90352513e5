"""IMAP commands on folders."""

import asyncio
import re
from typing import Any, Final

from mailbot.playground.accounts import DELIMITER, SPECIAL_USE, Account, Folder
from mailbot.playground.imap.session import Session, flag_list
from mailbot.playground.imap.syntax import BadSyntax, Refused, Word, listed, quoted, text

SYSTEM_FLAGS: Final = ("\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen")
_ANY_FLAG: Final = "\\*"


async def namespace(session: Session, _arguments: list[Word]) -> None:
    """NAMESPACE (RFC 2342): the account's own folders and nothing else."""
    session.tell(f'NAMESPACE (("" "{DELIMITER}")) NIL NIL')


async def enable(session: Session, _arguments: list[Word]) -> None:
    """ENABLE (RFC 5161): there is nothing to enable."""
    session.tell("ENABLED")


async def select(session: Session, arguments: list[Word]) -> str:
    """SELECT."""
    _open(session, text(arguments[0]), read_only=False)
    return "[READ-WRITE] opened"


async def examine(session: Session, arguments: list[Word]) -> str:
    """EXAMINE."""
    _open(session, text(arguments[0]), read_only=True)
    return "[READ-ONLY] opened"


def _open(session: Session, name: str, *, read_only: bool) -> None:
    account = session.my_account
    session.leave()
    folder = _existing(account, name)
    with session.store.lock:
        session.enter(folder, read_only=read_only)
        _describe(session, folder)


def _describe(session: Session, folder: Folder) -> None:
    known = {*SYSTEM_FLAGS, *(flag for mail in session.view for flag in mail.flags)}
    stay = [] if session.read_only else [*known, _ANY_FLAG]
    session.tell(f"FLAGS {flag_list(known)}")
    session.tell(f"OK [PERMANENTFLAGS {flag_list(stay)}] flags that stay")
    session.tell(f"{len(session.view)} EXISTS")
    session.tell("0 RECENT")
    if unseen := [number for number, mail in enumerate(session.view, 1) if "\\Seen" not in mail.flags]:
        session.tell(f"OK [UNSEEN {unseen[0]}] the first unseen mail")
    session.tell(f"OK [UIDVALIDITY {folder.validity}] UIDs hold")
    session.tell(f"OK [UIDNEXT {folder.next_uid}] the next UID")


async def close(session: Session, _arguments: list[Word]) -> None:
    """CLOSE: what is marked as deleted goes, without a word about it."""
    folder = session.my_folder
    if not session.read_only:
        with session.store.lock:
            folder.remove([mail.uid for mail in folder.mails if "\\Deleted" in mail.flags])
    session.leave()


async def unselect(session: Session, _arguments: list[Word]) -> None:
    """UNSELECT (RFC 3691): nothing goes."""
    session.leave()


async def create(session: Session, arguments: list[Word]) -> None:
    """CREATE."""
    if session.my_account.create(text(arguments[0])) is None:
        raise Refused("[ALREADYEXISTS] this name is taken")


async def delete(session: Session, arguments: list[Word]) -> None:
    """DELETE."""
    if not session.my_account.delete(text(arguments[0])):
        raise Refused("[NONEXISTENT] there is no such folder, or it is INBOX")


async def rename(session: Session, arguments: list[Word]) -> None:
    """RENAME."""
    if not session.my_account.rename(text(arguments[0]), text(arguments[1])):
        raise Refused("[CANNOT] there is no such folder, or the new name is taken")


async def subscribe(session: Session, arguments: list[Word]) -> None:
    """SUBSCRIBE."""
    session.my_account.subscribed.add(text(arguments[0]))


async def unsubscribe(session: Session, arguments: list[Word]) -> None:
    """UNSUBSCRIBE."""
    session.my_account.subscribed.discard(text(arguments[0]))


async def list_folders(session: Session, arguments: list[Word]) -> None:
    """LIST, with the selection options that mail programs use (RFC 5258): SUBSCRIBED and SPECIAL-USE."""
    account = session.my_account
    options = {text(word).upper() for word in listed(arguments.pop(0))} if isinstance(arguments[0], list) else set()
    names = account.names
    if "SUBSCRIBED" in options:
        names = [name for name in names if name in account.subscribed]
    if "SPECIAL-USE" in options:
        names = [name for name in names if name in SPECIAL_USE]
    if listed(arguments[1]) == [b""]:
        session.tell(f'LIST (\\Noselect) "{DELIMITER}" ""')
    for name in _matching(names, arguments):
        session.tell(f'LIST ({_attributes(account, name)}) "{DELIMITER}" '.encode() + quoted(name))


async def lsub(session: Session, arguments: list[Word]) -> None:
    """LSUB."""
    for name in _matching(sorted(session.my_account.subscribed), arguments):
        session.tell(f'LSUB () "{DELIMITER}" '.encode() + quoted(name))


def _matching(names: list[str], arguments: list[Word]) -> list[str]:
    reference, patterns = text(arguments[0]), [_pattern(text(word)) for word in listed(arguments[1])]
    return [name for name in names if any(pattern.fullmatch(name.removeprefix(reference)) for pattern in patterns)]


def _pattern(pattern: str) -> re.Pattern[str]:
    if pattern.upper() == "INBOX":
        return re.compile("INBOX")
    wild = {"*": ".*", "%": f"[^{DELIMITER}]*"}
    return re.compile("".join(wild.get(letter) or re.escape(letter) for letter in pattern))


def _attributes(account: Account, name: str) -> str:
    parent = any(other.startswith(name + DELIMITER) for other in account.names)
    return " ".join(["\\HasChildren" if parent else "\\HasNoChildren", *filter(None, [SPECIAL_USE.get(name)])])


async def status(session: Session, arguments: list[Word]) -> None:
    """STATUS."""
    name = text(arguments[0])
    folder = _existing(session.my_account, name)
    with session.store.lock:
        mails = folder.mails
        facts = {
            "MESSAGES": len(mails),
            "RECENT": 0,
            "UIDNEXT": folder.next_uid,
            "UIDVALIDITY": folder.validity,
            "UNSEEN": sum("\\Seen" not in mail.flags for mail in mails),
        }
    asked = [text(word).upper() for word in listed(arguments[1])]
    if set(asked) - facts.keys():
        raise BadSyntax("unknown status item")
    shown = " ".join(f"{item} {facts[item]}" for item in asked)
    session.tell(b"STATUS " + quoted(name) + f" ({shown})".encode())


async def idle(session: Session, _arguments: list[Word]) -> None:
    """IDLE (RFC 2177): news is told at once until the client says DONE."""
    session.needs_login()
    await session.invite("idling")
    done = asyncio.ensure_future(session.line())
    try:
        while not done.done():
            await _tell_news(session, done)
    finally:
        done.cancel()
    if (await done).strip().upper() != b"DONE":
        raise BadSyntax("IDLE ends with DONE")


async def _tell_news(session: Session, done: asyncio.Future[bytes]) -> None:
    session.news.clear()
    if session.folder:
        session.announce(expunges=True)
        await session.writer.drain()
    news = asyncio.ensure_future(session.news.wait())
    either: set[asyncio.Future[Any]] = {news, done}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    news.cancel()


def _existing(account: Account, name: str) -> Folder:
    folder = account.folder(name)
    if not folder:
        raise Refused("[NONEXISTENT] there is no such folder")
    return folder
