"""The table of IMAP commands. Each is a function of session and arguments that returns the text of its tagged OK."""

from collections.abc import Awaitable, Callable
from typing import Final

from mailbot.playground.imap import folders, login, mails
from mailbot.playground.imap.session import Session
from mailbot.playground.imap.syntax import Word

Command = Callable[[Session, list[Word]], Awaitable[str | None]]

COMMANDS: Final[dict[str, Command]] = {
    "CAPABILITY": login.capability,
    "NOOP": login.noop,
    "ID": login.identify,
    "LOGOUT": login.logout,
    "STARTTLS": login.starttls,
    "LOGIN": login.login,
    "AUTHENTICATE": login.authenticate,
    "ENABLE": folders.enable,
    "NAMESPACE": folders.namespace,
    "LIST": folders.list_folders,
    "LSUB": folders.lsub,
    "SUBSCRIBE": folders.subscribe,
    "UNSUBSCRIBE": folders.unsubscribe,
    "CREATE": folders.create,
    "DELETE": folders.delete,
    "RENAME": folders.rename,
    "STATUS": folders.status,
    "SELECT": folders.select,
    "EXAMINE": folders.examine,
    "CHECK": login.noop,
    "CLOSE": folders.close,
    "UNSELECT": folders.unselect,
    "IDLE": folders.idle,
    "APPEND": mails.append,
    "FETCH": mails.fetch,
    "UID FETCH": mails.uid_fetch,
    "STORE": mails.store,
    "UID STORE": mails.uid_store,
    "SEARCH": mails.search,
    "UID SEARCH": mails.uid_search,
    "COPY": mails.copy,
    "UID COPY": mails.uid_copy,
    "MOVE": mails.move,
    "UID MOVE": mails.uid_move,
    "EXPUNGE": mails.expunge,
    "UID EXPUNGE": mails.uid_expunge,
}

KEEP_NUMBERS: Final = {"FETCH", "STORE", "SEARCH"}
"""While these run, by sequence number, no EXPUNGE is told; UID FETCH and its kin may (RFC 3501 §7.4.1)."""
