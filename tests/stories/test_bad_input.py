"""Mail of any bytes at all: held or handled once, and the robot goes on with the next."""

import time
from collections.abc import Iterator

import pytest

from mailbot.config import load
from mailbot.core.records import Reason
from mailbot.playground.composing import Form
from mailbot.playground.people import Person
from mailbot.playground.reading import ReadMail
from mailbot.playground.stage import ROBOT, Stage, set_up
from mailbot.wiring import Robot

LONGEST = 10.0  # seconds for any one mail
MIB = 1024 * 1024
HEADER = b"From: desk@fr.example\r\nTo: network@hub.example\r\nSubject: [REQUEST IT] x\r\n"


@pytest.fixture(scope="module")
def lasting_stage() -> Iterator[Stage]:
    with set_up() as stage:
        yield stage


@pytest.fixture(scope="module")
def robot(lasting_stage: Stage) -> Iterator[Robot]:
    with Robot(load(lasting_stage.config)) as robot:
        yield robot


def sealed(person: Person, entity: bytes, outside: bytes = HEADER) -> bytes:
    """Any entity, signed and encrypted by a registered key, in a mail with any header."""
    armour = person.key.seal(entity, person.hub.fingerprint).replace(b"\n", b"\r\n")
    return (
        outside
        + b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="bb"\r\n'
        + b"\r\n--bb\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
        + b"\r\n--bb\r\nContent-Type: application/octet-stream\r\n\r\n"
        + armour
        + b"\r\n--bb--\r\n"
    )


def many_parts(count: int) -> bytes:
    parts = b"".join(b"--p\r\nContent-Type: text/plain\r\n\r\n%d\r\n" % number for number in range(count))
    return b"Content-Type: multipart/mixed; boundary=p\r\n\r\n" + parts + b"--p--\r\n"


def many_levels(count: int) -> bytes:
    entity = b"Content-Type: text/plain\r\n\r\n[REQUEST IT]\r\n"
    for number in range(count):
        head = b"Content-Type: multipart/mixed; boundary=l%d-\r\n\r\n--l%d-\r\n" % (number, number)
        entity = head + entity + b"\r\n--l%d---\r\n" % number
    return entity


