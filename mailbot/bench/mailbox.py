"""The robot's mailbox as the benchmark sees it: mail is put into it, and looked for, on a connection of its own."""

from collections.abc import Sequence
from typing import Self

from imapclient import IMAPClient

from mailbot.bench.network import ACCOUNT, Server


class Deposit:
    """Puts mail into INBOX, one by one or all at once."""

    def __init__(self, server: Server) -> None:
        """Log in."""
        self._client = IMAPClient("127.0.0.1", server.port, ssl=False)
        self._client._imap.debug = 0  # noqa: SLF001 - imapclient makes imaplib write out every octet else
        self._client.login(ACCOUNT, server.password)

    def __enter__(self) -> Self:
        """Logged in already."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Log out."""
        self._client.logout()

    def put(self, mail: bytes) -> None:
        """One mail, to be seen at once."""
        self._client.append("INBOX", mail)

    def put_all(self, mails: Sequence[bytes]) -> None:
        """Many."""
        for mail in mails:
            self.put(mail)

    def left(self) -> int:
        """How many mails are in INBOX."""
        return int(self._client.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"])
