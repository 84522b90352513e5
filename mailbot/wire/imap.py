"""The mailbox: new mail is fetched from it and filed away in it. One Mailbox is one connection, for one thread.

INBOX is the input queue: whatever lies in it is to be done, seen or unseen, and leaves it by being filed. UIDs mean
something only to the Mailbox that gave them; which mail it is, the digest says.
"""

import hashlib
import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from threading import Event
from time import monotonic
from typing import Self

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, IMAPClientReadOnlyError, LoginError

from mailbot.core.decision import Folder
from mailbot.core.mail import IncomingMail
from mailbot.wire.access import Credential, ImapAccess, Mechanism, SecretUnavailable
from mailbot.wire.crowd import Crowd, Whose
from mailbot.wire.imapsession import Session

BATCH_MAILS = 100
BATCH_OCTETS = 16 * 1024 * 1024
HEADER_OCTETS = 64 * 1024  # of a mail that is too large
MOVED_AT_ONCE = 500  # UIDs in one command: a line of 8192 octets is what every server takes (RFC 7162 §4)
SHORTEST_WAIT = 1.0  # seconds, unless mail came: a server that talks all the time must not keep us busy


class MailboxFailure(Exception):
    """The mailbox cannot be worked with now. The Mailbox is over: make a new one, with growing delay.

    `step` is what was being done: connect, login, folders, fetch, file, wait. `reason` is a word for what went wrong.
    Nothing of a mail, nor a password, is in either.
    """

    def __init__(self, step: str, reason: str) -> None:
        """Both become the text."""
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


class Disconnected(MailboxFailure):
    """No connection, or none that makes sense: connection, timeout, tls, certificate, protocol, renumbered, closed."""


class LoginRefused(MailboxFailure):
    """The server does not let us in (refused), or we have nothing to show (secret, mechanism)."""


class MailboxRefused(MailboxFailure):
    """The server said no to what must work: refused, read-only, no MOVE."""


@dataclass(frozen=True, slots=True)
class Oversized:
    """A mail larger than the configuration allows: its header alone was fetched, the mail itself goes to Held as it is.

    `digest` is made from size and header.
    """

    size: int  # octets
    digest: str
    header: bytes = field(repr=False)  # at most 64 KiB of it


Arrival = tuple[int, IncomingMail | Oversized]
"""A UID of this connection, and the mail that it names."""


