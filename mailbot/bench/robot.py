"""The robot as operators start it, a process of its own, and what /proc says that it uses."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Self

_ROOT = Path(__file__).parents[2]
_TICK = os.sysconf("SC_CLK_TCK")
_MIB = 1024 * 1024
_ENDING = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Use:
    """What all processes of a robot have used up to now, gpg included."""

    at: float  # monotonic seconds
    cpu: float  # seconds
    wakes: int  # times that a thread went to sleep, and so was woken
    written: int  # octets that went to a disk
    resident: int  # octets now; what parent and child share counts once
    peak: int  # octets, of its largest process, since the last `forget_peak`


class Running:
    """`mailbot run`, until the block ends."""

    def __init__(self, config: Path, *, verbose: bool = False) -> None:
        """Not yet started."""
        self.config = config
        self.log = config.parent / "log"
        self._more = ["--verbose"] if verbose else []
        self.began = 0.0

    def __enter__(self) -> Self:
        """Start; it is not ready yet."""
        command = [sys.executable, "-m", "mailbot", "run", *self._more, "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.began = monotonic()
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=_ROOT, env=_environment()
            )
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop it as an operator does."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_ENDING)
        finally:
            self._process.kill()
            self._process.wait()

    @property
    def processes(self) -> list[int]:
        """The supervisor, the robot itself, and gpg's agent."""
        return [self._process.pid, *_children(self._process.pid), *self._agents()]

    def use(self) -> Use:
        """Up to now."""
        found = [_of(pid) for pid in self.processes if Path(f"/proc/{pid}").exists()]
        cpu, wakes, written, resident, peaks = zip(*found, strict=True)
        return Use(monotonic(), sum(cpu), sum(wakes), sum(written), sum(resident), max(peaks))

    def forget_peak(self) -> None:
        """Count the peak of memory from now on."""
        for pid in self.processes:
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")

    def _agents(self) -> Iterator[int]:
        """The robot's gpg-agent is a daemon: it is known by its home, which lies in the state folder."""
        place = str(self.config.parent / "state").encode()
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = entry.read_bytes().split(b"\0")
                if words[0].endswith(b"gpg-agent") and any(word.startswith(place) for word in words):
                    yield int(entry.parent.name)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(_ROOT)}


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _of(pid: int) -> tuple[float, int, int, int, int]:
    """CPU with that of ended children, wakes, octets written, proportional and peak memory."""
    place = Path(f"/proc/{pid}")
    words = (place / "stat").read_text().rpartition(")")[2].split()
    cpu = sum(map(int, words[11:15])) / _TICK
    wakes = sum(_field(task / "status", "voluntary_ctxt_switches") for task in (place / "task").iterdir())
    written = _field(place / "io", "write_bytes")
    shared = _field(place / "smaps_rollup", "Pss") * 1024
    return cpu, wakes, written, shared, _field(place / "status", "VmHWM") * 1024


def _field(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0
