"""Certificates: none is used because it came in a mail; a new one only after both keys and the secretariat have spoken;
a revocation counts at once, whoever brings it.
"""

import itertools
from collections.abc import Mapping

from mailbot.core.records import Reason
from tests.attacks.arena import Arena
from tests.attacks.attack import attack
from tests.attacks.forging import hand, header, multipart, part, sealed, words
from tests.keys import Person, export, make_key

FRANCE, SPAIN = "desk@fr.example", "desk@es.example"
WORDS = "Where is he?"
_numbers = itertools.count(3)


def another_key(arena: Arena, login: str = "fr") -> Person:
    """A key that nobody has pinned; mail that is sealed to it at this address is opened with it."""
    member = arena.person(login)
    new = Person(make_key(f"{member.name} <{member.address}>", "ed25519/cv25519", f"{next(_numbers)}y"))
    new.meet(arena.hub)
    arena.newcomers.setdefault(login, []).append(new.key)
    return new


def announcing(author: Person, key: bytes, arena: Arena, sender: str, tag: str = "[KEY]") -> bytes:
    """A certificate, attached to a mail that somebody signed."""
    attached = part('application/pgp-keys; name="new.asc"', key, "Content-Disposition: attachment")
    whole = multipart("mixed", words("My new key"), attached, fields='; protected-headers="v1"')
    return sealed(author, f"Subject: {tag}\r\n".encode() + whole, arena.hub, sender)


def speaks_with(new: Person, arena: Arena, sender: str = FRANCE) -> bool:
    """Whether a mail signed by this key is the party's."""
    arena.forget_notices()
    seen = arena.play(sealed(new, words(WORDS, subject="[REQUEST IT] x"), arena.hub, sender))
    return seen.readers(WORDS) != set()


def confirmed(arena: Arena, login: str, line: str) -> str:
    """What somebody who gives this command is answered."""
    seen = arena.play(arena.person(login).write(f"{line[:-1]} lang=en]", ""))
    return " ".join(" ".join(mail.cover.split()) for mail in seen.got[login])


# ---------------------------------------------------------------- trust.md 11


@attack("11", "nothing: a certificate is nobody's because it came from an address")
def test_a_strangers_key_announced_for_a_party(arena: Arena) -> None:
    new, stranger = another_key(arena), hand(arena.person("stranger"))
    arena.play(
        announcing(new, new.key.public, arena, FRANCE),
        announcing(stranger, new.key.public, arena, FRANCE),
    )
    assert not speaks_with(new, arena)


@attack("11", "nothing: another party announces no key for France")
def test_a_key_announced_by_another_party(arena: Arena) -> None:
    new = another_key(arena)
    seen = arena.play(announcing(hand(arena.person("es")), new.key.public, arena, FRANCE))
    assert seen.reasons == [Reason.NOT_THE_SENDER]
    assert not speaks_with(new, arena)


@attack("11", "refused: what is pinned for another party, and what holds a secret key")
def test_a_key_that_is_not_ones_own(arena: Arena) -> None:
    france, new = hand(arena.person("fr")), another_key(arena)
    for key in (arena.person("es").key.certificate, export(new.key.home, new.fingerprint, secret=True)):
        seen = arena.play(announcing(france, key, arena, FRANCE))
        assert seen.reached == {"fr"}
        assert "certificate announced" not in seen.events


@attack("11", "not used: who confirms has no right to, or nobody has shown that he has the secret key")
def test_a_key_confirmed_by_everybody_who_may_not(arena: Arena) -> None:
    new = another_key(arena)
    seen = arena.play(announcing(hand(arena.person("fr")), new.key.public, arena, FRANCE))
    assert {"fr", "fr-ministry"} <= seen.reached, "all of its addresses are told"
    for login in ("fr", "es", "ops"):
        confirmed(arena, login, f"[KEY FR {new.fingerprint}]")
    assert not speaks_with(new, arena)
    assert "not proved" in confirmed(arena, "sec", f"[KEY FR {new.fingerprint}]")
    assert not speaks_with(new, arena)


@attack("11", "both frozen, everybody told: a thief who has the old key gets no new one past its owner")
def test_a_thief_who_announces_a_key_of_his_own(arena: Arena) -> None:
    thiefs, genuine = another_key(arena, "it"), another_key(arena, "it")
    italy = hand(arena.person("it"))
    arena.play(announcing(italy, thiefs.key.public, arena, "desk@it.example"))
    seen = arena.play(announcing(italy, genuine.key.public, arena, "desk@it.example"))
    assert {"it", "sec"} <= seen.reached
    assert "TWO NEW KEYS" in " ".join(mail.cover for mail in seen.got["it"])
    for key in (thiefs, genuine):
        assert "thief" in confirmed(arena, "sec", f"[KEY IT {key.fingerprint}]")
        assert not speaks_with(key, arena, "desk@it.example")


# ---------------------------------------------------------------- trust.md 12


def bringing(key: bytes, sender: str = "somebody@elsewhere.example") -> bytes:
    """A key file in a mail that nobody signed."""
    attached = part('application/pgp-keys; name="key.asc"', key, "Content-Disposition: attachment")
    return header(sender, "found this") + multipart("mixed", words("Look"), attached)


def revocation(person: Person) -> bytes:
    """The revocation certificate that gpg lays beside every key, its safety catch taken off."""
    written = (person.key.home / "openpgp-revocs.d" / f"{person.fingerprint}.rev").read_bytes()
    return written[written.index(b":-----BEGIN") + 1 :]


@attack("12", "nothing: what only looks like a revocation, made by another key")
def test_a_forged_revocation(arena: Arena, spoilt: Mapping[str, Person]) -> None:
    victim, forger = spoilt["old and sound"], another_key(arena)
    forged = revocation(forger).replace(forger.fingerprint.encode(), victim.fingerprint.encode())
    arena.play(bringing(forged), bringing(victim.key.public + b"\n" + forged))
    assert speaks_with(victim, arena, SPAIN)


@attack("12", "at once: whoever brings a genuine revocation, the key is refused; no old file brings it back")
def test_a_revoked_key_that_comes_back(arena: Arena, spoilt: Mapping[str, Person]) -> None:
    victim = spoilt["old and sound"]
    seen = arena.play(bringing(revocation(victim)))
    assert "certificate revoked" in seen.events
    assert not speaks_with(victim, arena, SPAIN)
    arena.play(bringing(victim.key.public), announcing(hand(arena.person("es")), victim.key.public, arena, SPAIN))
    assert not speaks_with(victim, arena, SPAIN)
    assert "NOT DONE" in confirmed(arena, "sec", f"[KEY ES {victim.fingerprint}]")
    assert not speaks_with(victim, arena, SPAIN)
