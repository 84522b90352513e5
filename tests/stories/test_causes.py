"""What becomes of a request: a sentence for each who cannot have it, and nothing added to what its author signed."""

import re

import pytest

from mailbot.config import load
from mailbot.playground.composing import Form
from mailbot.playground.stage import Stage
from mailbot.wiring import Robot

TEXT = "Bonsoir,\n\noù est-il ?\n"
WITNESS = "Zaunkoenig4717"
SENTENCES = [
    "Allemagne (DE)\xa0: transmis.",
    "Italie (IT)\xa0: PAS ENVOYÉ. Le robot n'a pas de clé valable pour ce membre.",
    "Espagne (ES)\xa0: PAS ENVOYÉ. Ce membre est suspendu.",
    "France (FR)\xa0: pas envoyé. C'est vous-même.",
    "XX\xa0: PAS ENVOYÉ. Aucun membre du réseau n'a ce code.",
]


def once(stage: Stage) -> None:
    with Robot(load(stage.config)) as robot:
        robot.once()


def suspended(stage: Stage, code: str) -> str:
    """The configuration as it was; now this party is suspended."""
    written = stage.config.read_text("utf-8")
    line = f'code = "{code}"\n'
    assert line in written
    stage.config.write_text(written.replace(line, f"{line}suspended = true\n"), "utf-8")
    return written


def test_each_cause_has_its_sentence_and_is_mended_by_itself(stage: Stage) -> None:
    italy, spain = stage.people["it"], stage.people["es"]
    certificate = stage.config.parent / "keys" / "IT" / f"{italy.key.fingerprint}.asc"
    aside = certificate.rename(certificate.with_suffix(".aside"))
    written = suspended(stage, "ES")
    stage.post("fr", stage.people["fr"].write("[DEMANDE DE,IT,ES,FR,XX urgent]", TEXT))
    once(stage)
    assert stage.latest("de").text == TEXT
    said = re.sub("[ \n]+", " ", stage.latest("fr").cover)
    for sentence in SENTENCES:
        assert sentence in said, said
    assert stage.mailbox("es") == []
    [waiting] = map(italy.read, stage.mailbox("it"))
    assert (waiting.encrypted, waiting.text) == (False, ""), "it says only that something waits"
    assert "2026" not in waiting.outer_subject

    aside.rename(certificate)
    stage.config.write_text(written, "utf-8")
    once(stage)
    for person in (italy, spain):
        request = person.read(stage.mailbox(person.login)[-1])
        assert request.text == TEXT
        assert request.author_signature.is_by(stage.people["fr"].key.fingerprint)
    assert len(stage.mailbox("de")) == 1


def test_answers_to_a_closed_exchange_still_go_through(stage: Stage) -> None:
    people = stage.people
    stage.post("fr", people["fr"].write("[REQUEST DE] x", TEXT))
    once(stage)
    request = stage.latest("de")
    assert request.tag.tag is not None
    line = f"[CLOSE#{request.tag.tag.reference}]"
    stage.post("fr", people["fr"].press_reply(stage.latest("fr"), "Merci.\n", tag_line=line))
    once(stage)
    stage.post("de", people["de"].press_reply(request, "Doch noch gefunden.\n", prefix="AW: "))
    once(stage)
    assert stage.latest("fr").text.startswith("Doch noch gefunden.")
    assert stage.latest("fr").author_signature.is_by(people["de"].key.fingerprint)


def test_nothing_that_the_asker_said_outside_comes_out(stage: Stage) -> None:
    """Not even sealed: what stands outside, any server may have written."""
    names = (
        "Received Reply-To Sender In-Reply-To References Comments Keywords X-Mailer Autocrypt Thread-Topic List-Help"
    )
    outside = "".join(f"{name}: <{WITNESS}@{WITNESS}.example>\r\n" for name in names.split()).encode()
    written = (
        stage.people["fr"].write("[REQUEST DE] x", TEXT).replace(b"Message-ID: <", f"Message-ID: <{WITNESS}".encode())
    )
    stage.post("fr", outside + written)
    once(stage)
    for login in ("de", "de-border", "fr"):
        for octets in stage.mailbox(login):
            assert WITNESS.encode() not in octets
            assert WITNESS.encode() not in inside(stage, login, octets)
    assert WITNESS.encode() in (stage.store.mails("robot", "Done")[-1].octets)


def inside(stage: Stage, login: str, octets: bytes) -> bytes:
    opened = stage.people[login].key.unseal(octets[octets.index(b"-----BEGIN PGP MESSAGE") :]).octets
    assert opened
    return opened


@pytest.mark.parametrize("form", [Form.COMBINED, Form.ENCAPSULATED, Form.INLINE])
def test_the_authors_signature_travels_once(form: Form, stage: Stage) -> None:
    """As a detached signature beside what it signs, or in the OpenPGP message that is attached; never as both."""
    stage.post("fr", stage.people["fr"].write("[REQUEST DE] x", f"[REQUEST DE]\n{TEXT}", form=form))
    once(stage)
    opened = inside(stage, "de", stage.mailbox("de")[-1])
    found = (opened.count(b"-----BEGIN PGP SIGNATURE"), opened.count(b"-----BEGIN PGP MESSAGE"))
    assert found == ((0, 1) if form is Form.INLINE else (1, 0))
    assert stage.latest("de").author_signature.is_by(stage.people["fr"].key.fingerprint)
