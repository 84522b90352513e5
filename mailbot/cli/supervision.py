"""Keeps the robot alive: it works in a child process, and another takes its place when a mail has killed that one."""

import ctypes
import logging
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType

from mailbot.cli.faults import Exit
from mailbot.workers.loop import pause

log = logging.getLogger(__name__)

ENDING = (signal.SIGTERM, signal.SIGINT)
_PR_SET_PDEATHSIG = 1
LONG_LIFE = 600.0  # seconds: who lived that long was not born dead


class Heard:
    """Whether a signal has come.

    Its handler may run while its own thread holds the lock of an Event, and within itself, for systemd tells every
    process of a unit and the parent passes it on: so there is no lock in it.
    """

    def __init__(self) -> None:
        """Not yet."""
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def set(self) -> None:
        """For a handler."""
        with suppress(BlockingIOError):  # it came for the 2^64th time
            os.eventfd_write(self._descriptor, 1)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for it, so long at most; whether it has come."""
        return bool(select.select([self._descriptor], [], [], seconds)[0])


def supervised() -> int | None:
    """Go on as a child process: None in every child, the exit code in the parent, which waits.

    A child that a signal ended (its time limit's, too), or that ended with 1 (a bug), is followed by another after a
    growing pause. Every other code is the end. SIGTERM and SIGINT are passed on, and then no child follows. Call it
    before there are threads.
    """
    return _Supervisor().watch()


@dataclass(slots=True)
class _Supervisor:
    stop: Heard = field(default_factory=Heard)
    child: int = 0

    def watch(self) -> int | None:
        for number in ENDING:
            signal.signal(number, self._pass_on)
        failures = 0
        while not self.stop.wait(0):
            begun = monotonic()
            if not self._bear():
                return None
            code = self._await()
            if self.stop.wait(0):
                return max(code, 0)  # a child that had not begun yet dies of the signal itself
            if code > Exit.FINDING or code == Exit.FINE:
                return code
            failures = 1 if monotonic() - begun > LONG_LIFE else failures + 1
            how = f"was ended by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"ended with {code}"
            log.error("the robot's process %s; another follows", how)
            self.stop.wait(pause(failures))
        return Exit.FINE

    def _bear(self) -> int:
        """Fork; in the child nothing is left of the parent's signals, and it dies with its parent."""
        with _undisturbed():
            parent = os.getpid()
            self.child = os.fork()
            if self.child == 0:
                for number in ENDING:
                    signal.signal(number, signal.SIG_DFL)
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:
                    os._exit(Exit.FINDING)
        return self.child

    def _await(self) -> int:
        _, status = os.waitpid(self.child, 0)
        self.child = 0
        return os.waitstatus_to_exitcode(status)

    def _pass_on(self, _number: int, _frame: FrameType | None) -> None:
        self.stop.set()
        if self.child:
            with suppress(ProcessLookupError):  # it ended by itself, and that is not noted yet
                os.kill(self.child, signal.SIGTERM)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No signal comes between forking and knowing which of the two one is."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
