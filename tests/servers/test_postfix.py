"""Postfix as the tests use it: what it takes, what it refuses, what it sends back."""

import smtplib
import time
from collections.abc import Iterator
from email import message_from_bytes

import pytest

from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postfix import DEFERRED, UNDELIVERABLE, Postfix
from tests.servers.programs import wait_until

MAIL = b"From: a@fr.example\r\nSubject: x\r\n\r\n.dot\r\n..\r\nna\xefve\r\n"


@pytest.fixture
def sender(dovecot: Dovecot, request: pytest.FixtureRequest) -> str:
    return dovecot.add(f"{request.node.name.partition('[')[0]}@postfix.example")


@pytest.fixture
def client(postfix: Postfix) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(postfix.host, postfix.port, "here.example", 5) as client:
        yield client


def test_delivers_every_octet(dovecot: Dovecot, client: smtplib.SMTP, sender: str) -> None:
    account = dovecot.add("fresh@postfix.example")
    client.sendmail(sender, ["fresh+r42@postfix.example"], MAIL)
    [mail] = dovecot.wait(account, 1)
    assert mail.startswith(f"Return-Path: <{sender}>\r\nDelivered-To: fresh+r42@postfix.example\r\n".encode())
    assert mail.endswith(MAIL)
    assert b"(Postfix)" in mail


@pytest.mark.parametrize(
    ("recipient", "code"), [("nobody@postfix.example", b"5.1.1"), ("somebody@elsewhere.invalid", b"5.7.1")]
)
def test_refuses_at_rcpt(client: smtplib.SMTP, sender: str, recipient: str, code: bytes) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail(sender, [recipient], MAIL)
    assert 550 <= refused.value.recipients[recipient][0] <= 559
    assert refused.value.recipients[recipient][1].startswith(code)


def test_bounces_for_real(dovecot: Dovecot, client: smtplib.SMTP, sender: str) -> None:
    local, _, domain = sender.partition("@")
    recipient = f"x@{UNDELIVERABLE}"
    client.sendmail(f"{local}+v1@{domain}", [recipient], MAIL, ["ENVID=our-id"], [f"ORCPT=rfc822;{recipient}"])
    [octets] = dovecot.wait(sender, 1)
    bounce = message_from_bytes(octets)
    assert (bounce.get_content_type(), bounce["Return-Path"]) == ("multipart/report", "<>")
    assert bounce["Delivered-To"] == f"{local}+v1@{domain}"
    for fact in (b"Original-Envelope-Id: our-id", b"Action: failed", b"Status: 5.1.1", b"Subject: x"):
        assert fact in octets


def test_keeps_what_it_cannot_deliver_yet(postfix: Postfix, client: smtplib.SMTP, sender: str) -> None:
    client.sendmail(sender, [f"x@{DEFERRED}"], MAIL)
    wait_until(lambda: any("Connection refused" in waiting and sender in waiting for waiting in postfix.queue), "a try")
    postfix.flush()
    postfix.empty_queue()
    assert postfix.queue == []


def test_reports_success_when_asked(dovecot: Dovecot, client: smtplib.SMTP, sender: str) -> None:
    account = dovecot.add("reported@postfix.example")
    client.ehlo()
    assert client.has_extn("dsn")
    client.sendmail(sender, [account], MAIL, [], ["NOTIFY=SUCCESS"])
    [report] = dovecot.wait(sender, 1)
    assert b"Action: delivered" in report or b"Action: relayed" in report


@pytest.mark.parametrize("implicit", [False, True])
def test_submission(dovecot: Dovecot, postfix: Postfix, authority: Authority, sender: str, implicit: bool) -> None:
    tls = authority.client_context()
    if implicit:
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            "localhost", postfix.submissions_port, "h.example", timeout=5, context=tls
        )
    else:
        client = smtplib.SMTP("localhost", postfix.submission_port, "h.example", 5)
    with client:
        if not implicit:
            client.ehlo()
            assert not client.has_extn("auth")
            client.starttls(context=tls)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(sender, "wrong")
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail(sender, [sender], MAIL)
        client.login(sender, PASSWORD)
        client.sendmail(sender, [sender], MAIL)
    assert dovecot.wait(sender, 1)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_comes_back_with_its_queue(postfix: Postfix, sender: str, end: str) -> None:
    with smtplib.SMTP(postfix.host, postfix.port, "here.example", 5) as client:
        client.sendmail(sender, [f"{end}@{DEFERRED}"], MAIL)
    getattr(postfix, end)()
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP(postfix.host, postfix.port, "here.example", 5)
    postfix.start()
    wait_until(lambda: any(f"{end}@{DEFERRED}" in waiting for waiting in postfix.queue), "the queue")
    postfix.empty_queue()


def test_warns_of_a_delay_when_asked_to(dovecot: Dovecot, sender: str) -> None:
    start = time.monotonic()
    with (
        Postfix(dovecot, delay_warning=1) as postfix,
        smtplib.SMTP(postfix.host, postfix.port, "here.example", 5) as client,
    ):
        client.sendmail(sender, [f"x@{DEFERRED}"], MAIL)
        [warning] = dovecot.wait(sender, 1)
    assert b"Action: delayed" in warning
    assert time.monotonic() - start < 10
