"""Keeps the robot alive: it works in a child process, and another takes its place when a mail has killed that one."""

import ctypes
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from types import FrameType

from mailbot.cli.faults import Exit
from mailbot.workers.loop import pause

log = logging.getLogger(__name__)

_ENDING = (signal.SIGTERM, signal.SIGINT)
_PR_SET_PDEATHSIG = 1
LONG_LIFE = 600.0  # seconds: who lived that long was not born dead


def supervised() -> int | None:
    """Go on as a child process: None in every child, the exit code in the parent, which waits.

    A child that a signal ended, or that ended with 1 (its time limit, a bug), is followed by another after a growing
    pause. Every other code is the end. SIGTERM and SIGINT are passed on, and then no child follows. Call it before
    there are threads.
    """
    return _Supervisor().watch()


@dataclass(slots=True)
class _Supervisor:
    stop: Event = field(default_factory=Event)
    child: int = 0

    def watch(self) -> int | None:
        for number in _ENDING:
            signal.signal(number, self._pass_on)
        failures = 0
        while not self.stop.is_set():
            begun = monotonic()
            if not self._bear():
                return None
            code = self._await()
            if self.stop.is_set():
                return max(code, 0)  # a child that had not begun yet dies of the signal itself
            if code > Exit.FINDING or code == Exit.FINE:
                return code
            failures = 1 if monotonic() - begun > LONG_LIFE else failures + 1
            log.error("the robot's process ended with %d; another follows", code)
            self.stop.wait(pause(failures))
        return Exit.FINE

    def _bear(self) -> int:
        """Fork; in the child nothing is left of the parent's signals, and it dies with its parent."""
        with _undisturbed():
            parent = os.getpid()
            self.child = os.fork()
            if self.child == 0:
                for number in _ENDING:
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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
