"""How long a mail is kept as it came, and when it goes (network.md §5). What is known about it stays."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailbot.core.decision import Entry, Event
from mailbot.core.records import Exchange, HeldMail, HeldState, PartStage, Stage
from mailbot.core.tags import Word

_OVER = frozenset({PartStage.ANSWERED, PartStage.EXPIRED})
_STILL_HELD = frozenset({HeldState.WAITING, HeldState.ASKED})


@dataclass(frozen=True, slots=True)
class Retention:
    """The times, all configurable. The sealed octets of a delivered mail are dropped at once: nothing needs them."""

    originals: timedelta = timedelta(days=30)  # after the end of the exchange, and of the last delivery
    abandoned: timedelta = timedelta(days=180)  # after its deadline, an exchange that nobody closed has ended
    held: timedelta = timedelta(days=90)
    warning: timedelta = timedelta(days=7)  # what goes so soon is announced


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail as it came, without its octets, and all that it may still be needed for."""

    digest: str
    kept_at: datetime
    size: int  # octets
    held: HeldMail | None = None
    exchange: Exchange | None = None  # the one that it opened
    queued: bool = False  # a mail of that exchange is still on its way
    delivered_at: datetime | None = None  # the last time that one was settled

    @property
    def what(self) -> str:
        """What a person calls it: the exchange's reference, or H-12."""
        if self.exchange:
            return self.exchange.reference
        return self.held.label if self.held else "-"

    def goes_at(self, retention: Retention) -> datetime | None:
        """When it is not needed any more; None: nobody can say yet."""
        if self.exchange:
            return self._with_exchange(self.exchange, retention)
        return (self.held.held_at if self.held else self.kept_at) + retention.held

    def _with_exchange(self, exchange: Exchange, retention: Retention) -> datetime | None:
        waits = any(part.stage is PartStage.WAITING for part in exchange.parts)
        if waits or self.queued:
            return None
        ended = _ended_at(exchange, retention)
        return max(ended, self.delivered_at or ended) + retention.originals


def _ended_at(exchange: Exchange, retention: Retention) -> datetime:
    """Closed; or nothing more is expected; or nobody came back to it."""
    if exchange.stage is Stage.CLOSED and exchange.closed_at:
        return exchange.closed_at
    if exchange.kind is Word.INFO:
        return exchange.deadline
    if all(part.stage in _OVER for part in exchange.parts):
        return max(exchange.deadline, *(p.answered_at for p in exchange.parts if p.answered_at), exchange.opened_at)
    return exchange.deadline + retention.abandoned


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes now, and what goes soon if nobody does anything about it."""

    now: tuple[Kept, ...]
    soon: tuple[tuple[datetime, Kept], ...]


def plan(kept: tuple[Kept, ...], retention: Retention, now: datetime) -> Plan:
    """Of everything that is kept, what goes; the first to go comes first."""
    timed = sorted(((at, mail) for mail in kept if (at := mail.goes_at(retention))), key=lambda pair: pair[0])
    return Plan(
        now=tuple(mail for at, mail in timed if at <= now),
        soon=tuple((at, mail) for at, mail in timed if now < at <= now + retention.warning),
    )


def loses_its_chance(mail: Kept) -> bool:
    """Whether it is held still, so that nobody can release it any more once it has gone."""
    return mail.held is not None and mail.held.state in _STILL_HELD


def entry(mail: Kept, by: str) -> Entry:
    """The journal's row of a mail that goes."""
    facts = {"mail": mail.digest, "octets": str(mail.size), "by": by}
    if mail.held:
        facts["held"] = mail.held.label
    reference = mail.exchange.reference if mail.exchange else None
    return Entry(Event.PURGED, reference, mail.held.party if mail.held else None, facts)
