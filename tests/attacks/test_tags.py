"""Who gets content is decided by signed words alone; what was signed acts once, whatever stands around it."""

import re
from datetime import timedelta

import pytest

from mailbot.core.records import Reason
from mailbot.playground.composing import Form, Subjects
from mailbot.playground.reading import ReadMail
from tests.attacks.arena import Arena, Seen
from tests.attacks.attack import attack
from tests.attacks.forging import at, crlf, encrypted, hand, header, sealed, signed, words
from tests.keys import run

FRANCE = "desk@fr.example"
WORDS = "Where is he?"
ITALY = {"it"}


def outside(arena: Arena, subject: str, text: str = WORDS) -> bytes:
    """France writes with a mail program that leaves the subject outside."""
    return arena.person("fr").write(subject, f"{text}\n", subjects=Subjects.OUTSIDE)


def turned(octets: bytes, old: str, new: str) -> bytes:
    """What a server on the way makes of the outer subject."""
    assert octets.count(f"Subject: {old}".encode()) == 1
    return octets.replace(f"Subject: {old}".encode(), f"Subject: {new}".encode())


def asked(arena: Arena, octets: bytes) -> ReadMail:
    """The question that France gets about it."""
    seen = arena.play(octets)
    assert seen.tags("fr") == ["CONFIRM"]
    assert seen.reached == {"fr"}
    return seen.only("fr")


def word_of(question: ReadMail) -> str:
    found = re.search(r"\[CONFIRM\w*#[0-9A-Z-]+\]", question.cover)
    assert found
    return found[0]


# ---------------------------------------------------------------- trust.md 1


@attack("1", "a sealed question to France that names Spain; nobody reads it")
def test_readers_added_in_the_outer_subject(arena: Arena) -> None:
    question = asked(arena, turned(outside(arena, "[REQUEST IT] x"), "[REQUEST IT]", "[REQUEST IT,ES]"))
    assert "Espagne (ES)" in question.cover.replace("\xa0", " ")


@attack("1", "a sealed question to France that says ALL; nobody reads it")
def test_information_turned_into_a_request_to_all(arena: Arena) -> None:
    question = asked(arena, turned(outside(arena, "[INFO IT] x"), "[INFO IT]", "[REQUEST ALL]"))
    assert "DEMANDE" in question.cover
    assert "[REQUEST ALL]" in question.cover


@attack("1", "Italy alone reads it; France is warned that somebody changed the subject")
@pytest.mark.parametrize("signed_tag", ["protected subject", "first line"])
def test_a_signed_tag_with_another_outside(signed_tag: str, arena: Arena) -> None:
    if signed_tag == "first line":
        octets = turned(outside(arena, "Hello", f"[REQUEST IT]\n\n{WORDS}"), "Hello", "[REQUEST IT,ES] Hello")
    else:
        octets = turned(arena.person("fr").write("[REQUEST IT] x", WORDS), "...", "[REQUEST ES] x")
    seen = arena.play(octets)
    assert seen.readers(WORDS) == ITALY
    assert '"mismatch":"yes"' in seen.facts("exchange opened")
    assert "ATTENTION" in seen.only("fr").cover


@attack("1", "held: two signed tags that differ are no tag at all")
def test_a_protected_subject_and_a_first_line_that_differ(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST IT] x", f"[REQUEST ES]\n\n{WORDS}"))
    assert (seen.reasons, seen.readers(WORDS)) == ([Reason.BAD_TAG], set())


@attack("1", "nobody reads it: only France's own signed answer lets its mail go")
@pytest.mark.parametrize("who", ["another party", "an unsigned yes", "a relay of France"])
def test_a_question_answered_by(who: str, arena: Arena) -> None:
    yes = word_of(asked(arena, outside(arena, "[REQUEST IT] x")))
    writer = {"another party": "es", "a relay of France": "fr-ministry"}.get(who, "fr")
    form = Form.ENCRYPTED if who == "an unsigned yes" else Form.COMBINED
    seen = arena.play(arena.person(writer).write("Re: x", f"{yes}\nYes.\n", form=form))
    assert seen.readers(WORDS) == set()


@attack("1", "nothing: a No that quotes the question is no Yes")
def test_a_no_that_quotes_the_question(arena: Arena) -> None:
    question = asked(arena, outside(arena, "[REQUEST IT] x"))
    seen = arena.play(arena.person("fr").press_reply(question, "NON !\n"))
    assert seen.readers(WORDS) == set()


@attack("1", "the one-time word works once: Italy reads it once")
def test_a_yes_that_is_sent_twice(arena: Arena) -> None:
    yes = word_of(asked(arena, outside(arena, "[REQUEST IT] x")))
    first = arena.play(arena.person("fr").write("Oui", f"{yes}\nOui.\n"))
    again = arena.play(arena.person("fr").write("Oui", f"{yes}\nEncore.\n"))
    assert (first.readers(WORDS), again.readers(WORDS)) == (ITALY, set())


# ---------------------------------------------------------------- trust.md 2


def request(arena: Arena, tag: str = "[REQUEST IT,DE] x", text: str = WORDS) -> tuple[Seen, str]:
    """France asks; what came of it, and the reference."""
    seen = arena.play(arena.person("fr").write(tag, text))
    [reference] = [row.reference for row in seen.rows if row.event == "exchange opened"]
    assert reference
    return seen, reference


@attack("2", "held: of two signed hints that disagree none counts; France reads nothing")
def test_a_reply_whose_code_names_another_exchange(arena: Arena) -> None:
    (first, _), (_, second) = request(arena), request(arena)
    code = re.search(r"R-\w{5}-\w{5}", first.only("it").cover)
    assert code
    seen = arena.play(arena.person("it").write(f"[REPLY#{second}] x", f"He is here.\n> {code[0]}\n"))
    assert (seen.reasons, seen.readers("He is here")) == ([Reason.HINTS_DISAGREE], set())


