"""What people write is found nowhere outside the mails that readers open: every place is searched for canaries."""

import base64
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailbot.config import load
from mailbot.core.tags import Word
from mailbot.playground.composing import Attachment, Form, Subjects
from mailbot.playground.stage import ROBOT, Stage
from mailbot.wiring import Robot
from tests.stories.world import World

SUBJECT, BODY, FILE = "ZEISIG4711AMSEL", "STIEGLITZ4712DROSSEL", "GIRLITZ4713FINK"
ANSWER, HELD, OUTER = "BUCHFINK4714STAR", "HAENFLING4715MEISE", "GIMPEL4716SPATZ"
CANARIES = (SUBJECT, BODY, FILE, ANSWER, HELD, OUTER)


def disguises(canary: str) -> Iterator[bytes]:
    """The forms in which a text may lie about: as it is, as UTF-16, hexadecimal, in base64 at each alignment."""
    plain = canary.encode()
    yield plain
    yield canary.encode("utf-16-le")
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for start in range(3):
        whole = plain[start : start + (len(plain) - start) // 3 * 3]
        yield base64.b64encode(whole)


def found(octets: bytes, canaries: Iterable[str] = CANARIES) -> list[str]:
    """The canaries in there."""
    return [canary for canary in canaries if any(disguise in octets for disguise in disguises(canary))]


def found_in_files(folder: Path) -> dict[str, list[str]]:
    """The files below a folder that hold a canary, or have one in their name."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    sung = {str(path): found(str(path).encode() + path.read_bytes()) for path in files}
    return {path: canaries for path, canaries in sung.items() if canaries}


def test_the_search_finds_what_it_must(tmp_path: Path) -> None:
    """A search that cannot find proves nothing."""
    for number, disguise in enumerate(disguises(BODY)):
        (tmp_path / str(number)).write_bytes(b"xy" + disguise + b"z")
    encoded = base64.encodebytes(b"1" + BODY.encode())
    (tmp_path / "mail").write_bytes(encoded)
    assert len(found_in_files(tmp_path)) == len(list(tmp_path.iterdir()))


def test_no_canary_outside_the_mails_that_readers_open(world: World) -> None:
    people = world.people
    sheet = Attachment(f"{FILE}.txt", FILE.encode() * 50)
    with world.robot():
        world.post("fr", people["fr"].write(f"[REQUEST DE,IT urgent] {SUBJECT}", f"{BODY}\n", [sheet]))
        request = world.mails("de", 1)[0]
        assert (SUBJECT in request.subject, request.text, request.attachments[0].octets) == (
            True,
            f"{BODY}\n",
            sheet.octets,
        )
        world.post("de", people["de"].press_reply(request, ANSWER, prefix="AW: "))
        world.mails("fr", 2)
        for octets in _held(world):
            world.post("it", octets)
        world.filed("Held", 6)
        assert found_in_files(world.folder) == {}, "while it runs"
    assert found_in_files(world.folder) == {}
    assert (world.folder / "state").is_dir()
    assert "exchange opened" in world.log
    for login, mails in world.every_mail().items():
        assert found(b"".join(mails)) == [], login
    assert found(_everything_that_commands_say(world).encode()) == []
    raw = "".join(world.look("held", "show", label, "--raw") for label in _labels(world))
    assert found(raw.encode()) == [OUTER]  # as it came; what stood in the clear outside, every server has seen


def _held(world: World) -> Iterator[bytes]:
    """Mails that are not acted on, each for another reason, with canaries in all that a server cannot read or can."""
    people = world.people
    for form in (Form.ENCRYPTED, Form.SIGNED, Form.PLAIN, Form.INLINE):
        yield people["es"].write(f"[REQUEST IT] {OUTER}", f"{HELD}\n", form=form)
    yield people["es"].write(f"[REQUEST IT] {OUTER}", f"{HELD}\n", subjects=Subjects.OUTSIDE)
    yield people["stranger"].write(f"[INFO ALL] {HELD}", HELD)


def _labels(world: World) -> list[str]:
    labels = [held["mail"] for held in world.ask("held", "list")]
    assert len(labels) == 6
    return labels


def _everything_that_commands_say(world: World) -> str:
    reference = world.ask("exchanges", "list")[0]["reference"]
    commands = [("status",), ("exchanges", "show", reference), ("journal", "export"), ("held", "list")]
    commands += [("held", "show", label, *more) for label in _labels(world) for more in ((), ("--json",))]
    return "".join(world.look(*words) for words in commands)


def test_notices_and_questions_quote_nothing(world: World) -> None:
    for octets in _held(world):
        world.post("es", octets)
    world.dovecot.wait("network@hub.example", 6)
    world.once()
    opened = [world.people["es"].read(octets) for octets in world.dovecot.mails(world.people["es"].address)]
    assert {mail.tag.tag.word for mail in opened if mail.tag.tag} == {Word.HELP, Word.CONFIRM}
    assert found("".join(mail.subject + mail.cover + mail.text for mail in opened).encode()) == []


def test_a_failure_tells_nothing_of_the_mail(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A letter that cannot be made breaks the robot; three times, then the mail is held, and others go on."""
    caplog.set_level(logging.DEBUG)
    letter = world.folder / "broken" / "receipt-reply" / "en.txt"
    letter.parent.mkdir(parents=True)
    letter.write_text("Subject: {{ author.nobody.knows }}\n\n{{ 1 / 0 }}\n")
    with world.config.open("a") as config:
        config.write('\n[templates]\ndir = "broken"\n')
    people = world.people
    world.post("fr", people["fr"].write(f"[REQUEST DE] {SUBJECT}", BODY))
    world.dovecot.wait("network@hub.example", 1)
    world.once()
    world.post("de", people["de"].press_reply(world.mails("de", 1)[0], ANSWER))
    world.dovecot.wait("network@hub.example", 1)
    for _ in range(4):
        world.once()
    [held] = world.ask("held", "list")
    assert held["reason"] == "failed three times"
    assert "BrokenTemplate" in caplog.text
    assert found(caplog.text.encode()) == []
    assert found_in_files(world.folder) == {}
    world.post("fr", people["fr"].write(f"[REQUEST IT] {SUBJECT}", BODY))
    world.dovecot.wait("network@hub.example", 1)
    world.once()
    world.mails("it", 1)


def test_python_writes_no_file_outside_the_state(stage: Stage) -> None:
    """Every file that the robot opens to write is the robot's own: no temporary file, however short its life."""
    stage.post("fr", stage.people["fr"].write("[REQUEST DE,IT] x", BODY, [Attachment("a", b"b" * 100_000)]))
    stage.post("es", stage.people["es"].write("[REQUEST IT] x", BODY, form=Form.PLAIN))
    with Robot(load(stage.config)) as robot, watching() as written:
        robot.once()
    assert stage.store.mails("de")
    assert len(stage.store.mails(ROBOT, "Held")) == 1
    state = str(stage.folder / "state")
    assert [path for path in written if not path.startswith((state, "/dev/null", "/proc/self/fd/"))] == []


@contextmanager
def watching() -> Iterator[list[str]]:
    """The paths of all files that Python opens to write in this block. An audit hook stays; it then does nothing."""
    written: list[str] = []
    active = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if active and event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and not isinstance(path, int):
                written.append(os.fsdecode(str(path)))

    sys.addaudithook(hook)
    try:
        yield written
    finally:
        active = False
