"""What happens on the wire, seen from a process of its own: the SMTP sink, and the tap before the IMAP server.

`Witness` starts it and reads what it saw; times are of the one monotonic clock that all processes share.
"""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Self

from mailbot.bench.sink import Sink
from mailbot.bench.tap import Tap

_ROOT = Path(__file__).parents[2]


class NothingSeen(Exception):
    """What was waited for did not happen in time; the text says what it was."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One thing that was seen."""

    at: float
    what: str  # TAKEN, or what the robot said to the IMAP server
    whom: str = ""  # of TAKEN: the recipient
    size: int = 0  # octets


class Witness:
    """The process, and what it saw so far."""

    def __init__(self, imap_port: int) -> None:
        """`imap_port`: where the real server is."""
        self._imap_port = imap_port
        self._seen: list[Sight] = []
        self._news = threading.Condition()
        self.smtp_port = self.imap_port = 0

    def __enter__(self) -> Self:
        """Start; both ports are known then."""
        command = [sys.executable, "-m", "mailbot.bench.witness", str(self._imap_port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
        told = self._process.stdout
        assert told is not None  # noqa: S101 - as asked for
        self.smtp_port, self.imap_port = json.loads(told.readline())
        threading.Thread(target=self._listen, args=(told,), name="witness", daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()

    @property
    def now(self) -> int:
        """How much was seen so far: where `wait` can begin."""
        with self._news:
            return len(self._seen)

    def since(self, start: int) -> list[Sight]:
        """All that was seen from there on."""
        with self._news:
            return self._seen[start:]

    def wait(self, start: int, what: Callable[[Sight], bool], count: int = 1, seconds: float = 60.0) -> Sight:
        """The `count`th such sight from `start` on. Raises NothingSeen."""
        end, at, found = monotonic() + seconds, start, 0
        while True:
            with self._news:
                if not self._news.wait_for(lambda at=at: len(self._seen) > at, max(0.0, end - monotonic())):  # type: ignore[misc]
                    raise NothingSeen(f"{found} of {count} within {seconds:.0f} s")
                sight = self._seen[at]
            at += 1
            found += what(sight)
            if found == count:
                return sight

    def _listen(self, told: IO[bytes]) -> None:
        for line in told:
            sight = Sight(*json.loads(line))
            with self._news:
                self._seen.append(sight)
                self._news.notify_all()


def taken(address: str | None = None) -> Callable[[Sight], bool]:
    """A mail accepted by the sink, for this address or anybody."""
    return lambda sight: sight.what == "TAKEN" and address in {None, sight.whom}


def said(command: str) -> Callable[[Sight], bool]:
    """What the robot said, or the server announced, that begins so."""
    return lambda sight: sight.what.startswith(command)


# ---------------------------------------------------------------- the process


async def _watch(imap_port: int) -> None:
    def tell(*what: object) -> None:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: Sink(lambda at, whom, size: tell(at, "TAKEN", whom, size)), "127.0.0.1", 0)
    imap = await asyncio.start_server(Tap(imap_port, tell).connected, "127.0.0.1", 0)
    tell(smtp.sockets[0].getsockname()[1], imap.sockets[0].getsockname()[1])
    await asyncio.to_thread(sys.stdin.read)  # its end is our parent's


if __name__ == "__main__":
    asyncio.run(_watch(int(sys.argv[1])))
