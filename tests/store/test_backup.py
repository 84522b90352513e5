"""A copy made while others write is whole; and only a copy that is sound, ours and unbroken is put in place."""

import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from mailbot.core.decision import Entry, Event
from mailbot.store import backup
from mailbot.store.engine import StoreUnavailable, open_store, writing
from mailbot.store.journal import Journal
from mailbot.store.migrations import SchemaTooNew, migrate
from mailbot.store.soundness import Damaged, look_over_journal, look_over_pages, require_sound
from mailbot.store.watch import InUse
from tests.servers.postgres import Postgres
from tests.store.samples import NOW

ENTRIES = [Entry(Event.NOTED, facts={"n": str(n)}) for n in range(5)]


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Engine]:
    """SQLite, with five journal rows."""
    engine = open_store(f"sqlite:///{tmp_path}/mailbot.db", patience=2)
    migrate(engine)
    Journal(engine).record(ENTRIES, NOW)
    yield engine
    engine.dispose()


@pytest.fixture
def copy(lite: Engine, tmp_path: Path) -> Path:
    backup.back_up(lite, tmp_path / "copy")
    return tmp_path / "copy"


def restore(copy: Path, engine: Engine) -> Path:
    with backup.prepared(copy, engine) as prepared:
        backup.contents(prepared)
        return backup.put_in_place(prepared, engine, NOW)


# ---------------------------------------------------------------- away


def test_a_backup_is_one_private_file(copy: Path) -> None:
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in copy.parent.iterdir() if "copy" in path.name] == ["copy"]


def test_a_backup_has_everything(copy: Path, lite: Engine) -> None:
    found = backup.contents(copy)
    assert (found.journal.findings, found.head, found.last_at) == ((), Journal(lite).head(), NOW)
    assert found.newer_steps == ()


def test_nothing_is_overwritten(copy: Path, lite: Engine) -> None:
    before = copy.read_bytes()
    with pytest.raises(FileExistsError):
        backup.back_up(lite, copy)
    assert copy.read_bytes() == before


def test_a_backup_that_fails_leaves_nothing(lite: Engine, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        backup.back_up(lite, tmp_path / "nowhere" / "copy")
    lite.dispose()
    (tmp_path / "mailbot.db").write_bytes(b"no database " * 1000)
    with pytest.raises((StoreUnavailable, Damaged)):
        backup.back_up(lite, tmp_path / "copy")
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name]