ENTITIES = {
    "1000 parts": many_parts(1000),
    "100 levels": many_levels(100),
    "1 MB header": b"X-Long: " + b"y" * MIB + b"\r\nContent-Type: text/plain\r\n\r\n[REQUEST IT]\r\n",
    "1 MB of short headers": b"X-Short: y\r\n" * (MIB // 12) + b"Content-Type: text/plain\r\n\r\n[REQUEST IT]\r\n",
    "NULs": b"Content-Type: text/plain\r\n\r\n[REQUEST IT]\r\n\0\0 a \0 b\r\n",
    "wrong charset": b"Content-Type: text/plain; charset=klingon\r\n\r\n\xff\xfe[REQUEST IT]\x80\r\n",
    "duplicate headers": b"Subject: [REQUEST IT] a\r\nSubject: [REQUEST ES] b\r\nContent-Type: text/plain\r\n"
    b'Content-Type: text/html; protected-headers="v1"\r\n\r\nhello\r\n',
    "no header": b"\r\n\r\n",
    "no body": b"Content-Type: text/plain",
    "nothing": b"",
    "boundary missing": b"Content-Type: multipart/mixed\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n",
    "lonely carriage returns": b"Content-Type: text/plain\r\r[REQUEST IT]\rx\r",
}


@pytest.mark.parametrize("name", ENTITIES)
@pytest.mark.parametrize("protection", ["in the clear", "signed and encrypted"])
def test_odd_mail_is_dealt_with_once(name: str, protection: str, lasting_stage: Stage, robot: Robot) -> None:
    stage, entity = lasting_stage, ENTITIES[name]
    octets = HEADER + entity if protection == "in the clear" else sealed(stage.people["fr"], entity)
    assert_dealt_with_once(octets, stage, robot)


@pytest.mark.parametrize(
    "octets",
    [b"", b"\0" * 1000, b"\xff" * 10_000, b"\r\n" * 5_000, bytes(range(256)) * 100, b"From " * 3, b"-" * MIB],
    ids=["nothing", "NULs", "0xff", "line ends", "all octets", "mbox", "one long line"],
)
def test_rubbish_is_dealt_with_once(octets: bytes, lasting_stage: Stage, robot: Robot) -> None:
    assert_dealt_with_once(octets, lasting_stage, robot)


@pytest.mark.parametrize("size", [50, 70], ids=["50 MiB", "70 MiB, more than is fetched"])
def test_huge_mail_is_held(size: int, lasting_stage: Stage, robot: Robot) -> None:
    line = b"x" * 70 + b"\r\n"
    octets = HEADER + b"Content-Type: text/plain\r\n\r\n" + line * (size * MIB // len(line))
    assert_dealt_with_once(octets, lasting_stage, robot)
    expected = Reason.TOO_LARGE if size > 64 else Reason.NOT_SIGNED
    assert robot.memory.held_mails()[-1].reason is expected


INJECTIONS = ["=0D=0AX-Injected:_yes", "=0A=0D=0AX-Injected:_yes", "=E2=80=A8X-Injected:_yes", "=C2=85X-Injected:_yes"]


@pytest.mark.parametrize("injection", INJECTIONS)
def test_nothing_is_injected_by_the_protected_subject(injection: str, lasting_stage: Stage, robot: Robot) -> None:
    """It is the one header that is passed on, inside the encryption."""
    subject = f"=?utf-8?q?=5BREQUEST_DE_urgent=5D_Hello{injection}?=".encode()
    entity = b"Subject: " + subject + b'\r\nContent-Type: text/plain; protected-headers="v1"\r\n\r\nhello\r\n'
    request = relayed(sealed(lasting_stage.people["fr"], entity), lasting_stage, robot)
    assert "X-Injected" in request.subject, "as text"
    assert "Hello" in request.subject
    inside = lasting_stage.people["de"].key.unseal(armour_of(lasting_stage, "de")).octets or b""
    header = inside.partition(b"\r\n\r\n")[0]
    assert b"\nX-Injected" not in header
    assert len(header.splitlines()) == len(header.split(b"\r\n"))


@pytest.mark.parametrize("name", ["From", "Reply-To", "To", "Message-ID", "In-Reply-To", "References", "Date"])
def test_nothing_is_injected_by_outer_headers(name: str, lasting_stage: Stage, robot: Robot) -> None:
    """None of them is copied; they are looked at, and that must not hurt."""
    lines = {"From": "desk@fr.example", "To": "network@hub.example", "Subject": "..."}
    bad = f"=?utf-8?q?a=0D=0AX-Injected:_yes?= <{lines.get(name, 'a@b.example')}>, a\rX-Injected: yes\0"
    outside = "".join(f"{key}: {value}\r\n" for key, value in {**lines, name: bad}.items()).encode()
    entity = b"Content-Type: text/plain\r\n\r\n[REQUEST DE urgent]\r\nhello\r\n"
    assert_dealt_with_once(sealed(lasting_stage.people["fr"], entity, outside), lasting_stage, robot)


def test_two_mails_with_one_message_id_are_two(lasting_stage: Stage, robot: Robot) -> None:
    stage, france = lasting_stage, lasting_stage.people["fr"]
    before = len(stage.mailbox("de"))
    for text in ("one\n", "two\n"):
        octets = france.write("[REQUEST DE] x", text)
        old = next(line for line in octets.split(b"\r\n") if line.startswith(b"Message-ID:"))
        stage.store.deliver(ROBOT, octets.replace(old, b"Message-ID: <same@fr.example>"))
    robot.once()
    texts = [stage.people["de"].read(octets).text for octets in stage.mailbox("de")[before:]]
    assert texts == ["one\n", "two\n"]


@pytest.mark.parametrize("form", [Form.COMBINED, Form.ENCAPSULATED])
def test_the_same_mail_ten_times_is_acted_on_once(form: Form, lasting_stage: Stage, robot: Robot) -> None:
    stage = lasting_stage
    octets = stage.people["fr"].write("[REQUEST DE] x", "once\n", form=form)
    before, held = len(stage.mailbox("de")), len(robot.memory.held_mails())
    for _ in range(5):
        stage.store.deliver(ROBOT, octets)
    for number in range(5):
        stage.store.deliver(ROBOT, b"Received: from somewhere else; number %d\r\n" % number + octets)
    robot.once()
    assert len(stage.mailbox("de")) == before + 1
    replays = robot.memory.held_mails()[held:]
    assert [mail.reason for mail in replays] == [Reason.REPLAYED] * 5, "held and told, never dropped"
    assert stage.store.mails(ROBOT) == ()


# ---------------------------------------------------------------- what must hold for every one of them


def assert_dealt_with_once(octets: bytes, stage: Stage, robot: Robot) -> None:
    """It leaves INBOX in good time, and so does the good mail behind it, which is passed on."""
    before = {folder: len(stage.store.mails(ROBOT, folder)) for folder in ("Done", "Held")}
    known = {login: len(stage.mailbox(login)) for login in stage.people}
    stage.store.deliver(ROBOT, octets)
    stage.store.deliver(ROBOT, stage.people["fr"].write("[REQUEST DE] next", "The next.\n"))
    begin = time.monotonic()
    robot.once()
    assert time.monotonic() - begin < LONGEST
    filed = {folder: len(stage.store.mails(ROBOT, folder)) - count for folder, count in before.items()}
    assert filed in ({"Done": 1, "Held": 1}, {"Done": 2, "Held": 0})
    assert stage.store.mails(ROBOT) == ()
    new = {
        login: [sound(octets, stage.people[login]) for octets in stage.mailbox(login)[count:]]
        for login, count in known.items()
    }
    assert [mail.text for mail in new["de"]].count("The next.\n") == 1


def sound(octets: bytes, reader: Person) -> ReadMail:
    """A mail of ours: it opens with its reader's key, and has no header that came from outside."""
    mail = reader.read(octets)
    assert mail.decrypts
    assert mail.signature.is_by(reader.hub.fingerprint)
    assert "X-Injected" not in mail.headers
    assert octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")
    return mail


def relayed(octets: bytes, stage: Stage, robot: Robot) -> ReadMail:
    """A good request to DE, as DE sees it."""
    before = len(stage.mailbox("de"))
    stage.store.deliver(ROBOT, octets)
    robot.once()
    assert len(stage.mailbox("de")) == before + 1
    return stage.latest("de")


def armour_of(stage: Stage, login: str) -> bytes:
    octets = stage.mailbox(login)[-1]
    return octets[octets.index(b"-----BEGIN PGP MESSAGE") :]
