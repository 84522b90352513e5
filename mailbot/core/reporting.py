"""What the secretariat and the operators are told of the robot's own accord: the settings."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mailbot.core.parties import Address, Right

if TYPE_CHECKING:  # it knows decisions, which know this
    from mailbot.core.retention import Retention


@dataclass(frozen=True, slots=True)
class Reporting:
    """Digest and report, all configurable."""

    at: time | None = time(6)  # of the digest, on the clocks of the zone; None: only on demand
    time_zone: str = "Europe/Paris"  # IANA name; the days and months of reports are this zone's, too
    readers: frozenset[Right] = frozenset(Right)
    only_if_needed: bool = False  # no digest on a day on which nothing needs a person
    pairs_from: int = 5  # a report names no pair of parties with fewer exchanges than this
    retention: "Retention | None" = None  # how long mail is kept, to warn before it goes; None: as by default

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def turn(self, now: datetime) -> str | None:
        """The day whose digest is the last that was due: `2026-11-24`; None: none ever is.

        A robot that was away for days owes one digest, not one for each day.
        """
        if self.at is None:
            return None
        local = now.astimezone(self.zone)
        day = local.date() if local.time() >= self.at else local.date() - timedelta(days=1)
        return day.isoformat()

    def due_at(self, turn: str) -> datetime:
        """When that day's was due."""
        return datetime.combine(date.fromisoformat(turn), self.at or time(), self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who gets a letter of this kind: one language, and where."""

    language: str
    mailboxes: tuple[Address, ...]
