"""Work on many files in a child process that may be killed: what takes too long, or breaks it, costs only itself."""

import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Self

_LENGTH = 8  # octets in front of each answer: how many follow

Work = Callable[[Path], bytes]


@dataclass(frozen=True, slots=True)
class Stopped:
    """No answer: the work took too long, or ended its process."""

    in_time: bool


def watched(files: Sequence[Path], work: Work, seconds: float) -> Iterator[tuple[Path, bytes | Stopped]]:
    """Each file with what `work` answers about it, in order. `work` is killed `seconds` after it began with a file.

    It runs in a child process, so nothing that it changes here is seen. Call this before there are threads.
    """
    done = 0
    while done < len(files):
        with _Child(files[done:], work) as child:
            while done < len(files):
                answer = child.answer(seconds)
                yield files[done], answer
                done += 1
                if isinstance(answer, Stopped):
                    break


@dataclass(slots=True)
class _Child:
    """A process that works on these files, one after the other."""

    files: Sequence[Path]
    work: Work
    process: int = 0
    answers: int = -1
    begun: float = field(default_factory=monotonic)

    def __enter__(self) -> Self:
        self.answers, end = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            os.close(self.answers)
            self._work(end)
        os.close(end)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.answers)
        with suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)
        with suppress(ProcessLookupError):  # it may not have had the time to make its group
            os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)

    def _work(self, end: int) -> None:
        """In the child: never returns. What it starts belongs to its group, and is ended with it."""
        code = 1
        try:
            os.setpgid(0, 0)
            with open(end, "wb") as pipe:
                for file in self.files:
                    answer = self.work(file)
                    pipe.write(len(answer).to_bytes(_LENGTH, "big") + answer)
                    pipe.flush()
            code = 0
        finally:
            os._exit(code)  # nothing of the parent's may be cleaned up here

    def answer(self, seconds: float) -> bytes | Stopped:
        """The next answer."""
        self.begun = monotonic()
        length = self._read(_LENGTH, self.begun + seconds)
        if isinstance(length, Stopped):
            return length
        return self._read(int.from_bytes(length, "big"), self.begun + seconds)

    def _read(self, count: int, deadline: float) -> bytes | Stopped:
        pieces, poll = list[bytes](), select.poll()
        poll.register(self.answers, select.POLLIN)
        while count > 0:
            if not poll.poll(max(0.0, deadline - monotonic()) * 1000):
                return Stopped(in_time=False)
            piece = os.read(self.answers, min(count, 1 << 20))
            if not piece:
                return Stopped(in_time=True)
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)
