"""How much one sender may make the robot do: quotas that are used up and grow back evenly (trust.md 20).

Of 60 an hour each use takes a minute. All that is remembered is the moment when a quota will be whole again, and a use
puts that moment off; so nothing is counted, and nothing has to be cleared away.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_MIB = 1024 * 1024
_ROUNDING = timedelta(milliseconds=1)  # a use costs whole microseconds, and a thousand of them must still fit


class Use(StrEnum):
    """What a sender uses up."""

    REQUESTS = "requests"  # new requests and information
    URGENT = "urgent"  # those of them that are urgent
    ALL = "all"  # those of them that go to everybody
    ANSWERS = "answers"  # whatever else was acted on: replies, acknowledgements, closings, commands
    VOLUME = "volume"  # recipients x octets of what was passed on
    LETTERS = "letters"  # what the robot writes back where nothing was done: questions, refusals, notices
    TELLINGS = "tellings"  # that a quota is used up


@dataclass(frozen=True, slots=True)
class Quota:
    """So much in so long, all at once or spread."""

    amount: int
    period: timedelta

    def cost(self, amount: int) -> timedelta:
        """How much later the quota is whole again. What is more than all of it costs too much, however much it is."""
        return self.period * min(amount / self.amount, 2.0)

    def allows(self, amount: int, whole_at: datetime | None, now: datetime) -> bool:
        """Whether there is so much left of it."""
        return _from(whole_at, self.period, now) + self.cost(amount) <= now + self.period + _ROUNDING


@dataclass(frozen=True, slots=True)
class Spending:
    """What is taken from one quota of one sender."""

    account: str  # parties.Correspondent.account
    use: Use
    cost: timedelta
    period: timedelta

    def whole_at(self, before: datetime | None, now: datetime) -> datetime:
        """When the quota is whole again after this, if it was to be so at `before`."""
        return _from(before, self.period, now) + self.cost


def _from(whole_at: datetime | None, period: timedelta, now: datetime) -> datetime:
    """A moment that no use can have put off so far was written by a clock that was wrong."""
    if whole_at is None or whole_at > now + 2 * period:
        return now
    return max(whole_at, now)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Of each party, and of each relay and operator for itself: the configuration's [limits]."""

    requests_per_hour: int = 60
    urgent_per_hour: int = 20
    all_per_day: int = 12
    answers_per_hour: int = 120
    volume_mib_per_day: int = 20 * 1024  # five mails of 50 MiB to eighty addresses
    letters_per_hour: int = 30

    def of(self, use: Use) -> Quota:
        """The quota for this use."""
        match use:
            case Use.REQUESTS:
                return Quota(self.requests_per_hour, _HOUR)
            case Use.URGENT:
                return Quota(self.urgent_per_hour, _HOUR)
            case Use.ALL:
                return Quota(self.all_per_day, _DAY)
            case Use.ANSWERS:
                return Quota(self.answers_per_hour, _HOUR)
            case Use.VOLUME:
                return Quota(self.volume_mib_per_day * _MIB, _DAY)
            case Use.LETTERS:
                return Quota(self.letters_per_hour, _HOUR)
            case Use.TELLINGS:
                return Quota(1, _HOUR)
