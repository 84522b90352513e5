"""Italy's officer at neomutt: reads a relayed request and a ping, checks both signatures, presses Reply."""

from dataclasses import dataclass

import pytest

from mailbot.core.records import Assurance, PartStage
from mailbot.core.tags import Word
from mailbot.playground.configuration import ROBOT_NAME
from mailbot.playground.reading import Entity, ReadMail
from tests.clients.correspondence import SUBJECT, TEXT, Correspondence
from tests.clients.neomutt import neomutt

pytestmark = pytest.mark.clients

ANSWER = "Buonasera,\n\nla persona — Käse — è stata fermata a Fiumicino.\nFrom here\n.\n"


@dataclass(frozen=True)
class Played:
    """What the officer saw, and what came of his two mails."""

    request: str
    ready: str  # the page on which the answer was sent
    receipt: str
    probe: str
    sent: list[bytes]
    passed_on: ReadMail


@pytest.fixture(scope="module")
def played(correspondence: Correspondence) -> Played:
    """The officer's minute at the keyboard."""
    with neomutt(correspondence.clients, correspondence.person("it")) as officer:
        request = officer.read("[REQUEST#")
        ready = officer.reply(ANSWER)
        officer.send()
        officer.leave()
        correspondence.await_stage("IT", PartStage.ANSWERED)
        correspondence.await_mail("it", "Your reply was passed on")
        receipt = officer.read("[REPLY#")
        officer.leave()
        probe = officer.read("[PING#")
        officer.reply("Presente.\n")
        officer.send()
        sent = correspondence.sent_by("it", 2)
    passed_on = correspondence.await_mail("fr", f"[REPLY#{correspondence.reference} IT>FR]")
    return Played(request, ready, receipt, probe, sent, passed_on)


def test_it_shows_the_protected_subject_and_the_whole_text(played: Played, correspondence: Correspondence) -> None:
    assert f"Subject: [REQUEST#{correspondence.reference} FR>DE,IT] {SUBJECT}\n" in played.request
    assert "\nURGENT REQUEST from France (FR)\nAnswer by " in played.request
    assert f"\n\n{TEXT}" in played.request


def test_it_calls_both_signatures_good(played: Played, correspondence: Correspondence) -> None:
    france = correspondence.person("fr")
    signers = [line for line in played.request.splitlines() if "ignature" in line and "from" in line]
    assert signers == [
        f"Good signature from: {ROBOT_NAME} <{correspondence.person('it').hub.address}>",
        f"Good signature from: {france.name} <{france.address}>",
    ]


def test_reply_is_signed_and_encrypted_by_itself(played: Played, correspondence: Correspondence) -> None:
    assert "Security: Sign, Encrypt (PGP/MIME)" in played.ready
    assert f"To: {ROBOT_NAME} <{correspondence.person('it').hub.address}>\n" in played.ready
    assert f"Subject: Re: [REQUEST#{correspondence.reference} FR>DE,IT] {SUBJECT}\n" in played.ready


def test_what_left_it_is_sealed_and_says_nothing_outside(played: Played) -> None:
    assert len(played.sent) == 2
    for octets in played.sent:
        mail = Entity(octets)
        assert (mail.kind, mail.headers["Subject"]) == ("multipart/encrypted", "...")


def test_the_robot_passes_it_on(played: Played, correspondence: Correspondence) -> None:
    reply = played.passed_on
    assert reply.tag.tag is not None
    assert (reply.tag.tag.word, reply.tag.tag.origin, reply.tag.tag.targets) == (Word.REPLY, "IT", ("FR",))
    assert reply.signature.is_by(correspondence.stage.robot_key.fingerprint)
    assert reply.author_signature.is_by(correspondence.person("it").key.fingerprint)
    assert reply.text.startswith(ANSWER)
    assert correspondence.robot.memory.held_mails() == ()


def test_it_shows_the_receipt(played: Played, correspondence: Correspondence) -> None:
    assert f"Subject: [REPLY#{correspondence.reference} IT>FR] Your reply was passed on\n" in played.receipt
    assert "France (FR): passed on" in played.receipt


def test_the_ping_is_acknowledged_for_sure(played: Played, correspondence: Correspondence) -> None:
    assert "PING TEST: can your desk be reached at this hour?" in played.probe
    answer = correspondence.answer_to_ping("IT")
    assert (answer.assurance, answer.encrypted, answer.challenge_quoted) == (Assurance.SIGNED, True, True)
