"""The main job on real servers: FR asks DE and IT, DE answers by `AW: ...`, IT acknowledges, FR closes."""

from collections.abc import Mapping, Sequence
from email import message_from_bytes
from email.message import Message
from typing import cast

import pytest

from mailbot.core.tags import Word
from mailbot.mail.armour import dearmour
from mailbot.mail.packets import split
from mailbot.playground.composing import Attachment, Form
from mailbot.playground.reading import ReadMail
from tests.stories.world import World

TEXT = "Bonsoir,\n\nUn voyageur sous le nom de Käse — vol AZ 318.\n.\nFrom minuit, il sera à Rome.\n"
SHEET = Attachment("fiche.bin", bytes(range(256)) * 20)
ANSWER = "Guten Morgen,\n\ndie Person ist in Gewahrsam.\n"

Mailboxes = Mapping[str, Sequence[bytes]]


@pytest.fixture(scope="module")
def played(lasting_world: World) -> Mailboxes:
    """The whole correspondence; what lies in everybody's mailbox at its end."""
    people = lasting_world.people
    with lasting_world.robot():
        lasting_world.post("fr", people["fr"].write("[DEMANDE DE,IT urgent] Voyageur, vol AZ 318", TEXT, [SHEET]))
        request = lasting_world.mails("de", 1)[0]
        lasting_world.mails("fr", 1)
        lasting_world.post("de", people["de"].press_reply(request, ANSWER, prefix="AW: ", form=Form.ENCAPSULATED))
        lasting_world.mails("fr", 2)
        lasting_world.mails("de", 2)
        reference = str(request.tag.tag and request.tag.tag.reference)
        seen = lasting_world.mails("it", 1)[0]
        lasting_world.post("it", people["it"].press_reply(seen, "Ricevuto.\n", tag_line=f"[ACK#{reference}]"))
        answer = lasting_world.mails("fr", 3)[1]
        lasting_world.mails("it", 2)
        lasting_world.post("fr", people["fr"].press_reply(answer, "Merci.\n", tag_line=f"[CLOSE#{reference}]"))
        lasting_world.mails("fr", 4)
        lasting_world.mails("de", 3)
        lasting_world.mails("it", 3)
        lasting_world.filed("Done", 4)
    return lasting_world.every_mail()


@pytest.fixture(scope="module")
def seen(played: Mailboxes, lasting_world: World) -> Mapping[str, list[ReadMail]]:
    """The same, each mail opened by its reader."""
    return {login: [lasting_world.people[login].read(octets) for octets in mails] for login, mails in played.items()}


def words(mails: Sequence[ReadMail]) -> list[Word | None]:
    return [mail.tag.tag.word if mail.tag.tag else None for mail in mails]


def test_everybody_gets_his_mails_and_nobody_else_any(seen: Mapping[str, list[ReadMail]]) -> None:
    assert {login: sorted(map(str, words(mails))) for login, mails in seen.items()} == {
        "fr": ["ACK", "CLOSE", "REPLY", "REQUEST"],
        "fr-ministry": ["REPLY"],
        "de": ["CLOSE", "REPLY", "REQUEST"],
        "de-police": ["REQUEST"],
        "de-border": ["REQUEST"],
        "it": ["CLOSE", "REPLY", "REQUEST"],
        "es": [],
        "sec": [],
        "ops": [],
        "stranger": [],
    }


@pytest.mark.parametrize("login", ["de", "de-police", "de-border", "it"])
def test_each_target_reads_the_request_as_it_was_written(
    login: str, seen: Mapping[str, list[ReadMail]], lasting_world: World
) -> None:
    request = seen[login][0]
    assert request.signature.is_by(lasting_world.cast.robot.fingerprint)
    assert request.author_signature.is_by(lasting_world.people["fr"].key.fingerprint)
    assert (request.text, list(request.attachments)) == (TEXT, [SHEET])
    assert request.author_subject == "[DEMANDE DE,IT urgent] Voyageur, vol AZ 318"
    assert "FR" in request.cover
    assert "R-" in request.cover


