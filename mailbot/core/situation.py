"""How network and robot are at a moment: plain facts for the digest, gathered by store/situation.py; never content."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailbot.core.postings import Posting
from mailbot.core.records import Exchange, HeldMail, PartStage
from mailbot.core.rounds.records import Round, RoundStage
from mailbot.core.troubles import Ringing

DAYS = 30  # of reachability that a digest looks back on
_UNANSWERED = frozenset({PartStage.WAITING, PartStage.PASSED_ON, PartStage.ACKNOWLEDGED, PartStage.UNDELIVERABLE})


@dataclass(frozen=True, slots=True)
class Situation:
    """All of it; times are aware UTC."""

    at: datetime
    since: datetime  # failures are told from then on: the digest before this one
    exchanges: tuple[Exchange, ...] = ()  # open requests that somebody has not answered, earliest deadline first
    open_exchanges: int = 0  # those, and all others that nobody has closed
    held: tuple[HeldMail, ...] = ()  # waiting for a person, or for their senders' answers; oldest first
    failures: tuple[Posting, ...] = ()  # mails given up, refused or bounced since then, oldest first
    going: int = 0  # kept mails of ended exchanges that will soon be deleted
    going_at: datetime | None = None  # when the first of them is
    rounds: tuple[Round, ...] = ()  # ping rounds of the last DAYS days and the last one, oldest first
    queued: int = 0
    oldest: datetime | None = None  # of what is queued
    sent_at: datetime | None = None  # when a server last took a mail
    mailbox_at: datetime | None = None  # when the mailbox was last looked into
    retried: int = 0  # mails in the mailbox that broke the robot, and will be tried again
    suspended: tuple[str, ...] = ()
    clock_doubted: bool = False
    ringing: tuple[Ringing, ...] = ()  # alarms that are not over, or not told to be
    journal_head: tuple[int, str] = (0, "")
    journal_broken: int | None = None  # the first row that does not hold

    @property
    def overdue(self) -> tuple[Exchange, ...]:
        """Requests whose deadline is over."""
        return tuple(exchange for exchange in self.exchanges if exchange.deadline <= self.at)

    @property
    def last_round(self) -> Round | None:
        return self.rounds[-1] if self.rounds else None


def silent_parts(exchange: Exchange) -> tuple[str, ...]:
    """The parties that have not answered."""
    return tuple(part.party for part in exchange.parts if part.stage in _UNANSWERED)


def waits(exchange: Exchange) -> tuple[str, ...]:
    """The parties that have not even got it, for want of a key or because they are suspended."""
    return tuple(part.party for part in exchange.parts if part.stage is PartStage.WAITING)


def unreached(round_: Round) -> tuple[str, ...]:
    """The parties that a closed round asked, and of which nothing shows to this day that they can be reached."""
    if round_.stage is not RoundStage.CLOSED:
        return ()
    return tuple(probe.party for probe in round_.asked if probe.reached_at is None)


def is_recent(round_: Round, at: datetime, within: timedelta) -> bool:
    """Whether it ended so short a time ago that its silence still calls for somebody."""
    return (round_.closed_at or round_.deadline) > at - within
