"""Every command as a person or a machine calls it: answers, exit codes, and never a word of content."""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mailbot import cli
from mailbot.cli.faults import Exit
from mailbot.playground.stage import Stage, set_up

CANARY = "Kanarienvogel-4711"

Call = Callable[..., "Said"]


class Said:
    """What a command said, and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.out)
        return said


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A playground in which one request was passed on, and one unsigned mail is held."""
    with set_up() as stage:
        france = stage.people["fr"]
        stage.post("fr", france.write(f"[REQUEST DE,IT urgent] {CANARY}", f"Where is he? {CANARY}\n"))
        stage.post("fr", f"From: {france.address}\r\nSubject: {CANARY}\r\n\r\n{CANARY}\r\n".encode())
        subprocess.run([sys.executable, "-m", "mailbot", "once", "-c", stage.config], check=True, capture_output=True)
        yield stage


@pytest.fixture
def call(stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Call a command with the playground's configuration."""

    def called(*args: str, config: bool = True) -> Said:
        monkeypatch.setattr(sys, "argv", ["mailbot", *args, *(["-c", str(stage.config)] if config else [])])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return called


def test_status_counts_what_there_is(call: Call) -> None:
    said = call("status", "--json")
    assert (said.code, said.json["ok"], said.json["problems"]) == (0, True, [])
    facts = said.json["data"]
    assert (facts["open_exchanges"], facts["held_mails"], facts["outbox_queued"]) == (1, 1, 0)


def test_exchanges_show_who_asked_whom(call: Call) -> None:
    (listed,) = call("exchanges", "list", "--json").json["data"]
    assert (listed["asker"], [part["party"] for part in listed["parts"]]) == ("FR", ["DE", "IT"])
    assert listed["opened_at"].endswith("Z")
    shown = call("exchanges", "show", listed["reference"], "--json").json["data"]
    assert {mail["state"] for mail in shown["mails"]} == {"sent"}


def test_unknown_exchange_is_a_finding_with_a_hint(call: Call) -> None:
    said = call("exchanges", "show", "2020-0001", "--json")
    assert said.code == Exit.FINDING
    assert [(p["id"], bool(p["hint"])) for p in said.json["problems"]] == [("exchanges.unknown", True)]


def test_held_mail_is_listed_and_shown_without_its_subject(call: Call) -> None:
    (listed,) = call("held", "list", "--json").json["data"]
    assert (listed["mail"], listed["reason"], listed["party"]) == ("H-1", "not signed", "FR")
    assert "subject" not in call("held", "show", "H-1", "--json").json["data"]


def test_raw_held_mail_that_came_in_clear_stays_sealed(call: Call) -> None:
    said = call("held", "show", "H-1", "--raw")
    assert CANARY not in said.out
    assert "BEGIN PGP MESSAGE" in said.out
    assert "unencrypted" in said.err


def test_journal_is_sound_and_holds_against_an_anchor(call: Call) -> None:
    head = call("journal", "verify", "--json").json["data"]
    assert call("journal", "verify", "--anchor", f"{head['row']}:{head['hash']}").code == Exit.FINE
    assert call("journal", "verify", "--anchor", f"{head['row']}:{'0' * 64}").code == Exit.FINDING
    assert call("journal", "verify", "--anchor", f"{head['row'] + 1}:{head['hash']}").code == Exit.FINDING
    assert call("journal", "verify", "--anchor", "nonsense").code == Exit.USAGE


def test_journal_export_is_json_lines(call: Call) -> None:
    rows = [json.loads(line) for line in call("journal", "export").out.splitlines()]
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))


def test_check_finds_nothing_where_all_is_well(call: Call) -> None:
    said = call("check", "--json")
    assert (said.json["problems"], said.code) == ([], Exit.FINE)


def test_check_tells_of_a_secret_that_others_can_read(call: Call, stage: Stage) -> None:
    password = next(path for path in stage.config.parent.rglob("*password*") if path.is_file())
    password.chmod(0o644)
    try:
        said = call("check", "--json")
    finally:
        password.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert [p["id"] for p in said.json["problems"]] == ["secret-file.permissions"]
    assert said.code == Exit.FINDING


def test_keys_are_listed(call: Call) -> None:
    said = call("keys", "list", "--json")
    assert said.code == Exit.FINE
    assert {row["party"] for row in said.json["data"]} >= {"FR", "DE", "IT"}


def test_nothing_that_a_command_says_holds_content(call: Call) -> None:
    commands = ["status", "exchanges list", "exchanges show 2026-0001", "held list", "held show H-1", "journal export"]
    for command in commands:
        for form in ([], ["--json"]) if "export" not in command else ([],):
            said = call(*command.split(), *form)
            assert CANARY not in said.out + said.err, command


def test_tables_are_plain_when_piped(call: Call) -> None:
    assert "\x1b" not in call("held", "list").out
    assert call("held", "list").out.splitlines()[1].split("\t")[0] == "H-1"


@pytest.mark.parametrize("args", [("nonsense",), ("status", "--nonsense"), ("inspect",)])
def test_wrong_usage_is_64(call: Call, args: tuple[str, ...]) -> None:
    assert call(*args, config=False).code == Exit.USAGE


def test_missing_configuration_is_78_with_a_hint(call: Call, tmp_path: Path) -> None:
    said = call("status", "--json", "-c", str(tmp_path / "none.toml"), config=False)
    assert said.code == Exit.CONFIGURATION
    assert said.json["problems"][0]["hint"]


def test_every_command_explains_itself(call: Call) -> None:
    for command in cli.COMMANDS:
        said = call(command, "--help", config=False)
        assert said.code == Exit.FINE
        assert len(said.out) > 200, command


def test_once_ends_with_75_while_mail_is_owed(stage: Stage) -> None:
    folder = stage.config.parent
    config, state = folder / "elsewhere.toml", folder / "other"
    state.mkdir(mode=0o700)
    robot, smtp, rest = re.split(r"(\[smtp\]\n)", stage.config.read_text())
    robot = re.sub(r'state_dir = ".*"\n', "", robot).replace("[robot]\n", f'[robot]\nstate_dir = "{state}"\n')
    config.write_text(robot + smtp + re.sub(r"port = \d+", "port = 9", rest, count=1))
    stage.post("it", stage.people["it"].write(f"[INFO FR] {CANARY}", "Hello\n"))
    command = [sys.executable, "-m", "mailbot", "once", "--json", "-c", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == Exit.TRY_LATER, ended.stderr
    assert json.loads(ended.stdout)["data"]["queued"] == 2
    assert CANARY not in ended.stdout + ended.stderr
