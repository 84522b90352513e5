"""Opening the database: private, durable, waiting in turn, and silent about values when something fails."""

import sqlite3
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, insert, select, text

from mailbot.store.engine import Clash, StatementRefused, StoreUnavailable, open_store, reading, writing
from mailbot.store.migrations import migrate
from mailbot.store.schema import attempts, bodies, originals
from tests.store.samples import NOW, SECRET

ROW = {"digest": "d", "octets": SECRET, "came_sealed": True, "kept_at": NOW}


def setting(engine: Engine, statement: str) -> object:
    with reading(engine) as connection:
        return connection.execute(text(statement)).scalar()


# ---------------------------------------------------------------- what may be opened


@pytest.mark.parametrize(
    "url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true", "mysql://h/d", "mailbot.db"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:////path/to/file"):
        open_store(url)


def test_a_refused_url_does_not_show_its_password() -> None:
    with pytest.raises(ValueError, match="sqlite") as refused:
        open_store("mysql://robot:hunter2@host/mailbot")
    assert "hunter2" not in str(refused.value)


def test_a_postgresql_url_needs_no_driver_name() -> None:
    assert open_store("postgresql://host/mailbot").dialect.driver == "psycopg"


def test_a_server_out_of_reach_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="connection"), reading(open_store(f"postgresql:///x?host={tmp_path}")):
        pass


# ---------------------------------------------------------------- SQLite's file


def test_the_file_is_private_from_its_first_moment(tmp_path: Path) -> None:
    engine = open_store(f"sqlite:///{tmp_path}/mailbot.db")
    assert (tmp_path / "mailbot.db").stat().st_mode & 0o777 == 0o600
    migrate(engine)
    assert [file.name for file in tmp_path.iterdir() if file.stat().st_mode & 0o077] == []
    assert (tmp_path / "mailbot.db-wal").exists()


def test_a_file_that_others_could_read_is_taken_from_them(tmp_path: Path) -> None:
    path = tmp_path / "mailbot.db"
    path.touch(mode=0o644)
    open_store(f"sqlite:///{path}")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)]
)
def test_sqlite_is_set_to_lose_nothing(tmp_path: Path, pragma: str, value: object) -> None:
    assert setting(open_store(f"sqlite:///{tmp_path}/mailbot.db"), f"PRAGMA {pragma}") == value


def test_a_damaged_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "mailbot.db"
    path.write_bytes(b"this is no database " * 1000)
    with pytest.raises(StoreUnavailable, match="SQLITE_NOTADB"), reading(open_store(f"sqlite:///{path}")):
        pass


