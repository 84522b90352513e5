"""The misbehaving SMTP server: does it misbehave exactly as told?"""

import smtplib
import socket
from collections.abc import Iterator

import pytest

from tests.servers.authority import Authority
from tests.servers.badsmtp import (
    CLOSING,
    CUT,
    PERMANENT,
    SILENT,
    TEMPORARY,
    Act,
    BadSmtp,
    Misbehaviour,
    Step,
    drop,
    refuse,
    slow,
)
from tests.servers.dovecot import PASSWORD

MAIL = b"Subject: x\r\n\r\n.dot\r\n..\r\nna\xefve\r\n"
ROBOT = "robot@mailbot.example"


def send(server: BadSmtp, authority: Authority, *recipients: str, seconds: float = 5) -> dict[str, tuple[int, bytes]]:
    """Send a mail through every step."""
    with smtplib.SMTP("localhost", server.port, "here.example", seconds) as client:
        client.starttls(context=authority.client_context())
        client.login(ROBOT, PASSWORD)
        return client.sendmail(ROBOT, recipients or ["fr@fr.example"], MAIL, ["RET=HDRS"], ["NOTIFY=FAILURE"])


def test_behaves_when_told_nothing(bad_smtp: BadSmtp, authority: Authority) -> None:
    send(bad_smtp, authority)
    [mail] = bad_smtp.wait(1)
    assert mail.octets == MAIL
    assert (mail.sender, mail.sender_options[-1]) == (ROBOT, "RET=HDRS")
    assert (mail.recipients, mail.recipient_options) == (("fr@fr.example",), (("NOTIFY=FAILURE",),))
    assert (mail.login, mail.encrypted) == (ROBOT, True)
    assert [command.split()[0].lower() for command in bad_smtp.commands] == [
        *("ehlo", "starttls", "ehlo", "auth", "mail", "rcpt", "data", "quit")
    ]


@pytest.mark.parametrize("octets", [b"", b"\r\n", b".\r\n", b"..\r\n\r\n.\r\n", b"x"])
def test_keeps_odd_mail(bad_smtp: BadSmtp, octets: bytes) -> None:
    with smtplib.SMTP("localhost", bad_smtp.port, "here.example", 5) as client:
        client.sendmail("a@a.example", ["b@b.example"], octets)
    assert bad_smtp.accepted[0].octets == (octets if octets.endswith(b"\n") else octets + b"\r\n")


@pytest.mark.parametrize("wrong", [*TEMPORARY, *PERMANENT, *CLOSING], ids=lambda wrong: wrong.name)
def test_refuses(bad_smtp: BadSmtp, authority: Authority, wrong: Misbehaviour) -> None:
    bad_smtp.misbehave(wrong)
    with pytest.raises(smtplib.SMTPException) as refused:
        send(bad_smtp, authority)
    told = wrong.step not in {Step.EHLO, Step.STARTTLS} and not isinstance(
        refused.value, smtplib.SMTPServerDisconnected
    )
    if told:  # smtplib does not always say with which code
        assert wrong.reply[:3] in str(refused.value)
    assert bad_smtp.accepted == []


@pytest.mark.parametrize("wrong", SILENT, ids=lambda wrong: wrong.name)
def test_falls_silent(bad_smtp: BadSmtp, authority: Authority, wrong: Misbehaviour) -> None:
    bad_smtp.misbehave(wrong)
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        send(bad_smtp, authority, seconds=0.4)
    assert len(bad_smtp.accepted) == (wrong.step is Step.KEPT)


@pytest.mark.parametrize("wrong", CUT, ids=lambda wrong: wrong.name)
def test_hangs_up(bad_smtp: BadSmtp, authority: Authority, wrong: Misbehaviour) -> None:
    bad_smtp.misbehave(wrong)
    with pytest.raises((ConnectionError, smtplib.SMTPServerDisconnected)):
        send(bad_smtp, authority)
    assert len(bad_smtp.accepted) == (wrong.step is Step.KEPT)


def test_every_step_can_go_wrong_in_every_way() -> None:
    for table, act in ((SILENT, Act.HANG), (CUT, Act.DROP)):
        assert {(wrong.step, wrong.act) for wrong in table} == {(step, act) for step in Step}


def test_refuses_one_recipient(bad_smtp: BadSmtp, authority: Authority) -> None:
    bad_smtp.misbehave(refuse(Step.RCPT, "450 4.2.0 greylisted", only="it@it.example"))
    assert send(bad_smtp, authority, "fr@fr.example", "it@it.example") == {"it@it.example": (450, b"4.2.0 greylisted")}
    assert bad_smtp.accepted[0].recipients == ("fr@fr.example",)


def test_misbehaves_so_many_times(bad_smtp: BadSmtp, authority: Authority) -> None:
    bad_smtp.misbehave(refuse(Step.MAIL, "451 4.3.0 later", times=2), drop(Step.DOT, times=1))
    for expected in (smtplib.SMTPSenderRefused, smtplib.SMTPSenderRefused, smtplib.SMTPServerDisconnected):
        with pytest.raises(expected):
            send(bad_smtp, authority)
    send(bad_smtp, authority)
    assert len(bad_smtp.accepted) == 1


def test_answers_late(bad_smtp: BadSmtp, authority: Authority) -> None:
    bad_smtp.misbehave(slow(Step.DOT, 0.3))
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        send(bad_smtp, authority, seconds=0.1)
    send(bad_smtp, authority)
    assert bad_smtp.wait(1)


def test_says_no_starttls_though_it_has_it(authority: Authority) -> None:
    with (
        BadSmtp(tls=authority.localhost.server_context(), strip_starttls=True) as server,
        smtplib.SMTP("localhost", server.port, "here.example", 5) as client,
        pytest.raises(smtplib.SMTPNotSupportedError),
    ):
        client.starttls(context=authority.client_context())


def test_wrong_password(bad_smtp: BadSmtp, authority: Authority) -> None:
    with smtplib.SMTP("localhost", bad_smtp.port, "here.example", 5) as client:
        client.starttls(context=authority.client_context())
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(ROBOT, "wrong")


@pytest.fixture
def connection(bad_smtp: BadSmtp) -> Iterator[socket.socket]:
    with socket.create_connection(("localhost", bad_smtp.port), 5) as connection:
        assert connection.recv(100).startswith(b"220")
        yield connection


def test_bare_dialogue(connection: socket.socket) -> None:
    for command, code in ((b"NONSENSE", b"500"), (b"RCPT TO:<a@b>", b"503"), (b"DATA", b"503"), (b"HELO x", b"250")):
        connection.sendall(command + b"\r\n")
        assert connection.recv(100).startswith(code)