def test_a_backup_amid_writers_is_whole(lite: Engine, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            Journal(lite).record(ENTRIES, NOW)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for number in range(10):
            backup.back_up(lite, tmp_path / f"copy-{number}")
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    rows = [backup.contents(tmp_path / f"copy-{number}").journal for number in range(10)]
    assert [verified.findings for verified in rows] == [()] * 10
    assert all(verified.rows % 5 == 0 for verified in rows), "every transaction is there or not"
    assert rows[0].rows < rows[-1].rows


def test_postgresql_is_copied_by_pg_dump(postgres: Postgres, tmp_path: Path) -> None:
    source, target = postgres.database(), postgres.database()
    engine = open_store(source)
    migrate(engine)
    Journal(engine).record(ENTRIES, NOW)
    backup.back_up(engine, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    destination = target.replace("+psycopg", "")
    command = ["pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={destination}", f"{tmp_path}/copy"]
    subprocess.run(command, check=True)
    restored = Journal(open_store(target)).verify()
    assert (restored.head, restored.findings) == (Journal(engine).head(), ())


def test_without_pg_dump_the_command_is_told(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(backup.NoProgram, match=r"pg_dump --format=custom .*--dbname=postgresql://"):
        backup.back_up(open_store(postgres_url), tmp_path / "copy")


def test_a_password_is_no_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(backup.NoProgram) as told:
        backup.back_up(open_store("postgresql://robot:hunter2@localhost/x"), tmp_path / "copy")
    assert "hunter2" not in str(told.value)


# ---------------------------------------------------------------- and back


def test_what_was_written_since_is_counted_and_forgotten(lite: Engine, copy: Path) -> None:
    witnessed = Journal(lite).head()
    Journal(lite).record(ENTRIES, NOW)
    found = backup.contents(copy)
    assert backup.loss(found, lite) == backup.Loss(5, of_this_robot=True)
    kept = restore(copy, lite)
    assert Journal(lite).head() == witnessed
    assert Journal(open_store(f"sqlite:///{kept}")).head()[0] == 10, "the old database is kept"


def test_the_journal_says_that_it_was_restored(lite: Engine, copy: Path) -> None:
    found = backup.contents(copy)
    restore(copy, lite)
    backup.note_restored(lite, found, NOW)
    *_, last = Journal(lite).rows()
    assert (last.number, last.event) == (6, Event.RESTORED)
    assert Journal(lite).verify().findings == ()


def test_a_backup_of_another_robot_shows(lite: Engine, copy: Path, tmp_path: Path) -> None:
    other = open_store(f"sqlite:///{tmp_path}/other.db")
    migrate(other)
    Journal(other).record(ENTRIES[:1] * 9, NOW)
    assert backup.loss(backup.contents(copy), other) == backup.Loss(4, of_this_robot=False)


def test_a_database_in_use_is_left_alone(lite: Engine, copy: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mailbot.db")) as other:
        other.execute("SELECT count(*) FROM journal").fetchall()
        with pytest.raises(InUse):
            restore(copy, lite)
    assert Journal(lite).head()[0] == 5
    restore(copy, lite)


def test_a_damaged_database_is_replaced(lite: Engine, copy: Path, tmp_path: Path) -> None:
    lite.dispose()
    (tmp_path / "mailbot.db").write_bytes(b"no database " * 1000)
    assert not backup.loss(backup.contents(copy), lite).readable
    restore(copy, lite)
    assert Journal(lite).verify().rows == 5


def test_who_has_the_file_open_reads_the_restored_one_afterwards(lite: Engine, copy: Path) -> None:
    """A robot that was not asked, because the file was too damaged to be locked, finds the new one by itself."""
    path = copy.parent / "mailbot.db"
    with writing(lite) as connection:
        connection.execute(text("DELETE FROM attempts"))
    path.rename(path.with_name("old"))
    shutil.copy(copy, path)
    Journal(lite).record(ENTRIES, NOW)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM journal").fetchone() == (10,)


def spoil(copy: Path, statement: str) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        connection.executescript(statement)


@pytest.mark.parametrize(
    ("octets", "said"),
    [(b"", "no SQLite"), (b"x" * 5000, "no SQLite"), (b"PGDMP\x01\x0e" + bytes(100), "no SQLite")],
)
def test_what_is_no_database_is_refused(lite: Engine, tmp_path: Path, octets: bytes, said: str) -> None:
    (tmp_path / "other").write_bytes(octets)
    with pytest.raises(backup.NoBackup, match=said):
        restore(tmp_path / "other", lite)
    assert not [path for path in tmp_path.iterdir() if "restoring" in path.name]


def test_another_programs_database_is_refused(lite: Engine, tmp_path: Path) -> None:
    spoil(tmp_path / "other", "CREATE TABLE x (y)")
    with pytest.raises(backup.NoBackup, match="not a database of mailbot"):
        restore(tmp_path / "other", lite)


def test_a_newer_database_is_refused(lite: Engine, copy: Path) -> None:
    spoil(copy, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew):
        restore(copy, lite)


def test_a_broken_journal_is_found(copy: Path) -> None:
    spoil(copy, "DROP TRIGGER journal_no_update; UPDATE journal SET party = 'XX' WHERE number = 3")
    assert [finding.number for finding in backup.contents(copy).journal.findings] == [3]


@pytest.mark.parametrize("page", [2, 5, 10])
def test_a_damaged_page_is_found(lite: Engine, copy: Path, page: int) -> None:
    with copy.open("r+b") as file:
        file.seek(4096 * page)
        file.write(b"\xff" * 4096)
    with pytest.raises(Damaged):
        restore(copy, lite)
    assert Journal(lite).verify().rows == 5


def test_half_a_file_is_found(lite: Engine, copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    with pytest.raises(Damaged):
        restore(copy, lite)


# ---------------------------------------------------------------- at the start


def test_a_sound_database_is_said_to_be_one(lite: Engine, caplog: pytest.LogCaptureFixture) -> None:
    lite.dispose()
    caplog.set_level("INFO")
    look_over_pages(lite)
    look_over_journal(lite)
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert said == ["the database is sound", "the journal ends at row 5"]


def test_a_database_that_nobody_closed_is_told(lite: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    Journal(lite).record(ENTRIES, NOW)
    for tail in ("", "-wal"):
        shutil.copy(tmp_path / f"mailbot.db{tail}", tmp_path / f"crashed.db{tail}")
    crashed = open_store(f"sqlite:///{tmp_path}/crashed.db")
    look_over_pages(crashed)
    assert "not closed in order" in caplog.text
    assert Journal(crashed).head()[0] == 10


def test_a_broken_end_of_the_journal_is_an_alarm(lite: Engine, caplog: pytest.LogCaptureFixture) -> None:
    Journal(lite).record(ENTRIES * 50, NOW)
    with writing(lite) as connection:
        connection.execute(text("DROP TRIGGER journal_no_update"))
        connection.execute(text("UPDATE journal SET facts = '{}' WHERE number = 250"))
    look_over_journal(lite)
    assert "ALARM the journal is broken at row 250" in caplog.text


def test_the_end_of_the_journal_holds_wherever_one_begins(lite: Engine) -> None:
    for rows in range(8):
        verified = Journal(lite).verify_end(rows)
        assert (verified.findings, verified.head) == ((), Journal(lite).head())


def test_a_child_without_its_parent_is_damage(lite: Engine, tmp_path: Path) -> None:
    lite.dispose()
    spoil(tmp_path / "mailbot.db", "INSERT INTO questions VALUES ('w', 'nobody', 'FR', 't', '2026', NULL)")
    with pytest.raises(Damaged, match="questions"):
        require_sound(tmp_path / "mailbot.db")
