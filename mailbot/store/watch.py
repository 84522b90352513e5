"""Who watches the mailbox: of all robots on one database one at a time, by a lock that dies with its holder.

The lock saves work and keeps two robots out of each other's way in the mailbox. That no mail is acted on twice does not
hang on it: the digest of a mail is recorded once, whoever comes with it.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from mailbot.store.engine import faults_in_our_words

_WATCH = int.from_bytes(b"mbwatch")  # PostgreSQL's advisory lock of whoever watches the mailbox

# The name is "mailbot", unless the database's URL gives another to all.
_SESSIONS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = current_setting('application_name')"
)
_OURS = 2  # sessions: the watch's, and the one that asks
_ENDING = 1.0  # seconds

# So soon the server notices that the watcher's machine is gone: 10 s of silence, and two questions without an answer.
# A session on a unix socket ends with its process, and ignores these.
_VIGILANCE = ("tcp_keepalives_idle = 10", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 2")


class InUse(Exception):
    """A robot, or another program, has the database open."""


class Watch(Protocol):
    """One robot's claim to the mailbox. For one thread at a time."""

    shared: bool
    """Whether other robots may work on the database meanwhile, sending, and wait for their turn to watch."""

    def acquire(self) -> bool:
        """Take the lock if it is free; True also if it is ours already. Raises StoreUnavailable, OSError."""

    def held(self) -> bool:
        """Whether the lock is ours at this moment: it is asked for, not remembered."""

    def release(self) -> None:
        """Give the lock back. May be called any number of times; never raises."""


def watch_of(engine: Engine) -> Watch:
    """The watch that fits the database; nothing is locked yet."""
    if engine.dialect.name == "postgresql":
        return SessionWatch(engine)
    return FileWatch(f"{engine.url.database}.lock")


def sender_watch_of(engine: Engine) -> Watch:
    """Of the senders on a hand-over file there is one at a time; on PostgreSQL as many as like."""
    return _Open() if engine.dialect.name == "postgresql" else FileWatch(f"{engine.url.database}.lock")


@contextmanager
def nobody_else(engine: Engine) -> Iterator[None]:
    """For what must not be done beside a robot: none is at work, and until the end of the block none begins.

    Raises InUse, StoreUnavailable, OSError.
    """
    engine.dispose()
    watch = watch_of(engine)
    if not watch.acquire():
        raise InUse
    try:
        _await_the_end_of_others(engine)
        yield
    finally:
        watch.release()


def _await_the_end_of_others(engine: Engine) -> None:
    """Only one robot watches; those that stand by and send show by their sessions, which end a moment after them."""
    end = time.monotonic() + _ENDING
    while _sessions(engine) > _OURS:
        if time.monotonic() > end:
            raise InUse
        time.sleep(0.1)


def _sessions(engine: Engine) -> int:
    """How many sessions of mailbot the server has for this database; SQLite, where the lock says all, has none."""
    if engine.dialect.name != "postgresql":
        return 0
    with faults_in_our_words(), engine.connect() as connection:
        return int(connection.execute(_SESSIONS).scalar_one())


class _Open:
    """Nothing to watch."""

    shared = True

    def acquire(self) -> bool:
        return True

    def held(self) -> bool:
        return True

    def release(self) -> None:
        pass


class SessionWatch:
    """PostgreSQL: a session-level advisory lock on a connection of its own.

    It is gone when process, machine or connection is; behind a pooler that shares sessions it never comes about.
    """

    shared = True

    def __init__(self, engine: Engine) -> None:
        """Connects at the first acquire()."""
        self._engine = engine
        self._session: Connection | None = None
        self._pid = 0  # the server's process that serves it

    def acquire(self) -> bool:
        """Take the lock if it is free."""
        if not self.held():
            with faults_in_our_words():
                self._try(self._connect())
        return self._session is not None

    def held(self) -> bool:
        """Ask the server whether the very session that took the lock still lives. 0.2 ms on one machine."""
        if self._session and _pid(self._session) != self._pid:
            self.release()
        return self._session is not None

    def release(self) -> None:
        """End the session, and the lock with it."""
        session, self._session = self._session, None
        if session:
            _end(session)

    def _connect(self) -> Connection:
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        session.detach()  # really closed when we close it, and never lent to others
        return session

    def _try(self, session: Connection) -> None:
        try:
            for setting in _VIGILANCE:
                session.execute(text(f"SET {setting}"))
            ours = session.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _WATCH}).scalar_one()
            pid = _pid(session)
        except BaseException:
            _end(session)
            raise
        if ours and pid:
            self._session, self._pid = session, pid
        else:
            _end(session)


def _pid(session: Connection) -> int | None:
    """Which process of the server the session is served by; None: by none any more."""
    try:
        return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())
    except SQLAlchemyError:
        return None


def _end(session: Connection) -> None:
    with suppress(SQLAlchemyError):
        session.close()


class FileWatch:
    """SQLite: a locked file beside the database. It is for one robot alone, which holds it from start to end.

    A file of its own: who closes any descriptor of the database's file takes SQLite's own locks off it.
    """

    shared = False

    def __init__(self, path: str) -> None:
        """The file is made at the first acquire(), and stays."""
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as problem:
            os.close(descriptor)
            if isinstance(problem, BlockingIOError):
                return False
            raise
        self._descriptor = descriptor
        return True

    def held(self) -> bool:
        """The kernel takes it from nobody."""
        return self._descriptor is not None

    def release(self) -> None:
        """Unlock."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
