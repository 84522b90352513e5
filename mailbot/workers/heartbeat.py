"""Signs of life for systemd (sd_notify(3), sd_watchdog_enabled(3)): as long as every loop turns, and no longer."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic


@dataclass(slots=True)
class Heartbeat:
    """Each loop says when it is alive; the watchdog hears of it while all of them are. Without systemd it is silent."""

    _last: dict[str, float] = field(default_factory=dict, init=False)

    def beat(self, loop: str) -> None:
        """Say that the loop has just gone round."""
        self._last[loop] = monotonic()

    def stalled(self, patience: float) -> frozenset[str]:
        """The loops that did not go round for so many seconds."""
        now = monotonic()
        return frozenset(loop for loop, last in self._last.copy().items() if now - last > patience)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Ready at the beginning, alive meanwhile, stopping at the end."""
        say("READY=1")
        ended = threading.Event()
        if patience := watchdog():
            threading.Thread(target=self._pass_on, args=(patience, ended), name="heartbeat", daemon=True).start()
        try:
            yield
        finally:
            ended.set()
            say("STOPPING=1")

    def _pass_on(self, patience: float, ended: threading.Event) -> None:
        while not ended.wait(patience / 4):
            if not self.stalled(patience / 2):
                say("WATCHDOG=1")


def watchdog() -> float | None:
    """How many seconds systemd waits for a sign of life; None: it does not ask for any.

    WATCHDOG_PID is not looked at: it names the parent, and the work is done in its child (NotifyAccess=all).
    """
    written = os.environ.get("WATCHDOG_USEC", "")
    return int(written) / 1e6 if written.isdecimal() and int(written) else None


def say(state: str) -> None:
    """Send a line to the service manager, if there is one; one that does not listen is no failure of ours."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(state.encode(), f"\0{path[1:]}" if path.startswith("@") else path)
