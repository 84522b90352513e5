"""Whether the database holds together: looked at when a robot starts, when an operator asks, before a restore."""

import logging
import sqlite3
import time
from pathlib import Path

from sqlalchemy import Engine

from mailbot.store.engine import StoreUnavailable, reading
from mailbot.store.journal import Journal, Verified

log = logging.getLogger(__name__)

QUICKLY = 16 * 1024 * 1024  # octets; a look at that much takes less than 50 ms (measured: 16 MiB in 13 ms)
_LAST_ROWS = 100  # of the journal, read at every start
_MOST_FLAWS = 3  # that are told


class Damaged(Exception):
    """The database does not hold together: nothing may be read from it or written to it. The text says where."""


def file_of(engine: Engine) -> Path | None:
    """SQLite's file; None for a server."""
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


def look_over_pages(engine: Engine) -> None:
    """The first look of every start, before the first connection; says in the log what it found.

    A large file is read as a whole only if nobody closed it. Raises Damaged, StoreUnavailable.
    """
    path = file_of(engine)
    if path is None:
        return
    left_open = _was_left_open(path)
    if left_open:
        log.info("the database was not closed in order, or is in use")  # no news to whoever asks beside a robot
    if left_open or path.stat().st_size <= QUICKLY:
        began = time.perf_counter()
        require_sound(path)
        log.info("the database is sound: %d octets in %.3f s", path.stat().st_size, time.perf_counter() - began)


def _was_left_open(path: Path) -> bool:
    """Whether who used it last did not close it, or uses it now."""
    try:
        return Path(f"{path}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def look_over_journal(engine: Engine) -> None:
    """The second look of every start. A broken journal is an alarm, and no reason to leave a request lying."""
    verified = end_of_journal(engine)
    for finding in verified.findings:
        log.error("ALARM the journal is broken at row %d: %s", finding.number, finding.what)
    log.info("the journal ends at row %d:%s", *verified.head)


def end_of_journal(engine: Engine) -> Verified:
    """Whether the last rows of the journal hold; to walk all of it is for `mailbot journal verify`."""
    return Journal(engine).verify_end(_LAST_ROWS)


def require_sound(path: Path, *, whole: bool = False) -> None:
    """Look through every page of SQLite's file; `whole`: compare every index with its table too.

    Raises Damaged, or StoreUnavailable if it cannot be read now.
    """
    try:
        flaws = _flaws(path, "integrity_check" if whole else "quick_check")
    except sqlite3.DatabaseError as problem:
        if isinstance(problem, sqlite3.OperationalError) and "disk image" not in str(problem):
            raise StoreUnavailable(f"{problem.sqlite_errorname} {problem}") from None
        flaws = [str(problem)]
    if flaws:
        raise Damaged(f"the database is damaged: {'; '.join(flaws[:_MOST_FLAWS])}")


def _flaws(path: Path, pragma: str) -> list[str]:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    try:
        found = [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}(10)")]
        found += [f"a row of {row[0]} without its {row[2]}" for row in connection.execute("PRAGMA foreign_key_check")]
    finally:
        connection.close()
    return [flaw for flaw in found if flaw != "ok"]


def contains(engine: Engine, number: int, digest: str) -> bool:
    """Whether the journal has this row."""
    with reading(engine):
        rows = Journal(engine).rows(after=number - 1)
        return next((row.hash == digest for row in rows if row.number == number), number == 0)
