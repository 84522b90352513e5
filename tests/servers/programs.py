"""How a server program of the tests is found, started as an ordinary user, stopped, killed, and ended in any case."""

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path


class MissingServerError(Exception):
    """A server that the tests need is not installed; they fail, they do not skip."""


def find_program(pattern: str, package: str) -> str:
    """The path of a program by its name or a pattern; of several the last.

    Raises MissingServerError with the Debian package that holds it.
    """
    found = sorted(map(str, Path("/").glob(pattern.lstrip("/")))) if "/" in pattern else [shutil.which(pattern)]
    if not found or not found[-1]:
        raise MissingServerError(f"{pattern} is missing: apt-get install {package}")
    return found[-1]


_ENOUGH_MEMORY = 4 * 1024**3
_PORTS = (10_000, 32_000)

_GUARD = 'cat; kill -"$2" "$1"; sleep 0.5; kill -s KILL -- "-$1"; rm -rf "$3"'
"""Waits for the end of its input, then ends process group $1, first by signal $2, and removes folder $3."""


@dataclass(frozen=True, slots=True)
class User:
    """Whom a server runs as."""

    name: str
    uid: int
    gid: int


def ordinary_user(*preferred: str) -> User:
    """Oneself; or for root, whom Dovecot and PostgreSQL refuse, the first of `preferred` that exists, else nobody."""
    if os.getuid() != 0:
        return _user(pwd.getpwuid(os.getuid()))
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return _user(next(known[name] for name in (*preferred, "nobody") if name in known))


def _user(entry: pwd.struct_passwd) -> User:
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid)


def short_folder(owner: User) -> Path:
    """A new folder of that user with a path short enough for unix sockets, which others may enter.

    In memory where there is room: an empty database takes 0.02 s there, 0.4 s on a disk that others use too.
    """
    memory = Path("/dev/shm")
    room = memory.is_dir() and shutil.disk_usage(memory).free > _ENOUGH_MEMORY
    folder = Path(tempfile.mkdtemp(prefix="mb", dir=memory if room else "/tmp"))
    os.chown(folder, owner.uid, owner.gid)
    folder.chmod(0o755)
    return folder


def look_old(path: Path) -> None:
    """Set a file's time back: Postfix waits two seconds before it trusts a file that was just written."""
    os.utime(path, (0, 0))


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago.

    None of those that the kernel gives to clients: while its server restarts, one of them could take it.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().randrange(*_PORTS)
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int, greeting: bytes) -> bool:
    """Whether a server on this port greets like that."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        return connection.recv(100).startswith(greeting)
    return False


def wait_until(true: Callable[[], bool], what: str, seconds: float = 10.0, pause: float = 0.01) -> None:
    """Ask until it is true. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def _all_gone(group: int) -> bool:
    """Whether nobody of that process group lives; zombies hold nothing."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, group_of_it, *_ = entry.read_text("utf-8", "replace").rpartition(")")[2].split()
            if int(group_of_it) == group and state not in "ZX":
                return False
    return True


class Program:
    """A server program in a process group of its own. It and its folder go when we do, even if we are killed."""

    def __init__(self, command: list[str], folder: Path, user: User, end: signal.Signals = signal.SIGTERM) -> None:
        """`folder`: where it runs and keeps everything; `end`: the signal that stops it in order."""
        self._command = command
        self._folder = folder
        self._user = user
        self._end = end
        self._running: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self, ready: Callable[[], bool]) -> None:
        """Start it, or start it again; returns when it is ready. Raises RuntimeError with what it said if it fails."""
        self._running = self._begin(self._command)
        # The guard's pipe closes when we are gone. (PR_SET_PDEATHSIG is lost when Postfix changes its user.)
        guarding = ["/bin/sh", "-c", _GUARD, "guard", str(self._running.pid), str(self._end.value), str(self._folder)]
        self._guard = subprocess.Popen(guarding, stdin=subprocess.PIPE, start_new_session=True)
        running = self._running
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: ready() or running.poll() is not None, self._command[0])
        if running.poll() is not None or not ready():
            said = self.said
            self.remove()
            raise RuntimeError(f"{self._command[0]} does not start: {said}")

    def run_once(self, command: list[str]) -> None:
        """Run another command as the same user, to its end. Raises RuntimeError if it fails."""
        if self._begin(command).wait():
            raise RuntimeError(f"{command[0]} failed: {self.said}")

    @property
    def said(self) -> str:
        """What it wrote to its standard output and error."""
        return (self._folder / "out").read_text("utf-8", "replace")

    def _begin(self, command: list[str]) -> subprocess.Popen[bytes]:
        root = os.getuid() == 0
        with (self._folder / "out").open("ab") as out:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                cwd=self._folder,
                user=self._user.uid if root else None,
                group=self._user.gid if root else None,
                extra_groups=[] if root else None,
            )

    def stop(self, seconds: float = 5.0) -> None:
        """End it in order, and what is left of it after that time by force."""
        if self._running:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGCONT)
                os.kill(self._running.pid, self._end)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(seconds)
            self.kill()

    def kill(self) -> None:
        """End it and all its children at once, as a power cut would."""
        if self._guard and self._guard.stdin:
            self._guard.kill()
            self._guard.stdin.close()
            self._guard.wait()
        if self._running:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            self._running.wait()
            wait_until(partial(_all_gone, self._running.pid), "the end of its children")  # they share its sockets
        self._running = self._guard = None

    def signal(self, which: signal.Signals) -> None:
        """Send a signal to it and all its children: SIGSTOP makes it fall silent. Raises ProcessLookupError."""
        if self._running:
            os.killpg(self._running.pid, which)

    def remove(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
