"""Clocks that jump, in the whole robot: no reminder for a wrong clock, no mail lost or forgotten because of one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from mailbot.cli import mailbot
from mailbot.config import load
from mailbot.core.decision import Decision, Entry, Event
from mailbot.core.mail import TryLater
from mailbot.core.records import Terms
from mailbot.store.engine import open_store, writing
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.migrations import migrate
from mailbot.store.outbox import Outbox
from mailbot.wiring import Robot
from mailbot.workers.timekeeping import Timekeeper
from tests.servers.badsmtp import Step, refuse
from tests.store.samples import outgoing
from tests.workers.plug import AHEAD, Plug

YEARS = 24.0 * 800  # hours
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
CLOCK = (Event.CLOCK_DOUBTED, Event.CLOCK_TRUSTED)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def plug(request: pytest.FixtureRequest, plugs: list[Plug]) -> Plug:
    found = next(plug for plug in plugs if plug.database.name == request.param)
    found.begin()
    return found


@pytest.fixture
def journal(plug: Plug) -> Iterator[Journal]:
    engine = open_store(plug.database.url)
    yield Journal(engine)
    engine.dispose()


def events(journal: Journal, *wanted: Event) -> list[str]:
    return [row.event for row in journal.rows() if row.event in wanted]


def reminders(plug: Plug) -> list[str]:
    return [mail.recipients[0] for mail in plug.smtp.accepted]


# ---------------------------------------------------------------- the robot at work


def test_clock_far_ahead_reminds_nobody_and_is_journalled_once(plug: Plug, journal: Journal) -> None:
    for _ in range(2):
        assert plug.order(hours=YEARS)["code"] == 0
    assert reminders(plug) == []
    assert events(journal, *CLOCK, Event.REMINDED, Event.EXPIRED) == [Event.CLOCK_DOUBTED]
    plug.run_until_idle()  # the clock is right again
    assert events(journal, *CLOCK, Event.REMINDED) == [*CLOCK, Event.REMINDED, Event.REMINDED]
    assert sorted(reminders(plug)) == ["desk@de.example", "desk@it.example"]
    assert not journal.verify().findings


def test_clock_behind_the_journal_reminds_nobody_until_an_operator_trusts_it(plug: Plug, journal: Journal) -> None:
    journal.record([Entry(Event.NOTED)], datetime.now(UTC) + timedelta(days=30))
    plug.run_until_idle()
    assert reminders(plug) == []
    said = clock(plug)
    assert (said.return_value, "behind the journal" in said.output) == (1, True)
    assert clock(plug, "--trust").return_value == 0
    plug.run_until_idle()
    assert len(reminders(plug)) == 2
    assert events(journal, *CLOCK) == [*CLOCK]


def clock(plug: Plug, *options: str) -> Result:
    return CliRunner().invoke(mailbot, ["clock", *options, "--config", str(plug.config)], standalone_mode=False)


def test_mail_that_was_put_off_by_a_wrong_clock_is_neither_given_up_nor_forgotten(plug: Plug) -> None:
    """Queued by a right clock, tried by one that is years ahead, while the server takes nothing; then all is well."""
    plug.begin(*plug.mails)
    plug.order(hours=AHEAD, kill="before", call="claim")
    plug.smtp.misbehave(refuse(Step.RCPT, "451 4.3.0 try again later"))
    plug.order(hours=YEARS)
    owed = plug.outcome(()).owed
    assert owed == 9
    plug.smtp.misbehave()
    assert plug.run_until_idle() == 1
    assert len(plug.smtp.accepted) == owed
    assert plug.outcome(()).owed == 0


def test_clock_in_a_zone_with_summer_time_is_read_as_utc(plugs: list[Plug]) -> None:
    paris = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
    with Robot(load(plugs[0].config), now=lambda: paris) as robot:
        assert robot.clock() + timedelta(hours=4) == datetime(2026, 10, 25, 4, 30, tzinfo=UTC)


# ---------------------------------------------------------------- two machines


@pytest.fixture
def shifted(plugs: list[Plug]) -> Plug:
    """The network on a PostgreSQL whose machine's clock is 20 minutes ahead of the robot's."""
    [plug] = [plug for plug in plugs if plug.database.name == "PostgreSQL"]
    plug.begin()
    engine = open_store(plug.database.url)
    with writing(engine) as connection:
        for statement in SHIFT:
            connection.execute(text(statement.format(name=engine.url.database)))
    engine.dispose()
    return plug


SHIFT = (
    (
        "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE"
        " AS $$ SELECT pg_catalog.clock_timestamp() + interval '20 minutes' $$"
    ),
    "ALTER DATABASE {name} SET search_path = public, pg_catalog",
)


def test_clock_that_differs_from_the_databases_reminds_nobody_and_is_journalled_once(shifted: Plug) -> None:
    for _ in range(2):
        shifted.run_until_idle()
    assert reminders(shifted) == []
    engine = open_store(shifted.database.url)
    [doubted] = [row for row in Journal(engine).rows() if row.event in CLOCK]
    engine.dispose()
    assert (doubted.event, "database" in doubted.facts) == (Event.CLOCK_DOUBTED, True)
    said = clock(shifted)
    assert (said.return_value, "not the time of the database" in said.output) == (1, True)
    checked = CliRunner().invoke(mailbot, ["check", "--json", "--config", str(shifted.config)], standalone_mode=False)
    assert "clock.apart" in checked.output


def test_mail_goes_all_the_same(shifted: Plug) -> None:
    shifted.dovecot.deliver(shifted.account, shifted.mails[1])
    assert shifted.run_until_idle() == 1
    assert len(shifted.smtp.accepted) == 5
    assert shifted.outcome(()).owed == 0


@pytest.mark.parametrize("minutes", [-10, 0, 10])
def test_lease_holds_whatever_the_clocks_of_two_machines_say(postgres_url: str, minutes: int) -> None:
    """One robot holds a mail; the other's machine is minutes ahead of it, or behind, and does not get it."""
    engine = open_store(postgres_url)
    migrate(engine)
    other = partial(later, timedelta(minutes=minutes))
    Memory(engine, machine=other).record(None, Decision(), [outgoing()], other())
    one, two = Outbox(engine, machine=later), Outbox(engine, machine=other)
    [queued] = one.claim(later())
    assert two.claim(other()) == []
    one.settle((queued, TryLater("451"), later()))
    assert two.claim(other()) == []
    engine.dispose()


