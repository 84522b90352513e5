"""The playground's accounts: mail kept in memory alone, which SMTP delivers and IMAP shows.

Every change wakes the IMAP sessions that watch the folder, and whoever waits in `Store.wait`. All of it may be used
from any thread: one lock, the store's, guards every account.
"""

import hmac
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

DELIMITER: Final = "/"
SPECIAL_USE: Final = {
    "Archive": "\\Archive",
    "Drafts": "\\Drafts",
    "Junk": "\\Junk",
    "Sent": "\\Sent",
    "Trash": "\\Trash",
}
"""What a folder of this name is for (RFC 6154)."""

_FIRST_FOLDERS: Final = ("INBOX", "Drafts", "Sent", "Trash")

Wake = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail in a folder: its octets exactly as they came, and what IMAP says about it."""

    uid: int
    octets: bytes = field(repr=False)
    arrived: datetime
    flags: frozenset[str] = frozenset()

    def with_flags(self, flags: Iterable[str]) -> "Mail":
        """The same mail with these flags and no others."""
        return replace(self, flags=frozenset(flags))


class Folder:
    """The mails of one folder. UIDs grow and are never used again (RFC 3501 §2.3.1.1)."""

    def __init__(self, lock: threading.Condition, validities: Iterable[int]) -> None:
        """An empty folder, guarded by `lock`; each UIDVALIDITY is the next of `validities`."""
        self._lock = lock
        self._validities = iter(validities)
        self._mails: dict[int, Mail] = {}
        self._watching: set[Wake] = set()
        self.validity = next(self._validities)
        self.next_uid = 1
        self.version = 0
        """Grows with every change, so that a session sees at a glance that there is nothing to tell."""

    @property
    def mails(self) -> tuple[Mail, ...]:
        """All mails, oldest UID first."""
        with self._lock:
            return tuple(self._mails.values())

    def add(self, octets: bytes, flags: Iterable[str] = (), arrived: datetime | None = None) -> Mail:
        """Put a mail in, arrived now unless said otherwise."""
        with self._lock:
            mail = Mail(self.next_uid, octets, arrived or datetime.now(UTC), frozenset(flags))
            self._mails[mail.uid] = mail
            self.next_uid += 1
            self._changed()
            return mail

    def mark(self, uid: int, flags: Iterable[str]) -> None:
        """Give a mail these flags and no others; nothing happens if it is gone."""
        with self._lock:
            if mail := self._mails.get(uid):
                self._mails[uid] = mail.with_flags(flags)
                self._changed()

    def remove(self, uids: Iterable[int]) -> None:
        """Take mails out; those that are gone already are passed over."""
        with self._lock:
            if [uid for uid in uids if self._mails.pop(uid, None)]:
                self._changed()

    def renumber(self) -> None:
        """Give every mail a new UID and the folder a new UIDVALIDITY, as a server does after a repair.

        A session that has the folder open learns of it only when it selects the folder again: drop the connections.
        """
        with self._lock:
            self._mails = {uid: replace(mail, uid=uid) for uid, mail in enumerate(self._mails.values(), 1)}
            self.next_uid = len(self._mails) + 1
            self.validity = next(self._validities)
            self._changed()

    def watch(self, wake: Wake) -> None:
        """Call `wake` after every change, from whichever thread made it."""
        with self._lock:
            self._watching.add(wake)

    def unwatch(self, wake: Wake) -> None:
        """Call `wake` no more."""
        with self._lock:
            self._watching.discard(wake)

    def _changed(self) -> None:
        self.version += 1
        self._lock.notify_all()
        for wake in self._watching:
            wake()


class Account:
    """One person's mailbox: a login, a password, the addresses that lead to it, its folders.

    Folder names are kept as the client writes them (modified UTF-7); INBOX is found in any case.
    """

    def __init__(self, login: str, password: str, lock: threading.Condition, new_folder: Callable[[], Folder]) -> None:
        """An account with the usual folders, all empty."""
        self.login = login
        self.password = password
        self.token: str | None = None
        """What XOAUTH2 accepts; None: XOAUTH2 always fails."""
        self._lock = lock
        self._new_folder = new_folder
        self._folders: dict[str, Folder] = {name: new_folder() for name in _FIRST_FOLDERS}
        self.subscribed = set(self._folders)

    def admits(self, password: str) -> bool:
        """Whether this is the account's password."""
        return hmac.compare_digest(password.encode(errors="replace"), self.password.encode())

    def admits_token(self, token: str) -> bool:
        """Whether this is the token that XOAUTH2 accepts just now."""
        return self.token is not None and hmac.compare_digest(token.encode(errors="replace"), self.token.encode())

    @property
    def names(self) -> list[str]:
        """The names of all folders, sorted."""
        with self._lock:
            return sorted(self._folders)

    def folder(self, name: str) -> Folder | None:
        """The folder of that name, if there is one."""
        with self._lock:
            return self._folders.get(_canonical(name))

    def create(self, name: str) -> Folder | None:
        """A new folder; None if the name is taken or empty."""
        name = _canonical(name.rstrip(DELIMITER))
        with self._lock:
            if not name or name in self._folders:
                return None
            return self._folders.setdefault(name, self._new_folder())

    def delete(self, name: str) -> bool:
        """Remove a folder and its mails; False for INBOX and for what is not there."""
        with self._lock:
            if _canonical(name) == "INBOX" or (folder := self._folders.pop(name, None)) is None:
                return False
            folder.remove([mail.uid for mail in folder.mails])
            return True

    def rename(self, name: str, new: str) -> bool:
        """Rename a folder and those below it; False if there is none, or the new name is taken.

        INBOX stays, and is emptied into the new one (RFC 3501 §6.3.5).
        """
        name, new = _canonical(name), _canonical(new)
        with self._lock:
            if name not in self._folders or new in self._folders:
                return False
            if name == "INBOX":
                self._empty_inbox_into(new)
            else:
                self._folders = {_renamed(known, name, new): folder for known, folder in self._folders.items()}
            return True

    def _empty_inbox_into(self, new: str) -> None:
        inbox, target = self._folders["INBOX"], self._folders.setdefault(new, self._new_folder())
        mails = inbox.mails
        for mail in mails:
            target.add(mail.octets, mail.flags, mail.arrived)
        inbox.remove([mail.uid for mail in mails])


