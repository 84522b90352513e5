"""Mail that was filed is moved again, and dropped mail deleted in time; on Dovecot and the playground's server."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from mailbot.core.decision import Folder
from mailbot.core.mail import IncomingMail
from mailbot.playground.accounts import Store
from mailbot.playground.imap import ImapServer
from mailbot.wire.access import Credential, ImapAccess, Tls
from mailbot.wire.imap import Mailbox
from tests.servers.dovecot import PASSWORD, Dovecot

ADDRESS = "refiler@mailbot.example"
TODAY = datetime.now(UTC).date()


@dataclass
class Account:
    """An empty account, and how the robot reaches it."""

    access: ImapAccess
    deliver: Callable[[bytes], object]
    mails: Callable[[str], list[bytes]]


def on_dovecot(dovecot: Dovecot) -> Account:
    dovecot.add(ADDRESS)
    login = Credential(ADDRESS, lambda: PASSWORD)
    access = ImapAccess(
        host="localhost",
        port=dovecot.imaps_port,
        tls=Tls.IMPLICIT,
        ca_file=str(dovecot.authority.cert_file),
        credential=login,
        patience=10,
    )
    return Account(access, partial(dovecot.deliver, ADDRESS), partial(dovecot.mails, ADDRESS))


@pytest.fixture(params=["dovecot", "playground"])
def account(request: pytest.FixtureRequest, dovecot: Dovecot) -> Iterator[Account]:
    if request.param == "dovecot":
        yield on_dovecot(dovecot)
        return
    store = Store()
    store.add("robot", PASSWORD, ADDRESS)
    with ImapServer(store) as server:
        login = Credential("robot", lambda: PASSWORD)
        access = ImapAccess(host="127.0.0.1", port=server.port, tls=Tls.NONE, credential=login, patience=10)
        yield Account(
            access,
            lambda octets: store.deliver("robot", octets),
            lambda folder: [mail.octets for mail in store.mails("robot", folder)],
        )


def mail(text: str) -> bytes:
    return f"From: desk@fr.example\r\nSubject: {text}\r\n\r\n{text}\r\n".encode()


def held(mailbox: Mailbox, account: Account, *texts: str) -> dict[str, int]:
    """Deliver these mails and file them in Held; digest -> size."""
    for text in texts:
        account.deliver(mail(text))
    found: dict[str, int] = {}
    while len(found) < len(texts):
        for uid, arrived in mailbox.fetch_new():
            found[arrived.digest] = len(arrived.octets) if isinstance(arrived, IncomingMail) else arrived.size
            mailbox.file_away([(uid, Folder.HELD)])
    return found


def test_only_the_mail_with_the_digest_is_moved(account: Account) -> None:
    """Three mails of one size lie there; nothing but the digest tells them apart."""
    with Mailbox(account.access) as mailbox:
        sizes = held(mailbox, account, "aaaa", "bbbb", "cccc")
        wanted = next(
            d for d in sizes if any(hashlib.sha256(o).hexdigest() == d and b"bbbb" in o for o in account.mails("Held"))
        )
        mailbox.refile(Folder.HELD, Folder.DROPPED, {wanted: sizes[wanted]})
        assert len(account.mails("Held")) == 2
        (dropped,) = account.mails("Dropped")
        assert b"bbbb" in dropped
        mailbox.refile(Folder.HELD, Folder.DROPPED, {wanted: sizes[wanted]})  # gone already: fine
        assert len(account.mails("Dropped")) == 1
        account.deliver(mail("later"))
        while not mailbox.fetch_new():  # INBOX is selected again
            pass


def test_a_mail_that_was_too_large_to_fetch_is_found_by_its_head(account: Account) -> None:
    with Mailbox(replace(account.access, largest=100)) as mailbox:
        sizes = held(mailbox, account, "x" * 300)
        mailbox.refile(Folder.HELD, Folder.DONE, sizes)
        assert (len(account.mails("Held")), len(account.mails("Done"))) == (0, 1)


def test_an_empty_folder_is_no_trouble(account: Account) -> None:
    with Mailbox(account.access) as mailbox:
        mailbox.refile(Folder.HELD, Folder.DONE, {"0" * 64: 100})
        assert mailbox.clear(Folder.DROPPED, TODAY) == 0


def test_what_arrived_before_the_day_is_deleted(account: Account) -> None:
    with Mailbox(account.access) as mailbox:
        sizes = held(mailbox, account, "dddd")
        mailbox.refile(Folder.HELD, Folder.DROPPED, sizes)
        assert mailbox.clear(Folder.DROPPED, TODAY - timedelta(days=1)) == 0
        assert len(account.mails("Dropped")) == 1
        assert mailbox.clear(Folder.DROPPED, TODAY + timedelta(days=2)) == 1
        assert account.mails("Dropped") == []