def later(by: timedelta = timedelta(0)) -> datetime:
    return datetime.now(UTC) + by


# ---------------------------------------------------------------- the timekeeper


@pytest.fixture
def asked(plug: Plug, journal: Journal) -> datetime:
    """The time of the latest row."""
    return max(row.at for row in journal.rows())


def test_two_robots_of_which_one_is_wrong_do_not_quarrel(journal: Journal, asked: datetime) -> None:
    right, wrong = Timekeeper(journal, Terms()), Timekeeper(journal, Terms())
    for minutes in range(5):
        later = asked + timedelta(minutes=minutes)
        assert not wrong.believes(later + timedelta(days=400))
        assert right.believes(later)
    assert events(journal, *CLOCK) == [*CLOCK]


def test_robot_that_starts_later_knows_what_the_journal_said(journal: Journal, asked: datetime) -> None:
    wrong = asked + timedelta(days=400)
    assert not Timekeeper(journal, Terms()).believes(wrong)
    journal.record([Entry(Event.NOTED)], wrong)  # a mail was filed meanwhile
    assert not Timekeeper(journal, Terms()).believes(wrong)
    assert Timekeeper(journal, Terms()).believes(asked)
    assert not Timekeeper(journal, Terms()).believes(wrong)


def test_robot_with_nothing_to_do_is_believed_for_ever_because_it_says_so_daily(
    journal: Journal, asked: datetime
) -> None:
    keeper = Timekeeper(journal, Terms())
    for hours in range(0, 24 * 30, 6):
        assert keeper.believes(asked + timedelta(hours=hours))
    assert len(events(journal, Event.ALIVE)) == 29
    assert not events(journal, *CLOCK)
