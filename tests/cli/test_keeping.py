"""backup, restore, migrate, purge as a person and a machine call them; each is a row of the journal."""

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from mailbot import cli
from mailbot.cli.faults import Exit
from mailbot.config import load
from mailbot.core.decision import Decision, Event
from mailbot.store import migrations
from mailbot.store.engine import open_store, writing
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory, Original
from mailbot.store.migrations import migrate, schema_version
from mailbot.store.watch import nobody_else, watch_of
from mailbot.wiring import clock
from tests.cli.test_commands import Said
from tests.config.files import GOOD
from tests.store.samples import digest, held_mail
from tests.store.test_first_version import FIRST

Call = Callable[..., Said]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A robot that has worked: one mail is held for 100 days."""
    path = tmp_path / "config.toml"
    path.write_text(GOOD, "utf-8")
    (tmp_path / "state").mkdir(mode=0o700)
    engine = open_store(load(path).store_url)
    migrate(engine)
    keep_a_mail(engine)
    engine.dispose()
    return path


def keep_a_mail(engine: Engine) -> None:
    if not Memory(engine).held_mails():
        old = clock() - timedelta(days=100)
        Memory(engine).record(digest("held"), Decision(held=held_mail(held_at=old)), [], old, Original(b"sealed"))


@pytest.fixture
def call(config: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Call a command with this configuration; nobody is there to be asked."""

    def called(*args: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["mailbot", *args, "-c", str(config)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return called


def events(config: Path) -> list[str]:
    engine = open_store(load(config).store_url)
    try:
        return [row.event for row in Journal(engine).rows()]
    finally:
        engine.dispose()


def ids(said: Said) -> list[str]:
    return [problem["id"] for problem in said.json["problems"]]


# ---------------------------------------------------------------- backup and restore


def test_a_backup_and_the_way_back(call: Call, config: Path, tmp_path: Path) -> None:
    said = call("backup", str(tmp_path / "copy"), "--json")
    assert (said.code, said.json["data"]["file"]) == (Exit.FINE, str(tmp_path / "copy"))
    call("purge", "--yes")
    assert Event.PURGED in events(config)
    said = call("restore", str(tmp_path / "copy"), "--yes", "--json")
    assert (said.code, said.json["data"]["rows_forgotten"]) == (Exit.FINE, 1)
    assert events(config) == [Event.BACKED_UP, Event.RESTORED]
    assert Path(said.json["data"]["kept"]).exists()


def test_a_backup_says_what_else_must_be_kept(call: Call, tmp_path: Path) -> None:
    assert "state/secret" in call("backup", str(tmp_path / "copy")).out


def test_a_backup_overwrites_nothing(call: Call, tmp_path: Path) -> None:
    call("backup", str(tmp_path / "copy"))
    said = call("backup", str(tmp_path / "copy"), "--json")
    assert (said.code, ids(said)) == (Exit.FINDING, ["backup.exists"])


def test_a_restore_that_nobody_said_yes_to_changes_nothing(call: Call, config: Path, tmp_path: Path) -> None:
    call("backup", str(tmp_path / "copy"))
    before = events(config)
    said = call("restore", str(tmp_path / "copy"), "--json")
    assert (said.code, ids(said)) == (Exit.USAGE, ["confirm.missing"])
    assert call("restore", str(tmp_path / "copy")).code == Exit.USAGE
    assert events(config) == before
    assert "journal unbroken to row 1" in call("restore", str(tmp_path / "copy")).out


def test_a_restore_of_nonsense_changes_nothing(call: Call, config: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"nonsense")
    said = call("restore", str(tmp_path / "copy"), "--yes", "--json")
    assert (said.code, ids(said)) == (Exit.FINDING, ["restore.unusable"])
    assert call("restore", str(tmp_path / "none"), "--yes").code == Exit.TRY_LATER
    assert events(config) == []


def test_a_restore_of_a_broken_journal_is_refused(call: Call, config: Path, tmp_path: Path) -> None:
    call("backup", str(tmp_path / "copy"))
    engine = open_store(f"sqlite:///{tmp_path}/copy")
    with writing(engine) as connection:
        connection.execute(text("DROP TRIGGER journal_no_update"))
        connection.execute(text("UPDATE journal SET facts = '{}'"))
    engine.dispose()
    said = call("restore", str(tmp_path / "copy"), "--yes", "--json")
    assert (said.code, ids(said)) == (Exit.FINDING, ["restore.journal"])


def test_a_restore_beside_a_robot_is_refused(call: Call, config: Path, tmp_path: Path) -> None:
    call("backup", str(tmp_path / "copy"))
    engine = open_store(load(config).store_url)
    Journal(engine).head()
    said = call("restore", str(tmp_path / "copy"), "--yes", "--json")
    engine.dispose()
    assert (said.code, ids(said)) == (Exit.TRY_LATER, ["store.in-use"])


def test_a_restore_onto_a_new_machine(call: Call, config: Path, tmp_path: Path) -> None:
    call("backup", str(tmp_path / "copy"))
    for file in (tmp_path / "state").iterdir():
        file.unlink()
    assert call("restore", str(tmp_path / "copy"), "--yes").code == Exit.FINE
    assert events(config) == [Event.BACKED_UP, Event.RESTORED]


def test_postgresql_is_restored_by_its_own_means(call: Call, config: Path, postgres_url: str, tmp_path: Path) -> None:
    config.write_text(f'{GOOD}\n[store]\nurl = "{postgres_url}"\n', "utf-8")
    said = call("restore", str(tmp_path / "copy"), "--yes", "--json")
    assert (said.code, ids(said)) == (Exit.MISSING, ["restore.postgresql"])
    assert "pg_restore" in said.json["problems"][0]["hint"]


# ---------------------------------------------------------------- migrate


def test_an_up_to_date_database_has_nothing_to_do(call: Call, config: Path) -> None:
    said = call("migrate", "--check", "--json")
    assert (said.code, said.json["data"]["steps"]) == (Exit.FINE, [])
    assert call("migrate").code == Exit.FINE
    assert events(config) == []


def test_a_new_database_is_made(call: Call, config: Path, tmp_path: Path) -> None:
    for file in (tmp_path / "state").iterdir():
        file.unlink()
    assert call("migrate", "--check").code == Exit.FINDING
    assert schema_version(open_store(load(config).store_url)) is None
    assert call("migrate").code == Exit.FINE
    assert call("migrate", "--check").code == Exit.FINE
    assert events(config) == [Event.MIGRATED]


def test_a_newer_database_is_refused(call: Call, config: Path) -> None:
    engine = open_store(load(config).store_url)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for words in (["migrate"], ["migrate", "--check"], ["status"]):
        said = call(*words, "--json")
        assert (said.code, ids(said)) == (Exit.CONFIGURATION, ["store.newer"])


def test_a_database_of_the_first_version_is_told_and_migrated(call: Call, config: Path, tmp_path: Path) -> None:
    """As robots of that time left it: people, exchanges, two held mails."""
    for file in (tmp_path / "state").iterdir():
        file.unlink()
    with closing(sqlite3.connect(tmp_path / "state" / "mailbot.sqlite")) as made:
        made.executescript((FIRST / "sqlite.sql").read_text("utf-8"))
    before = events(config)
    said = call("status", "--json")
    assert (said.code, ids(said)) == (Exit.MISSING, ["store.older"])
    said = call("migrate", "--check", "--json")
    assert (said.code, said.json["data"]["before"]) == (Exit.FINDING, "0001")
    assert said.json["data"]["steps"][0].startswith("0002: ")
    assert call("status").code == Exit.MISSING  # a look changes nothing
    assert call("backup", str(tmp_path / "copy")).code == Exit.FINE
    said = call("migrate", "--json")
    assert (said.code, said.json["data"]["version"]) == (Exit.FINE, migrations.newest_version())
    assert events(config) == [*before, Event.BACKED_UP, Event.MIGRATED]
    said = call("restore", str(tmp_path / "copy"), "--yes", "--json")
    assert (said.code, said.json["data"]["version"]) == (Exit.FINE, "0001")
    assert events(config) == [*before, Event.BACKED_UP, Event.RESTORED]
    assert call("migrate", "--check").code == Exit.FINE  # the restored one was brought up, too
    assert call("journal", "verify").code == Exit.FINE
    assert [mail["mail"] for mail in call("held", "list", "--json").json["data"]] == ["H-1", "H-2"]


# ---------------------------------------------------------------- beside a robot


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, config: Path) -> Iterator[Engine]:
    """The database of a robot that has worked, one version behind, as another process has it."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        config.write_text(f'{GOOD}\n[store]\nurl = "{url}"\n', "utf-8")
    engine = open_store(load(config).store_url)
    migrate(engine)
    keep_a_mail(engine)
    yield engine
    engine.dispose()


def refused(call: Call, tmp_path: Path) -> list[tuple[int, list[str]]]:
    said = [call(*words, "--json") for words in (["purge", "--yes"], ["restore", str(tmp_path / "copy"), "--yes"])]
    return [(each.code, ids(each)) for each in said]


IN_USE = (Exit.TRY_LATER, ["store.in-use"])


def test_nothing_is_purged_restored_or_migrated_beside_a_robot_that_watches(
    call: Call, store: Engine, tmp_path: Path
) -> None:
    watch = watch_of(store)
    assert watch.acquire()
    assert refused(call, tmp_path) == [IN_USE, IN_USE]
    made_older(store)
    said = call("migrate", "--json")
    assert (said.code, ids(said)) == IN_USE
    assert call("migrate", "--check").code == Exit.FINDING
    made_older(store, migrations.newest_version())
    assert call("purge", "--dry-run").code == Exit.FINE
    watch.release()
    store.dispose()
    assert call("purge", "--yes", "--json").json["data"]["purged"] == 1


def test_a_robot_that_only_stands_by_and_sends_is_in_the_way_too(
    call: Call, postgres_url: str, config: Path, tmp_path: Path
) -> None:
    config.write_text(f'{GOOD}\n[store]\nurl = "{postgres_url}"\n', "utf-8")
    engine = open_store(postgres_url)
    migrate(engine)  # the session stays open
    assert refused(call, tmp_path) == [(Exit.FINE, []), IN_USE]
    keep_a_mail(engine)
    assert refused(call, tmp_path) == [IN_USE, IN_USE]
    engine.dispose()


def test_no_robot_begins_meanwhile(store: Engine) -> None:
    with nobody_else(store):
        assert not watch_of(store).acquire()
    watch = watch_of(store)
    assert watch.acquire()
    watch.release()


def made_older(engine: Engine, version: str = "0001") -> None:
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))


# ---------------------------------------------------------------- purge


def test_a_dry_run_shows_what_goes_and_drops_nothing(call: Call, config: Path) -> None:
    said = call("purge", "--dry-run", "--json")
    assert [mail["held"] for mail in said.json["data"]["now"]] == ["H-1"]
    assert said.json["data"]["purged"] == 0
    assert "H-1" in call("purge", "--dry-run").out
    assert events(config) == []


def test_status_announces_what_goes(call: Call) -> None:
    assert call("status", "--json").json["data"]["held_mails_gone_soon"] == 1


def test_a_purge_asks_and_is_journalled(call: Call, config: Path) -> None:
    assert call("purge").code == Exit.USAGE
    assert events(config) == []
    assert call("purge", "--yes", "--json").json["data"]["purged"] == 1
    assert events(config) == [Event.PURGED]
    assert call("purge", "--yes", "--json").json["data"]["purged"] == 0
    said = call("held", "show", "H-1", "--json")
    assert said.json["data"]["state"] == "dropped"
    assert call("held", "show", "H-1", "--raw").code == Exit.FINDING


def test_what_a_machine_reads_is_one_object(call: Call, tmp_path: Path) -> None:
    for words in (["backup", str(tmp_path / "copy")], ["migrate"], ["purge", "--yes"]):
        said = json.loads(call(*words, "--json").out)
        assert (said["schema"], said["ok"], said["problems"]) == (1, True, [])
