"""Germany's officer at Thunderbird: reads a relayed request and a ping, checks both signatures, presses Reply.

The README's picture is made anew by: MAILBOT_PICTURES=1 python3 run.py test --clients tests/clients/test_thunderbird.py
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailbot.core.records import Assurance, PartStage
from mailbot.core.tags import Word
from mailbot.playground.reading import Entity, ReadMail
from tests.clients.correspondence import DETAILS, SUBJECT, TEXT, Correspondence
from tests.clients.thunderbird import Shown, Written, thunderbird

pytestmark = [pytest.mark.clients, pytest.mark.timeout(240)]

PICTURE = Path(__file__).parents[2] / "pictures" / "thunderbird-request.png"
LARGEST_PICTURE = 150_000  # octets
PASSED_ON = (Word.ACK, Word.REPLY)
NOTE = "Wir prüfen — auch unter „Käse“."
ANSWER = "Guten Morgen,\n\ndie Person wurde um 04:10 in Kufstein angetroffen — als „Käse“.\nFrom now on: call.\n.\n"


@dataclass(frozen=True)
class Played:
    """What the officer saw, and what came of his three mails."""

    request: Shown
    security: list[str]
    picture: bytes
    copy: bytes
    acknowledgement: Written
    reply: Written
    receipt: Shown
    probe: Shown
    sent: list[bytes]
    passed_on: list[ReadMail]


@pytest.fixture(scope="module")
def played(correspondence: Correspondence) -> Played:
    """The officer's minute."""
    clients, servers = correspondence.clients, correspondence.stage.servers
    with thunderbird(clients, correspondence.person("de"), servers) as officer:
        request = officer.read(correspondence.await_mail("de", SUBJECT).message_id)
        security, picture = officer.security()
        copy = officer.save_decrypted()
        acknowledgement = officer.reply(f"[ACK#{correspondence.reference}]\n{NOTE}\n")
        correspondence.await_stage("DE", PartStage.ACKNOWLEDGED)
        reply = officer.reply(ANSWER, at_the_top=True)
        correspondence.await_stage("DE", PartStage.ANSWERED)
        receipt = officer.read(correspondence.await_mail("de", "Your reply was passed on").message_id)
        probe = officer.read(correspondence.await_mail("de", "Ping test").message_id)
        officer.reply("")  # the probe says that one need not write anything
        sent = correspondence.sent_by("de", 3)
    passed_on = [correspondence.await_mail("fr", f"[{word}#{correspondence.reference} DE>FR]") for word in PASSED_ON]
    return Played(request, security, picture, copy, acknowledgement, reply, receipt, probe, sent, passed_on)


def test_it_shows_the_protected_subject_and_the_whole_text(played: Played, correspondence: Correspondence) -> None:
    assert played.request.subject == f"[REQUEST#{correspondence.reference} FR>DE,IT] {SUBJECT}"
    cover, rule, below = played.request.text.partition("-" * 72)
    assert cover.startswith("URGENT REQUEST from France (FR)\nAnswer by ")
    assert rule
    assert below.strip() == TEXT.strip()
    assert played.request.attachments == [DETAILS.name]


def test_it_calls_the_robots_signature_good(played: Played, correspondence: Correspondence) -> None:
    assert (played.request.encryption, played.request.signature) == ("ok", "verified")
    assert played.security == [
        "Good Digital Signature",
        "This message includes a valid digital signature from a verified key.",
        f"Signer key ID: 0x{correspondence.stage.robot_key.fingerprint[-16:]}",
        "Message Is Encrypted",
    ]


def test_the_authors_own_signature_is_in_a_decrypted_copy(played: Played, correspondence: Correspondence) -> None:
    """Thunderbird shows only the outermost signature; its copy holds the other, octet for octet."""
    [signed] = [part for part in _every_part(Entity(played.copy)) if part.kind == "multipart/signed"]
    content, signature = signed.parts
    verdict = correspondence.person("de").key.verify(content.octets, signature.payload)
    assert verdict.is_by(correspondence.person("fr").key.fingerprint)
    assert (content.text, list(content.attachments)) == (TEXT, [DETAILS])


def _every_part(entity: Entity) -> list[Entity]:
    return [entity, *(below for part in entity.parts for below in _every_part(part))]


@pytest.mark.parametrize("which", ["acknowledgement", "reply"])
def test_reply_is_addressed_signed_and_encrypted_by_itself(
    which: str, played: Played, correspondence: Correspondence
) -> None:
    written: Written = getattr(played, which)
    assert written.to == [correspondence.person("de").hub.address]
    assert written.subject == f"Re: {played.request.subject}"
    assert (written.signs, written.encrypts) == (True, True)
    assert f"> Reference:   {correspondence.reference}" in written.text


def test_what_left_it_is_sealed_and_says_nothing_outside(played: Played) -> None:
    assert len(played.sent) == 3
    for octets in played.sent:
        mail = Entity(octets)
        assert (mail.kind, mail.headers["Subject"]) == ("multipart/encrypted", "...")


def test_the_robot_passes_both_on(played: Played, correspondence: Correspondence) -> None:
    acknowledgement, reply = played.passed_on
    for mail in played.passed_on:
        assert mail.signature.is_by(correspondence.stage.robot_key.fingerprint)
        assert mail.author_signature.is_by(correspondence.person("de").key.fingerprint)
    assert acknowledgement.text.rstrip().endswith(NOTE)  # Thunderbird leaves the cursor below the quoted text
    assert _words(reply.text).startswith(_words(ANSWER))
    assert correspondence.robot.memory.held_mails() == ()


def _words(text: str) -> str:
    """Without the empty lines and the indents that Thunderbird's editor and format=flowed (RFC 3676 §4.4) add."""
    return re.sub(r"\s+", " ", text).strip()


def test_it_shows_the_receipt(played: Played, correspondence: Correspondence) -> None:
    assert played.receipt.subject == f"[REPLY#{correspondence.reference} DE>FR] Your reply was passed on"
    assert (played.receipt.encryption, played.receipt.signature) == ("ok", "verified")
    assert "France (FR): passed on" in played.receipt.text


def test_the_ping_is_acknowledged_for_sure(played: Played, correspondence: Correspondence) -> None:
    assert (played.probe.encryption, played.probe.signature) == ("ok", "verified")
    assert "PING TEST: can your desk be reached at this hour?" in played.probe.text
    answer = correspondence.answer_to_ping("DE")
    assert (answer.assurance, answer.encrypted, answer.challenge_quoted) == (Assurance.SIGNED, True, True)


def test_the_picture_in_the_readme(played: Played) -> None:
    if os.environ.get("MAILBOT_PICTURES"):
        PICTURE.write_bytes(played.picture)
    for picture in (played.picture, PICTURE.read_bytes()):
        assert picture.startswith(b"\x89PNG")
        assert len(picture) < LARGEST_PICTURE
