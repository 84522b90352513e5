"""PostgreSQL, Debian's own: a private cluster on a unix socket, an empty database for every test that asks."""

import itertools
import signal
from typing import Self

import psycopg

from tests.servers.programs import Program, find_program, ordinary_user, short_folder

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_init_zero": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "200",
    "max_prepared_transactions": "10",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # in the cluster's folder, so that a killed server leaves nothing behind
    "timezone": "Pacific/Auckland",  # far from UTC, so that a moment stored without its zone shows
}


class Postgres:
    """A cluster that lives as long as the test session. Durability is off: it survives `kill`, not a power cut."""

    def __init__(self) -> None:
        """Make the cluster, not yet started. Raises MissingServerError."""
        initdb = find_program("/usr/lib/postgresql/*/bin/initdb", "postgresql")
        server = find_program("/usr/lib/postgresql/*/bin/postgres", "postgresql")
        user = ordinary_user("postgres")
        self.folder = short_folder(user)
        """Where the socket lies."""
        self._superuser = user.name
        self._numbers = itertools.count(1)
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        cluster = str(self.folder / "cluster")
        self._initdb = [initdb, "-D", cluster, "--no-sync", "--no-instructions", "-A", "trust", "-E", "UTF8"]
        command = [server, "-D", cluster, "-k", str(self.folder), *settings]
        self._program = Program(command, self.folder, user, end=signal.SIGINT)

    def __enter__(self) -> Self:
        """Start."""
        self._program.run_once(self._initdb)
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """End and leave nothing behind."""
        self._program.remove()

    def start(self) -> None:
        """Start, or start again with the same databases; returns when it answers."""
        self._program.start(self._answers)

    def stop(self) -> None:
        """End in order: connections are told."""
        self._program.stop()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End at once, without a word to anybody; `start` brings it back."""
        self._program.kill()

    def freeze(self) -> None:
        """Fall silent: connections stay open and nothing answers."""
        self._program.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._program.signal(signal.SIGCONT)

    def database(self) -> str:
        """A fresh empty database, as SQLAlchemy's URL of it."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} STRATEGY FILE_COPY")
        return f"postgresql+psycopg://{self._superuser}@/{name}?host={self.folder}"

    def cut_connections(self) -> None:
        """End every connection that is open to any database, as a lost network would."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    def execute(self, statement: str) -> None:
        """Do a statement as the superuser, in no transaction."""
        with self._connect() as connection:
            connection.execute(statement.encode())

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user=self._superuser, dbname="postgres", autocommit=True)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True
