"""The README: its pictures are there, its commands exist, and each alarm has a row that says what to do."""

import re
from pathlib import Path

import pytest

from mailbot.cli import COMMANDS
from mailbot.core.troubles import Alarm
from mailbot.mail.samples import samples
from mailbot.mail.templates import Templates

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
TABLE = README.partition("### When an alarm comes")[2].partition("\n###")[0]


@pytest.mark.parametrize("alarm", Alarm)
def test_each_alarm_has_a_row_in_its_own_words(alarm: Alarm) -> None:
    subject = Templates().render("alarm", "en", samples("en")["alarm"][alarm.value]).subject
    said = re.split(r" at row| on \d|: ", subject.removeprefix("ALARM: "))[0]
    assert re.search(rf"(?m)^\| {re.escape(said)}[^|]*\| \S", TABLE), said


def test_its_pictures_are_there_and_no_others() -> None:
    named = set(re.findall(r"!\[[^]]+\]\(([^)]+)\)", README))
    assert named == {str(path.relative_to(ROOT)) for path in (ROOT / "pictures").iterdir()}


def test_its_commands_exist() -> None:
    named = set(re.findall(r"`mailbot ([a-z]+)", README))
    assert len(named) > 15
    assert named <= COMMANDS.keys()
