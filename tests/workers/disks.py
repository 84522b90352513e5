"""Disks that fill up or turn read-only while a robot works on them, by the best means that this machine allows.

Where mounting is allowed, real ones; where it is not, as in many containers, a limit on the size of the robot's files.
"""

import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

MEBI = 1024 * 1024
NOT_ALLOWED = "mounting is not allowed here"


class Disk(Protocol):
    """One that can be made to fail, and mended. `way`: by what means."""

    way: str

    def fail(self, robot: Collection[int] = ()) -> None:
        """From now on nothing can be written, or nothing more. `robot`: the processes that work there."""

    def mend(self, robot: Collection[int] = ()) -> None:
        """All is well again."""

    def prefix(self) -> list[str]:
        """What a robot that begins now is to be started with."""


@contextmanager
def filling_up(place: Path) -> Iterator[Disk]:
    """A small disk, mounted at that place."""
    if not _mounted("-t", "tmpfs", "-o", "size=4m,mode=0700", "mailbot-test", place):
        yield _Limit(_largest_file(place), f"files may not grow (RLIMIT_FSIZE): {NOT_ALLOWED}")
        return
    try:
        yield _Full(place)
    finally:
        _unmount(place)


@contextmanager
def read_only_between_starts(place: Path) -> Iterator[Disk]:
    """A disk that is mounted read-only while nobody has a file open there."""
    if not _mounted("-t", "tmpfs", "-o", "size=16m,mode=0700", "mailbot-test", place):
        yield _Limit(lambda: 0, f"no octet may be written (RLIMIT_FSIZE): {NOT_ALLOWED}")
        return
    try:
        yield _ReadOnly(place)
    finally:
        _unmount(place)


@contextmanager
def turning_read_only(place: Path) -> Iterator[Disk]:
    """A file system that turns read-only under open files, as Linux makes one on which it finds an error."""
    folder = Path(tempfile.mkdtemp(prefix="mb", dir="/tmp"))
    try:
        if not _format(image := folder / "image") or not _mounted("-o", "loop", image, place):
            yield _Limit(lambda: 0, f"no octet may be written (RLIMIT_FSIZE): {NOT_ALLOWED}")
            return
        place.chmod(0o700)
        try:
            yield _Aborted(image, place)
        finally:
            _unmount(place)
    finally:
        shutil.rmtree(folder)


# ---------------------------------------------------------------- real ones


class _Mounted:
    def prefix(self) -> list[str]:
        return []


class _Full(_Mounted):
    way = "a tmpfs of 4 MiB, filled"

    def __init__(self, place: Path) -> None:
        self._filler = place / "filler"

    def fail(self, robot: Collection[int] = ()) -> None:
        with suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    def mend(self, robot: Collection[int] = ()) -> None:
        self._filler.unlink()


class _ReadOnly(_Mounted):
    way = "a tmpfs, mounted anew read-only"

    def __init__(self, place: Path) -> None:
        self._place = place

    def fail(self, robot: Collection[int] = ()) -> None:
        subprocess.run(["mount", "-o", "remount,ro", self._place], check=True)

    def mend(self, robot: Collection[int] = ()) -> None:
        subprocess.run(["mount", "-o", "remount,rw", self._place], check=True)


class _Aborted(_Mounted):
    way = "an ext4 that Linux gave up (mount -o remount,abort)"

    def __init__(self, image: Path, place: Path) -> None:
        self._image, self._place = image, place

    def fail(self, robot: Collection[int] = ()) -> None:
        subprocess.run(["mount", "-o", "remount,abort", self._place], capture_output=True, check=False)
        try:
            (self._place / "trial").touch()
        except OSError:
            return
        raise RuntimeError("the file system is not read-only")

    def mend(self, robot: Collection[int] = ()) -> None:
        """Nobody may have a file open there."""
        subprocess.run(["umount", self._place], check=True)
        checked = subprocess.run(["fsck.ext4", "-p", self._image], capture_output=True, check=False)
        if checked.returncode > 1 or not _mounted("-o", "loop", self._image, self._place):
            raise RuntimeError(f"not mended: {checked.stdout!r}")


def _format(image: Path) -> bool:
    with image.open("wb") as file:
        file.truncate(32 * MEBI)
    return shutil.which("mkfs.ext4") is not None and _done("mkfs.ext4", "-q", image)


def _mounted(*words: "str | Path") -> bool:
    return _done("mount", *words)


def _done(*words: "str | Path") -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", place], check=True)


# ---------------------------------------------------------------- the way for containers


class _Limit:
    """The kernel refuses the robot's writes. What a test writes meanwhile is not hindered."""

    def __init__(self, octets: Callable[[], int], way: str) -> None:
        self.way = way
        self._octets = octets
        self._failing = False

    def fail(self, robot: Collection[int] = ()) -> None:
        self._failing = True
        self._limit(robot, self._octets())

    def mend(self, robot: Collection[int] = ()) -> None:
        self._failing = False
        self._limit(robot, resource.RLIM_INFINITY)

    def prefix(self) -> list[str]:
        return ["prlimit", f"--fsize={self._octets()}:unlimited", "--"] if self._failing else []

    def _limit(self, robot: Collection[int], octets: int) -> None:
        for pid in robot:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))


def _largest_file(place: Path) -> Callable[[], int]:
    return lambda: max((path.stat().st_size for path in place.glob("mailbot.sqlite*")), default=0)
