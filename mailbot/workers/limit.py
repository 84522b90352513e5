"""What work on one mail may use: a process that exceeds its time ends itself, wherever it stands."""

import faulthandler
import resource
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End this process, with exit code 1, unless the block is left in time; one block at a time.

    The watch is kept by a thread of C: a regular expression that goes astray holds the interpreter, so that no thread
    of Python and no signal's function would ever run. It writes to stderr where each thread stood, without a value.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=_STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@contextmanager
def memory_limit(octets: int) -> Iterator[None]:
    """Until the end of the block this process gets no more address space: what asks for it fails with MemoryError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = min(limit for limit in (octets, soft, hard) if limit != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
