"""Every form in which mail programs sign and encrypt: relayed as written, the author's signature still good."""

from collections.abc import Iterator

import pytest

from mailbot.config import load
from mailbot.playground.composing import Attachment, Form, Subjects
from mailbot.playground.stage import Stage, set_up
from mailbot.wiring import Robot

TEXT = "Grüße, Ελληνικά, ok\n\n.\nFrom here on  \n-- \nthe desk\n"
SHEET = Attachment("photo.jpg", bytes(range(256)) * 300, "image/jpeg")


@pytest.fixture(scope="module")
def lasting_stage() -> Iterator[Stage]:
    """One playground for all forms: each test looks at the latest mails."""
    with set_up() as stage:
        yield stage


@pytest.mark.parametrize("subjects", Subjects)
@pytest.mark.parametrize("form", [Form.COMBINED, Form.ENCAPSULATED])
def test_pgp_mime(form: Form, subjects: Subjects, lasting_stage: Stage) -> None:
    stage, france = lasting_stage, lasting_stage.people["fr"]
    tag_line = "[REQUEST DE urgent]\n" if subjects is Subjects.OUTSIDE else ""
    stage.post("fr", france.write("[REQUEST DE urgent] Été", tag_line + TEXT, [SHEET], form=form, subjects=subjects))
    play(stage)
    for login in ("de", "de-border"):
        request = stage.latest(login)
        assert request.author_signature.is_by(france.key.fingerprint)
        assert (request.text, list(request.attachments)) == (tag_line + TEXT, [SHEET])
        assert ("Été" in request.subject) is (subjects is not Subjects.OUTSIDE), "what is not signed is not passed on"


def test_inline(lasting_stage: Stage) -> None:
    stage, france = lasting_stage, lasting_stage.people["fr"]
    stage.post("fr", france.write("[REQUEST DE urgent] Été", f"[REQUEST DE urgent]\n{TEXT}", form=Form.INLINE))
    play(stage)
    request = stage.latest("de")
    assert request.author_signature.is_by(france.key.fingerprint), "in the OpenPGP message that is attached"
    assert request.text.startswith("[REQUEST DE urgent]\nGrüße, Ελληνικά")


def test_blind_leaves_the_author_out(lasting_stage: Stage) -> None:
    stage, france = lasting_stage, lasting_stage.people["fr"]
    stage.post("fr", france.write("[REQUEST DE urgent blind] Été", TEXT, [SHEET]))
    play(stage)
    request = stage.latest("de")
    assert request.author_signature.state is None
    assert request.author_subject == ""
    assert (request.text, list(request.attachments)) == (TEXT, [SHEET])
    assert "the hub vouches for it" in " ".join(request.cover.split())


def play(stage: Stage) -> None:
    with Robot(load(stage.config)) as robot:
        robot.once()
    assert stage.store.mails("robot") == ()
    assert stage.store.mails("robot", "Held") == ()
