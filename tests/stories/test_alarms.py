"""Alarms reach a person, by whatever way is left, and the all clear follows; nothing floods anybody."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from mailbot.config import load
from mailbot.core.decision import Decision, Entry, Event, Folder
from mailbot.core.pins import Proposal, ProposalState
from mailbot.core.records import HeldMail, HeldState, Reason
from mailbot.core.troubles import Alarm
from mailbot.playground.stage import Stage
from mailbot.store.ringing import known_troubles
from mailbot.wiring import Robot
from mailbot.workers.health import DATABASE, MAILBOX, SERVER
from mailbot.workers.loop import Signals
from mailbot.workers.sentinel import Sentinel
from tests.stories.world import World


class Watch:
    """A robot's sentinel, and a clock that is moved on."""

    def __init__(self, config: Path) -> None:
        self.now = datetime.now(UTC)
        self.robot = Robot(load(config), now=lambda: self.now)
        self.signals = Signals()
        self.sentinel: Sentinel = self.robot.sentinel(self.signals)

    def look(self, **after: int) -> bool:
        self.now += timedelta(**after)
        return self.sentinel.look()

    def failing(self, what: str) -> None:
        self.signals.health.failing(what, self.now)


@pytest.fixture
def watch(world: World) -> Iterator[Watch]:
    watch = Watch(world.config)
    yield watch
    watch.robot.close()


def test_the_mailbox(world: World, watch: Watch) -> None:
    """Told once, sealed to the secretariat where there are no operators; and that it is over."""
    watch.failing(MAILBOX)
    assert not watch.look(minutes=9)
    assert watch.look(minutes=2)
    assert not watch.look(minutes=1)
    watch.robot.once()
    (alarm,) = world.mails("sec", 1)
    assert "injoignable" in alarm.subject
    assert alarm.signature.is_by(world.cast.robot.fingerprint)
    watch.signals.health.well(MAILBOX)
    watch.look(minutes=1)
    assert watch.look(minutes=11)
    watch.robot.once()
    assert any("Fin d'alerte" in mail.subject for mail in world.mails("sec", 2))
    assert [row["event"] for row in world.journal() if "alarm" in row["facts"]] == ["alarm told", "all clear told"]


def test_the_server_is_away_and_there_is_a_second_one(world: World) -> None:
    text = world.config.read_text()
    head, begin, rest = text.partition("[smtp]\n")
    server, end, tail = rest.partition("\n[")
    away = "\n".join("port = 9" if line.startswith("port") else line for line in server.splitlines())
    world.config.write_text(f"{head}{begin}{away}\n[alarms.smtp]\n{server}{end}{tail}")
    watch = Watch(world.config)
    assert not watch.look()  # it was asked, and did not answer
    assert watch.signals.health.since(SERVER)
    assert watch.look(minutes=11)
    (alarm,) = world.mails("sec", 1)
    assert "serveur" in alarm.subject
    assert watch.robot.outbox.depth().queued == 0
    watch.robot.close()


def test_the_database_is_away(world: World, watch: Watch) -> None:
    """Nothing can be queued: it is sent at once, and once only."""
    file = world.folder / "state" / "mailbot.sqlite"
    file.rename(file.with_suffix(".away"))
    watch.failing(DATABASE)
    assert not watch.look(minutes=1)
    assert watch.look(minutes=2)
    assert not watch.look(minutes=5)
    (alarm,) = world.mails("sec", 1)
    assert "base de données" in alarm.subject
    file.with_suffix(".away").rename(file)


def test_mail_that_is_not_delivered(world: World, watch: Watch) -> None:
    world.post("fr", world.people["fr"].write("[REQUEST DE] x", "?\n"))
    world.dovecot.wait("network@hub.example", 1)
    receiver = watch.robot.receiver()
    with watch.robot.mailbox() as mailbox:
        for _, mail in mailbox.fetch_new():
            receiver.receive(mail)
    assert not watch.look(minutes=59)
    assert watch.look(minutes=2)
    (ringing,) = known_troubles(watch.robot.engine)
    assert (ringing.alarm, ringing.robot) == (Alarm.OUTBOX, "")