def test_opening_it_twice_in_one_process_keeps_the_locks(tmp_path: Path) -> None:
    """Else another process, being the last to close it as it thinks, would take the WAL from under our connection."""
    url = f"sqlite:///{tmp_path}/x.sqlite"
    engine = open_store(url)
    migrate(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM journal").scalar()
        open_store(url).dispose()
        other = f"import sqlite3; c = sqlite3.connect({str(tmp_path / 'x.sqlite')!r}); c.execute('PRAGMA user_version')"
        subprocess.run([sys.executable, "-c", f"{other}; c.close()"], check=True)
        assert (tmp_path / "x.sqlite-wal").exists()
    engine.dispose()


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    faults: list[Exception] = []

    def start() -> None:
        try:
            migrate(open_store(f"sqlite:///{tmp_path}/mailbot.db"))
        except Exception as fault:  # noqa: BLE001  # whatever it is, the test fails
            faults.append(fault)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


# ---------------------------------------------------------------- PostgreSQL's session


def test_commits_are_on_the_disk_whatever_the_server_prefers(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET synchronous_commit = off")
    assert setting(open_store(postgres_url), "SHOW synchronous_commit") == "on"


def test_the_operators_own_options_are_kept(postgres_url: str) -> None:
    engine = open_store(postgres_url + "&options=-c%20work_mem%3D77MB&application_name=mine")
    assert setting(engine, "SHOW work_mem") == "77MB"
    assert setting(engine, "SHOW application_name") == "mine"
    assert setting(engine, "SHOW lock_timeout") == "30s"


# ---------------------------------------------------------------- transactions


def _broken_off(_done: object) -> None:
    raise ZeroDivisionError


def test_a_fault_undoes_the_whole_block(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(engine) as connection:
        _broken_off(connection.execute(insert(originals), ROW))
    assert setting(engine, "SELECT count(*) FROM originals") == 0


def test_tables_are_undone_as_well(bare: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(bare) as connection:
        _broken_off(connection.execute(text("CREATE TABLE half_done (x integer)")))
    with pytest.raises((StatementRefused, StoreUnavailable)):
        setting(bare, "SELECT count(*) FROM half_done")


def test_writers_take_turns(engine: Engine) -> None:
    """Reading a value and writing it back plus one loses nothing: nobody else can be in between."""
    with writing(engine) as connection:
        connection.execute(insert(attempts).values(digest="d", tries=0, last_at=NOW))

    def count() -> None:
        for _ in range(10):
            with writing(engine) as connection:
                tries = connection.execute(select(attempts.c.tries)).scalar_one()
                connection.execute(attempts.update().values(tries=tries + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert setting(engine, "SELECT tries FROM attempts") == 40


def test_a_writer_that_never_ends_makes_others_give_up(engine: Engine, url: str) -> None:
    impatient = open_store(url, patience=1)
    with writing(engine), pytest.raises(StoreUnavailable, match=r"locked|LockNotAvailable"), writing(impatient):
        pass


def test_readers_do_not_wait_for_a_writer(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(originals), ROW)
        assert setting(engine, "SELECT count(*) FROM originals") == 0


# ---------------------------------------------------------------- faults, without values


def test_a_duplicate_is_a_clash(engine: Engine) -> None:
    with pytest.raises(Clash, match="originals"), writing(engine) as connection:
        connection.execute(insert(originals), [ROW, ROW])


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO originals (digest, octets, came_sealed) VALUES (:canary, :octets, :no)",  # NOT NULL
        "INSERT INTO questions VALUES (:canary, :canary, :canary, :canary, '2026-01-01', NULL)",  # a key to nothing
        "INSERT INTO no_such_table VALUES (:canary)",
        "INSERT INTO attempts (digest, tries, last_at) VALUES (:canary, :canary, '2026-01-01')",  # no number
    ],
)
def test_no_fault_shows_a_value(engine: Engine, statement: str) -> None:
    canary = SECRET.decode()
    values = {"canary": canary, "octets": SECRET, "no": False}
    bound = {name: value for name, value in values.items() if f":{name}" in statement}
    with pytest.raises((StatementRefused, StoreUnavailable)) as refused, writing(engine) as connection:
        connection.execute(text(statement), bound)
    shown = "".join(traceback.format_exception(refused.value))
    assert canary not in shown
    assert SECRET.hex() not in shown


def test_a_clash_shows_no_value(engine: Engine) -> None:
    canary = SECRET.decode()
    with pytest.raises(Clash) as clash, writing(engine) as connection:
        connection.execute(insert(originals), [ROW | {"digest": canary}] * 2)
    assert canary not in "".join(traceback.format_exception(clash.value))


def test_megabytes_come_back_as_they_went(engine: Engine) -> None:
    octets = bytes(range(256)) * 40_000  # 10 MB
    with writing(engine) as connection:
        connection.execute(insert(bodies).values(size=len(octets), octets=octets))
    with reading(engine) as connection:
        assert connection.execute(select(bodies.c.octets)).scalar_one() == octets


def test_another_program_sees_strict_tables(tmp_path: Path) -> None:
    migrate(open_store(f"sqlite:///{tmp_path}/mailbot.db"))
    with sqlite3.connect(tmp_path / "mailbot.db") as connection:
        loose = connection.execute("SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0").fetchall()
    assert {name for (name,) in loose if not name.startswith("sqlite_")} == {"alembic_version"}