class Mailbox:
    """The robot's account on an IMAP server. Every method may raise MailboxFailure, and the Mailbox is over then."""

    def __init__(self, access: ImapAccess, whose: Whose | None = None) -> None:
        """Nothing happens before `connect`. With `whose`, senders take turns while not all can be fetched at once."""
        self._access = access
        self._crowd = Crowd(whose) if whose else None
        self._session: Session | None = None
        self._validity: int | None = None
        self._announced: int | None = None  # mails in INBOX as the server said a moment ago, unasked
        self._known = -1  # mails in INBOX when last counted; -1: not counted since some were moved

    def __enter__(self) -> Self:
        """Connect."""
        self.connect()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close."""
        self.close()

    def connect(self) -> None:
        """Connect, log in, make the folders that are missing, select INBOX."""
        self._log_in()
        with self._step("folders") as session:
            if not session.has_capability("MOVE") and not session.has_capability("UIDPLUS"):
                raise MailboxRefused("folders", "no MOVE")
            for name in self._access.folders.values():
                session.make_folder(name)
            self._count(session)

    def missing_folders(self) -> tuple[str, ...]:
        """Connect and log in to see which folders are not there yet; makes none. For `check`."""
        self._log_in()
        with self._step("folders") as session:
            names = (self._access.inbox, *self._access.folders.values())
            return tuple(name for name in names if not session.has_folder(name))

    def fetch_new(self, limit: int = BATCH_MAILS, passing_over: Collection[int] = ()) -> list[Arrival]:
        """The oldest mails of INBOX, at most `limit` and about 16 MiB, but one at least; none: INBOX is empty. Of a
        crowd each sender's oldest, then each one's second, and so on.

        What is not filed away comes again. `passing_over`: UIDs to leave alone, so that they do not hold up the rest.
        """
        with self._step("fetch") as session:
            count = self._count(session) if self._announced is None else self._announced
            self._known, self._announced = count, None
            if self._crowd and count > BATCH_MAILS + len(passing_over):
                return self._read_in_turns(session, self._crowd, count, passing_over, limit)
            if self._crowd:
                self._crowd.disperse()
            sizes = session.first_sizes(min(count, limit + len(passing_over)))
            left = {uid: size for uid, size in sizes.items() if uid not in passing_over}
            return self._read(session, dict(_batch(left, limit)))

    def file_away(self, mails: Iterable[tuple[int, Folder]]) -> None:
        """Move mails out of INBOX. One that is gone already is fine, so doing it again does no harm."""
        with self._step("file") as session:
            for folder, uids in _by_folder(mails).items():
                for some in _slices(uids, MOVED_AT_ONCE):
                    self._move(session, some, self._access.folders[folder])
                if self._crowd:
                    self._crowd.forget(uids)

    def refile(self, source: Folder, target: Folder, wanted: Mapping[str, int]) -> None:
        """Move mails that were filed before; `wanted` gives their digests and sizes. One that is gone is passed over.

        Only mails of these sizes are read, one after another, and only the digest says whether it is the one.
        """
        with self._step("file") as session:
            held = session.select_folder(self._access.folders[source])[b"EXISTS"]
            sizes = session.first_sizes(held) if held else {}
            alike = {uid: size for uid, size in sizes.items() if size in set(wanted.values())}
            found = [uid for uid, size in alike.items() if self._is_one_of(session, uid, size, wanted)]
            for some in _slices(found, MOVED_AT_ONCE):
                self._move(session, some, self._access.folders[target])
            self._count(session)  # INBOX is looked at again

    def _is_one_of(self, session: Session, uid: int, size: int, digests: Collection[str]) -> bool:
        return any(mail.digest in digests for _, mail in self._read(session, {uid: size}))

    def clear(self, folder: Folder, before: date) -> int:
        """Delete what arrived in the mailbox before this day and lies in this folder; how many mails that were."""
        with self._step("file") as session:
            session.select_folder(self._access.folders[folder])
            old = session.search(["BEFORE", before])
            for some in _slices(old, MOVED_AT_ONCE):
                session.remove(some)
            self._count(session)
            return len(old)

    def wait(self, seconds: float, stop: Event) -> None:
        """Until INBOX changes, the time or the polling time is over, or `stop` is set (noticed at once if it is a Bell,
        else within a second).

        Whatever it returns for, look with `fetch_new`: IDLE announces, it does not promise.
        """
        began = monotonic()
        seconds = min(seconds, self._access.poll_seconds)
        with self._step("wait") as session:
            if not session.idles:
                stop.wait(seconds)
                return
            changed = session.watch(seconds, stop, self._known)
            self._announced = session.announced if changed else None
        if not changed:
            stop.wait(max(0.0, min(seconds, SHORTEST_WAIT) - (monotonic() - began)))

    def close(self) -> None:
        """Log out if there is somebody to say it to. May be called any number of times; never raises."""
        session, self._session = self._session, None
        if session:
            with suppress(Exception):
                session.socket().settimeout(2)  # the answer to LOGOUT is of no interest
                session.logout()
            _shut(session)

    # ------------------------------------------------------------ steps

    def _log_in(self) -> None:
        self.close()
        self._announced = None
        if self._crowd:
            self._crowd.disperse()
        with self._translating("connect"):
            self._session = Session(self._access)
        with self._step("login") as session:
            if self._access.credential:
                _show(session, self._access.credential)

    def _count(self, session: Session) -> int:
        """How many mails INBOX holds. SELECT gives the number, and shows at once if UIDs mean something else now."""
        answer = session.select_folder(self._access.inbox)
        validity: int = answer.get(b"UIDVALIDITY", 0)
        if self._validity not in (None, validity):
            raise Disconnected("fetch", "renumbered")
        self._validity = validity
        self._known = answer[b"EXISTS"]
        return self._known

    def _read_in_turns(
        self, session: Session, crowd: Crowd, count: int, passing_over: Collection[int], limit: int
    ) -> list[Arrival]:
        while chosen := dict(_batch(crowd.in_turns(session, count, passing_over), limit)):
            read = dict(self._read(session, chosen))
            crowd.forget(chosen.keys() - read.keys())  # a person has moved them
            if read:
                return [(uid, read[uid]) for uid in chosen if uid in read]
        return []

    def _read(self, session: Session, sizes: Mapping[int, int]) -> list[Arrival]:
        """These mails, oldest first; of those that are too large the header."""
        fitting = [uid for uid, size in sizes.items() if size <= self._access.largest]
        larger = [uid for uid in sizes if uid not in fitting]
        whole = session.octets(fitting, "BODY.PEEK[]")
        headers = session.octets(larger, f"BODY.PEEK[HEADER]<0.{HEADER_OCTETS}>")
        found: dict[int, IncomingMail | Oversized] = {uid: _incoming(octets) for uid, octets in whole.items()}
        found |= {uid: _oversized(sizes[uid], header) for uid, header in headers.items()}
        return sorted(found.items(), key=lambda arrival: arrival[0])

    def _move(self, session: Session, uids: Sequence[int], folder: str) -> None:
        self._known = -1
        try:
            session.transfer(uids, folder)
        except IMAPClientError as problem:
            if not _is_no(problem):
                raise
            # Some servers refuse to copy nothing; or a person has removed the folder.
            if left := session.still_here(uids):
                session.make_folder(folder)
                session.transfer(left, folder)

    @contextmanager
    def _step(self, step: str) -> Iterator[Session]:
        with self._translating(step):
            if self._session is None:
                raise Disconnected(step, "closed")
            yield self._session

    @contextmanager
    def _translating(self, step: str) -> Iterator[None]:
        """One kind of exception for whatever goes wrong, and an end to the connection: its state is unknown then."""
        try:
            yield
        except Exception as problem:  # noqa: BLE001 - imapclient raises ValueError, TypeError, IndexError … on nonsense
            self._abandon()
            # Without its cause: imaplib puts what it could not read, mail or password, into the text.
            raise _failure(step, problem) from None

    def _abandon(self) -> None:
        session, self._session = self._session, None
        if session:
            _shut(session)


# ---------------------------------------------------------------- logging in


def _show(session: Session, credential: Credential) -> None:
    """Log in the way that fits server and password."""
    secret = credential.secret()
    try:
        if credential.mechanism is Mechanism.XOAUTH2:
            _show_token(session, credential.username, secret)
        elif session.has_capability("AUTH=PLAIN"):
            session.plain_login(credential.username, secret)
        elif (credential.username + secret).isascii():
            session.login(_quoted(credential.username), secret)  # imaplib quotes the password alone
        else:
            raise LoginRefused("login", "mechanism")
    except LoginError:
        credential.forget()
        raise


def _show_token(session: Session, username: str, token: str) -> None:
    if not session.has_capability("AUTH=XOAUTH2"):
        raise LoginRefused("login", "mechanism")
    offer = f"user={username}\1auth=Bearer {token}\1\1"
    # A second challenge holds the reason of a refusal, and is answered with nothing.
    session.sasl_login("XOAUTH2", lambda challenge: b"" if challenge else offer)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# ---------------------------------------------------------------- what came


def _incoming(octets: bytes) -> IncomingMail:
    return IncomingMail(octets, hashlib.sha256(octets).hexdigest())


def _oversized(size: int, header: bytes) -> Oversized:
    return Oversized(size, hashlib.sha256(b"%d\r\n%b" % (size, header)).hexdigest(), header)


def _batch(sizes: Mapping[int, int], limit: int) -> Iterator[tuple[int, int]]:
    """The first mails, as many as fit."""
    octets = 0
    for number, (uid, size) in enumerate(sizes.items()):
        octets += size
        if number == limit or (number and octets > BATCH_OCTETS):
            return
        yield uid, size


def _by_folder(mails: Iterable[tuple[int, Folder]]) -> dict[Folder, list[int]]:
    found: dict[Folder, list[int]] = {}
    for uid, folder in mails:
        found.setdefault(folder, []).append(uid)
    return found


def _slices(uids: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    return (uids[start : start + most] for start in range(0, len(uids), most))


# ---------------------------------------------------------------- what went wrong


def _is_no(problem: Exception) -> bool:
    """Whether the server answered NO to a command that it understood; the library has no class for that alone."""
    return type(problem) is IMAPClientError and " failed: " in str(problem)


def _failure(step: str, problem: Exception) -> MailboxFailure:
    """Our word for it."""
    match problem:
        case MailboxFailure():
            return problem
        case SecretUnavailable():
            return LoginRefused(step, "secret")
        case LoginError():
            # imapclient calls whatever goes wrong during a login a login error.
            return _login_failure(step, problem)
        case IMAPClientReadOnlyError():
            return MailboxRefused(step, "read-only")
        case IMAPClientError() if _is_no(problem):
            return MailboxRefused(step, "refused")
    return Disconnected(step, _reason(step, problem))


def _login_failure(step: str, problem: LoginError) -> MailboxFailure:
    cause = problem.__context__
    if isinstance(cause, IMAPClientAbortError):
        return Disconnected(step, "connection")
    if "[UNAVAILABLE]" in str(problem):  # RFC 5530: the server's own trouble
        return Disconnected(step, "unavailable")
    return LoginRefused(step, "refused")


def _reason(step: str, problem: Exception) -> str:
    match problem:
        case ssl.SSLCertVerificationError():
            return "certificate"
        case ssl.SSLError() if step == "connect":
            return "tls"
        case TimeoutError():
            return "timeout"
        case OSError() | IMAPClientAbortError():
            return "connection"
    return "protocol"


def _shut(session: Session) -> None:
    with suppress(OSError):
        session.shutdown()
