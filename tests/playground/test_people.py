"""People: what they write is what mail programs write, and what they see of a mail is the truth."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mailbot.core.mail import SignatureState
from mailbot.playground.composing import Attachment, Form, Subjects
from mailbot.playground.keys import GpgFailed, Key, Verdict, end_agents
from mailbot.playground.people import Person, Role, gather
from mailbot.playground.reading import Entity

TEXT = "Grüße\n\n.\nFrom here \n-- \nend\n"
FILE = Attachment("photo.jpg", bytes(range(256)) * 9, "image/jpeg")
ROLES = {
    "anna": Role("Anna Ä", "anna@a.example", "AA"),
    "bert": Role("Bert", "bert@b.example", "BB"),
}


@dataclass(frozen=True)
class Circle:
    robot: Key
    anna: Person
    bert: Person


@pytest.fixture(scope="module")
def circle() -> Iterator[Circle]:
    with TemporaryDirectory(prefix="mb", dir="/tmp", ignore_cleanup_errors=True) as folder:
        robot, people = gather(Path(folder), ("Hub", "network@h.example", "control@h.example"), ROLES)
        yield Circle(robot, **people)
        end_agents([robot, *(person.key for person in people.values())])


def as_the_robot_opens_it(octets: bytes, robot: Key) -> tuple[Entity, Verdict]:
    """What is inside the encryption, and the signature on it, of either shape of RFC 3156 §6."""
    whole = Entity(octets)
    assert whole.kind == "multipart/encrypted"
    opened = robot.unseal(whole.parts[1].payload)
    assert opened.octets is not None
    inside = Entity(opened.octets)
    if inside.kind == "multipart/signed":
        return inside.parts[0], robot.verify(inside.parts[0].octets, inside.parts[1].payload)
    return inside, opened.verdict


@pytest.mark.parametrize("subjects", Subjects)
@pytest.mark.parametrize("form", [Form.COMBINED, Form.ENCAPSULATED])
def test_signed_and_encrypted(form: Form, subjects: Subjects, circle: Circle) -> None:
    octets = circle.anna.write("[REQUEST BB] Été", TEXT, [FILE], form=form, subjects=subjects)
    inside, verdict = as_the_robot_opens_it(octets, circle.robot)
    assert verdict.is_by(circle.anna.key.fingerprint)
    assert (inside.text, list(inside.attachments)) == (TEXT, [FILE])
    outside = {Subjects.THUNDERBIRD: "...", Subjects.RFC9788: "[...]", Subjects.OUTSIDE: "[REQUEST BB] Été"}[subjects]
    assert Entity(octets).headers["Subject"] == outside
    assert inside.headers["Subject"] == (None if subjects is Subjects.OUTSIDE else "[REQUEST BB] Été")
    protection = {"thunderbird": ("protected-headers", "v1"), "rfc9788": ("hp", "cipher"), "outside": ("hp", None)}
    name, value = protection[subjects]
    assert inside.headers.get_param(name) == value


@pytest.mark.parametrize("form", Form)
def test_every_form_is_fit_for_smtp(form: Form, circle: Circle) -> None:
    octets = circle.anna.write("[REQUEST BB] Été", TEXT, [FILE], form=form)
    assert octets.isascii()
    assert octets.count(b"\r\n") == octets.count(b"\n") == octets.count(b"\r")
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert octets.count(b"\r\nMIME-Version:") == 1


def test_only_encrypted_or_only_signed_is_just_that(circle: Circle) -> None:
    encrypted = circle.anna.write("x", TEXT, form=Form.ENCRYPTED)
    assert as_the_robot_opens_it(encrypted, circle.robot)[1] == Verdict()
    signed = Entity(circle.anna.write("x", TEXT, form=Form.SIGNED))
    content, signature = signed.parts
    assert circle.robot.verify(content.octets, signature.payload).is_by(circle.anna.key.fingerprint)
    changed = content.octets.replace(b"here", b"HERE")
    assert circle.robot.verify(changed, signature.payload) == Verdict(SignatureState.BAD)


def test_inline(circle: Circle) -> None:
    text, file = Entity(circle.anna.write("x", TEXT, [FILE], form=Form.INLINE)).parts
    opened = circle.robot.unseal(text.payload)
    assert opened.octets == TEXT.encode()
    assert opened.verdict.is_by(circle.anna.key.fingerprint)
    assert file.name == "photo.jpg.pgp"
    assert circle.robot.unseal(file.payload).octets == FILE.octets


def test_reply(circle: Circle) -> None:
    """Prefix, To, threading and quotation, as every mail program makes them."""
    letter = circle.anna.draft("[REQUEST#2026-0001 AA>BB] Hello", "Cover\n\nnote\n")
    mail = circle.bert.read(circle.anna.send_off(letter).replace(b"To: network@h.example", b"To: bert@b.example", 1))
    assert not mail.decrypts, "sealed to the robot"
    seen = circle.anna.read(circle.anna.send_off(letter))
    octets = circle.bert.press_reply(seen, "My answer\n", prefix="AW: ", tag_line="[ACK#2026-0001]")
    outside = Entity(octets).headers
    inside, verdict = as_the_robot_opens_it(octets, circle.robot)
    assert verdict.is_by(circle.bert.key.fingerprint)
    assert inside.headers["Subject"] == "AW: [REQUEST#2026-0001 AA>BB] Hello"
    assert outside["In-Reply-To"] == outside["References"] == seen.message_id
    assert outside["To"] == seen.headers["From"]
    assert inside.text.startswith("[ACK#2026-0001]\nMy answer\n\n\nOn ")
    assert inside.text.endswith("wrote:\n> Cover\n>\n> note\n")


def test_nobody_opens_what_is_not_sealed_to_him(circle: Circle) -> None:
    octets = circle.anna.write("x", TEXT)
    assert circle.anna.read(octets).decrypts, "to oneself as well, as mail programs do"
    assert not circle.bert.read(octets).decrypts
    assert circle.bert.read(octets).cover == ""


def test_damaged_ciphertext_is_not_opened(circle: Circle) -> None:
    """Neither changed nor cut; nothing of it is shown (EFAIL)."""
    armour = circle.anna.key.seal(TEXT.encode() * 100, circle.robot.fingerprint).decode("ascii")
    lines = armour.split("\n")
    swapped = [*lines[:9], lines[10], lines[9], *lines[11:]]
    for damaged in ("\n".join(swapped), "\n".join(lines[:-8])):
        assert circle.robot.unseal(damaged.encode()).octets is None


def test_a_signature_by_a_key_one_does_not_have_is_unknown(circle: Circle) -> None:
    with TemporaryDirectory(prefix="mb", dir="/tmp", ignore_cleanup_errors=True) as folder:
        mallory = Key.make(Path(folder, "mallory"), "Mallory", "anna@a.example")
        mallory.meet(circle.robot.certificate)
        sealed = mallory.seal(b"hello", circle.robot.fingerprint)
        end_agents([mallory])
    opened = circle.robot.unseal(sealed)
    assert opened.octets == b"hello"
    assert opened.verdict.state is SignatureState.UNKNOWN
    assert not opened.verdict.is_by(circle.anna.key.fingerprint)


def test_a_key_has_a_user_id_for_each_address(circle: Circle) -> None:
    assert b"BEGIN PGP PUBLIC KEY BLOCK" in circle.robot.certificate
    assert b"PRIVATE" not in circle.robot.certificate
    assert b"BEGIN PGP PRIVATE KEY BLOCK" in circle.anna.key.export_secret()
    assert re.fullmatch(r"[0-9A-F]{40}", circle.robot.fingerprint)


def test_failures_tell_nothing_of_the_text(circle: Circle) -> None:
    with pytest.raises(GpgFailed) as failed:
        circle.anna.key.seal(b"a secret", "F" * 40)
    assert "a secret" not in str(failed.value)


def test_a_home_with_too_long_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too long"):
        Key.make(tmp_path / ("x" * 100), "Anna", "anna@a.example")
