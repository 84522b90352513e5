"""The robot decrypts for nobody but the author, and from its answers nobody learns anything."""

import re

import pytest

from mailbot.core.records import Reason
from mailbot.playground.composing import Form
from mailbot.playground.reading import ReadMail
from tests.attacks.arena import Arena, Seen
from tests.attacks.attack import attack
from tests.attacks.forging import (
    crlf,
    encrypted,
    hand,
    header,
    multipart,
    part,
    rearmoured,
    sealed,
    signed,
    spoil,
    words,
)
from tests.attacks.packets import dearmoured

FRANCE, SPAIN = "desk@fr.example", "desk@es.example"
SECRET = "The witness is in Lyon"
TAG = "[REQUEST ES] x"


@pytest.fixture(autouse=True)
def _ten_minutes_later(arena: Arena) -> None:
    arena.forget_notices()


def captured(arena: Arena) -> bytes:
    """The ciphertext of a mail from France to the robot, which never arrived: somebody took it on its way."""
    return hand(arena.person("fr")).sign_encrypt(words(SECRET, subject="[REQUEST DE] x"), [arena.hub])


# ---------------------------------------------------------------- trust.md 3


@attack("3", "held: France's words in Spain's envelope are not Spain's; the answer goes to France")
def test_captured_ciphertext_under_another_from(arena: Arena) -> None:
    seen = arena.play(header(SPAIN, TAG) + encrypted(crlf(captured(arena))))
    assert (seen.reasons, seen.readers(SECRET)) == ([Reason.NOT_THE_SENDER], set())
    assert seen.got["es"] == []


@attack("3", "held: Spain's signature round it vouches for nothing that was decrypted")
def test_captured_ciphertext_in_a_signed_wrapper(arena: Arena) -> None:
    whole = signed(hand(arena.person("es")), encrypted(crlf(captured(arena))))
    seen = arena.play(header(SPAIN, TAG) + whole)
    assert seen.readers(SECRET) == set()
    assert len(seen.held) == 1


CARRIERS = {
    "an attachment": lambda sealed: part(
        'application/pgp-encrypted; name="x.asc"', sealed, "Content-Disposition: attachment"
    ),
    "a PGP/MIME part": lambda sealed: encrypted(crlf(sealed)),
    "an inline text": lambda sealed: part("text/plain", sealed),
    "a message/rfc822": lambda sealed: part("message/rfc822", header(FRANCE) + encrypted(crlf(sealed))),
}


@attack("3", "passed on as it is, still encrypted: one layer is opened, and it was Spain's own")
@pytest.mark.parametrize("carrier", CARRIERS)
def test_captured_ciphertext_inside_ones_own_mail_as(carrier: str, arena: Arena) -> None:
    inside = CARRIERS[carrier](captured(arena))
    own = b"Subject: [REQUEST IT] x\r\n" + multipart(
        "mixed", words("Please look"), inside, fields='; protected-headers="v1"'
    )
    seen = arena.play(sealed(hand(arena.person("es")), own, arena.hub, SPAIN))
    assert seen.events == ["exchange opened"]
    assert seen.readers("Please look") == {"it"}
    assert seen.readers(SECRET) == set()


@attack("3", "held or passed on unopened: the second layer of encryption is never opened")
def test_encryption_within_encryption(arena: Arena) -> None:
    inner = encrypted(crlf(captured(arena)), boundary="inner")
    seen = arena.play(header(SPAIN, TAG) + encrypted(crlf(hand(arena.person("es")).encrypt(inner, [arena.hub]))))
    assert seen.readers(SECRET) == set()
    assert len(seen.held) == 1


@attack("3", "held: a second message behind the first is never looked at")
def test_two_messages_one_behind_the_other(arena: Arena) -> None:
    own = dearmoured(hand(arena.person("es")).sign_encrypt(words("x", subject="[REQUEST IT] x"), [arena.hub]))
    octets = own + dearmoured(captured(arena))
    seen = arena.play(header(SPAIN) + encrypted(crlf(rearmoured(octets))))
    assert (seen.reasons, seen.readers(SECRET)) == ([Reason.CANNOT_DECRYPT], set())


