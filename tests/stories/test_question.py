"""A tag that nobody signed: the robot asks, and only the sender's signed answer lets the mail go (trust.md 1)."""

import re
from collections.abc import Callable, Iterator

import pytest

from mailbot.config import load
from mailbot.core.tags import Word
from mailbot.playground.composing import Form, Subjects
from mailbot.playground.reading import ReadMail
from mailbot.playground.stage import Stage
from mailbot.wiring import Robot

Once = Callable[[], None]


@pytest.fixture
def once(stage: Stage) -> Iterator[Once]:
    """Let the robot do what there is to do."""
    with Robot(load(stage.config)) as robot:

        def play() -> None:
            done = robot.once()
            assert done.queued == 0

        yield play


def ask(stage: Stage, once: Once, subject: str = "[REQUEST IT urgent] Hello") -> ReadMail:
    """France writes with its tag in the outer subject alone; the question that it gets."""
    stage.post("fr", stage.people["fr"].write(subject, "Who is it?\n", subjects=Subjects.OUTSIDE))
    once()
    question = stage.latest("fr")
    assert question.tag.tag is not None
    assert question.tag.tag.word is Word.CONFIRM
    assert question.signature.is_by(stage.robot_key.fingerprint)
    return question


def yes(question: ReadMail) -> str:
    """The line that the question asks for."""
    found = re.search(r"\[CONFIRM\w*#[0-9A-Z-]+\]", question.cover)
    assert found
    return found[0]


def test_an_answered_question_lets_the_mail_go(stage: Stage, once: Once) -> None:
    question = ask(stage, once)
    assert "[REQUEST IT urgent]" in question.cover
    assert stage.mailbox("it") == []
    stage.post("fr", stage.people["fr"].press_reply(question, "Oui.\n", tag_line=yes(question)))
    once()
    [request] = [stage.people["it"].read(octets) for octets in stage.mailbox("it")]
    assert request.text == "Who is it?\n"
    assert request.author_signature.is_by(stage.people["fr"].key.fingerprint)
    assert stage.latest("fr").tag.tag == request.tag.tag, "the receipt"


def test_whoever_cannot_press_reply_copies_the_line(stage: Stage, once: Once) -> None:
    line = yes(ask(stage, once)).lower()
    stage.post("fr", stage.people["fr"].write("Oui", f"{line}\n", form=Form.ENCAPSULATED))
    once()
    assert len(stage.mailbox("it")) == 1


def test_a_no_that_quotes_the_question_is_no_yes(stage: Stage, once: Once) -> None:
    """Pressing Reply repeats the question's subject and text, whatever is written above them."""
    question = ask(stage, once)
    stage.post("fr", stage.people["fr"].press_reply(question, "NON ! Surtout pas.\n"))
    once()
    assert stage.mailbox("it") == []
    assert "oui" in stage.latest("fr").cover


def test_a_widened_outer_subject_shows_in_the_question(stage: Stage, once: Once) -> None:
    """A server in the middle adds a reader: the question names him, and without an answer nobody gets anything."""
    octets = stage.people["fr"].write("[REQUEST IT] Hello", "Who is it?\n", subjects=Subjects.OUTSIDE)
    stage.post("fr", octets.replace(b"[REQUEST IT]", b"[REQUEST IT,ES]"))
    once()
    cover = stage.latest("fr").cover
    assert "Espagne (ES)" in cover.replace("\xa0", " ")
    assert stage.mailbox("it") == stage.mailbox("es") == []


def test_a_signed_tag_beats_a_widened_outer_one(stage: Stage, once: Once) -> None:
    octets = stage.people["fr"].write("Hello", "[REQUEST IT]\n\nWho is it?\n", subjects=Subjects.OUTSIDE)
    stage.post("fr", octets.replace(b"Subject: Hello", b"Subject: [REQUEST IT,ES] Hello"))
    once()
    assert len(stage.mailbox("it")) == 1
    assert stage.mailbox("es") == []
    assert "ATTENTION" in stage.latest("fr").cover or "autre chose" in stage.latest("fr").cover


def test_nobody_else_can_answer(stage: Stage, once: Once) -> None:
    question = ask(stage, once)
    people = stage.people
    for octets in (
        people["es"].press_reply(question, "Yes.\n", tag_line=yes(question)),
        people["fr"].press_reply(question, "Yes.\n", tag_line=yes(question), form=Form.ENCRYPTED),
    ):
        stage.post("es", octets)
    once()
    assert stage.mailbox("it") == []


def test_a_relay_cannot_let_its_desks_request_go(stage: Stage, once: Once) -> None:
    """Its signers may sign only REPLY and ACK (network.md §2), and a yes to a request is as good as a request."""
    question = ask(stage, once)
    stage.post("fr-ministry", stage.people["fr-ministry"].press_reply(question, "Oui.\n", tag_line=yes(question)))
    once()
    assert stage.mailbox("it") == []


def test_a_question_is_answered_once(stage: Stage, once: Once) -> None:
    question = ask(stage, once)
    for text in ("Oui.\n", "Encore oui.\n"):
        stage.post("fr", stage.people["fr"].press_reply(question, text, tag_line=yes(question)))
        once()
    assert len(stage.mailbox("it")) == 1
