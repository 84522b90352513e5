"""PostgreSQL, where the machine has it, as a server for this benchmark alone: on a socket, fully synced, no root."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Self

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
        self.folder = Path(tempfile.mkdtemp(prefix="mb"))
        os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        cluster = str(self.folder / "cluster")
        self._run("initdb", "-D", cluster, "--no-instructions", "-A", "trust", "-E", "UTF8", "-U", "bench").wait()
        self._process = self._run("postgres", "-D", cluster, "-k", str(self.folder), "-c", "listen_addresses=")
        end = monotonic() + _PATIENCE
        while self._run("pg_isready", "-q", "-h", str(self.folder)).wait() != 0:
            if monotonic() > end or self._process.poll() is not None:
                self.__exit__()
                raise TimeoutError("PostgreSQL does not answer")
            sleep(0.1)
        return self

    def __exit__(self, *_exception: object) -> None:
        """End it and leave nothing behind."""
        self._process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self) -> str:
        """The URL of a new, empty one."""
        name = f"bench{next(self._numbers)}"
        self._run("createdb", "-h", str(self.folder), "-U", "bench", name).wait()
        return f"postgresql://bench@/{name}?host={self.folder}"

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


def _ordinary_user() -> pwd.struct_passwd:
    """Oneself; root, whom PostgreSQL refuses, borrows the server's own user, or nobody."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")
