"""Dovecot as the tests use it: mail in, mail out, and its ends."""

import re

import pytest
from imapclient import IMAPClient

from tests.servers.dovecot import PASSWORD, Dovecot

MAIL = b"Subject: x\r\n\r\n.dot\r\n..\r\nna\xefve\r\n"


def test_delivers_into_accounts_and_their_extensions(dovecot: Dovecot) -> None:
    account = dovecot.add("ext@dovecot.example", "alias@dovecot.example")
    for address in (account, "ext+a@dovecot.example", "Alias+b@dovecot.example"):
        dovecot.deliver(address, MAIL, sender="s+1@fr.example")
    mails = dovecot.wait(account, 3)
    assert mails == dovecot.mails("alias@dovecot.example")
    found = [re.search(rb"Delivered-To: (.*)\r\n", mail) for mail in mails]
    assert [each and each[1].lower() for each in found] == [
        b"ext@dovecot.example",
        b"ext+a@dovecot.example",
        b"alias+b@dovecot.example",
    ]
    for mail in mails:
        assert mail.startswith(b"Return-Path: <s+1@fr.example>\r\n")
        assert mail.endswith(MAIL)


def test_refuses_unknown_users(dovecot: Dovecot) -> None:
    with pytest.raises(RuntimeError, match=r"550 5\.1\.1"):
        dovecot.deliver("nobody@dovecot.example", MAIL)


def test_an_account_added_anew_is_empty(dovecot: Dovecot) -> None:
    dovecot.deliver(dovecot.add("again@dovecot.example"), MAIL)
    dovecot.add("again@dovecot.example")
    assert dovecot.mails("again@dovecot.example") == dovecot.mails("again@dovecot.example", "Nowhere") == []


def test_waiting_for_too_much(dovecot: Dovecot) -> None:
    with pytest.raises(TimeoutError, match=r"1 mails in INBOX of waits@dovecot\.example"):
        dovecot.wait(dovecot.add("waits@dovecot.example"), 1, seconds=0.1)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_comes_back_on_the_same_port_with_the_same_mail(dovecot: Dovecot, end: str) -> None:
    account = dovecot.add(f"{end}@dovecot.example")
    dovecot.deliver(account, MAIL)
    client = dovecot.login(account)
    getattr(dovecot, end)()
    with pytest.raises((OSError, IMAPClient.AbortError)):
        client.noop()
    client.shutdown()
    with pytest.raises(ConnectionRefusedError):
        dovecot.login(account)
    dovecot.start()
    assert len(dovecot.mails(account)) == 1


def test_falls_silent_and_goes_on(dovecot: Dovecot) -> None:
    with IMAPClient("127.0.0.1", dovecot.port, ssl=False, timeout=0.2) as client:
        client.login(dovecot.add("frozen@dovecot.example"), PASSWORD)
        dovecot.freeze()
        try:
            with pytest.raises(TimeoutError):
                client.noop()
        finally:
            dovecot.thaw()
    assert dovecot.mails("frozen@dovecot.example") == []