class Store:
    """All accounts of the playground, and which address leads to which."""

    def __init__(self) -> None:
        """A store without accounts."""
        self.lock = threading.Condition(threading.RLock())
        self._accounts: dict[str, Account] = {}
        self._addresses: dict[str, Account] = {}
        # From the clock, so that a client that remembers an earlier playground on this port starts afresh.
        self._validities = itertools.count(int(time.time()))

    def add(self, login: str, password: str, *addresses: str) -> Account:
        """A new account, reached at its login and at `addresses`. Raises ValueError if one of them is taken."""
        with self.lock:
            ours = {address.lower() for address in (login, *addresses)}
            if taken := ours & self._addresses.keys():
                raise ValueError(f"already an account's address: {', '.join(sorted(taken))}")
            account = Account(login, password, self.lock, lambda: Folder(self.lock, self._validities))
            self._accounts[login.lower()] = account
            self._addresses.update(dict.fromkeys(ours, account))
            return account

    def account(self, login: str) -> Account:
        """The account of that login. Raises KeyError."""
        with self.lock:
            return self._accounts[login.lower()]

    def login(self, login: str, password: str) -> Account | None:
        """The account that this login and password open."""
        with self.lock:
            account = self._accounts.get(login.lower())
            return account if account and account.admits(password) else None

    def login_by_token(self, login: str, token: str) -> Account | None:
        """The account that this login and XOAUTH2 token open."""
        with self.lock:
            account = self._accounts.get(login.lower())
            return account if account and account.admits_token(token) else None

    def account_of(self, address: str) -> Account | None:
        """The account that mail to this address reaches: `a+x@d` is `a@d` (RFC 5233), letters of any case."""
        local, at, domain = address.lower().rpartition("@")
        plain = local.partition("+")[0] + at + domain
        with self.lock:
            return self._addresses.get(address.lower()) or self._addresses.get(plain)

    def deliver(self, login: str, octets: bytes, folder: str = "INBOX") -> Mail:
        """Put a mail into an account's folder, made if need be, as it is. Raises KeyError for an unknown login."""
        with self.lock:
            account = self.account(login)
            target = account.folder(folder) or account.create(folder)
            if target is None:
                raise ValueError("a folder needs a name")
            return target.add(octets)

    def mails(self, login: str, folder: str = "INBOX") -> tuple[Mail, ...]:
        """What lies in an account's folder, if there is such a folder. Raises KeyError for an unknown login."""
        with self.lock:
            found = self.account(login).folder(folder)
            return found.mails if found else ()

    def wait(self, login: str, count: int, folder: str = "INBOX", seconds: float = 10.0) -> tuple[Mail, ...]:
        """Wait until that many mails lie in the folder. Raises TimeoutError."""
        with self.lock:
            if not self.lock.wait_for(lambda: len(self.mails(login, folder)) >= count, seconds):
                found = len(self.mails(login, folder))
                raise TimeoutError(f"{login} {folder}: {found} of {count} mails after {seconds} s")
            return self.mails(login, folder)


def _canonical(name: str) -> str:
    return "INBOX" if name.upper() == "INBOX" else name


def _renamed(name: str, old: str, new: str) -> str:
    return new + name[len(old) :] if name == old or name.startswith(old + DELIMITER) else name
