"""Opening the database, and the two ways to be in it: reading() and writing()."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy import exc as fault
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

PATIENCE = 30  # seconds
PRIVATE = 0o600
_FILE = "file"
_UNIQUE_VIOLATION = "23505"  # PostgreSQL's appendix A
_WRITERS = int.from_bytes(b"mailbot")  # PostgreSQL's advisory lock that writers take turns with


class Clash(Exception):
    """Another worker was faster: what this decision was based on has changed. Start again from folder_of()."""


class StoreUnavailable(Exception):
    """The database cannot be read or written now: locked, full, read-only, damaged, or out of reach."""


class StatementRefused(Exception):
    """The database refused a statement: a bug of ours, or a schema that does not fit. Shows no values."""


def open_store(url: str, patience: int = PATIENCE, mode: int = PRIVATE) -> Engine:
    """The database at `sqlite:////path/to/file` or `postgresql://…`; nothing is connected yet.

    `patience` is how many seconds to wait for a lock, or for the server to answer.
    A SQLite file that is not there is made; nobody may do more with it than `mode` says.
    Raises ValueError for any other URL, OSError if the file cannot be made.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("the store's URL cannot be read; it looks like sqlite:////path/to/file") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and not parsed.database.startswith((":memory:", "file:")):
            return _open_sqlite(parsed, patience, mode)
        case "postgresql":
            return _open_postgresql(parsed, patience)
        case _:
            raise ValueError("the store is sqlite:////path/to/file or postgresql://…")


# ---------------------------------------------------------------- SQLite


def _open_sqlite(url: URL, patience: int, mode: int) -> Engine:
    _keep_from_others(Path(url.database or ""), mode)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": patience})
    event.listen(engine, "do_connect", _connect_sqlite)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "checkout", _refuse_another_file)
    return engine


def _keep_from_others(path: Path, mode: int) -> None:
    """Make the file, or take it from everybody who shall not have it; SQLite gives its WAL the same mode.

    One that exists is never opened here: to close it would end every lock that this process has on it
    (sqlite.org/howtocorrupt.html §2.2), and another process could then take the WAL from under a connection of ours.
    """
    with suppress(FileExistsError):
        os.close(_made(path, mode))
        return
    found = stat.S_IMODE(path.stat().st_mode)
    if found & ~mode:
        path.chmod(found & mode)


def _made(path: Path, mode: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    os.fchmod(descriptor, mode)  # whatever the umask says
    return descriptor


def _connect_sqlite(_dialect: object, record: ConnectionPoolEntry, words: list[Any], _options: object) -> None:
    """Remember which file it is. One that has vanished is not made anew: an empty one would look like a fresh start."""
    try:
        record.info[_FILE] = words[0], _identity(words[0])
    except OSError as problem:
        raise sqlite3.OperationalError(f"the file cannot be reached: {problem.strerror}") from None


def _refuse_another_file(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
    """A file that was put in the other's place, by a restore, is connected to anew: nothing goes to the old one."""
    path, known = record.info[_FILE]
    try:
        same = _identity(path) == known
    except OSError:
        same = False
    if not same:
        raise fault.DisconnectionError("another file is in its place")


def _identity(path: str) -> tuple[int, int]:
    facts = os.stat(path)  # noqa: PTH116 - a path as the driver has it
    return facts.st_dev, facts.st_ino


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; the driver would begin too late, and not for DDL
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # a commit is on the disk when it returns: 0.7 ms
        "foreign_keys = ON",
        "trusted_schema = OFF",
        "cell_size_check = ON",  # damage is found where it is, not later
    ):
        connection.execute(f"PRAGMA {pragma}")


# ---------------------------------------------------------------- PostgreSQL


def _open_postgresql(url: URL, patience: int) -> Engine:
    settings = {
        "synchronous_commit": "on",  # a commit is on the disk when it returns, whatever the server's own setting
        "lock_timeout": f"{patience}s",
        # A plan kept from when the queue was short reads all of a long one (due(): 14 ms, not 1.5, at 10,000 mails).
        "plan_cache_mode": "force_custom_plan",
        "idle_in_transaction_session_timeout": f"{2 * patience}s",
    }
    defaults = {
        "application_name": "mailbot",
        "connect_timeout": patience,
        # A robot on a machine that vanished must not keep its locks.
        "keepalives_idle": patience,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 1000 * patience,
    }
    arguments = {name: value for name, value in defaults.items() if name not in url.query}
    options = [f"-c {name}={value}" for name, value in settings.items()]
    return create_engine(
        url.set(drivername="postgresql+psycopg").difference_update_query(["options"]),
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={**arguments, "options": " ".join([*options, *_as_tuple(url.query.get("options", ()))])},
    )


def _as_tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


# ---------------------------------------------------------------- transactions


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads. Raises StoreUnavailable."""
    with faults_in_our_words(), engine.begin() as connection:
        _begin_on_sqlite(connection, "BEGIN")
        yield connection


@contextmanager
def writing(engine: Engine, *, in_turn: bool = True) -> Iterator[Connection]:
    """A transaction that may write; there is one at a time, whatever the number of robots.

    Turns make the journal one chain and keep two writers from waiting for each other for ever; a commit costs about a
    millisecond. Who writes a single row, or waits for none, may do so out of turn on PostgreSQL.
    Committed at the end of the block. Raises Clash where a row is there already, and StoreUnavailable.
    """
    with faults_in_our_words(), engine.begin() as connection:
        # A deferred transaction that writes after it has read fails at once if another wrote in between.
        _begin_on_sqlite(connection, "BEGIN IMMEDIATE")
        if in_turn and connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITERS})
        yield connection


def _begin_on_sqlite(connection: Connection, statement: str) -> None:
    """Not by an event: an engine that is listened to dispatches several for each statement, which doubles its cost."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement)


@contextmanager
def faults_in_our_words() -> Iterator[None]:
    """The database's errors as ours. Their own texts quote rows (PostgreSQL's DETAIL), so these are left behind."""
    try:
        yield
    except fault.TimeoutError:
        raise StoreUnavailable("no connection became free") from None
    except DBAPIError as error:
        raise _in_our_words(error) from None
    except sqlite3.Error as error:  # the driver's own, where it is spoken to: store/pieces.py
        raise StoreUnavailable(_reason(error)) from None


def _in_our_words(error: DBAPIError) -> Exception:
    if _is_duplicate(error.orig):
        return Clash(_reason(error.orig))
    if isinstance(error, (fault.IntegrityError, fault.ProgrammingError, fault.DataError, fault.NotSupportedError)):
        return StatementRefused(f"{_reason(error.orig)}: {(error.statement or '')[:200]}")
    return StoreUnavailable(_reason(error.orig))


def _is_duplicate(error: Any) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
    return getattr(error, "sqlstate", None) == _UNIQUE_VIOLATION


def _reason(error: Any) -> str:
    """What went wrong and where, without a value of any row."""
    if isinstance(error, sqlite3.Error):
        return f"{getattr(error, 'sqlite_errorname', 'SQLite:')} {error}"  # names columns, never values
    import psycopg  # noqa: PLC0415 - large, and where there is SQLite nobody needs it

    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return str(error).partition("\n")[0]  # the connection's failure, not a statement's
    if isinstance(error, psycopg.Error):
        known = (error.sqlstate, type(error).__name__, error.diag.table_name, error.diag.constraint_name)
        return " ".join(filter(None, known))
    return type(error).__name__
