"""python-gnupg, tamed: every call of gpg goes through `TamedGPG.ask`, whichever verb of the library asks for it.

What is tamed (libraries.md): gpg's status lines are read as octets, split at line feeds alone, control characters
neutralised; output counts only if gpg ended well; there is a limit of time, memory and output; nothing is asked of a
person, a keyserver or a default key; clear text passes through pipes and memfds and never touches a disk.
"""

import os
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar

import gnupg

SAFE = (
    "--batch",
    "--no-tty",
    "--no-greeting",
    "--no-options",  # what stands here holds, not a file
    "--pinentry-mode=loopback",
    "--trust-model=always",  # whom to trust is decided by pinned fingerprints, not by gpg
    "--no-auto-check-trustdb",
    "--no-auto-key-locate",
    "--no-auto-key-retrieve",
    "--disable-dirmngr",
    "--no-random-seed-file",  # two parallel calls would wait 250 ms for it
    "--no-encrypt-to",
    "--no-symkey-cache",
    "--no-permission-warning",
    "--enable-special-filenames",
    "--utf8-strings",  # arguments are UTF-8, whatever the locale
    "--display-charset=utf-8",
    "--fixed-list-mode",
    "--with-colons",
    "--cipher-algo=AES256",
    "--digest-algo=SHA512",
    "--cert-digest-algo=SHA512",
    "--compress-algo=none",  # most content is base64 already, and zlib costs four times the encryption
)

# Without these gpg neither lists nor imports a certificate that begins later than now; Certificate.flaw refuses it.
EVEN_FROM_THE_FUTURE = ("--ignore-time-conflict", "--ignore-valid-from")

_PREFIX = b"[GNUPG:] "
_MOST_STATUS = 1024 * 1024  # octets
_LOOK_EVERY = 50  # milliseconds
_PIPE = 65536  # octets: what waits in one
_NEUTRAL = bytes(octet if 0x20 <= octet < 0x7F else ord("?") for octet in range(256))
_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")  # nothing else: passwords may lie in the others


class GpgFailure(Exception):
    """gpg did not do what it can always do when the world is in order; the text names no content and no person."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one call of gpg may use."""

    seconds: float = 60.0
    octets: int = 512 * 1024 * 1024  # of output
    memory: int = 1024 * 1024 * 1024  # octets of address space


@dataclass(frozen=True, slots=True)
class Line:
    """One status line (GnuPG's doc/DETAILS): printable ASCII only."""

    keyword: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """All that gpg said; `sound` is false if any of it was not a status line."""

    lines: tuple[Line, ...] = ()
    sound: bool = True

    def of(self, *keywords: str) -> list[Line]:
        return [line for line in self.lines if line.keyword in keywords]

    def count(self, keyword: str) -> int:
        return len(self.of(keyword))


