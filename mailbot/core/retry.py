"""When to try a delivery again, and when to give up (RFC 5321 §4.5.4.1)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_MINUTES = (1, 2, 5, 10, 20, 30, 60)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to try, and for how long.

    RFC 5321 asks for 30 minutes between tries, but for two quick ones at first, and for 4 to 5 days until giving up.
    An urgent request cannot wait 30 minutes because a server greylists it, so the first tries are quicker than that.
    """

    delays: tuple[timedelta, ...] = tuple(timedelta(minutes=m) for m in _MINUTES)  # the last one goes on for ever
    give_up_after: timedelta = timedelta(days=5)
    spread: float = 0.2  # a part of each delay, so that mails put off together do not all come back together

    @property
    def longest(self) -> timedelta:
        """No mail is put off for longer: a time beyond was written by a clock that was wrong."""
        return max(self.delays) * (1 + self.spread)

    def next_try(self, first: datetime, now: datetime, tries: int, chance: float) -> datetime | None:
        """The time of the next try after `tries` of them (1 or more), or None: give up.

        `first` is when the mail came into the outbox; `chance`, in [0, 1), places the try within the spread.
        """
        # A clock that jumps must not end a mail that was hardly tried (trust.md 18): every delay is waited for once.
        if now - first >= self.give_up_after and tries >= len(self.delays):
            return None
        delay = self.delays[min(tries, len(self.delays)) - 1]
        return now + delay * (1 + self.spread * (2 * chance - 1))
