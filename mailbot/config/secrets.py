"""Secrets are read when they are needed, from a file, the environment or a systemd credential, and kept nowhere."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from mailbot.core.findings import Finding, Severity
from mailbot.wire.access import SecretUnavailable

Read = Callable[[], str]

EXPOSED = "secret-file.permissions"
_LARGEST = 64 * 1024  # octets; refresh tokens have some 2000


def from_file(path: Path) -> Read:
    """What the file holds, without the line end that editors put there."""

    def read() -> str:
        try:
            with path.open("rb") as opened:
                octets = opened.read(_LARGEST)
            return octets.decode().removesuffix("\n").removesuffix("\r")
        except OSError as problem:
            raise SecretUnavailable(f"{path}: {problem.strerror}") from None
        except UnicodeDecodeError:
            # Without its cause, which quotes what was read.
            raise SecretUnavailable(f"{path}: not UTF-8") from None

    return read


def from_environment(name: str) -> Read:
    """The environment variable of this name."""

    def read() -> str:
        try:
            return os.environ[name]
        except KeyError:
            raise SecretUnavailable(f"the environment variable {name} is not set") from None

    return read


def from_credential(name: str) -> Read:
    """The systemd credential of this name (systemd.exec(5), LoadCredential=)."""

    def read() -> str:
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise SecretUnavailable(f"no systemd credential {name}: CREDENTIALS_DIRECTORY is not set")
        return from_file(Path(directory, name))()

    return read


# ---------------------------------------------------------------- who else can read them


def exposures(files: tuple[Path, ...], folders: tuple[Path, ...]) -> Iterator[Finding]:
    """What cannot be read, belongs to somebody else, or can be used by others. Folders may be missing."""
    for path in files:
        yield from _unreadable(path)
        yield from _exposed(path, 0o600)
    for path in folders:
        yield from _exposed(path, 0o700)


def _unreadable(path: Path) -> Iterator[Finding]:
    # access() first: where the user may not even enter the folder, as the sender may not, is_file() raises.
    if not os.access(path, os.R_OK) or not path.is_file():
        hint = "make it, with mode 0600 and owned by the user that the robot runs as, or correct its path"
        yield Finding("secret-file.unreadable", "it is not there, or the robot may not read it", hint, place=str(path))


def _exposed(path: Path, mode: int) -> Iterator[Finding]:
    try:
        found = path.stat()
    except OSError:
        return
    if stat.S_IMODE(found.st_mode) & 0o077:
        said = f"others than its owner may use it (mode {stat.S_IMODE(found.st_mode):04o})"
        hint = f"chmod {mode:04o} {path}; and change what is secret in it if somebody may have read it"
        yield Finding(EXPOSED, said, hint, Severity.WARNING, str(path))
    if found.st_uid not in {0, os.geteuid()}:
        said = f"it belongs to another user (uid {found.st_uid})"
        hint = "give it to the user that the robot runs as (chown)"
        yield Finding("secret-file.owner", said, hint, Severity.WARNING, str(path))
