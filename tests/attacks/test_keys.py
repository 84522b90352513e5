"""Certificates: none is used because it came in a mail; a new one only after both keys and the secretariat have spoken."""

from mailbot.core.records import Reason
from tests.attacks.arena import Arena
from tests.attacks.attack import attack
from tests.attacks.forging import hand, multipart, part, sealed, words
from tests.keys import Person, make_key

FRANCE = "desk@fr.example"
WORDS = "Where is he?"


def announcing(author: Person, new: Person, arena: Arena, sender: str, tag: str = "[KEY]") -> bytes:
    """A certificate, attached to a mail that somebody signed."""
    attached = part('application/pgp-keys; name="new.asc"', new.key.public, "Content-Disposition: attachment")
    whole = multipart("mixed", words("My new key"), attached, fields='; protected-headers="v1"')
    return sealed(author, f"Subject: {tag}\r\n".encode() + whole, arena.hub, sender)


def speaks_with(new: Person, arena: Arena) -> bool:
    """Whether a mail signed by this key is France's."""
    arena.forget_notices()
    seen = arena.play(sealed(new, words(WORDS, subject="[REQUEST IT] x"), arena.hub, FRANCE))
    return seen.reasons != [Reason.UNKNOWN_SIGNER] or seen.readers(WORDS) != set()


@attack("11", "nothing: a certificate is nobody's because it came from an address")
def test_a_strangers_key_announced_for_a_party(arena: Arena) -> None:
    new = Person(make_key("France <desk@fr.example>", "ed25519/cv25519", "3y"))
    seen = arena.play(announcing(new, new, arena, FRANCE), announcing(hand(arena.person("stranger")), new, arena, FRANCE))
    assert seen.reasons == [Reason.UNKNOWN_SIGNER] * 2
    assert not speaks_with(new, arena)


@attack("11", "nothing: another party announces no key for France")
def test_a_key_announced_by_another_party(arena: Arena) -> None:
    new = Person(make_key("France <desk@fr.example>", "ed25519/cv25519", "4y"))
    seen = arena.play(announcing(hand(arena.person("es")), new, arena, FRANCE))
    assert seen.reasons == [Reason.NOT_THE_SENDER]
    assert not speaks_with(new, arena)


@attack("11", "not used: what France announced itself waits for the secretariat, whoever else confirms it")
def test_a_key_that_nobody_with_the_right_confirmed(arena: Arena) -> None:
    new = Person(make_key("France <desk@fr.example>", "ed25519/cv25519", "5y"))
    arena.play(announcing(hand(arena.person("fr")), new, arena, FRANCE))
    assert not speaks_with(new, arena)
    for login in ("fr", "es", "ops"):
        arena.play(arena.person(login).write(f"[KEY FR {new.fingerprint}]", ""))
    assert not speaks_with(new, arena)
    assert arena.play(arena.person("es").write("[REQUEST FR] x", WORDS)).readers(WORDS) >= {"fr"}, "sealed as before"
