"""What the robot does about mail in the wild (mail-in-the-wild.md), where a verdict alone does not show it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailbot.config import load
from mailbot.core.records import Reason
from mailbot.playground.composing import Attachment, Form
from mailbot.playground.stage import ROBOT, Stage, set_up
from mailbot.wiring import Robot
from tests.stories.test_bad_input import sealed

FAMILIES = Path(__file__).parents[1] / "families"
LIST = Attachment("Liste d'août.csv", "Müller;Zoë\n".encode(), "text/csv")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with set_up() as stage:
        yield stage


@pytest.fixture(scope="module")
def robot(stage: Stage) -> Iterator[Robot]:
    with Robot(load(stage.config)) as robot:
        yield robot


def mails(stage: Stage) -> int:
    """What everybody has got so far."""
    return sum(len(stage.mailbox(login)) for login in stage.people)


def given(octets: bytes, stage: Stage, robot: Robot) -> None:
    stage.store.deliver(ROBOT, octets)
    robot.once()


def test_attachments_encrypted_by_themselves_are_passed_on_with_the_text(stage: Stage, robot: Robot) -> None:
    """Row 3."""
    given(stage.people["fr"].write("x", "[REQUEST DE]\nBonjour\n", [LIST], form=Form.INLINE), stage, robot)
    got = stage.latest("de")
    assert "Bonjour" in got.text
    assert [file.octets for file in got.attachments if file.name == LIST.name] == [LIST.octets]


def test_a_text_that_is_hidden_in_winmail_dat_is_asked_for_again(stage: Stage, robot: Robot) -> None:
    """Row 21: nothing is passed on, and the author hears how to write it."""
    before = len(stage.mailbox("de"))
    entity = (
        b'Content-Type: multipart/mixed; boundary=m; hp="cipher"\r\nSubject: [REQUEST DE] x\r\n'
        b"From: desk@fr.example\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\n\r\n"
        b"--m\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx\r\n--m--\r\n"
    )
    given(sealed(stage.people["fr"], entity), stage, robot)
    assert len(stage.mailbox("de")) == before
    assert robot.memory.held_mails()[-1].reason is Reason.NO_TEXT
    assert "winmail.dat" in stage.latest("fr").cover


@pytest.mark.parametrize("family", ["08-robots", "09-absent", "10-marks-alone", "26-greylisting", "28-no-marker"])
def test_no_machine_ever_gets_an_answer(family: str, stage: Stage, robot: Robot) -> None:
    """Rows 8 to 10, 26 and 28, from the address of a desk, which would get one."""
    before, addresses = mails(stage), (b"desk@de.example", b"anna.berg@de.example", b"desk@fr.example")
    for path in sorted((FAMILIES / family).glob("*.eml")):
        octets = path.read_bytes()
        if "person" in path.name or b"BEGIN PGP" in octets:  # the latter for a robot with another key
            continue
        for address in addresses:
            octets = octets.replace(address, stage.people["de"].address.encode())
        stage.store.deliver(ROBOT, octets)
    robot.once()
    assert mails(stage) == before
    assert stage.store.mails(ROBOT) == ()
