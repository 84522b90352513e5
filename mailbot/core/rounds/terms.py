"""The rules of ping tests, all configurable: when they start by themselves, and who may see their results."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from mailbot.core.tags import ALL

LONGEST_WINDOW = timedelta(hours=12)  # so that a probe never goes out in another night than the schedule says


class Sharing(StrEnum):
    """What contact points see of a result that is shared with them."""

    TABLE = "table"  # every party
    OWN = "own"  # the figures, and what became of their own party


@dataclass(frozen=True, slots=True)
class Days:
    """From the first to the last of them, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """From when to when, Monday to Friday, somebody is at his desk anyway; local times."""

    begin: time = time(8)
    end: time = time(18)

    def __contains__(self, at: datetime) -> bool:
        return at.weekday() < 5 and self.begin <= at.time() < self.end


@dataclass(frozen=True, slots=True)
class PingTerms:
    """The section [ping]."""

    schedule: tuple[str, ...] = ()  # cron expressions, in each party's own time
    window: timedelta = timedelta()  # a probe goes out at a random moment of it
    blackout: tuple[Days, ...] = ()  # on these days, in the party's own time, the schedule rests
    parties: tuple[str, ...] = (ALL,)  # whom the schedule asks
    share_scheduled: bool = False  # whether what it finds goes to the contact points, too
    sharing: Sharing = Sharing.TABLE
    language: str = ""  # of results; empty: the secretariat's
    office_hours: OfficeHours = OfficeHours()

    def rests_on(self, day: date) -> bool:
        """Whether nothing is sent on that day by itself."""
        return any(day in days for days in self.blackout)
