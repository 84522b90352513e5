"""Alarms reach a person, by whatever way is left, and the all clear follows; nothing floods anybody."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailbot.config import load
from mailbot.core.troubles import Alarm
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
