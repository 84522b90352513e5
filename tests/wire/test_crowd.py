"""More mail than is fetched at once: senders take turns, on Dovecot and on the playground's server."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from mailbot.core.decision import Folder
from mailbot.playground.imap import ImapServer
from mailbot.wire.access import Credential, ImapAccess, Tls
from mailbot.wire.imap import BATCH_MAILS, Arrival, Mailbox
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot

FLOOD = BATCH_MAILS + 30
_numbers = itertools.count(1)


@dataclass
class Crowded:
    """A mailbox, and the means to put mail into it."""

    mailbox: Mailbox
    deliver: Callable[[bytes], object]

    def put(self, sender: str, count: int) -> None:
        for _ in range(count):
            self.deliver(f"From: {sender}\r\nSubject: {next(_numbers)}\r\n\r\nhello\r\n".encode())


def whose(lines: bytes) -> str:
    """The word before the at sign."""
    found = re.search(rb"(?m)^From: (\w+)@", lines)
    return found[1].decode() if found else ""


@pytest.fixture(params=["dovecot", "playground"])
def crowded(request: pytest.FixtureRequest, authority: Authority) -> Crowded:
    login = f"crowd{next(_numbers)}@mailbot.example"
    if request.param == "dovecot":
        dovecot: Dovecot = request.getfixturevalue("dovecot")
        dovecot.add(login)
        port = dovecot.imaps_port
        deliver: Callable[[bytes], object] = partial(dovecot.deliver, login)
    else:
        server: ImapServer = request.getfixturevalue("playground_imap")
        server.store.add(login, PASSWORD)
        port, deliver = server.port, partial(server.store.deliver, login)
    access = ImapAccess(
        host="localhost",
        port=port,
        tls=Tls.IMPLICIT,
        ca_file=str(authority.cert_file),
        credential=Credential(login, lambda: PASSWORD),
        patience=10,
    )
    return Crowded(Mailbox(access, whose), deliver)


def senders(arrivals: list[Arrival]) -> list[str]:
    return [whose(mail.octets if hasattr(mail, "octets") else b"") for _, mail in arrivals]


def test_a_flood_delays_others_by_no_more_than_its_share(crowded: Crowded) -> None:
    crowded.put("fr@x.example", FLOOD)
    crowded.put("de@x.example", 3)
    crowded.put("it@x.example", 1)
    with crowded.mailbox as mailbox:
        arrivals = mailbox.fetch_new()
        assert senders(arrivals)[:6] == ["fr", "de", "it", "fr", "de", "fr"]
        assert len(arrivals) == BATCH_MAILS
        mailbox.file_away([(uid, Folder.DONE) for uid, _ in arrivals])
        assert senders(mailbox.fetch_new()) == ["fr"] * (FLOOD + 4 - BATCH_MAILS)


def test_who_comes_amid_a_flood_is_next(crowded: Crowded) -> None:
    crowded.put("fr@x.example", 2 * FLOOD)
    with crowded.mailbox as mailbox:
        first = mailbox.fetch_new()
        crowded.put("de@x.example", 1)
        mailbox.file_away([(uid, Folder.DONE) for uid, _ in first])
        assert "de" in senders(mailbox.fetch_new())[:2]


def test_each_mail_comes_once_and_none_is_lost(crowded: Crowded) -> None:
    for sender in ("fr", "de", "it", "es"):
        crowded.put(f"{sender}@x.example", FLOOD // 2)
    seen: list[int] = []
    with crowded.mailbox as mailbox:
        while arrivals := mailbox.fetch_new():
            seen += [uid for uid, _ in arrivals]
            mailbox.file_away([(uid, Folder.DONE) for uid, _ in arrivals])
    assert len(seen) == len(set(seen)) == 4 * (FLOOD // 2)


def test_what_is_passed_over_and_what_a_person_moved_away(crowded: Crowded) -> None:
    crowded.put("fr@x.example", FLOOD + 20)
    with crowded.mailbox as mailbox, Mailbox(mailbox._access) as person:
        first = [uid for uid, _ in mailbox.fetch_new()]
        person.file_away([(uid, Folder.HELD) for uid in first[:5]])
        again = [uid for uid, _ in mailbox.fetch_new(passing_over=first[5:8])]
        assert not set(again) & set(first[:8])
        assert again[:3] == first[8:11]


def test_few_come_as_they_arrived(crowded: Crowded) -> None:
    for sender in ("fr", "fr", "de"):
        crowded.put(f"{sender}@x.example", 1)
    with crowded.mailbox as mailbox:
        assert senders(mailbox.fetch_new()) == ["fr", "fr", "de"]
