"""A GnuPG home: its settings, a path short enough for its agent's socket, and the end of its agent."""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mailbot.disk import sync
from mailbot.mail.tamed import SAFE

_LONGEST = 80  # octets; a socket's path has 107 at most, and the agent's sockets are named after the home

_HAND_OPTIONS = "".join(
    f"{option.removeprefix('--').replace('=', ' ')}\n"
    for option in SAFE
    if option not in {"--batch", "--no-tty", "--no-options", "--with-colons", "--enable-special-filenames"}
)
_GPG_CONF = f"# For gpg called by hand; the robot gives these options itself.\n{_HAND_OPTIONS}"
# A passphrase from a file is long and random: stretching it as if a person had chosen it costs 0.5 s for each use
# (speed.md). To hold for the key, the count must stand here before the passphrase is set.
_AGENT_CONF = "s2k-count 65536\nallow-loopback-pinentry\nno-allow-external-cache\ndisable-scdaemon\n"


def prepare(home: Path) -> None:
    """Make the directory, for its owner alone, and write its settings. Raises OSError."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    for name, text in (("gpg.conf", _GPG_CONF), ("gpg-agent.conf", _AGENT_CONF)):
        private(home / name).write_text(text)


def private(path: Path) -> Path:
    """The file, made with mode 0600 if it is not there. Raises OSError."""
    path.touch(mode=0o600)
    return path


def settle(home: Path) -> None:
    """Have the disk hold all that lies in it: else, after a power cut, a file written later may be there without it.

    Raises OSError.
    """
    for path in (*home.rglob("*"), home, home.parent):
        with suppress(FileNotFoundError):  # gpg's locks come and go
            if path.is_dir() or path.is_file():  # sockets are no matter
                sync(path)


def end_agent(home: Path) -> None:
    """End whatever runs for this home; nothing happens if nothing does. Raises OSError without gpgconf."""
    command = ["gpgconf", "--homedir", str(home), "--kill", "all"]
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)


def short_path(home: Path) -> Path:
    """A path to the home that its agent's socket fits into: the home itself, or a link in a new private directory.

    The directory has a name nobody can guess and only its owner may enter it; `forget` removes it.
    """
    home = home.absolute()
    if len(bytes(home)) <= _LONGEST:
        return home
    link = Path(tempfile.mkdtemp(prefix="mb", dir=_short_place())) / "gnupg"
    link.symlink_to(home)
    return link


def forget(path: Path) -> None:
    """Undo `short_path`."""
    if path.is_symlink():
        path.unlink()
        path.parent.rmdir()


@contextmanager
def reached(home: Path) -> Iterator[Path]:
    """A short path to the home for a while."""
    path = short_path(home)
    try:
        yield path
    finally:
        forget(path)


@contextmanager
def visited(home: Path) -> Iterator[Path]:
    """A short path to the home for a while; afterwards its agent is ended.

    One visitor at a time: else the first to leave would end the agent that the others are using.
    """
    with _alone(home), reached(home) as path:
        try:
            yield path
        finally:
            end_agent(path)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """No file is left behind: the lock is on the directory itself, and ends with its holder."""
    directory = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


@contextmanager
def passing() -> Iterator[Path]:
    """An empty home that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mb", dir=_short_place()) as place, visited(Path(place)) as home:
        prepare(home)
        yield home


def _short_place() -> str | None:
    """Where a short path can begin: the usual place for temporary files, unless that is a long path itself."""
    return None if len(tempfile.gettempdir()) < _LONGEST // 2 else "/tmp"  # noqa: S108 - mkdtemp below it is safe
