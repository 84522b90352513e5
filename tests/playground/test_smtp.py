"""The playground's SMTP server, as a mail program meets it."""

import smtplib
import ssl
from collections.abc import Iterator

import pytest

from mailbot.playground.accounts import Store
from mailbot.playground.smtp import SmtpServer
from tests.servers.authority import Authority

MAIL = b"From: a@fr.example\r\nSubject: x\r\n\r\n.dot\r\n..\r\nna\xefve\r\n"


@pytest.fixture
def store() -> Store:
    store = Store()
    store.add("fr@fr.example", "secret")
    store.add("de@de.example", "other", "desk@de.example")
    return store


@pytest.fixture
def server(store: Store) -> Iterator[SmtpServer]:
    with SmtpServer(store) as server:
        yield server


@pytest.fixture
def client(server: SmtpServer) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(server.host, server.port, "desk.example", 5) as client:
        yield client


def test_delivers_every_octet_behind_the_trace(store: Store, client: smtplib.SMTP) -> None:
    client.sendmail("fr@fr.example", ["de@de.example"], MAIL)
    [mail] = store.mails("de@de.example")
    trace, _, rest = mail.octets.partition(b"From: a@fr.example\r\n")
    assert b"From: a@fr.example\r\n" + rest == MAIL
    lines = trace.decode().split("\r\n")
    assert lines[:3] == [
        "Return-Path: <fr@fr.example>",
        "Delivered-To: de@de.example",
        "Received: from desk.example ([127.0.0.1])",
    ]
    assert lines[4].startswith("\tfor <de@de.example>; ")


def test_extensions_and_aliases(store: Store, client: smtplib.SMTP) -> None:
    client.sendmail("fr@fr.example", ["de+r42@de.example", "Desk@DE.example", "fr@fr.example"], MAIL)
    delivered = [mail.octets.split(b"\r\n")[1] for mail in store.mails("de@de.example")]
    assert delivered == [b"Delivered-To: de+r42@de.example", b"Delivered-To: Desk@DE.example"]
    assert len(store.mails("fr@fr.example")) == 1


def test_keeps_a_record(server: SmtpServer, client: smtplib.SMTP) -> None:
    client.sendmail("fr+b=1@fr.example", ["de@de.example", "fr@fr.example"], MAIL)
    [delivery] = server.wait(1)
    assert (delivery.sender, delivery.recipients) == ("fr+b=1@fr.example", ("de@de.example", "fr@fr.example"))
    assert delivery.octets == MAIL
    assert "dot" not in repr(delivery)
    with pytest.raises(TimeoutError):
        server.wait(2, seconds=0.01)


def test_null_sender(store: Store, server: SmtpServer, client: smtplib.SMTP) -> None:
    client.sendmail("", ["de@de.example"], MAIL)
    assert server.deliveries[0].sender == ""
    assert store.mails("de@de.example")[0].octets.startswith(b"Return-Path: <>\r\n")


def test_unknown_recipient(store: Store, server: SmtpServer, client: smtplib.SMTP) -> None:
    refused = client.sendmail("fr@fr.example", ["de@de.example", "nobody@de.example"], MAIL)
    assert refused["nobody@de.example"][0] == 550
    assert refused["nobody@de.example"][1].startswith(b"5.1.1")
    assert server.deliveries[0].recipients == ("de@de.example",)


@pytest.mark.parametrize("sender", ["no-at-sign", "a@b@c"])
def test_sender_that_is_no_address(client: smtplib.SMTP, sender: str) -> None:
    with pytest.raises(smtplib.SMTPSenderRefused):
        client.sendmail(sender, ["de@de.example"], MAIL)


def test_greeting_cannot_write_headers(store: Store, client: smtplib.SMTP) -> None:
    client.send("EHLO evil\rX-Forged: yes\x00\r\n")
    assert client.getreply()[0] == 250
    client.sendmail("fr@fr.example", ["de@de.example"], MAIL)
    trace = store.mails("de@de.example")[0].octets.partition(b"From: ")[0]
    assert trace.count(b"\r") == trace.count(b"\r\n") == 5
    assert b"X-Forged:" not in trace.replace(b"evilX-Forged:yes", b"")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_login(client: smtplib.SMTP, mechanism: str) -> None:
    client.ehlo()
    assert mechanism in client.esmtp_features["auth"]
    client.esmtp_features["auth"] = mechanism
    with pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("fr@fr.example", "wrong")
    assert client.login("fr@fr.example", "secret")[0] == 235


def test_login_may_be_required(store: Store) -> None:
    with (
        SmtpServer(store, auth_required=True) as server,
        smtplib.SMTP(server.host, server.port, "desk.example", 5) as client,
    ):
        with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
            client.sendmail("fr@fr.example", ["de@de.example"], MAIL)
        client.login("fr@fr.example", "secret")
        client.sendmail("fr@fr.example", ["de@de.example"], MAIL)
        assert b"ESMTPA" in store.mails("de@de.example")[0].octets


def test_starttls(store: Store, authority: Authority) -> None:
    with (
        SmtpServer(store, tls=authority.localhost.server_context()) as server,
        smtplib.SMTP("localhost", server.port, "desk.example", 5) as client,
    ):
        client.ehlo()
        assert not client.has_extn("auth")
        client.starttls(context=authority.client_context())
        client.login("fr@fr.example", "secret")
        client.sendmail("fr@fr.example", ["de@de.example"], MAIL)
        assert len(server.deliveries) == 1


def test_implicit_tls(store: Store, authority: Authority) -> None:
    tls = authority.localhost.server_context()
    with SmtpServer(store, tls=tls, implicit_tls=True) as server:
        context = authority.client_context()
        with smtplib.SMTP_SSL("localhost", server.port, "desk.example", timeout=5, context=context) as client:
            client.login("fr@fr.example", "secret")
            client.sendmail("fr@fr.example", ["de@de.example"], MAIL)
        assert len(server.deliveries) == 1


def test_a_certificate_for_another_host_is_refused(store: Store, authority: Authority) -> None:
    tls = authority.elsewhere.server_context()
    with (
        SmtpServer(store, tls=tls) as server,
        smtplib.SMTP("localhost", server.port, "desk.example", 5) as client,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        client.starttls(context=authority.client_context())


def test_a_large_mail(store: Store, client: smtplib.SMTP) -> None:
    octets = MAIL + (b"A" * 76 + b"\r\n") * 50_000
    client.sendmail("fr@fr.example", ["de@de.example"], octets)
    assert store.mails("de@de.example")[0].octets.endswith(octets)


def test_what_aiosmtpd_logs_holds_no_mail(client: smtplib.SMTP, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        client.sendmail("fr@fr.example", ["de@de.example"], MAIL)
    assert "dot" not in caplog.text