@attack("2", "the signed words decide: the reply goes where they say, and the author is warned")
def test_a_reply_turned_to_another_exchange_from_outside(arena: Arena) -> None:
    (_, spains) = _request_of(arena, "es")
    asked_by_france, reference = request(arena)
    reply = arena.person("it").press_reply(asked_by_france.only("it"), "He is here.\n")
    seen = arena.play(turned(reply, "...", f"[REPLY#{spains}]"))
    assert seen.readers("He is here") == {"fr", "fr-ministry"}
    assert [row.reference for row in seen.rows if row.event == "reply passed on"] == [reference]


def _request_of(arena: Arena, login: str) -> tuple[Seen, str]:
    seen = arena.play(arena.person(login).write("[REQUEST IT] x", WORDS))
    [reference] = [row.reference for row in seen.rows if row.event == "exchange opened"]
    assert reference
    return seen, reference


@attack("2", "a closing turned outside into the closing of another: only the signed one counts")
def test_a_signed_acknowledgement_turned_into_a_closing(arena: Arena) -> None:
    seen, reference = request(arena)
    ack = arena.person("it").press_reply(seen.only("it"), "Got it.\n", tag_line=f"[ACK#{reference}]")
    after = arena.play(turned(ack, "...", f"[CLOSE#{reference}]"))
    assert after.events == ["acknowledgement passed on"]
    exchange = arena.robot.memory.exchange(reference)
    assert exchange
    assert exchange.closed_at is None


# ---------------------------------------------------------------- trust.md 5


@attack("5", "held and told to France; nobody gets it twice")
@pytest.mark.parametrize("change", ["Message-ID and Date", "outer subject", "sealed anew", "another From", "spaces"])
def test_a_mail_repeated_with_another(change: str, arena: Arena) -> None:
    france = hand(arena.person("fr"))
    entity = words(f"{WORDS} {change}", subject="[REQUEST IT] x")
    once = arena.play(header(FRANCE) + encrypted(crlf(france.encrypt(signed(france, entity), [arena.hub]))))
    assert once.readers(WORDS) == ITALY
    again = _repeated(arena, change)
    assert again.readers(WORDS) == set()
    assert again.reasons == [Reason.NOT_THE_SENDER if change == "another From" else Reason.REPLAYED]


def _repeated(arena: Arena, change: str) -> Seen:
    """The same signed words once more, as whoever saw them can send them."""
    italy = hand(arena.person("it"))
    genuine = arena.world.dovecot.mails("network@hub.example", "Done")[-1]
    armour = genuine[genuine.index(b"-----BEGIN PGP") : genuine.index(b"--=_b0undary--")]
    sender = "desk@it.example" if change == "another From" else FRANCE
    outer = {"outer subject": "[INFO ALL] another"}.get(change, "...")
    if change in {"sealed anew", "spaces", "another From"}:
        inside = run(arena.hub.home, "--decrypt", octets=armour).stdout  # as a reader has it, signature and all
        inside = inside.replace(b"=_s1gned", b"=_an0ther") if change == "spaces" else inside
        armour = crlf(italy.encrypt(inside, [arena.hub]))
    return arena.play(header(sender, outer) + encrypted(armour))


@attack("5", "passed on again: the same words signed anew are a new mail")
def test_the_same_words_signed_anew(arena: Arena) -> None:
    texts = [arena.person("fr").write("[REQUEST IT] x", WORDS) for _ in range(2)]
    seen = arena.play(*texts)
    assert seen.events == ["exchange opened"] * 2


@attack("5", "held: a reply that was acted on is no reply to the next exchange")
def test_an_old_reply_repeated(arena: Arena) -> None:
    seen, _ = request(arena)
    reply = arena.person("it").press_reply(seen.only("it"), "He is here.\n")
    assert arena.play(reply).readers("He is here") == {"fr", "fr-ministry"}
    again = arena.play(reply.replace(b"Message-ID: <", b"Message-ID: <again."))
    assert (again.reasons, again.readers("He is here")) == ([Reason.REPLAYED], set())


# ---------------------------------------------------------------- trust.md 4 and 17: age and order


@attack("4", "held: what was signed before an exchange began is no reply to it")
def test_a_reply_that_is_older_than_its_exchange(arena: Arena) -> None:
    seen, reference = request(arena, "[REQUEST ES] x")
    code = re.search(r"R-\w{5}-\w{5}", seen.only("es").cover)
    assert code
    # Made with an officer's key that is old enough, by a clock that was right then.
    officer = arena.world.spoilt["old and sound"]
    entity = words(f"Yes, do.\n> {code[0]}\n", subject=f"[REPLY#{reference}]")
    octets = sealed(officer, entity, arena.hub, "desk@es.example", *at(timedelta(hours=-2)))
    after = arena.play(octets)
    assert (after.reasons, after.readers("Yes, do")) == ([Reason.STALE], set())


@attack("4", "held: a command is obeyed for a day only")
def test_a_command_that_was_held_back_for_two_days(arena: Arena) -> None:
    officer = arena.world.spoilt["old and sound"]
    entity = words("[HELP]\n")
    seen = arena.play(sealed(officer, entity, arena.hub, "desk@es.example", *at(timedelta(days=-2))))
    assert seen.reasons == [Reason.STALE]
    fresh = arena.play(sealed(officer, entity, arena.hub, "desk@es.example", *at(timedelta(hours=-2))))
    assert Reason.STALE not in fresh.reasons
