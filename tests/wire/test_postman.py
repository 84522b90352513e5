"""The postman against Postfix, the playground's server, and a server that misbehaves at every step."""

import asyncio
import re
import socket
import time
from collections.abc import Callable
from dataclasses import replace

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.core.mail import Delivery, OutgoingMail, Refused, Sent, TryLater
from mailbot.playground.smtp import SmtpServer
from mailbot.wire.access import Credential, Mechanism, SecretUnavailable, SmtpAccess, Tls
from mailbot.wire.dot import Unsendable, forget, prepared
from mailbot.wire.envelope import address_flaw
from mailbot.wire.smtp import Postman
from tests.servers.authority import Authority
from tests.servers.badsmtp import (
    CLOSING,
    CUT,
    PERMANENT,
    SILENT,
    TEMPORARY,
    BadSmtp,
    Misbehaviour,
    Step,
    drop,
    refuse,
)
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postfix import Postfix
from tests.wire.peers import Dialogue, ScriptedServer

LOGIN = "robot@mailbot.example"
OCTETS = b"From: robot@mailbot.example\r\nSubject: [REQUEST#2026-0042]\r\n\r\n.\r\n..two dots\r\nend\r\n"


def letter(
    octets: bytes = OCTETS, recipient: str = "desk@de.example", sender: str = "robot+t0@mailbot.example"
) -> OutgoingMail:
    return OutgoingMail("<1@mailbot.example>", "7K3Q=9+x", sender, recipient, octets[:40], octets[40:])


@pytest.fixture
def access(bad_smtp: BadSmtp, authority: Authority) -> SmtpAccess:
    """To the server that misbehaves, with STARTTLS and login."""
    return SmtpAccess(
        host="localhost",
        port=bad_smtp.port,
        tls=Tls.STARTTLS,
        ca_file=str(authority.cert_file),
        credential=Credential(LOGIN, lambda: PASSWORD),
        ehlo_name="mailbot.example",
        patience=0.5,
        dot_patience=0.5,
    )


async def deliver_all(access: SmtpAccess, *mails: OutgoingMail) -> list[Delivery]:
    postman = Postman(access)
    try:
        return [await postman.deliver(mail) for mail in mails]
    finally:
        await postman.close()


def deliver(access: SmtpAccess, *mails: OutgoingMail) -> list[Delivery]:
    return asyncio.run(deliver_all(access, *(mails or (letter(),))))


# ---------------------------------------------------------------- handing over


