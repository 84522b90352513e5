"""A threading.Event that can be waited for together with a socket, so that nobody must look every second."""

import os
from contextlib import suppress
from threading import Event


class Bell(Event):
    """Once set, its file descriptor is readable. To be set once and for all: `clear` is not heard by who polls."""

    def __init__(self) -> None:
        """Not set."""
        super().__init__()
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def set(self) -> None:
        """Wake everybody who waits."""
        super().set()
        with suppress(OSError):  # rung for the 2^64th time
            os.eventfd_write(self._descriptor, 1)

    def fileno(self) -> int:
        """For select.poll()."""
        return self._descriptor

    def __del__(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)
