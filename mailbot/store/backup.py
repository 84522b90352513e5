"""A consistent copy of the database while robots work on it, and the way back.

SQLite's file is copied here; of PostgreSQL pg_dump makes the copy, and pg_restore and an operator go the way back.
"""

import os
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from mailbot.core.decision import Entry, Event
from mailbot.disk import sync
from mailbot.store.engine import StoreUnavailable, open_store
from mailbot.store.journal import Head, Journal, Verified
from mailbot.store.migrations import check_schema, newest_version, schema_version, steps
from mailbot.store.outbox import Outbox
from mailbot.store.soundness import contains, file_of, require_sound
from mailbot.store.watch import InUse

_PRIVATE = 0o600
_MAGIC = b"SQLite format 3\0"


class NoProgram(Exception):
    """The program that copies a PostgreSQL database is not installed. The text is the command that is to be run."""


class NoBackup(Exception):
    """The file is no backup that could be restored. The text says why."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is in a database."""

    version: str | None
    newer_steps: tuple[str, ...]  # what `mailbot migrate` would do with it
    head: Head
    journal: Verified
    last_at: datetime | None
    queued: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What is forgotten when a backup takes the place of the database."""

    rows: int  # of the journal, since the backup was made
    of_this_robot: bool  # whether the backup's last journal row is in the database's journal
    readable: bool = True  # False: the database is so damaged that nobody can say


# ---------------------------------------------------------------- away


def back_up(engine: Engine, target: Path) -> None:
    """Copy the database into a new file that only its owner may read.

    Raises FileExistsError, OSError, StoreUnavailable, Damaged, NoProgram.
    """
    with _fresh(target) as unfinished:
        source = file_of(engine)
        if source:
            _copy(source, unfinished)
            require_sound(unfinished)
        else:
            _dump(engine, unfinished)


@contextmanager
def _fresh(target: Path) -> Iterator[Path]:
    """A private file that takes its name when it is complete and on the disk; nothing is ever overwritten."""
    if target.exists():
        raise FileExistsError(17, "the file is there already", str(target))
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _PRIVATE))
        yield unfinished
        sync(unfinished)
        target.hardlink_to(unfinished)  # fails if somebody made it meanwhile
    finally:
        unfinished.unlink(missing_ok=True)
    sync(target.parent)


def _copy(source: Path, target: Path) -> None:
    """One reading transaction, so that writers do not wait and nothing is half there."""
    try:
        present = f"{source.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(present, uri=True, isolation_level=None)) as opened:
            opened.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.DatabaseError as problem:
        raise StoreUnavailable(f"{problem.sqlite_errorname} {problem}") from None


def _dump(engine: Engine, target: Path) -> None:
    url = engine.url.set(drivername="postgresql", password=None)
    command = ["pg_dump", "--format=custom", f"--file={target}", f"--dbname={url.render_as_string()}"]
    if shutil.which("pg_dump") is None:
        raise NoProgram(shlex.join(command))
    environment = os.environ | ({"PGPASSWORD": str(engine.url.password)} if engine.url.password else {})
    ended = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        raise StoreUnavailable(f"pg_dump: {ended.stderr.partition(chr(10))[0]}")


# ---------------------------------------------------------------- and back


@contextmanager
def prepared(backup: Path, engine: Engine) -> Iterator[Path]:
    """A private copy of the backup beside the database, so that what is looked at is what is put in its place.

    The engine is one of SQLite. Raises OSError.
    """
    place = _place(engine)
    copy = place.with_name(f"{place.name}.restoring")
    copy.unlink(missing_ok=True)
    try:
        with (
            backup.open("rb") as source,
            os.fdopen(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE), "wb") as target,
        ):
            shutil.copyfileobj(source, target)
        yield copy
    finally:
        for left in _files(copy):
            left.unlink(missing_ok=True)


def contents(path: Path) -> Contents:
    """What is in a backup: every page, the version and the whole journal are looked at.

    Raises NoBackup, Damaged, SchemaTooNew, StoreUnavailable.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise NoBackup("this is no SQLite database")
    require_sound(path, whole=True)
    engine = open_store(f"sqlite:///{path}")
    try:
        version = schema_version(engine)
        if version is None:
            raise NoBackup("it is not a database of mailbot, or an empty one")
        journal = Journal(engine)
        verified = journal.verify()
        last_at = journal.span(verified.head[0])[0] if verified.rows else None
        queued = Outbox(engine).depth().queued if version == newest_version() else 0
        return Contents(version, steps(engine), verified.head, verified, last_at, queued)
    finally:
        engine.dispose()


def loss(found: Contents, engine: Engine) -> Loss:
    """What the database knows and the backup does not."""
    try:
        if schema_version(engine) is None:
            return Loss(0, of_this_robot=True)
        head = Journal(engine).head()
        return Loss(max(0, head[0] - found.head[0]), contains(engine, *found.head))
    except StoreUnavailable:
        return Loss(0, of_this_robot=False, readable=False)


def put_in_place(copy: Path, engine: Engine, now: datetime) -> Path:
    """Let the looked-at copy take the place of the database; returns where that one is kept. Raises InUse, OSError."""
    place = _place(engine)
    engine.dispose()
    _require_unused(place)
    kept = place.with_name(f"{place.name}.before-{now:%Y%m%dT%H%M%SZ}")
    for old in _files(place):
        with suppress(FileNotFoundError):
            old.rename(old.with_name(old.name.replace(place.name, kept.name, 1)))
    sync(copy)
    copy.rename(place)
    sync(place.parent)
    return kept


def note_restored(engine: Engine, found: Contents, now: datetime) -> None:
    """The restored journal's next row says so: its numbers after the backup are given a second time."""
    check_schema(engine)
    facts = {"by": "operator", "row": str(found.head[0]), "hash": found.head[1]}
    Journal(engine).record([Entry(Event.RESTORED, facts=facts)], now)


def _place(engine: Engine) -> Path:
    place = file_of(engine)
    if place is None:
        raise ValueError("a PostgreSQL database is restored by pg_restore")
    return place


def _require_unused(place: Path) -> None:
    """Only who is alone can end WAL mode; what is too damaged to be asked is in nobody's use for long."""
    connection = sqlite3.connect(place, timeout=0, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as problem:
        if problem.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise InUse(str(place)) from None
    finally:
        connection.close()


def _files(database: Path) -> list[Path]:
    return [Path(f"{database}{tail}") for tail in ("", "-wal", "-shm", "-journal")]