def test_every_copy_opens_with_its_readers_key_and_no_other(played: Mailboxes, lasting_world: World) -> None:
    for reader, mails in played.items():
        for octets in mails:
            opening = {login for login, person in lasting_world.people.items() if person.read(octets).decrypts}
            assert opening == {reader}


def test_copies_of_one_text_are_split_from_one_encryption(played: Mailboxes) -> None:
    """The fast path is what `mailbot run` does as it is set up by default."""
    assert len({_encrypted(played[login][0]) for login in ("de", "de-police", "de-border")}) == 1
    assert _encrypted(played["fr"][0]) != _encrypted(played["de"][0]), "the receipt is another text"


def _encrypted(mail: bytes) -> bytes:
    message = cast("Message", message_from_bytes(mail).get_payload(1)).get_payload(decode=True)
    session_key, encrypted = split(dearmour(cast("bytes", message)), 2)
    assert session_key.type == 1, "one reader's, and nobody else's"
    return encrypted.body


def test_outside_stand_kind_and_reference_alone(seen: Mapping[str, list[ReadMail]]) -> None:
    for mail in (mail for mails in seen.values() for mail in mails):
        tag = mail.tag.tag
        assert tag is not None
        assert mail.outer_subject == f"[{tag.word}#{tag.reference}]"
        assert mail.subject.startswith(f"[{tag.word}#{tag.reference} ")
        assert mail.headers["Auto-Submitted"]
        assert mail.answer_to == mail.headers["From"]


def test_nothing_of_the_askers_outer_headers_is_copied(played: Mailboxes, lasting_world: World) -> None:
    outside = b"".join(octets.partition(b"\r\n\r\n")[0] for octets in (*played["de"], *played["it"]))
    assert b"@fr.example" not in outside
    assert lasting_world.people["fr"].name.encode() not in outside


@pytest.mark.parametrize("login", ["fr", "fr-ministry"])
def test_the_answer_reaches_the_asker_and_its_relay(
    login: str, seen: Mapping[str, list[ReadMail]], lasting_world: World
) -> None:
    reply = next(mail for mail in seen[login] if mail.text.startswith("Guten Morgen"))
    assert reply.tag.tag is not None
    assert (reply.tag.tag.word, reply.tag.tag.origin, reply.tag.tag.targets) == (Word.REPLY, "DE", ("FR",))
    assert reply.signature.is_by(lasting_world.cast.robot.fingerprint)
    assert reply.author_signature.is_by(lasting_world.people["de"].key.fingerprint)


def test_receipts_say_what_was_done(seen: Mapping[str, list[ReadMail]]) -> None:
    receipts = {login: [mail for mail in seen[login] if not mail.text] for login in ("fr", "de", "it")}
    to_fr = [mail.cover for mail in receipts["fr"]]
    assert "Allemagne (DE)\xa0: transmis" in to_fr[0]
    assert "Italie (IT)\xa0: transmis" in to_fr[0]
    assert "France (FR): passed on" in receipts["de"][0].cover
    assert "France (FR): passed on" in receipts["it"][0].cover


def test_state_and_journal_say_the_same(played: Mailboxes, lasting_world: World) -> None:
    assert played
    [exchange] = lasting_world.ask("exchanges", "list")
    assert (exchange["asker"], exchange["kind"], exchange["urgency"], exchange["stage"]) == (
        "FR",
        "REQUEST",
        "urgent",
        "closed",
    )
    assert {part["party"]: part["stage"] for part in exchange["parts"]} == {"DE": "answered", "IT": "acknowledged"}
    journal = lasting_world.journal()
    decided = [row["event"] for row in journal if row["event"] != "accepted by the server"]
    assert decided == ["exchange opened", "reply passed on", "acknowledgement passed on", "exchange closed"]
    delivered = [row for row in journal if row["event"] == "accepted by the server"]
    assert len(delivered) == sum(map(len, played.values()))
    assert {row["reference"] for row in delivered} == {exchange["reference"]}
    lasting_world.look("journal", "verify")
    assert lasting_world.ask("status")["outbox_queued"] == 0
