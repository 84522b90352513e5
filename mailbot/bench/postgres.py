"""PostgreSQL, where the machine has it, as a server for this benchmark alone: on a socket, fully synced, no root."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Self

from sqlalchemy import create_engine, text

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
_PATIENCE = 30.0  # seconds until it must answer


def is_installed() -> bool:
    """Whether this machine has the server."""
    return bool(_PROGRAMS)


class Postgres:
    """A cluster with its own settings left as they are: what is committed is on the disk."""

    def __init__(self) -> None:
        """Not yet made."""
        self._numbers = itertools.count(1)
        self._programs = _PROGRAMS[-1].parent
        self._user = _ordinary_user()

    def __enter__(self) -> Self:
        """Make and start it. Raises OSError, CalledProcessError or TimeoutError."""
        with ExitStack() as closing:
            self.folder = Path(tempfile.mkdtemp(prefix="mb"))
            closing.callback(shutil.rmtree, self.folder, ignore_errors=True)
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
            cluster = str(self.folder / "cluster")
            self._do("initdb", "-D", cluster, "--no-instructions", "-A", "trust", "-E", "UTF8", "-U", "bench")
            server = self._run("postgres", "-D", cluster, "-k", str(self.folder), "-c", "listen_addresses=")
            closing.callback(_end, server)
            end = monotonic() + _PATIENCE
            while self._run("pg_isready", "-q", "-h", str(self.folder)).wait() != 0:
                if monotonic() > end or server.poll() is not None:
                    raise TimeoutError("PostgreSQL does not answer")
                sleep(0.1)
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        """End it and leave nothing behind."""
        self._closing.close()

    def database(self) -> str:
        """The URL of a new, empty one."""
        name = f"bench{next(self._numbers)}"
        self._do("createdb", "-h", str(self.folder), "-U", "bench", name)
        return f"postgresql://bench@/{name}?host={self.folder}"

    def busy(self, database: str) -> float:
        """Seconds that sessions of this database were at work until now; of those that have ended, all of it."""
        engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
        try:
            with engine.connect() as connection:
                wanted = text("SELECT active_time FROM pg_stat_database WHERE datname = current_database()")
                return float(connection.execute(wanted).scalar_one()) / 1000
        finally:
            engine.dispose()

    def _do(self, program: str, *arguments: str) -> None:
        if code := self._run(program, *arguments).wait():
            raise subprocess.CalledProcessError(code, program)

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        found = self._programs / program
        command = [str(found) if found.exists() else program, *arguments]
        root = os.getuid() == 0
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            user=self._user.pw_uid if root else None,
            group=self._user.pw_gid if root else None,
            extra_groups=[] if root else None,
        )


def _end(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        server.wait(10)
    server.kill()
    server.wait()


def _ordinary_user() -> pwd.struct_passwd:
    """Oneself; root, whom PostgreSQL refuses, borrows the server's own user, or nobody."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")
