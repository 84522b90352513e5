"""imapclient as we need it: it logs no mail, waits for no Nagle, and its IDLE overhears nothing."""

import re
import select
import socket
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from threading import Event
from time import monotonic
from typing import Any

from imapclient import IMAPClient, SocketTimeout

from mailbot.wire.access import Access, Tls
from mailbot.wire.bell import Bell
from mailbot.wire.tls import client_context

LOOK_EVERY = 1.0  # seconds between looks at a stop signal that is no Bell


class Session(IMAPClient):  # type: ignore[misc]  # imapclient has no types
    """One connection to one server. Raises whatever imapclient, imaplib, ssl and socket raise: imap.py translates."""

    def __init__(self, access: Access) -> None:
        """Connect, with TLS as `access` says; no login yet."""
        context = client_context(access.ca_file)
        super().__init__(
            access.host,
            access.port,
            ssl=access.tls is Tls.IMPLICIT,
            ssl_context=context,
            timeout=SocketTimeout(access.patience, access.patience),
        )
        # imapclient makes imaplib write out every octet it reads, mail and all, whether the log wants it or not.
        self._imap.debug = 0
        self._take_buffered = self._idle_refused = False
        self.announced: int | None = None  # how many mails the last IDLE said there are, if none has left meanwhile
        try:
            # Commands go out in several segments: with Nagle's algorithm each costs 45 ms.
            self.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if access.tls is Tls.STARTTLS:
                self._insist_on_tls(context)
        except BaseException:
            with suppress(OSError):  # a failed handshake has taken the socket with it
                self.shutdown()
            raise

    def first_sizes(self, most: int) -> dict[int, int]:
        """UID and size in octets of the first mails of the folder, oldest first; `most` is at most their number.

        By sequence number, because SEARCH answers with all UIDs on one line, and imaplib gives up at a million octets:
        some 140,000 mails.
        """
        self.use_uid = False
        try:
            rows = self.fetch(range(1, most + 1), ["UID", "RFC822.SIZE"])
        finally:
            self.use_uid = True
        # A row without them was not asked for: somebody changed a flag.
        complete = (row for _, row in sorted(rows.items()) if row.keys() >= {b"UID", b"RFC822.SIZE"})
        return {row[b"UID"]: row[b"RFC822.SIZE"] for row in complete}

    def senders(self, first: int, last: int) -> dict[int, tuple[int, bytes]]:
        """UID -> size in octets and From lines, of the mails at these places of the folder."""
        self.use_uid = False
        try:
            return _senders(self.fetch(range(first, last + 1), [*_SENDER]))
        finally:
            self.use_uid = True

    def senders_of(self, uids: Sequence[int]) -> dict[int, tuple[int, bytes]]:
        """The same of the mails with these UIDs."""
        return _senders(self.fetch(uids, [*_SENDER])) if uids else {}

    def uids_from(self, uid: int) -> list[int]:
        """The UIDs from this one on. Where there is none, the server answers with the last mail's, which is lower."""
        return [found for found in self.search(["UID", f"{uid}:*"]) if found >= uid]

    def octets(self, uids: Sequence[int], what: str) -> dict[int, bytes]:
        """A section of these mails ("BODY.PEEK[]"); those that are gone by now are left out."""
        rows = self.fetch(uids, [what]) if uids else {}
        found = {uid: _section(row) for uid, row in rows.items()}
        return {uid: section for uid, section in found.items() if section is not None}

    def transfer(self, uids: Sequence[int], folder: str) -> None:
        """Move mails; those that are gone by now are passed over. Without MOVE, UIDPLUS must be there."""
        if self.has_capability("MOVE"):
            self.move(uids, folder)
            return
        self.copy(uids, folder)
        self.delete_messages(uids, silent=True)
        self.uid_expunge(uids)  # a plain EXPUNGE would remove what people have marked as well

    def remove(self, uids: Sequence[int]) -> None:
        """Delete mails for good. Without UIDPLUS whatever is marked as deleted in the folder goes with them."""
        self.delete_messages(uids, silent=True)
        if self.has_capability("UIDPLUS"):
            self.uid_expunge(uids)
        else:
            self.expunge()

    def still_here(self, uids: Sequence[int]) -> list[int]:
        """Which of these mails are in the folder."""
        return list(self.search(["UID", ",".join(map(str, uids))]))

    def has_folder(self, name: str) -> bool:
        """Whether there is such a folder, and mail can be put into it."""
        return any(b"\\noselect" not in map(bytes.lower, flags) for flags, _, _ in self.list_folders("", name))

    def make_folder(self, name: str) -> None:
        """Make it, and show it to mail programs, unless it is there."""
        if self.has_folder(name):
            return
        try:
            self.create_folder(name)
        except self.Error:
            if not self.has_folder(name):  # else another robot was faster
                raise
        self.subscribe_folder(name)

    # ------------------------------------------------------------ IDLE

    def watch(self, seconds: float, stop: Event, known: int) -> bool:
        """IDLE until the number of mails is not `known` any more (then True), the time is over, or `stop` is set.

        Ends early, with False, when the server closed or spoke nonsense. Raises when ending IDLE shows that.
        """
        until = monotonic() + seconds
        said = self._begin_idle()
        if not self.idles:
            return False
        said += self._buffered()
        while not _changed(said, known) and not stop.is_set() and (left := until - monotonic()) > 0:
            if not self._readable(left, stop):
                continue
            heard = self.idle_check(0)
            if not heard:  # closed, which DONE will show; imapclient would go on saying [] at once, for ever
                break
            said += heard
        said += self.idle_done()[1]
        self.announced = _announced(said)
        return _changed(said, known)

    @property
    def idles(self) -> bool:
        """Whether the server announces new mail."""
        return not self._idle_refused and self.has_capability("IDLE")

    def _begin_idle(self) -> list[tuple[Any, ...]]:
        """What was said before the server agreed to IDLE; imapclient's own idle() takes that for an error.

        Where it does not agree, `idles` is false from now on.
        """
        imap = self._imap
        self._idle_tag = imap._command("IDLE")  # noqa: SLF001 - imaplib has no public way to send one command
        said: list[tuple[Any, ...]] = []
        while (line := imap._get_response()) is not None:  # noqa: SLF001
            if imap.tagged_commands[self._idle_tag]:
                del imap.tagged_commands[self._idle_tag]
                self._idle_refused = True
                break
            if found := re.fullmatch(rb"\* (\d+) (EXISTS|EXPUNGE)", line):
                said.append((int(found[1]), found[2]))
        return said

    def _buffered(self) -> list[tuple[Any, ...]]:
        """What came in one piece with the `+` of IDLE: it is read from the socket already, where poll cannot see it."""
        self._take_buffered = True
        try:
            return list(self.idle_check(0))
        finally:
            self._take_buffered = False

    def _poll_socket(self, sock: socket.socket, timeout: float | None = None) -> Any:
        """imapclient asks this before it reads during IDLE."""
        return self._take_buffered or super()._poll_socket(sock, timeout)

    def _readable(self, seconds: float, stop: Event) -> bool:
        """Whether the server says something in that time; a Bell ends the waiting, any other Event is looked at."""
        poller = select.poll()
        poller.register(self.socket(), select.POLLIN)
        if isinstance(stop, Bell):
            poller.register(stop, select.POLLIN)
        else:
            seconds = min(seconds, LOOK_EVERY)
        return self.socket().fileno() in dict(poller.poll(seconds * 1000))

    # ------------------------------------------------------------ TLS

    def _insist_on_tls(self, context: ssl.SSLContext) -> None:
        # PREAUTH in a greeting in clear would make a session without STARTTLS look finished (CVE-2020-12398).
        if self._imap.state != "NONAUTH" or not self.has_capability("STARTTLS"):
            raise ssl.SSLError("STARTTLS is not offered")
        self.starttls(context)


