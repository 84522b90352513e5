"""The clock, held against journal and database in every round: may decisions that time alone calls for be taken?"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailbot.core.clock import Clock, Witness
from mailbot.core.decision import Event
from mailbot.core.records import Terms
from mailbot.store.journal import Journal

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Timekeeper:
    """Follows the journal, whoever writes in it. One for each process."""

    journal: Journal
    terms: Terms
    lead: Callable[[], timedelta] = timedelta  # how far the clock of the database's machine is ahead of ours
    _witness: Witness | None = field(default=None, init=False)
    _seen: int = field(default=0, init=False)  # the number of the last row that was read
    _told: bool = field(default=False, init=False)

    def believes(self, now: datetime) -> bool:
        """Whether the clock is right; that it is not, and that it is again, is logged and journalled once."""
        found = self.reading(now)
        entry = self._follow().entry(now, found, told=self._told)
        if entry:
            self.journal.record([entry], now)
        right = found is Clock.RIGHT
        if right is self._told:
            level, said = (logging.WARNING, "") if right else (logging.ERROR, ": no reminders, no deadlines for now")
            log.log(level, "the clock is %s%s", found.value, said)
        self._told = not right
        return right

    def reading(self, now: datetime) -> Clock:
        """What the journal and the database's machine say of that time; writes nothing."""
        return self._follow().judge(now, self.terms, self.lead())

    def _follow(self) -> Witness:
        """What the journal says, the rows of other processes included."""
        witness = self._witness or self._begin()
        for row in self.journal.rows(after=self._seen):
            witness, self._seen = witness.after(row.event, row.at), row.number
        self._witness = witness
        return witness

    def _begin(self) -> Witness:
        """From the last word about the clock on; without one, from all rows."""
        said = self.journal.last_on_the_clock()
        if said and said.event == Event.CLOCK_DOUBTED:
            self._seen = said.number
            return Witness(datetime.fromisoformat(json.loads(said.facts)["latest"]), doubted=True)
        latest, self._seen = self.journal.span(said.number if said else 1)
        return Witness(latest)
