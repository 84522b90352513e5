"""Whether the clock can be believed: the journal is the witness (trust.md 18)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mailbot.core.decision import Entry, Event
from mailbot.core.records import Terms

SIGN_OF_LIFE = timedelta(days=1)  # the journal of a robot at work is never silent for longer


class Clock(StrEnum):
    """What a reading of the clock is, held against the journal."""

    RIGHT = "right"
    BEHIND = "behind the journal"
    AHEAD = "far ahead of the journal"
    APART = "not the time of the database's machine"


@dataclass(frozen=True, slots=True)
class Witness:
    """What the journal says of the time; times are aware UTC."""

    latest: datetime | None = None  # of all rows that were written by a clock nobody doubted; None: there are none
    doubted: bool = False  # an alarm was raised: what was written since proves nothing

    def after(self, event: str, at: datetime) -> "Witness":
        """What the journal says with one more row."""
        if event == Event.CLOCK_TRUSTED:
            return Witness(at)
        if event == Event.CLOCK_DOUBTED:
            return replace(self, doubted=True)
        return self if self.doubted else replace(self, latest=max(at, self.latest or at))

    def judge(self, now: datetime, terms: Terms, lead: timedelta = timedelta(0)) -> Clock:
        """Whether it can be that time. After a silence longer than `longest_silence` an operator must say so.

        `lead`: how far the clock of the database's machine is ahead of ours. Of two that differ one is wrong.
        """
        if self.latest is not None and now < self.latest - terms.clock_tolerance:
            return Clock.BEHIND
        if self.latest is not None and now > self.latest + terms.longest_silence:
            return Clock.AHEAD
        return Clock.APART if abs(lead) > terms.clock_tolerance else Clock.RIGHT

    def entry(self, now: datetime, found: Clock, *, told: bool) -> Entry | None:
        """What the journal must be told now, if anything. `told`: that this clock is wrong was said before."""
        if found is not Clock.RIGHT:
            return None if told or self.doubted else Entry(Event.CLOCK_DOUBTED, facts=_facts(found, self.latest))
        if self.doubted:
            return Entry(Event.CLOCK_TRUSTED, facts=_facts(found, self.latest))
        silent = self.latest is not None and now - self.latest >= SIGN_OF_LIFE
        return Entry(Event.ALIVE) if silent else None


def _facts(found: Clock, latest: datetime | None) -> Mapping[str, str]:
    return {"clock": found.value, "latest": latest.isoformat() if latest else ""}