def test_a_mail_arrives_octet_for_octet_encrypted_and_logged_in(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    assert deliver(access) == [Sent()]
    (taken,) = bad_smtp.accepted
    assert taken.octets == OCTETS
    assert (taken.sender, taken.recipients) == ("robot+t0@mailbot.example", ("desk@de.example",))
    assert (taken.login, taken.encrypted) == (LOGIN, True)
    assert "EHLO mailbot.example" in bad_smtp.commands


def test_postfix_takes_it_and_dovecot_has_it(dovecot: Dovecot, postfix: Postfix, access: SmtpAccess) -> None:
    robot = dovecot.add("postman@mailbot.example")
    desk = dovecot.add("postmans-desk@de.example")
    mail = letter(recipient=desk, sender=robot)
    credential = Credential(robot, lambda: PASSWORD)
    real = replace(access, credential=credential, patience=20, dot_patience=20)
    starttls = replace(real, port=postfix.submission_port)
    implicit = replace(real, port=postfix.submissions_port, tls=Tls.IMPLICIT)
    eventually_known(starttls, mail)
    assert deliver(implicit, mail) == [Sent()]
    arrived = dovecot.wait(desk, 2)
    assert [octets[-len(OCTETS) :] for octets in arrived] == [OCTETS] * 2


def eventually_known(access: SmtpAccess, mail: OutgoingMail) -> None:
    """Dovecot looks at its list of users once a second at most, so a new one may be refused at first."""
    for _ in range(30):
        if deliver(access, mail) == [Sent()]:
            return
        time.sleep(0.1)
    raise AssertionError(deliver(access, mail))


def test_postfix_refuses_an_unknown_user(dovecot: Dovecot, postfix: Postfix, access: SmtpAccess) -> None:
    mx = replace(access, port=postfix.port, tls=Tls.NONE, credential=None, patience=20)
    assert deliver(mx, letter(recipient="nobody-here@de.example")) == [Refused("5.1.1", 550)]


def test_the_playgrounds_server_takes_it(playground_smtp: SmtpServer, access: SmtpAccess) -> None:
    store = playground_smtp._store
    store.add("postman", PASSWORD, "postmans-desk@fr.example")
    there = replace(access, port=playground_smtp.port, credential=Credential("postman", lambda: PASSWORD), patience=10)
    assert deliver(there, letter(recipient="postmans-desk@fr.example")) == [Sent()]
    assert playground_smtp.wait(1)[-1].octets == OCTETS
    assert deliver(there, letter(recipient="unknown@fr.example")) == [Refused("5.1.1", 550)]


def test_one_connection_serves_many_mails(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    mails = [letter(recipient=f"desk{number}@de.example") for number in range(5)]
    assert deliver(access, *mails) == [Sent()] * 5
    assert bad_smtp.connections == 1
    assert [one.recipients[0] for one in bad_smtp.accepted] == [mail.recipient for mail in mails]


def test_deliveries_at_the_same_time_wait_for_each_other(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    async def at_once() -> list[Delivery]:
        postman = Postman(access)
        outcomes = await asyncio.gather(*(postman.deliver(letter()) for _ in range(5)))
        await postman.close()
        return outcomes

    assert asyncio.run(at_once()) == [Sent()] * 5
    assert bad_smtp.connections == 1


def test_a_connection_that_ended_meanwhile_is_made_anew(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    async def twice() -> list[Delivery]:
        postman = Postman(access)
        outcomes = [await postman.deliver(letter())]
        await asyncio.to_thread(bad_smtp.drop_connections)
        outcomes.append(await postman.deliver(letter()))
        bad_smtp.misbehave(refuse(Step.MAIL, "421 4.3.2 enough mails for one session", times=1))
        outcomes.append(await postman.deliver(letter()))
        bad_smtp.misbehave(drop(Step.MAIL, times=1))
        outcomes.append(await postman.deliver(letter()))
        await postman.close()
        return outcomes

    assert asyncio.run(twice()) == [Sent()] * 4
    assert len(bad_smtp.accepted) == 4


def test_a_refused_mail_does_not_disturb_the_next(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    bad_smtp.misbehave(refuse(Step.RCPT, "550 5.1.1 no such user", only="gone@de.example"))
    mails = [letter(recipient="gone@de.example"), letter(), letter(recipient="gone@de.example"), letter()]
    refused = Refused("5.1.1", 550)
    assert deliver(access, *mails) == [refused, Sent(), refused, Sent()]
    assert bad_smtp.connections == 1


def test_an_empty_sender_is_sent_as_such(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    assert deliver(access, letter(sender="")) == [Sent()]
    assert bad_smtp.accepted[0].sender == ""
    assert any(line.startswith("MAIL FROM:<>") for line in bad_smtp.commands)


# ---------------------------------------------------------------- large mail


def test_a_mail_of_36_mb_arrives_whole_and_in_no_time(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    """aiosmtplib's own data() searches and copies for 1.5 s, and holds up everything else that long."""
    line = b"." + b"armour" * 10 + b"\r\n"
    large = b"Subject: large\r\n\r\n" + line * (36_000_000 // len(line))

    async def send() -> tuple[Delivery, float]:
        postman = Postman(replace(access, dot_patience=60))
        longest = 0.0
        sending = asyncio.create_task(postman.deliver(letter(large)))
        while not sending.done():
            began = time.thread_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - began)
        await postman.close()
        return sending.result(), longest

    outcome, longest = asyncio.run(send())
    assert outcome == Sent()
    assert bad_smtp.accepted[0].octets == large
    assert longest < 1.0


def test_preparing_36_mb_takes_no_time() -> None:
    large = (b"armour" * 10 + b"\r\n") * (36_000_000 // 62)
    began = time.thread_time()
    prepared(large)
    assert time.thread_time() - began < 1.0


# ---------------------------------------------------------------- octets


lines = st.lists(
    st.one_of(
        st.just(b"."), st.just(b".."), st.just(b""), st.binary(max_size=80).map(lambda b: re.sub(rb"[\r\n\0]", b".", b))
    ),
    max_size=20,
)


@given(lines, st.lists(st.integers(0, 400), max_size=3))
def test_what_is_prepared_comes_out_the_same_however_it_is_cut(lines: list[bytes], cuts: list[int]) -> None:
    octets = b"".join(line + b"\r\n" for line in lines) or b"\r\n"
    places = sorted(min(cut, len(octets)) for cut in cuts)
    pieces = [octets[start:end] for start, end in zip([0, *places], [*places, len(octets)], strict=True)]
    data = b"".join(prepared(*pieces))
    body = data.removesuffix(b".\r\n")
    assert len(body) == len(data) - 3
    assert b"\r\n.\r\n" not in b"\r\n" + body
    assert unstuffed(body) == octets


def test_a_long_piece_is_not_copied_and_one_with_dots_is_stuffed() -> None:
    plain, dotted = b"armour\r\n" * 20_000, b".\r\n" * 40_000
    head, tail, foot, dot = prepared(b"Subject: x\r\n\r\n", plain, b".\r\n")
    assert (head, tail, foot, dot) == (b"Subject: x\r\n\r\n", plain, b"..\r\n", b".\r\n")
    assert prepared(plain)[0] is prepared(b"x\r\n", plain)[1]
    assert unstuffed(prepared(dotted)[0]) == dotted
    with pytest.raises(Unsendable):
        prepared(plain, b"a\nb\r\n")
    forget()


def unstuffed(body: bytes) -> bytes:
    """What a server makes of it (RFC 5321 §4.5.2)."""
    return re.sub(rb"(?<=\r\n)\.", b"", b"\r\n" + body)[2:]


@given(st.binary(max_size=300))
def test_any_octets_are_sent_unchanged_or_not_at_all(octets: bytes) -> None:
    try:
        data = b"".join(prepared(octets))
    except Unsendable:
        return
    assert not re.search(rb"\0|\r(?!\n)|(?<!\r)\n", data)
    assert unstuffed(data[:-3]).removesuffix(b"\r\n") == octets.removesuffix(b"\r\n")


@pytest.mark.parametrize(
    "octets", [b"a\nb\r\n", b"a\rb\r\n", b"a\0b\r\n", b"a\r\n.\n.\r\n", b"a\r\r\n", b"x" * 999 + b"\r\n"]
)
def test_octets_that_would_be_changed_or_smuggled_never_leave(
    octets: bytes, access: SmtpAccess, bad_smtp: BadSmtp
) -> None:
    assert deliver(access, letter(octets)) == [Refused("5.6.0")]
    assert bad_smtp.connections == 0


def test_lines_may_have_998_octets() -> None:
    assert b"".join(prepared(b"x" * 998 + b"\r\n")) == b"x" * 998 + b"\r\n.\r\n"
    long = b"".join(prepared(b"short\r\n" * 500 + b"x" * 998 + b"\r\nend"))
    assert long.endswith(b"x\r\nend\r\n.\r\n")
    with pytest.raises(Unsendable):
        prepared(b"short\r\n" * 500 + b"x" * 999 + b"\r\nend\r\n")


def test_octets_beyond_ascii_need_8bitmime(access: SmtpAccess, bad_smtp: BadSmtp, authority: Authority) -> None:
    high = letter("Subject: été\r\n\r\n".encode())
    assert deliver(access, high) == [Sent()]
    assert "BODY=8BITMIME" in bad_smtp.accepted[0].sender_options
    with BadSmtp(offers=["SIZE 1000"]) as old:
        plain = replace(access, port=old.port, tls=Tls.NONE, credential=None)
        assert deliver(plain, high, letter()) == [Refused("5.6.3"), Sent()]


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("b@y.example,c@y.example", "5.1.3"),
        ("b@y.example\r\nRCPT TO:<c@y.example>", "5.1.3"),
        ("b@y.example> NOTIFY=NEVER", "5.1.3"),
        ("b@y.example ", "5.1.3"),
        ("", "5.1.3"),
        ("b", "5.1.3"),
        ("<b@y.example>", "5.1.3"),
        ("Bob <b@y.example>", "5.1.3"),
        ("b(c)@y.example", "5.1.3"),
        ('"b c"@y.example', "5.1.3"),
        ("b@[127.0.0.1]", "5.1.3"),
        ("b@y..example", "5.1.3"),
        (f"{'b' * 65}@y.example", "5.1.3"),
        ("bé@y.example", "5.6.7"),
        ("b@ü.example", "5.6.7"),
    ],
)
def test_addresses_that_could_be_misread_never_leave(
    access: SmtpAccess, bad_smtp: BadSmtp, address: str, status: str
) -> None:
    assert deliver(access, letter(recipient=address)) == [Refused(status)]
    if address:
        assert deliver(access, letter(sender=address)) == [Refused(status.replace("5.1.3", "5.1.7"))]
    assert bad_smtp.connections == 0


@given(st.from_regex(r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}@[a-z0-9.-]{1,20}", fullmatch=True))
def test_the_library_leaves_an_address_that_passes_as_it_is(address: str) -> None:
    if address_flaw(address) is None:
        assert aiosmtplib.email.quote_address(address) == f"<{address}>"


# ---------------------------------------------------------------- outcomes

SESSION = {Step.CONNECT: "connection", Step.EHLO: "connection", Step.STARTTLS: "tls", Step.AUTH: "login"}
"""Steps before a mail is spoken of, and our word for trouble there."""
each = pytest.mark.parametrize("wrong", [*TEMPORARY, *PERMANENT, *CLOSING, *SILENT, *CUT], ids=lambda wrong: wrong.name)


def expected(wrong: Misbehaviour) -> Delivery:
    if wrong in SILENT:
        return TryLater("timeout")
    if wrong in CUT:
        return TryLater("connection")
    code, status = int(wrong.reply[:3]), wrong.reply.split()[1]
    if wrong.step in SESSION:
        return TryLater(SESSION[wrong.step], code)
    return Refused(status, code) if wrong in PERMANENT else TryLater(status, code)


@each
def test_whatever_a_server_does_has_an_outcome_and_the_next_mail_goes_through(
    access: SmtpAccess, bad_smtp: BadSmtp, wrong: Misbehaviour
) -> None:
    async def before_and_after() -> list[Delivery]:
        postman = Postman(access)
        bad_smtp.misbehave(wrong)
        outcomes = [await postman.deliver(letter())]
        bad_smtp.misbehave()
        outcomes.append(await postman.deliver(letter()))
        await postman.close()
        return outcomes

    assert asyncio.run(before_and_after()) == [expected(wrong), Sent()]
    assert bad_smtp.accepted[-1].octets == OCTETS


ANSWERS = {
    "450 4.2.0 greylisted": TryLater("4.2.0", 450),
    "450 greylisted": TryLater("4.0.0", 450),
    "550 5.1.1 unknown": Refused("5.1.1", 550),
    "550-5.7.26 long story\r\n550 5.7.26 end": Refused("5.7.26", 550),
    "550 unknown": Refused("5.0.0", 550),
    "550 4.7.1 which is it?": Refused("5.0.0", 550),
    "550 5.1.1x": Refused("5.0.0", 550),
    "550 5.1234.1 odd": Refused("5.0.0", 550),
    "552 5.2.2 over quota": Refused("5.2.2", 552),
    "530 5.7.0 login first": TryLater("5.7.0", 530),
    "503 5.5.1 out of order": TryLater("5.5.1", 503),
    "421 4.4.2 bye": TryLater("4.4.2", 421),
    "252 perhaps": TryLater("protocol", 252),
    "999 nonsense": TryLater("protocol", 999),
    "what?": TryLater("protocol", -1),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_first_digit_decides_and_the_enhanced_code_is_kept(
    access: SmtpAccess, bad_smtp: BadSmtp, answer: str
) -> None:
    bad_smtp.misbehave(refuse(Step.RCPT, answer))
    assert deliver(access) == [ANSWERS[answer]]


def plain(port: int) -> SmtpAccess:
    return SmtpAccess(
        host="localhost", port=port, tls=Tls.NONE, ehlo_name="mailbot.example", patience=1, dot_patience=1
    )


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert deliver(plain(port)) == [TryLater("connection")]
    assert deliver(replace(plain(port), host="nowhere.invalid")) == [TryLater("connection")]


NONSENSE = [
    b"",
    b"\0\r\n",
    b"220",
    b"220 \xff\xfe\r\n",
    b"abc def\r\n",
    b"220-\r\n" * 10_000,
    b"220 " + b"x" * 50_000 + b"\r\n",
    b"999 what\r\n",
    b"354 go on\r\n",
    b"220 hello\r\n250 unasked\r\n250 unasked\r\n",
    b"\r\n\r\n\r\n",
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
@pytest.mark.parametrize("step", range(6))
def test_nonsense_at_any_step_is_an_outcome(nonsense: bytes, step: int) -> None:
    usual = ["220 hello", "250-hello\r\n250 SIZE 100000", "250 fine", "250 fine", "354 go on", "250 taken"]

    def script(client: Dialogue) -> None:
        client.say(usual[0]) if step else client.say_raw(nonsense)
        for number, answer in enumerate(usual[1:], 1):
            if number == 5:
                while client.hear() != ".":
                    pass
            else:
                client.hear()
            client.say_raw(nonsense if number == step else answer.encode() + b"\r\n")
        client.stay()

    with ScriptedServer(script) as server:
        (outcome,) = deliver(replace(plain(server.port), patience=0.3, dot_patience=0.3))
    assert isinstance(outcome, Delivery)
    assert not isinstance(outcome, Sent) or step < 5


def test_a_delivery_that_is_cancelled_takes_its_connection_along(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    """Half a mail lies on it, and the next one must not be appended."""

    async def cancelled() -> Delivery:
        postman = Postman(replace(access, dot_patience=30))
        bad_smtp.misbehave(*SILENT[-2:-1])
        sending = asyncio.create_task(postman.deliver(letter()))
        await asyncio.sleep(0.3)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        bad_smtp.misbehave()
        outcome = await postman.deliver(letter())
        await postman.close()
        return outcome

    assert asyncio.run(cancelled()) == Sent()
    assert bad_smtp.connections == 2


def test_closing_is_always_possible(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    async def close_often() -> Delivery:
        postman = Postman(access)
        await postman.close()
        await postman.deliver(letter())
        await postman.close()
        await postman.close()
        outcome = await postman.deliver(letter())
        bad_smtp.drop_connections()
        await postman.close()
        return outcome

    assert asyncio.run(close_often()) == Sent()


# ---------------------------------------------------------------- TLS and login


def test_tls_from_the_first_octet(access: SmtpAccess, authority: Authority) -> None:
    with BadSmtp(tls=authority.localhost.server_context(), implicit_tls=True, users={LOGIN: PASSWORD}) as server:
        assert deliver(replace(access, port=server.port, tls=Tls.IMPLICIT)) == [Sent()]
        assert server.accepted[0].encrypted


def secret_asked(access: SmtpAccess) -> tuple[SmtpAccess, list[bool]]:
    """The same access, and a list that grows when somebody asks for the password."""
    asked: list[bool] = []

    def read() -> str:
        asked.append(True)
        return PASSWORD

    return replace(access, credential=Credential(LOGIN, read)), asked


def test_somebody_on_the_way_who_takes_starttls_out_learns_no_password(
    access: SmtpAccess, authority: Authority
) -> None:
    """aiosmtplib by itself would go on in clear and log in."""
    access, asked = secret_asked(access)
    tls = authority.localhost.server_context()
    with BadSmtp(tls=tls, strip_starttls=True, users={LOGIN: PASSWORD}) as server:
        assert deliver(replace(access, port=server.port)) == [TryLater("tls")]
        assert [line.split()[0] for line in server.commands] == ["EHLO"]
    assert asked == []


def test_certificates_are_verified(access: SmtpAccess, authority: Authority) -> None:
    access, asked = secret_asked(access)
    tls = authority.elsewhere.server_context()
    assert deliver(replace(access, ca_file=None)) == [TryLater("tls")]
    with BadSmtp(tls=tls) as other_host, BadSmtp(tls=tls, implicit_tls=True) as implicit:
        assert deliver(replace(access, port=other_host.port)) == [TryLater("tls")]
        assert deliver(replace(access, port=implicit.port, tls=Tls.IMPLICIT)) == [TryLater("tls")]
    assert deliver(replace(access, tls=Tls.IMPLICIT)) == [TryLater("tls")]  # the port speaks no TLS
    assert asked == []


def test_an_authority_file_that_is_missing_is_an_outcome(access: SmtpAccess) -> None:
    assert deliver(replace(access, ca_file="/nowhere/ca.pem"))[0].outcome == "try later"


def test_a_wrong_password_is_tried_once_and_no_mail_is_given_up_for_it(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    """aiosmtplib's login() tries every mechanism in turn, which looks like an attack and locks accounts."""
    forgotten: list[bool] = []
    wrong = Credential(LOGIN, lambda: "wrong", forget=lambda: forgotten.append(True))
    assert deliver(replace(access, credential=wrong)) == [TryLater("login", 535)]
    assert sum(line.startswith("AUTH") for line in bad_smtp.commands) == 1
    assert forgotten == [True]


def no_secret() -> str:
    raise SecretUnavailable("no such file")


@pytest.mark.parametrize("read", [no_secret, lambda: "", lambda: "a\r\nb", lambda: "a\0b"])
def test_without_a_usable_password_nobody_logs_in(
    access: SmtpAccess, bad_smtp: BadSmtp, read: Callable[[], str]
) -> None:
    assert deliver(replace(access, credential=Credential(LOGIN, read))) == [TryLater("login")]
    assert not any(line.startswith("AUTH") for line in bad_smtp.commands)


def test_passwords_of_any_letters(access: SmtpAccess, authority: Authority) -> None:
    password = "schön & пароль"
    with BadSmtp(tls=authority.localhost.server_context(), users={LOGIN: password}) as server:
        assert deliver(replace(access, port=server.port, credential=Credential(LOGIN, lambda: password))) == [Sent()]


def offering(mechanisms: str, replies: list[str], heard: list[str]) -> Callable[[Dialogue], None]:
    """A server with these AUTH mechanisms, which answers what follows EHLO with the replies in turn."""

    def script(client: Dialogue) -> None:
        client.say("220 hello")
        heard.append(client.hear())
        client.say("250-hello", f"250 AUTH {mechanisms}")
        for reply in replies:
            heard.append(client.hear())
            client.say(reply)
        client.stay()

    return script


def test_login_where_there_is_no_plain() -> None:
    heard: list[str] = []
    script = offering("CRAM-MD5 LOGIN", ["334 UGFzc3dvcmQ6", "235 welcome", "550 5.7.1 enough"], heard)
    with ScriptedServer(script) as server:
        access = replace(plain(server.port), credential=Credential("robot", lambda: "secret"))
        assert deliver(access) == [Refused("5.7.1", 550)]
    assert heard[1:3] == ["AUTH LOGIN cm9ib3Q=", "c2VjcmV0"]


def test_xoauth2_and_what_happens_when_the_token_is_stale() -> None:
    heard: list[str] = []
    forgotten: list[bool] = []
    bearer = Credential("robot", lambda: "token", Mechanism.XOAUTH2, lambda: forgotten.append(True))
    with ScriptedServer(
        offering("PLAIN XOAUTH2", ["334 eyJzdGF0dXMiOiI0MDEifQ==", "535 5.7.8 expired"], heard)
    ) as server:
        assert deliver(replace(plain(server.port), credential=bearer)) == [TryLater("login", 535)]
    assert heard[1:3] == ["AUTH XOAUTH2 dXNlcj1yb2JvdAFhdXRoPUJlYXJlciB0b2tlbgEB", ""]
    assert forgotten == [True]


def test_a_server_without_a_fitting_mechanism() -> None:
    with ScriptedServer(offering("GSSAPI", [], [])) as server:
        for mechanism in Mechanism:
            credential = Credential("robot", lambda: "secret", mechanism)
            assert deliver(replace(plain(server.port), credential=credential)) == [TryLater("login")]


def test_nothing_of_mail_or_password_shows(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    assert PASSWORD not in repr(access)
    bad_smtp.misbehave(refuse(Step.DOT, "554 5.7.1 I do not like two dots"))
    assert "dots" not in repr(deliver(access))


# ---------------------------------------------------------------- reports


def test_reports_are_asked_for_where_the_server_knows_them(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    assert deliver(access) == [Sent()]
    (taken,) = bad_smtp.accepted
    assert set(taken.sender_options) == {f"SIZE={len(OCTETS)}", "RET=HDRS", "ENVID=7K3Q+3D9+2Bx"}
    assert taken.recipient_options == (("NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;desk@de.example"),)


def test_an_empty_sender_asks_for_no_report(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    assert deliver(access, letter(sender="")) == [Sent()]
    assert bad_smtp.accepted[0].sender_options == (f"SIZE={len(OCTETS)}",)
    assert bad_smtp.accepted[0].recipient_options == ((),)


def test_a_server_that_knows_no_reports_hears_nothing_of_them() -> None:
    """aiosmtpd, for one, answers 555 to the parameters."""
    with BadSmtp(offers=["PIPELINING"]) as server:
        assert deliver(plain(server.port)) == [Sent()]
        assert server.accepted[0].sender_options == ()
        assert server.accepted[0].recipient_options == ((),)


def test_checking_a_login(access: SmtpAccess, bad_smtp: BadSmtp) -> None:
    async def check(access: SmtpAccess) -> TryLater | None:
        postman = Postman(access)
        trouble = await postman.connect()
        await postman.close()
        return trouble

    assert asyncio.run(check(access)) is None
    assert asyncio.run(check(replace(access, credential=Credential(LOGIN, lambda: "wrong")))) == TryLater("login", 535)
    assert asyncio.run(check(replace(access, port=1))) == TryLater("connection")
    assert not any(line.startswith("MAIL") for line in bad_smtp.commands)
