"""What needs a person now: the one question that a digest answers first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailbot.core.decision import Network
from mailbot.core.records import HeldMail, HeldState
from mailbot.core.retention import Retention
from mailbot.core.situation import Situation, is_recent, unreached, waits
from mailbot.core.troubles import Alarm
from mailbot.core.validity import ROBOT, Ending, endings

STUCK = timedelta(hours=1)  # so long a mail may wait to be sent before somebody should look
RECENT = timedelta(days=7)  # so long a ping's silence calls for somebody
PRESSING = timedelta(days=7)  # a party's certificate that ends so soon does, too


class What(StrEnum):
    """Most urgent first."""

    JOURNAL = "journal"
    CLOCK = "clock"
    MAILBOX = "mailbox"
    SERVER = "server"
    OUTBOX = "outbox"
    ROBOT_KEY = "robot key"
    RENEWALS = "renewals"
    FORWARDED = "forwarded"
    SCHEDULE = "schedule"
    OVERDUE = "overdue"
    UNREACHED = "unreached"
    KEYS = "keys"
    WAITING = "waiting"
    FAILED = "failed"
    HELD = "held"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Need:
    """One thing, which may be about many: three held mails are looked at in one go."""

    what: What
    count: int = 1
    parties: tuple[str, ...] = ()
    at: datetime | None = None  # since when, or by when


# Alarms that last and are told by nothing else here; each has sent a mail of its own when it began.
_ALARMS: Mapping[Alarm, What] = {
    Alarm.MAILBOX: What.MAILBOX,
    Alarm.SERVER: What.SERVER,
    Alarm.RENEWALS: What.RENEWALS,
    Alarm.FORWARDED: What.FORWARDED,
    Alarm.SCHEDULE: What.SCHEDULE,
}


def needs(situation: Situation, network: Network) -> tuple[Need, ...]:
    """All of it, in the order of What."""
    found = [*_of_the_robot(situation), *_of_keys(situation, network), *_of_the_network(situation, network)]
    return tuple(sorted(found, key=lambda need: list(What).index(need.what)))


def retention_of(network: Network) -> Retention:
    """How long mail is kept."""
    return network.reporting.retention or Retention()


def goes_at(mail: HeldMail, network: Network) -> datetime:
    """When nobody can release it any more."""
    return mail.held_at + retention_of(network).held


def is_leaving(mail: HeldMail, network: Network, at: datetime) -> bool:
    """Whether that is soon."""
    return goes_at(mail, network) - at <= retention_of(network).warning


def _of_the_robot(situation: Situation) -> Iterator[Need]:
    if situation.journal_broken is not None:
        yield Need(What.JOURNAL, situation.journal_broken)
    if situation.clock_doubted:
        yield Need(What.CLOCK)
    for ringing in situation.ringing:
        if ringing.alarm in _ALARMS and ringing.over_at is None:
            yield Need(_ALARMS[ringing.alarm], at=ringing.since)
    if situation.oldest and situation.at - situation.oldest >= STUCK:
        yield Need(What.OUTBOX, situation.queued, at=situation.oldest)


def _of_keys(situation: Situation, network: Network) -> Iterator[Need]:
    found = endings(network, situation.at)
    for own in (ending for ending in found if ending.whose == ROBOT):
        yield Need(What.ROBOT_KEY, at=own.ends)
    pressing = [ending for ending in found if ending.whose != ROBOT and _presses(ending, situation.at)]
    if pressing:
        yield Need(What.KEYS, len(pressing), tuple(dict.fromkeys(ending.whose for ending in pressing)))


def _presses(ending: Ending, at: datetime) -> bool:
    return ending.flaw is not None or (ending.ends is not None and ending.ends - at <= PRESSING)


def _of_the_network(situation: Situation, network: Network) -> Iterator[Need]:
    if situation.overdue:
        yield Need(What.OVERDUE, len(situation.overdue), at=situation.overdue[0].deadline)
    last = situation.last_round
    if last and is_recent(last, situation.at, RECENT) and (missing := unreached(last)):
        yield Need(What.UNREACHED, len(missing), missing)
    waiting = {party: None for exchange in situation.exchanges for party in waits(exchange)}
    if waiting:
        yield Need(What.WAITING, len(waiting), tuple(waiting))
    if situation.failures:
        yield Need(What.FAILED, len(situation.failures))
    yield from _of_held_mail(situation, network)


def _of_held_mail(situation: Situation, network: Network) -> Iterator[Need]:
    ours = [mail for mail in situation.held if mail.state is HeldState.WAITING]
    if ours:
        yield Need(What.HELD, len(ours))
    leaving = [goes_at(mail, network) for mail in situation.held if is_leaving(mail, network, situation.at)]
    if leaving:
        yield Need(What.LEAVING, len(leaving), at=min(leaving))