def test_two_robots_tell_of_it_once(world: World, watch: Watch) -> None:
    """What both see in the database; of what is one robot's own the other says nothing."""
    other = watch.robot.sentinel(Signals())
    other.robot = "hub-2"
    watch.failing(MAILBOX)
    assert watch.look(minutes=11)
    assert not other.look()
    watch.now += timedelta(minutes=30)
    assert not other.look()
    assert [ringing.alarm for ringing in known_troubles(watch.robot.engine)] == [Alarm.MAILBOX]


# ---------------------------------------------------------------- what stands in the database


def hold(reason: Reason) -> Callable[[Watch], None]:
    def held(watch: Watch) -> None:
        mail = HeldMail(0, "d" * 64, reason, HeldState.WAITING, watch.now, "desk@fr.example", "FR", 1000)
        watch.robot.memory.record(mail.digest, Decision(folder=Folder.HELD, held=mail), [], watch.now)

    return held


def doubt(watch: Watch) -> None:
    watch.robot.memory.record(None, Decision(entries=(Entry(Event.CLOCK_DOUBTED),)), [], watch.now)


def tamper(watch: Watch) -> None:
    with watch.robot.engine.begin() as connection:  # as somebody who owns the file can
        for (guard,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {guard}"))
        connection.execute(text("UPDATE journal SET event = 'forged' WHERE number = 1"))


def announce_two(watch: Watch) -> None:
    made = [Proposal("DE", "a" * 40, mark * 40, ProposalState.FROZEN, watch.now, watch.now, b"") for mark in ("b", "c")]
    watch.robot.memory.record(None, Decision(proposals=tuple(made)), [], watch.now)


def let_the_key_end(watch: Watch) -> None:
    network = watch.sentinel.network
    ending = replace(network.certificates[network.robot], encrypts_until=watch.now + timedelta(days=20))
    watch.robot.keeper.network = replace(network, certificates={**network.certificates, network.robot: ending})


def miss_the_digest(watch: Watch) -> None:
    hour = (watch.now - timedelta(hours=2)).time()
    reporting = replace(watch.robot.config.reporting, at=time(hour.hour, hour.minute), time_zone="UTC")
    watch.robot.config = replace(watch.robot.config, reporting=reporting)


@pytest.mark.parametrize(
    ("cause", "alarm", "words"),
    [
        (hold(Reason.POISON), Alarm.POISON, "H-1"),
        (hold(Reason.NOT_MEANT_FOR_US), Alarm.FORWARDED, "H-1"),
        (doubt, Alarm.CLOCK, ""),
        (tamper, Alarm.JOURNAL, "1"),
        (announce_two, Alarm.RENEWALS, "DE"),
        (miss_the_digest, Alarm.SCHEDULE, "digest"),
        (let_the_key_end, Alarm.ROBOT_KEY, f"{datetime.now(UTC) + timedelta(days=20):%Y-%m-%d}"),
    ],
)
def test_what_stands_in_the_database(stage: Stage, cause: Callable[[Watch], None], alarm: Alarm, words: str) -> None:
    """Each is told with what it is about, in a letter with its cure."""
    watch = Watch(stage.config)
    at_first = Decision(entries=(Entry(Event.NOTED),))
    watch.robot.memory.record(None, at_first, [], watch.now - timedelta(days=2))
    cause(watch)
    assert watch.look(seconds=1)
    (ringing,) = known_troubles(watch.robot.engine)
    assert (ringing.alarm, ringing.detail) == (alarm, words)
    assert [queued.mail.letter for queued in watch.robot.outbox.claim(watch.now, limit=9)] == ["alarm"]
    watch.robot.close()
