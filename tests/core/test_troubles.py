"""Which news there are of what is the matter: once, again after a day, the all clear after a while, never a flood."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailbot.core.troubles import Alarm, AlarmTerms, News, Ringing, Trouble, news

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
TERMS = AlarmTerms()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MAILBOX = Trouble(Alarm.MAILBOX, NOW - HOUR, "hub-1")


class Night:
    """A database and a clock."""

    def __init__(self) -> None:
        self.known: dict[tuple[Alarm, str], Ringing] = {}
        self.now = NOW

    def look(self, *troubles: Trouble, robot: str = "hub-1", after: timedelta = MINUTE) -> News:
        """One round, recorded."""
        self.now += after
        found = news(troubles, tuple(self.known.values()), robot, self.now, TERMS)
        for one in found.remembered:
            self.known[one.key] = replace(one, version=one.version + 1)
        for one in (*found.ended, *found.forgotten):
            del self.known[one.key]
        return found


def told(found: News) -> tuple[list[Alarm], list[Alarm]]:
    return [r.alarm for r in found.begun], [r.alarm for r in found.ended]


def test_once_and_then_the_all_clear() -> None:
    night = Night()
    assert told(night.look(MAILBOX)) == ([Alarm.MAILBOX], [])
    assert not night.look(MAILBOX)
    assert told(night.look()) == ([], [])
    assert told(night.look(after=TERMS.calm_for)) == ([], [Alarm.MAILBOX])
    assert not night.look()
    assert night.known == {}


def test_what_still_lasts_is_told_again() -> None:
    night = Night()
    first = night.look(MAILBOX)
    again = night.look(MAILBOX, after=DAY)
    assert (first.begun[0].told_at, again.begun[0].told_at) == (None, NOW + MINUTE)
    assert again.begun[0].since == MAILBOX.since


def test_what_comes_and_goes_is_one_alarm() -> None:
    night, letters = Night(), 0
    for _ in range(20):
        letters += bool(night.look(MAILBOX).begun)
        letters += bool(night.look().ended)
    assert letters == 1


def begin_one_by_one(night: Night, count: int) -> int:
    """How many letters that makes."""
    return sum(bool(night.look(*(Trouble(a, NOW) for a in list(Alarm)[: n + 1])).begun) for n in range(count))


def test_no_more_letters_than_allowed_in_an_hour() -> None:
    """What had to wait is told together."""
    night, every = Night(), [Trouble(alarm, NOW) for alarm in Alarm]
    assert begin_one_by_one(night, len(every)) == TERMS.letters_per_hour < len(every)
    assert not night.look(*every)
    assert told(night.look(*every, after=HOUR))[0] == list(Alarm)[TERMS.letters_per_hour :]


def test_what_was_never_told_is_forgotten_in_silence() -> None:
    night, told_of = Night(), [Trouble(alarm, NOW) for alarm in list(Alarm)[: TERMS.letters_per_hour]]
    begin_one_by_one(night, TERMS.letters_per_hour)
    assert not night.look(*told_of, Trouble(Alarm.ROBOT_KEY, NOW)).begun
    assert (Alarm.ROBOT_KEY, "") in night.known
    assert told(night.look(*told_of)) == ([], [])
    assert (Alarm.ROBOT_KEY, "") not in night.known


def test_another_robots_own_trouble_is_left_alone() -> None:
    night = Night()
    night.look(MAILBOX)
    assert not night.look(robot="hub-2", after=HOUR)
    assert (Alarm.MAILBOX, "hub-1") in night.known


def test_the_worst_stands_first() -> None:
    found = Night().look(
        Trouble(Alarm.ROBOT_KEY, NOW), Trouble(Alarm.OUTBOX, NOW), Trouble(Alarm.DATABASE, NOW, "hub-1")
    )
    assert told(found)[0] == [Alarm.DATABASE, Alarm.OUTBOX, Alarm.ROBOT_KEY]
