"""What is the matter with robot and servers, and which news there are of it at a moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Alarm(StrEnum):
    """What can be the matter, the worst first."""

    DATABASE = "database"  # cannot be read or written: no mail is taken
    MAILBOX = "mailbox"  # cannot be reached: no mail is taken
    SERVER = "server"  # does not take our mail
    JOURNAL = "journal"  # a row does not follow from the one before
    CLOCK = "clock"  # not believed: nobody is reminded
    POISON = "poison"  # a mail that broke the robot three times is held
    FORWARDED = "forwarded"  # signed words that name only others came to us (trust.md 4)
    OUTBOX = "outbox"  # a mail waits for longer than it should
    SCHEDULE = "schedule"  # something did not happen when it was due
    ROBOT_KEY = "robot key"  # ends soon
    RENEWALS = "renewals"  # two at once, and one may be a thief's (trust.md 11)


@dataclass(frozen=True, slots=True)
class AlarmTerms:
    """After how long what is told, and how often; all configurable."""

    mailbox_after: timedelta = timedelta(minutes=10)
    server_after: timedelta = timedelta(minutes=10)
    database_after: timedelta = timedelta(minutes=2)
    outbox_after: timedelta = timedelta(hours=1)
    schedule_after: timedelta = timedelta(hours=1)
    key_before: timedelta = timedelta(days=30)
    again_after: timedelta = timedelta(days=1)  # what still lasts is told again
    calm_for: timedelta = timedelta(minutes=10)  # so long it must be over before that is told
    letters_per_hour: int = 6


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is the matter now. `robot`: whose it is, where each robot has its own; else empty."""

    alarm: Alarm
    since: datetime
    robot: str = ""
    detail: str = ""  # a word of ours, a number, a name from the configuration; never of a mail


@dataclass(frozen=True, slots=True)
class Ringing:
    """A trouble that was found, and what was told of it; a row of the database."""

    alarm: Alarm
    robot: str
    since: datetime
    detail: str = ""
    told_at: datetime | None = None  # when it was told last
    over_at: datetime | None = None  # since when it is not found any more
    version: int = 0

    @property
    def key(self) -> tuple[Alarm, str]:
        return self.alarm, self.robot


@dataclass(frozen=True, slots=True)
class News:
    """What to tell now, and what the database is to remember."""

    begun: tuple[Ringing, ...] = ()  # as they were: `told_at` says whether they are told again
    ended: tuple[Ringing, ...] = ()
    remembered: tuple[Ringing, ...] = ()  # new, changed; those in `ended` are forgotten
    forgotten: tuple[Ringing, ...] = ()  # over, and never told

    def __bool__(self) -> bool:
        """Whether anything changes at all."""
        return bool(self.remembered or self.ended or self.forgotten)


def news(troubles: Iterable[Trouble], known: Sequence[Ringing], robot: str, now: datetime, terms: AlarmTerms) -> News:
    """What `robot` has to tell. Of what is another robot's own it knows nothing, and leaves it alone."""
    found = {(trouble.alarm, trouble.robot): trouble for trouble in troubles}
    ours = {ringing.key: ringing for ringing in known if ringing.robot in {"", robot}}
    room = terms.letters_per_hour - _letters(known, now)
    current = [_met(ours.get(key), trouble) for key, trouble in found.items()]
    begun = [r for r in current if _is_due(r, now, terms)] if room > 0 else []
    told = {r.key: replace(r, told_at=now) for r in begun}
    ended, forgotten, quiet = [], [], []
    for ringing in (r for key, r in ours.items() if key not in found):
        if ringing.told_at is None:
            forgotten.append(ringing)
        elif ringing.over_at is None:
            quiet.append(replace(ringing, over_at=now))
        elif now - ringing.over_at >= terms.calm_for:
            ended.append(ringing)
    changed = [r for r in (told.get(r.key, r) for r in current) if r != ours.get(r.key)]
    order = list(Alarm)
    return News(
        tuple(sorted(begun, key=lambda r: order.index(r.alarm))),
        tuple(ended),
        (*changed, *quiet),
        tuple(forgotten),
    )


def _met(known: Ringing | None, trouble: Trouble) -> Ringing:
    """It is still the one that was known, however often it was over for a moment."""
    if known is None:
        return Ringing(trouble.alarm, trouble.robot, trouble.since, trouble.detail)
    return replace(known, detail=trouble.detail, over_at=None)


def _is_due(ringing: Ringing, now: datetime, terms: AlarmTerms) -> bool:
    return ringing.told_at is None or now - ringing.told_at >= terms.again_after


def _letters(known: Iterable[Ringing], now: datetime) -> int:
    """How many went out in the last hour: those told together went in one."""
    return len({r.told_at for r in known if r.told_at and now - r.told_at < timedelta(hours=1)})