def read_status(octets: bytes) -> Status:
    """The status lines in what gpg wrote to its status descriptor."""
    rows = octets.split(b"\n")
    sound = rows.pop() == b"" and all(row.startswith(_PREFIX) and row[9:10].isupper() for row in rows)
    words = (row.removeprefix(_PREFIX).translate(_NEUTRAL).decode("ascii").split(" ") for row in rows)
    return Status(tuple(Line(first, tuple(rest)) for first, *rest in words), sound)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call."""

    returncode: int
    status: Status
    output: bytes = field(repr=False)  # beware: whatever gpg wrote, even if it failed afterwards
    overflow: bool = False  # more output than allowed; what there was of it is gone

    stdin: ClassVar[None] = None  # python-gnupg wants to close it

    @property
    def well(self) -> bool:
        return self.returncode == 0 and self.status.sound and not self.overflow

    def require(self, what: str) -> "Answer":
        """The answer itself. Raises GpgFailure if gpg did not end well."""
        if self.well:
            return self
        said = " ".join(dict.fromkeys(line.keyword for line in self.status.lines)) or "no word"
        raise GpgFailure(f"{what}: {'too large' if self.overflow else f'return code {self.returncode}'} ({said})")


class TamedGPG(gnupg.GPG):  # type: ignore[misc]  # the library has no types
    """gnupg.GPG whose verbs can be trusted as far as `ask` can; those that sign are not supported, `ask` for it."""

    def __init__(
        self,
        home: Path,
        passphrase: str | None = None,
        allowance: Allowance | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """Spawns gpg once. Raises OSError or ValueError without gpg, or without that home."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # clear text lies in this process too
        if passphrase is not None and not self.is_valid_passphrase(passphrase):
            raise ValueError("a passphrase must be one line")
        self.allowance = allowance or Allowance()
        self._passphrase = passphrase
        super().__init__(gnupghome=str(home), options=list(options), gpgbinary=shutil.which("gpg") or "gpg")
        if not (home / "trustdb.gpg").exists():
            # Nothing is read from this file, but where there is none gpg refuses to list expired certificates.
            self.ask(["--trust-model=pgp", "--check-trustdb"])

    def ask(self, args: Sequence[str], octets: bytes = b"", document: bytes | None = None) -> Answer:
        """One call of gpg with these octets as its input; `document`, if any, is named after the arguments.

        Raises GpgFailure when the time is up, or when gpg was ended by a signal.
        """
        with ExitStack() as stack:
            output = stack.enter_context(_memory())
            status, status_end = stack.enter_context(_pipe())
            passed = [status_end.fileno()]
            command = [*self.make_args([], None), f"--status-fd={passed[0]}"]
            if self._passphrase is not None:
                passed.append(stack.enter_context(_memory(f"{self._passphrase}\n".encode())).fileno())
                command.append(f"--passphrase-fd={passed[-1]}")
            command += args
            if document is not None:
                passed.append(stack.enter_context(_memory(document)).fileno())
                command.append(f"-&{passed[-1]}")
            stdin = stack.enter_context(_memory(octets))
            child = self._start(command, stdin, output, passed)
            status_end.close()  # so that the status ends when gpg does
            return self._await(child, status, output)

    def make_args(self, args: Sequence[str], _passphrase: object) -> list[str]:
        """The library's hook: the command without the descriptors, which differ from call to call."""
        return [self.gpgbinary, *SAFE, f"--homedir={self.gnupghome}", *self.options, *args]

    def _start(
        self, command: list[str], stdin: IO[bytes], output: IO[bytes], passed: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | {"LC_ALL": "C"}
        child = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.DEVNULL,
            pass_fds=passed,
            env=environment,
            umask=0o077,  # gpg asks for 0644
        )
        # Set from outside: code between fork and exec is not safe in a process with threads.
        with suppress(ProcessLookupError):
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (self.allowance.octets,) * 2)
            resource.prlimit(child.pid, resource.RLIMIT_AS, (self.allowance.memory,) * 2)
        return child

    def _await(self, child: subprocess.Popen[bytes], status: IO[bytes], output: IO[bytes]) -> Answer:
        octets = _read_until_ended(child, status, time.monotonic() + self.allowance.seconds)
        returncode = child.wait()
        if octets is None:
            raise GpgFailure("gpg took too long, or had too much to say")
        said = read_status(octets)
        if returncode == -signal.SIGXFSZ:
            return Answer(returncode, said, b"", overflow=True)
        if returncode < 0:
            raise GpgFailure(f"gpg was ended by signal {-returncode}")
        if os.fstat(output.fileno()).st_size > self.allowance.octets:  # gpg was done before it had a limit
            return Answer(returncode, said, b"", overflow=True)
        output.seek(0)
        return Answer(returncode, said, output.read())

    # ------------------------------------------------------------ the library's other hooks

    def _open_subprocess(self, args: Sequence[str], *_: object) -> Answer:
        return self.ask(args)

    def _collect_output(self, answer: Answer, result: object, *_: object, **__: object) -> None:
        _tell(answer, result)

    def _handle_io(self, args: Sequence[str], source: IO[bytes], result: object, *_: object, **__: object) -> object:
        _tell(self.ask(args, source.read()), result)
        return result


def _tell(answer: Answer, result: object) -> None:
    """Fill in a result object of the library; what it cannot understand is not valid."""
    well = answer.well
    for line in answer.status.lines:
        try:
            result.handle_status(line.keyword, " ".join(line.words))  # type: ignore[attr-defined]
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            well = False
    if not well:
        _set(result, valid=False, ok=False)
    _set(result, returncode=answer.returncode if well else answer.returncode or -1, stderr="")
    _set(result, data=answer.output if well else b"")


def _set(result: object, **facts: object) -> None:
    for name, fact in facts.items():
        with suppress(AttributeError):  # of some results `ok` is computed
            setattr(result, name, fact)


def _read_until_ended(child: subprocess.Popen[bytes], status: IO[bytes], deadline: float) -> bytes | None:
    """All that was said until gpg ended; None, and gpg is killed, if time or size ran out first.

    It sleeps until gpg ends: to wait for the pipe would wake us for each line. Now and then it looks whether gpg waits
    for room in there.
    """
    os.set_blocking(status.fileno(), False)
    said, ended = b"", False
    try:
        with _descriptor_of(child) as process:
            poll = select.poll()
            poll.register(process, select.POLLIN)
            while not ended and len(said) <= _MOST_STATUS and time.monotonic() < deadline:
                ended = bool(poll.poll(_LOOK_EVERY))
                while len(said) <= _MOST_STATUS and (piece := status.read(_PIPE)):  # nothing: for now, or for good
                    said += piece
    finally:
        if not ended:
            child.kill()
    return said if ended and len(said) <= _MOST_STATUS else None


@contextmanager
def _descriptor_of(child: subprocess.Popen[bytes]) -> Iterator[int]:
    """It is readable when the process has ended."""
    descriptor = os.pidfd_open(child.pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _memory(octets: bytes = b"") -> Iterator[IO[bytes]]:
    """A file that lies in memory alone, to be read from its start."""
    with open(os.memfd_create("mailbot"), "w+b", buffering=0) as file:  # noqa: PTH123 - a descriptor, no path
        view = memoryview(octets)
        while view:
            view = view[file.write(view) :]
        file.seek(0)
        yield file


@contextmanager
def _pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as readable, open(writer, "wb", buffering=0) as writable:  # noqa: PTH123
        yield readable, writable
