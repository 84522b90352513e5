"""Machines: robots, vacation programs, lists, reports; what stands outside neither buries a genuine mail nor speaks."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest

from mailbot.config import load
from mailbot.core.records import PartStage, Reason
from mailbot.playground.composing import Form
from mailbot.playground.configuration import Server, write_config
from mailbot.playground.people import Hub, Person
from mailbot.wiring import Robot
from tests.attacks.arena import Arena, await_
from tests.attacks.attack import attack
from tests.attacks.forging import encrypted, hand, header, multipart, part, sealed, words
from tests.attacks.network import short_folder
from tests.servers.dovecot import PASSWORD
from tests.stories.world import ADDRESS

FRANCE = "desk@fr.example"
WORDS = "Where is he?"


@pytest.fixture(autouse=True)
def _ten_minutes_later(arena: Arena) -> None:
    arena.forget_notices()


# ---------------------------------------------------------------- trust.md 15

MARKS = {
    "Auto-Submitted": "Auto-Submitted: auto-replied",
    "a list": "List-Id: <flights.example>",
    "a vacation program": "X-Autoreply: yes",
    "an empty return path": "Return-Path: <>",
    "our own Message-ID": "Message-ID: <x@hub.example>",
    "bulk": "Precedence: bulk",
    "a report's type": "X-Failed-Recipients: desk@it.example",
}


@attack("15", "acted on: France's signed tag beats what anybody writes outside")
@pytest.mark.parametrize("mark", MARKS)
def test_a_genuine_mail_buried_by(mark: str, arena: Arena) -> None:
    octets = arena.person("fr").write("[REQUEST IT] x", WORDS)
    if mark == "our own Message-ID":
        old = next(line for line in octets.split(b"\r\n") if line.startswith(b"Message-ID:"))
        octets = octets.replace(old + b"\r\n", b"")
    seen = arena.play(MARKS[mark].encode() + b"\r\n" + octets)
    assert seen.readers(WORDS) == {"it"}


@attack("15", "held for a person to look at, not filed away unread: a sealed mail that will not open is no report")
def test_a_damaged_mail_buried_by_a_mark(arena: Arena) -> None:
    octets = arena.person("fr").write("[REQUEST IT] x", WORDS)
    at = octets.index(b"-----BEGIN PGP MESSAGE-----") + 120
    damaged = octets[:at] + b"AAAA" + octets[at + 4 :]
    seen = arena.play(b"Auto-Submitted: auto-replied\r\n" + damaged)
    assert seen.reasons == [Reason.CANNOT_DECRYPT]


@attack("15", "noted, and no answer: an out-of-office reply with the tag in its subject is nobody's reply")
@pytest.mark.parametrize("form", [Form.PLAIN, Form.COMBINED])
def test_an_out_of_office_reply_that_quotes_the_tag(form: Form, arena: Arena) -> None:
    request = arena.play(arena.person("fr").write("[REQUEST IT] x", WORDS)).only("it")
    reply = arena.person("it").press_reply(request, "I am on leave until Monday.\n", form=form)
    mark = b"Auto-Submitted: auto-replied\r\nX-Autoreply: yes\r\n"
    seen = arena.play(mark + _without_inner_tag(reply) if form is Form.PLAIN else mark + reply)
    exchange = arena.robot.memory.latest_exchanges()[0]
    if form is Form.PLAIN:
        assert seen.reached == set()
        assert exchange.parts[0].stage is PartStage.PASSED_ON
    else:
        assert "it" not in seen.reached, "what Italy signed is passed on, but a machine gets no receipt"


def _without_inner_tag(mail: bytes) -> bytes:
    return mail


@attack("15", "filed, and no answer to anybody")
def test_a_read_receipt(arena: Arena) -> None:
    request = arena.play(arena.person("fr").write("[REQUEST IT] x", WORDS)).only("it")
    octets = (
        header("desk@it.example", f"Read: {request.outer_subject}")
        + b'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nRead.\r\n--b\r\n"
        b"Content-Type: message/disposition-notification\r\n\r\nDisposition: manual-action/MDN-sent; displayed\r\n"
        b"\r\n--b--\r\n"
    )
    seen = arena.play(octets)
    assert seen.reached == set()
    assert seen.held == []


# ---------------------------------------------------------------- loops


@attack("15", "filed as our own, no answer: a mail of the robot that comes back, sealed or opened and handed on")
def test_the_robots_own_mail_sent_back_to_it(arena: Arena) -> None:
    receipt = arena.play(arena.person("fr").write("[REQUEST IT] x", WORDS))
    once = arena.play(receipt.raw["fr"][0])
    assert once.reached == set()
    inside = arena.person("fr").key.unseal(_armour(receipt.raw["fr"][0])).octets or b""
    handed = hand(arena.person("fr")).encrypt(inside, [arena.hub])
    again = arena.play(header(ADDRESS) + encrypted(handed))
    assert again.reached == set()


def _armour(mail: bytes) -> bytes:
    return mail[mail.index(b"-----BEGIN PGP MESSAGE") :]


@attack("15", "one mail, then silence: neither answers what a machine sent, though each knows the other's key")
def test_two_robots_set_at_each_other(arena: Arena) -> None:
    """Spain's desk is a robot of another network, in which our hub is a member."""
    with _another_robot(arena) as other:
        arena.look()
        arena.post(arena.person("fr").write("[REQUEST ES] x", WORDS))
        arena.work()
        counts = [_round(arena, other) for _ in range(4)]
    assert counts[1:] == [(0, 0)] * 3, counts
    assert counts[0][0] <= 1


