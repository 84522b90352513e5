"""Files 0600, folders 0700: a robot whose secrets others may read does not start, and says what mends it."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from mailbot.cli import mailbot
from mailbot.cli.faults import Exit, Fault
from mailbot.config import load
from mailbot.playground.stage import set_up


@pytest.mark.parametrize("which", ["imap.password", "smtp.password", "state", "gnupg"])
def test_it_does_not_start(which: str) -> None:
    with set_up() as stage:
        home = load(stage.config).robot.gnupg_home
        place = home if which == "gnupg" else stage.config.parent / which
        before = place.stat().st_mode
        place.chmod(before | 0o040)
        said = CliRunner().invoke(mailbot, ["once", "--config", str(stage.config)], standalone_mode=False)
        assert isinstance(said.exception, Fault)
        assert said.exception.code is Exit.CONFIGURATION
        assert f"chmod {'0600' if place.is_file() else '0700'} {place}" in said.exception.problems[0].hint
        place.chmod(before)
        said = CliRunner().invoke(mailbot, ["once", "--config", str(stage.config)], standalone_mode=False)
        assert said.exception is None


def test_whatever_it_makes_is_for_its_user_alone() -> None:
    """Whatever umask it was started with; what gpg makes for it, too."""
    with set_up() as stage:
        france = stage.people["fr"]
        stage.post("fr", france.write("[REQUEST DE] x", "Where is he?\n"))
        command = [sys.executable, "-m", "mailbot", "once", "--config", str(stage.config)]
        subprocess.run(command, check=True, capture_output=True, umask=0o022)
        state = load(stage.config).state_dir
        made = [state, *state.rglob("*")]
        assert any(path.name == "pubring.kbx" for path in made)
        assert [path for path in made if path.stat().st_mode & 0o077] == []
