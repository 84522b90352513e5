"""`mailbot journal` as a person and a machine call it: what verify finds of a forged chain, what export writes."""

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from mailbot import cli
from mailbot.cli.faults import Exit
from mailbot.config import load
from mailbot.core.decision import Entry, Event
from mailbot.store.engine import open_store
from mailbot.store.journal import Journal, JournalRow
from mailbot.store.migrations import migrate
from tests.cli.test_commands import Said
from tests.config.files import GOOD
from tests.store.samples import NOW

Call = Callable[..., Said]
ENTRIES = [Entry(Event.OPENED, f"2026-000{number}", "FR", {"letters": str(number)}) for number in range(1, 6)]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A robot whose journal has five rows."""
    path = tmp_path / "config.toml"
    path.write_text(GOOD, "utf-8")
    (tmp_path / "state").mkdir(mode=0o700)
    engine = open_store(load(path).store_url)
    migrate(engine)
    for number, entry in enumerate(ENTRIES):
        Journal(engine).record([entry], NOW + timedelta(minutes=number))
    engine.dispose()
    return path


@pytest.fixture
def call(config: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    def called(*args: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["mailbot", "journal", *args, "-c", str(config)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return called


def forge(config: Path, *statements: str) -> None:
    """Whoever has the file can end the triggers."""
    with closing(sqlite3.connect(load(config).store_url.removeprefix("sqlite:///"))) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


MOVED_UP = "UPDATE journal SET number = number + 1 WHERE number = {}"


@pytest.mark.parametrize(
    ("statements", "row"),
    [
        (("UPDATE journal SET party = 'IT' WHERE number = 3",), 3),
        (("DELETE FROM journal WHERE number = 3",), 4),
        (
            (
                *(MOVED_UP.format(number) for number in (5, 4, 3)),
                "INSERT INTO journal SELECT 3, at, event, reference, party, facts, previous, hash FROM journal LIMIT 1",
            ),
            3,
        ),
    ],
    ids=["changed", "removed", "inserted"],
)
def test_a_forged_row_is_found_and_named(call: Call, config: Path, statements: tuple[str, ...], row: int) -> None:
    assert call("verify").code == Exit.FINE
    forge(config, *statements)
    said = call("verify", "--json")
    assert (said.code, said.json["ok"]) == (Exit.FINDING, False)
    assert said.json["problems"][0]["id"] == "journal.broken"
    assert said.json["problems"][0]["message"].startswith(f"row {row}: ")
    assert f"row {row}: " in (shown := call("verify")).out + shown.err


def test_an_anchor_from_outside_shows_a_tail_cut_off_and_a_chain_written_anew(call: Call, config: Path) -> None:
    head = call("verify", "--json").json["data"]
    anchor = f"{head['row']}:{head['hash']}"
    assert call("verify", "--anchor", anchor).code == Exit.FINE
    forge(config, "DELETE FROM journal WHERE number = 5")
    assert call("verify").code == Exit.FINE  # of itself a shorter chain is whole
    said = call("verify", "--anchor", anchor, "--json")
    assert (said.code, "rows after this one are missing" in said.json["problems"][0]["message"]) == (Exit.FINDING, True)


def test_export_is_one_json_object_a_line_from_which_the_chain_can_be_proved(call: Call) -> None:
    said = call("export")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["facts"] for row in rows] == [dict(entry.facts) for entry in ENTRIES]
    before = (0, "")
    for row, entry in zip(rows, ENTRIES, strict=True):
        made = JournalRow.following(before, entry, NOW + timedelta(minutes=row["number"] - 1))
        assert (row["previous"], row["hash"]) == (before[1], made.hash)
        before = (row["number"], row["hash"])
    assert call("export", "--json").out == said.out
