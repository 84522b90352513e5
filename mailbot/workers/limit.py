"""What work on one mail may use: a process that exceeds its time ends itself, wherever it stands."""

import ctypes
import faulthandler
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_STDERR = 2
_M_MMAP_THRESHOLD = -3  # glibc's malloc.h
_LARGE_BLOCK = 4 * 1024 * 1024  # octets; what is smaller comes and goes too often


_ends = dict[object, float]()  # the blocks that threads are in now -> when each must be left; monotonic seconds
_guard = threading.Lock()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End this process, by SIGALRM, unless the block is left in time; threads may be in one each.

    A regular expression that goes astray holds the interpreter, so that no thread of Python and no signal's function
    would ever run: the handler is C, which writes to stderr where each thread stood, without a value, and lets the
    signal do what it does by default. A thread of C would do as well (faulthandler.dump_traceback_later), but one is
    made and ended at each change: a twentieth of all that a mail costs.
    """
    block = object()
    with _guard:
        _ends[block] = time.monotonic() + seconds
        _watch()
    try:
        yield
    finally:
        with _guard:
            del _ends[block]
            _watch()


def _watch() -> None:
    """Set the one alarm that there is to the first of all ends."""
    faulthandler.register(signal.SIGALRM, file=_STDERR, chain=True)
    left = max(min(_ends.values()) - time.monotonic(), 0.001) if _ends else 0
    signal.setitimer(signal.ITIMER_REAL, left)


@contextmanager
def memory_limit(octets: int) -> Iterator[None]:
    """Until the end of the block this process gets no more address space: what asks for it fails with MemoryError."""
    _give_large_blocks_back()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = min(limit for limit in (octets, soft, hard) if limit != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _give_large_blocks_back() -> None:
    """Have glibc give every large block back to the system as soon as it is free.

    Left alone it keeps those below 32 MiB once it has seen larger ones: after one mail of 25 MiB, 300 MiB for ever.
    """
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
