"""What programs read of the commands: one object whatever goes wrong, and a journal that can be proved elsewhere."""

import hashlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mailbot import cli
from mailbot.cli.faults import Exit
from mailbot.config import load
from mailbot.playground.stage import Stage, set_up
from mailbot.wiring import Robot

Call = Callable[..., tuple[int, str]]

COMMANDS = ["status", "exchanges list", "exchanges show 2026-0001", "held list", "held show H-1", "journal verify"]
LOOKING = ["parties list", "parties show FR", "ping list", "ping statistics", "ping start ALL --dry-run", "clock"]
LOOKING += [
    "report 2026-01-01..2026-06-30",
    "purge --dry-run",
    "migrate --check",
    "keys check",
    "exchanges list --open",
]
NEED_NO_MAIL = [*COMMANDS, *LOOKING, "check", "keys list", "once"]
FAILING = [*COMMANDS, "check", "keys list", "once", "journal export"]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One request was passed on, and one mail is held."""
    with set_up() as stage:
        stage.post("fr", stage.people["fr"].write("[REQUEST DE,IT,XX urgent] x", "Where is he?\n"))
        stage.post("fr", b"From: desk@fr.example\r\nSubject: \xe2\x80\xa8x\r\n\r\nx\r\n")
        with Robot(load(stage.config)) as robot:
            robot.once()
        yield stage


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Exit code and standard output of a command."""

    def called(*args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mailbot", *args])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capfd.readouterr().out

    return called


def failed(said: str) -> list[str]:
    """The ids of what went wrong, from the one object that tells of it."""
    answer = json.loads(said)
    assert list(answer) == ["schema", "ok", "data", "problems"]
    assert (answer["schema"], answer["ok"], answer["data"]) == (1, False, None)
    assert all(problem["id"] and problem["message"] and problem["hint"] for problem in answer["problems"])
    return [problem["id"] for problem in answer["problems"]]


@pytest.mark.parametrize("command", NEED_NO_MAIL)
def test_each_answers_with_one_object(call: Call, stage: Stage, command: str) -> None:
    code, said = call(*command.split(), "--json", "-c", str(stage.config))
    answer = json.loads(said)
    assert (code, list(answer), answer["schema"]) == (Exit.FINE, ["schema", "ok", "data", "problems"], 1)
    assert (answer["ok"], answer["problems"]) == (True, [])
    assert not re.search(r'"[^"]*[A-Z-][^"]*":', json.dumps(answer["data"])), "names are snake_case"


@pytest.mark.parametrize("command", FAILING)
def test_each_tells_of_a_broken_configuration(call: Call, tmp_path: Path, command: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[robot]\nadress = 1\n")
    code, said = call(*command.split(), "--json", "-c", str(config))
    assert code == Exit.CONFIGURATION
    assert "config.unknown-key" in failed(said)


@pytest.mark.parametrize("command", [*COMMANDS, "journal export"])
def test_each_tells_of_a_database_that_is_not_there(call: Call, stage: Stage, tmp_path: Path, command: str) -> None:
    config = stage.config.parent / "elsewhere.toml"
    config.write_text(f'{stage.config.read_text("utf-8")}\n[store]\nurl = "sqlite:///{tmp_path}/none"\n', "utf-8")
    code, said = call(*command.split(), "--json", "-c", str(config))
    assert (code, failed(said)) == (Exit.MISSING, ["store.empty"])


@pytest.mark.parametrize("command", [*COMMANDS, "check", "once", "keys init", "nonsense"])
def test_each_tells_of_wrong_usage(call: Call, command: str) -> None:
    code, said = call(*command.split(), "--json", "--nonsense")
    assert (code, failed(said)) == (Exit.USAGE, ["usage"])


def test_a_person_at_a_terminal_gets_a_table_with_colours(stage: Stage) -> None:
    """In a pseudo-terminal; elsewhere neither (test_commands)."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mailbot", "held", "list", "-c", str(stage.config)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    subprocess.run(command, stdout=theirs, stderr=theirs, env=environment, check=True)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # EIO: the other end is closed, and all is read
        while octets := os.read(ours, 4096):
            shown += octets
    os.close(ours)
    assert b"\x1b[" in shown
    assert b"\t" not in shown
    assert b"H-1" in shown


def test_a_key_is_made_once(call: Call, tmp_path: Path) -> None:
    words = ["keys", "init", "--home", str(tmp_path / "g"), "--address", "a@hub.example", "--json"]
    code, said = call(*words)
    assert code == Exit.FINE
    assert re.fullmatch("[0-9A-F]{40}", json.loads(said)["data"]["fingerprint"])
    code, said = call(*words)
    assert (code, failed(said)) == (Exit.FINDING, ["robot-key.exists"])


def test_the_exported_journal_can_be_proved_without_the_robot(stage: Stage) -> None:
    """As `journal export --help` says; in a process of its own, as an auditor would read it."""
    command = [sys.executable, "-m", "mailbot", "journal", "export", "--json", "-c", str(stage.config)]
    exported = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before = ""
    rows = [json.loads(line) for line in exported.splitlines()]
    for number, row in enumerate(rows, 1):
        assert isinstance(row["facts"], dict)
        facts = canonical(row["facts"])
        said = [row["number"], row["at"], row["event"], row["reference"], row["party"], facts, row["previous"]]
        assert (row["number"], row["previous"]) == (number, before)
        before = hashlib.sha256(canonical(said).encode("ascii")).hexdigest()
        assert row["hash"] == before
    assert {"exchange opened", "mail held", "accepted by the server"} <= {row["event"] for row in rows}


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