_SENDER = ("UID", "RFC822.SIZE", "BODY.PEEK[HEADER.FIELDS (FROM)]")


def _senders(rows: dict[int, dict[bytes, Any]]) -> dict[int, tuple[int, bytes]]:
    """By UID. A row without size was not asked for: somebody changed a flag."""
    found = ((row.get(b"UID", key), row.get(b"RFC822.SIZE"), _section(row)) for key, row in rows.items())
    return {uid: (size, sender or b"") for uid, size, sender in found if size is not None}


def _section(row: dict[bytes, Any]) -> bytes | None:
    return next((value for name, value in row.items() if name.startswith(b"BODY[") and isinstance(value, bytes)), None)


def _announced(said: Iterable[tuple[Any, ...]]) -> int | None:
    """The last number of mails that was given; None if there was none, or if some left."""
    counts = [line[0] for line in said if line[1:2] == (b"EXISTS",)]
    return counts[-1] if counts and all(line[1:2] != (b"EXPUNGE",) for line in said) else None


def _changed(said: Iterable[tuple[Any, ...]], known: int) -> bool:
    """Whether these lines say that mails came or went. Some servers repeat the number they gave before."""
    return any(line[1:2] == (b"EXPUNGE",) or (line[1:2] == (b"EXISTS",) and line[0] != known) for line in said)