@attack("15", "one mail, then silence, whatever the first mail was: a notice, a command, a ping")
@pytest.mark.parametrize(
    "subject", ["[HELP]", "[STATUS]", "[REQUEST DE urgency=high] x", "Hello", "[PING#7K3Q-9F2M-XR4T]"]
)
def test_a_robot_that_answers_everything(subject: str, arena: Arena) -> None:
    spain = hand(arena.person("es"))
    octets = sealed(spain, words("automatic\n", subject=subject), arena.hub, "desk@es.example")
    seen = arena.play(b"Auto-Submitted: auto-generated\r\n" + octets)
    assert seen.got["es"] == []


def _round(arena: Arena, other: Robot) -> tuple[int, int]:
    """How many mails the other robot sends, and how many ours then does."""
    done = other.once()
    assert done.queued == 0
    inbox = arena._window(ADDRESS)
    if done.tried:
        await_(lambda: inbox.count() >= 1, "the other robot's mail")
    return done.tried, arena.robot.once().tried


@contextmanager
def _another_robot(arena: Arena) -> Iterator[Robot]:
    """It lives at Spain's desk, with Spain's key, and has our hub for a member."""
    spain, robot = arena.person("es"), arena.world.cast.robot
    hub = Hub(spain.address, "control@es.example", spain.key.fingerprint)
    people: Mapping[str, Person] = {
        "hub": Person("hub", "Hub", ADDRESS, "DE", robot, hub),
        "fr": replace(arena.person("fr"), hub=hub),
        "sec": replace(arena.person("sec"), hub=hub),
    }
    dovecot, postfix = arena.world.dovecot, arena.world.postfix
    certified = dovecot.authority.cert_file
    with short_folder() as folder:
        config = write_config(
            folder,
            spain.key,
            people,
            {},
            imap=Server(dovecot.imaps_port, spain.address, PASSWORD, "implicit", "localhost", certified),
            smtp=Server(postfix.submission_port, spain.address, PASSWORD, "starttls", "localhost", certified),
        )
        with Robot(load(config)) as other:
            other.once()  # what lay there from before
            yield other


# ---------------------------------------------------------------- what a mail asks a machine to do


@attack("6", "nothing: no picture, no list, no key and no body from elsewhere is ever fetched")
def test_a_mail_that_calls_home(arena: Arena) -> None:
    """Whoever listens there would learn that, when and where it was opened."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        page = part("text/html", f'<link rel=stylesheet href="{url}"><img src="{url}"><p>{WORDS}</p>')
        body = part(f'message/external-body; access-type=URL; URL="{url}"', "Content-Type: text/plain\r\n\r\n")
        whole = multipart(
            "mixed", multipart("alternative", words(WORDS), page), body, fields='; protected-headers="v1"'
        )
        asking = f"List-Unsubscribe: <{url}>\r\nOpenPGP: url={url}\r\nList-Help: <{url}>\r\n".encode()
        tagged = [f"Subject: [REQUEST IT{option}] x\r\n".encode() + whole for option in ("", " blind")]
        france = hand(arena.person("fr"))
        seen = arena.play(*(asking + sealed(france, entity, arena.hub, FRANCE) for entity in tagged))
        assert len(seen.got["it"]) == 2
        with pytest.raises(BlockingIOError):
            server.accept()


@attack("20", "passed on as they are written: words of a mail are never a template's, nor a shell's")
@pytest.mark.parametrize("program", ["{{ 7 * 191 }} {% include 'x' %}", "${HOME} $(id) `id` ; id | id"])
def test_a_subject_that_is_a_program(program: str, arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write(f"[REQUEST IT] {program}", f"{WORDS} {program}\n"))
    mail = seen.only("it")
    assert program in mail.subject
    assert mail.text == f"{WORDS} {program}\n"
    everything = "".join(read.subject + read.cover for mails in seen.got.values() for read in mails)
    assert "1337" not in everything
    assert "uid=" not in everything