@attack("3", "held: wherever it is changed, the refusal is word for word the same, and tells nothing of what is in it")
def test_a_padding_oracle(arena: Arena) -> None:
    """France's ciphertext in Spain's mails, changed in its session key, at its beginning, in its middle, at its end."""
    genuine, told = dearmoured(captured(arena)), set()
    for place in (30, 110, len(genuine) // 2, len(genuine) - 1):
        changed = bytearray(genuine)
        changed[place] ^= 0x01
        arena.forget_notices()
        seen = arena.play(header(SPAIN) + encrypted(crlf(rearmoured(bytes(changed)))))
        assert (seen.reasons, seen.readers(SECRET), seen.reached) == ([Reason.CANNOT_DECRYPT], set(), {"es"})
        told.add(same_words(seen.only("es")))
    assert len(told) == 1


def same_words(notice: ReadMail) -> tuple[str, str, str]:
    """What a notice says, the time apart."""
    return notice.subject, re.sub(r"\d\d:\d\d UTC", "", notice.cover), notice.outer_subject


# ---------------------------------------------------------------- trust.md 14


def failing(arena: Arena) -> list[bytes]:
    """Mails with France in From that fail before any verified signature, each in another way."""
    france, stranger = hand(arena.person("fr")), hand(arena.person("stranger"))
    entity = words(SECRET, subject="[REQUEST DE] x")
    return [
        header(FRANCE) + entity,
        arena.person("fr").write("[REQUEST DE] x", SECRET, form=Form.ENCRYPTED),
        sealed(stranger, entity, arena.hub, FRANCE),
        header(FRANCE) + encrypted(crlf(spoil(france.sign_encrypt(entity, [arena.hub]), cut=False))),
        header(FRANCE) + encrypted(crlf(france.encrypt(entity, [stranger.key]))),
        header(FRANCE) + encrypted(b"-----BEGIN PGP MESSAGE-----\r\n\r\nAAAA\r\n-----END PGP MESSAGE-----\r\n"),
        header(FRANCE) + signed(stranger, entity),
    ]


@attack("14", "word for word the same notice for seven kinds of failure, sealed to France's pinned certificate")
def test_answers_that_tell_failures_apart(arena: Arena) -> None:
    notices = set()
    for octets in failing(arena):
        arena.forget_notices()
        seen = arena.play(octets)
        assert len(seen.held) == 1
        assert seen.readers(SECRET) == set()
        notice = seen.only("fr")
        assert notice.decrypts
        notices.add(same_words(notice))
    assert len(notices) == 1


@attack("14", "one notice in ten minutes; every mail is held")
def test_a_flood_of_forged_mail(arena: Arena) -> None:
    seen = arena.play(*(octets for _ in range(3) for octets in failing(arena)))
    assert len(seen.held) == 21
    assert seen.tags("fr") == ["HELP"]
    assert seen.reached == {"fr"}


@attack("14", "the forged flood leaves France's own answers as they were: its budget is another")
def test_a_flood_that_is_to_use_up_a_partys_answers(arena: Arena) -> None:
    arena.play(*failing(arena))
    seen = arena.play(
        arena.person("fr").write("[REQUEST IT urgency=high] x", "bad tag"),
        arena.person("fr").write("[REQUEST IT] x", "good"),
    )
    assert sorted(seen.tags("fr")) == ["HELP", "REQUEST"]
    assert seen.readers("good") == {"it"}


@attack("14", "nothing at all: whoever is not registered is never answered")
def test_a_stranger_who_wants_an_answer(arena: Arena) -> None:
    stranger = arena.person("stranger")
    seen = arena.play(
        stranger.write("[HELP]", "hello"),
        stranger.write("[REQUEST FR] x", "hello", form=Form.PLAIN),
        stranger.write("[KEY]", "hello", form=Form.SIGNED),
    )
    assert seen.reached == set()


# ---------------------------------------------------------------- trust.md 10


def asking_about(arena: Arena, reference: str) -> list[bytes]:
    """Everything that Spain can send about an exchange by its number."""
    spain = arena.person("es")
    return [spain.write(f"[{word}#{reference}] x", "Hello?") for word in ("REPLY", "ACK", "CLOSE", "REQUEST")]


@attack("10", "the same words whether the reference exists or not, for replies, acknowledgements and closings")
def test_fishing_for_references(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST DE] x", SECRET))
    [reference] = [row.reference for row in seen.rows if row.event == "exchange opened"]
    assert reference
    real, unreal = (_answers(arena.play(*asking_about(arena, number))) for number in (reference, "2026-9999"))
    assert real == sorted(answer.replace("2026-9999", reference) for answer in unreal)
    assert len(real) == 4


@attack("10", "nothing: a guessed reply code names no exchange, and a real one of others says no more")
def test_fishing_by_reply_codes(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST DE] x", SECRET))
    code = re.search(r"R-\w{5}-\w{5}", seen.only("de").cover)
    assert code
    answers = [
        _answers(arena.play(arena.person("es").write("x", f"Hello?\n> {c}\n"))) for c in (code[0], "R-00000-00000")
    ]
    assert answers[0] == answers[1] != []


def _answers(seen: Seen) -> list[str]:
    assert seen.reached == {"es"}
    said = (f"{mail.outer_subject} {mail.subject} {mail.cover}" for mail in seen.got["es"])
    return sorted(re.sub(r"\d\d:\d\d UTC", "", text) for text in said)
