"""The robot's vital signs for monitoring: one verdict, one line, and the same numbers for Prometheus; never content."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from mailbot.core.situation import Situation
from mailbot.core.troubles import Alarm, Ringing

SILENT_AFTER = timedelta(minutes=5)  # a robot looks into its mailbox every minute
CRITICAL = frozenset({Alarm.DATABASE, Alarm.MAILBOX, Alarm.SERVER, Alarm.JOURNAL, Alarm.CLOCK, Alarm.OUTBOX})


class Verdict(IntEnum):
    """Monitoring plugins' exit codes."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Sign:
    """One number. `name` is what Prometheus calls it, without `mailbot_`."""

    name: str
    value: float
    help: str


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is said, and why."""

    verdict: Verdict
    said: tuple[str, ...]  # the reasons, the worst first; of OK what is going on
    signs: tuple[Sign, ...]

    @property
    def line(self) -> str:
        """One line, as monitoring plugins write it: verdict, reasons, then the numbers behind a bar."""
        numbers = " ".join(f"{sign.name}={sign.value:g}" for sign in self.signs)
        return f"{self.verdict.name}: {'; '.join(self.said)} | {numbers}"


def vitals(situation: Situation, ringing: Iterable[Ringing]) -> Vitals:
    """How it is now. A robot that has not been in its mailbox for a while is critical whatever else is well."""
    rings = [one for one in ringing if one.over_at is None and one.told_at]
    worst = [f"alarm: {one.alarm.value}{_at(one.robot)}" for one in rings if one.alarm in CRITICAL]
    worst += _silence(situation)
    lesser = [f"alarm: {one.alarm.value} {one.detail}".strip() for one in rings if one.alarm not in CRITICAL]
    lesser += [f"{len(situation.overdue)} overdue"] if situation.overdue else []
    lesser += [f"{len(situation.held)} held"] if situation.held else []
    verdict = Verdict.CRITICAL if worst else Verdict.WARNING if lesser else Verdict.OK
    calm = f"{situation.open_exchanges} open exchanges, {situation.queued} mails in the outbox"
    return Vitals(verdict, (*worst, *lesser) or (calm,), signs(situation, len(rings)))


def _silence(situation: Situation) -> list[str]:
    if situation.mailbox_at is None:
        return ["the mailbox was never reached"]
    silent = situation.at - situation.mailbox_at
    minutes = int(silent.total_seconds() // 60)
    return [f"the mailbox was last reached {minutes} minutes ago"] if silent > SILENT_AFTER else []


def signs(situation: Situation, alarms: int) -> tuple[Sign, ...]:
    """The numbers; ages in seconds, -1 where there is nothing to be old."""
    at = situation.at
    found: Mapping[str, tuple[float, str]] = {
        "alarms": (alarms, "Alarms that were told and are not over."),
        "mailbox_age_seconds": (_age(situation.mailbox_at, at), "Since the mailbox was last reached."),
        "sent_age_seconds": (_age(situation.sent_at, at), "Since a server last took a mail."),
        "outbox_mails": (situation.queued, "Mails that are owed."),
        "outbox_oldest_seconds": (_age(situation.oldest, at), "Age of the oldest of them."),
        "exchanges_open": (situation.open_exchanges, "Exchanges that nobody has closed."),
        "exchanges_overdue": (len(situation.overdue), "Requests past their deadline without an answer."),
        "held_mails": (len(situation.held), "Mails that wait for a person or their sender."),
        "mails_retried": (situation.retried, "Mails in the mailbox that broke the robot and are tried again."),
        "journal_row": (situation.journal_head[0], "The last row of the journal."),
        "journal_sound": (float(situation.journal_broken is None), "1: the end of its chain holds."),
        "clock_believed": (float(not situation.clock_doubted), "1: deadlines and reminders go on."),
    }
    return tuple(Sign(name, float(value), text) for name, (value, text) in found.items())


def _age(since: datetime | None, at: datetime) -> float:
    return (at - since).total_seconds() if since else -1.0


def _at(robot: str) -> str:
    return f" on {robot}" if robot else ""
