"""What the loops say of the world outside: since when the mailbox, the server or the database fails them."""

from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

MAILBOX, SERVER, DATABASE = "mailbox", "server", "database"


@dataclass(slots=True)
class Health:
    """Shared by the threads of one robot."""

    _failing: dict[str, datetime] = field(default_factory=dict, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def failing(self, what: str, now: datetime) -> None:
        """It failed; the first time counts."""
        with self._lock:
            self._failing.setdefault(what, now)

    def well(self, what: str) -> None:
        """It worked."""
        with self._lock:
            self._failing.pop(what, None)

    def since(self, what: str) -> datetime | None:
        """Since when it fails; None: it works, or nobody tried."""
        with self._lock:
            return self._failing.get(what)
