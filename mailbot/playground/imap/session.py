"""One IMAP connection: its lines, its account, its open folder, and what its client has been told of it.

A session keeps a *view*: the mails that its client knows, in the order of their sequence numbers. What SMTP or other
sessions do to the folder reaches the client when view and folder are compared: after each command, and at once during
IDLE. While a command by sequence number runs, no mail leaves the view (RFC 3501 §7.4.1).
"""

import asyncio
import bisect
import ssl
from collections.abc import Iterable
from typing import Final

from mailbot.playground.accounts import Account, Folder, Mail, Store
from mailbot.playground.imap.syntax import LITERAL_AHEAD, BadSyntax, Refused, ranges

LARGEST_COMMAND: Final = 96 * 1024 * 1024
"""Octets: room for a mail of 50 MiB in base64."""
LARGEST_LINE: Final = 64 * 1024
"""Octets: also the largest command before login."""

_BEFORE_TLS: Final = "IMAP4rev1 LITERAL+ ID ENABLE STARTTLS LOGINDISABLED"
_ALL: Final = (
    "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE"
    " AUTH=PLAIN AUTH=XOAUTH2"
)


class Session:
    """The state of one connection; the commands (commands.py) read and change it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, store: Store, starttls: ssl.SSLContext | None
    ) -> None:
        """`starttls`: the context that STARTTLS is still to be done with, if any."""
        self.reader = reader
        self.writer = writer
        self.store = store
        self.starttls = starttls
        self.account: Account | None = None
        self.folder: Folder | None = None
        self.read_only = False
        self.view: list[Mail] = []
        self.tls_begins = False
        """STARTTLS was asked for; the handshake follows the tagged OK."""
        self.over = False
        self.news = asyncio.Event()
        """Set when the open folder changed."""
        self._told_version = -1
        self._loop = asyncio.get_running_loop()

    # ---- lines ----

    @property
    def capabilities(self) -> str:
        """What this connection can do now."""
        return _BEFORE_TLS if self.starttls else _ALL

    def tell(self, line: str | bytes) -> None:
        """Send an untagged response."""
        self.writer.write(b"* " + (line.encode("utf-8", "replace") if isinstance(line, str) else line) + b"\r\n")

    async def invite(self, what: str = "") -> None:
        """Ask the client to go on."""
        self.writer.write(f"+ {what}\r\n".encode())
        await self.writer.drain()

    async def ask(self, challenge: str) -> str:
        """Ask the client for one line."""
        await self.invite(challenge)
        return (await self.line()).strip().decode("ascii", "replace")

    async def line(self) -> bytes:
        """The next line as it comes. Raises OSError or IncompleteReadError when the client is gone."""
        try:
            return await self.reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            self.tell("BYE this line is too long")
            raise ConnectionAbortedError from None

    async def command(self) -> bytes:
        """A whole command, its literals included, without the last line end. Raises as `line` does."""
        command = await self.line()
        while announced := LITERAL_AHEAD.search(command):
            length = int(announced[1])
            if len(command) + length > (LARGEST_COMMAND if self.account else LARGEST_LINE):
                self.tell("BYE this is too large")
                raise ConnectionAbortedError
            if not announced[2]:
                await self.invite("OK")
            command += await self.reader.readexactly(length) + await self.line()
        return command.removesuffix(b"\n").removesuffix(b"\r")  # and not what a literal ends with

    async def begin_tls(self) -> None:
        """Do the handshake. Raises OSError if it fails."""
        context, self.starttls, self.tls_begins = self.starttls, None, False
        if context:
            await self.writer.start_tls(context)

    # ---- the open folder ----

    def needs_login(self) -> None:
        """Raises BadSyntax before login."""
        _ = self.my_account

    @property
    def my_account(self) -> Account:
        """The account of whoever logged in. Raises BadSyntax before that."""
        if not self.account:
            raise BadSyntax("log in first")
        return self.account

    @property
    def my_folder(self) -> Folder:
        """The open folder. Raises BadSyntax if there is none."""
        if not self.folder:
            raise BadSyntax("select a folder first")
        return self.folder

    @property
    def writable_folder(self) -> Folder:
        """The open folder, if it may be changed. Raises Refused if not, BadSyntax if there is none."""
        folder = self.my_folder
        if self.read_only:
            raise Refused("[READ-ONLY] the folder was opened by EXAMINE")
        return folder

    def enter(self, folder: Folder, *, read_only: bool) -> None:
        """Open a folder; its mails become the view."""
        self.leave()
        with self.store.lock:
            self.view, self._told_version = list(folder.mails), folder.version
            folder.watch(self._wake)
        self.folder, self.read_only = folder, read_only

    def leave(self) -> None:
        """Close the folder, if one is open."""
        if self.folder:
            self.folder.unwatch(self._wake)
        self.folder, self.view = None, []

    def _wake(self) -> None:
        """Called from any thread, under the store's lock."""
        self._loop.call_soon_threadsafe(self.news.set)

    def chosen(self, numbers: str, *, by_uid: bool) -> list[tuple[int, Mail]]:
        """The mails of a set, with their sequence numbers. Raises BadSyntax for a sequence number that is not there."""
        if by_uid:
            newest = self.view[-1].uid if self.view else 0
            found = {index for run in ranges(numbers, newest) for index in self._indices(run)}
        else:
            runs = ranges(numbers, len(self.view))
            if any(run.start < 1 or run.stop > len(self.view) + 1 for run in runs):
                raise BadSyntax("there is no mail of that number")
            found = {number - 1 for run in runs for number in run}
        return [(index + 1, self.view[index]) for index in sorted(found)]

    def _indices(self, uids: range) -> range:
        first = bisect.bisect_left(self.view, uids.start, key=lambda mail: mail.uid)
        return range(first, bisect.bisect_left(self.view, uids.stop, key=lambda mail: mail.uid))

    def mark(self, number: int, mail: Mail, flags: Iterable[str]) -> Mail:
        """Give a mail of the view these flags, here and in the folder; returns it as it is now."""
        folder = self.my_folder
        folder.mark(mail.uid, flags)
        self.view[number - 1] = mail = mail.with_flags(flags)
        return mail

    # ---- news ----

    def announce(self, *, expunges: bool) -> None:
        """Tell what changed in the folder since the view was last made equal to it."""
        folder = self.my_folder
        if folder.version == self._told_version:
            return
        with self.store.lock:
            now, version = {mail.uid: mail for mail in folder.mails}, folder.version
        if expunges:
            self._announce_expunged(now)
        self._announce_flags(now)
        self._announce_new(now)
        if len(self.view) == len(now):
            self._told_version = version

    def _announce_expunged(self, now: dict[int, Mail]) -> None:
        for number in range(len(self.view), 0, -1):  # from the end, so that the numbers before it still hold
            if self.view[number - 1].uid not in now:
                del self.view[number - 1]
                self.tell(f"{number} EXPUNGE")

    def _announce_flags(self, now: dict[int, Mail]) -> None:
        for number, known in enumerate(self.view, 1):
            mail = now.get(known.uid, known)
            if mail.flags != known.flags:
                self.view[number - 1] = mail
                self.tell(f"{number} FETCH (UID {mail.uid} FLAGS {flag_list(mail.flags)})")

    def _announce_new(self, now: dict[int, Mail]) -> None:
        newest = self.view[-1].uid if self.view else 0
        if new := [mail for uid, mail in now.items() if uid > newest]:
            self.view += new
            self.tell(f"{len(self.view)} EXISTS")


def flag_list(flags: Iterable[str]) -> str:
    """Flags as IMAP writes them, in brackets."""
    return f"({' '.join(sorted(flags))})"
