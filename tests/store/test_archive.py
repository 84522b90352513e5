"""Kept mail, on both databases: what goes, what stays, and one journal row for each that went."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine, Table, func, insert, select

from mailbot.core.decision import Decision, Event
from mailbot.core.mail import Sent
from mailbot.core.records import HeldState, Stage
from mailbot.core.retention import Retention
from mailbot.store import schema
from mailbot.store.archive import Archive
from mailbot.store.engine import reading, writing
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory, Original
from mailbot.store.outbox import Outbox
from tests.store.samples import NOW, SECRET, digest, exchange, held_mail, intent, network, opened, outgoing, question

RETENTION = Retention()
DAY = timedelta(days=1)
ORIGINAL = Original(b"sealed " + SECRET)


@pytest.fixture
def archive(engine: Engine) -> Archive:
    return Archive(engine)


@pytest.fixture
def full(engine: Engine, memory: Memory, outbox: Outbox) -> Memory:
    """A closed and delivered exchange, an open one, a held mail, a question, and more."""
    closed = exchange("2026-0001", stage=Stage.CLOSED, closed_at=NOW)
    memory.record(closed.original, Decision(exchanges=(closed,), consumed=("replay",)), [outgoing()], NOW, ORIGINAL)
    still = exchange("2026-0002")
    memory.record(still.original, Decision(exchanges=(still,)), [], NOW, ORIGINAL)
    memory.record(digest("held"), Decision(held=held_mail()), [], NOW, ORIGINAL)
    asked = Decision(
        held=held_mail("asked", state=HeldState.ASKED, held_at=NOW + DAY),
        question=question("asked"),
        noticed="x@y.example",
    )
    memory.record(digest("asked"), asked, [], NOW + DAY, ORIGINAL)
    [queued] = outbox.claim(NOW)
    outbox.settle((queued, Sent(250), NOW))
    return memory


def count(engine: Engine, table: Table) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def purged(archive: Archive, days: float) -> set[str]:
    return {mail.what for mail in archive.purge(RETENTION, NOW + timedelta(days=days), "robot")}


@pytest.mark.parametrize(
    ("days", "gone"),
    [
        (29, set()),
        (31, {"2026-0001"}),
        (90.5, {"2026-0001", "H-1"}),
        (92, {"2026-0001", "H-1", "H-2"}),
        (209, {"2026-0001", "H-1", "H-2"}),
        (211, {"2026-0001", "2026-0002", "H-1", "H-2"}),
    ],
)
def test_what_goes_and_when(engine: Engine, full: Memory, archive: Archive, days: float, gone: set[str]) -> None:
    planned = archive.plan(RETENTION, NOW + timedelta(days=days))
    assert {mail.what for mail in planned.now} == gone
    assert purged(archive, days) == gone
    assert count(engine, schema.originals) == 4 - len(gone)
    assert purged(archive, days) == set()


def test_what_goes_soon_is_announced(full: Memory, archive: Archive) -> None:
    planned = archive.plan(RETENTION, NOW + 84 * DAY)
    assert [(at - NOW, mail.what) for at, mail in planned.soon] == [(90 * DAY, "H-1"), (91 * DAY, "H-2")]


def test_a_mail_that_is_owed_keeps_its_original(memory: Memory, archive: Archive) -> None:
    closed = exchange(stage=Stage.CLOSED, closed_at=NOW)
    memory.record(closed.original, Decision(exchanges=(closed,)), [outgoing()], NOW, ORIGINAL)
    assert purged(archive, 300) == set()


def test_what_is_known_stays(engine: Engine, full: Memory, archive: Archive) -> None:
    tables = (schema.incoming, schema.held, schema.questions, schema.exchanges, schema.outbox, schema.replays)
    before = [count(engine, table) for table in tables]
    assert len(purged(archive, 400)) == 4
    assert [count(engine, table) for table in tables] == before
    assert [mail.state for mail in full.held_mails(tuple(HeldState))] == [HeldState.DROPPED] * 2
    assert full.original(digest("held")) is None
    assert count(engine, schema.notices) == 0


def test_a_replay_is_known_however_old(full: Memory, archive: Archive) -> None:
    purged(archive, 4000)
    assert full.recall(intent(opened(identity="replay")), network()).replayed


def test_each_mail_that_went_has_its_journal_row(engine: Engine, full: Memory, archive: Archive) -> None:
    before = Journal(engine).head()[0]
    purged(archive, 92)
    rows = list(Journal(engine).rows(after=before))
    assert {(row.event, row.reference, json.loads(row.facts).get("held")) for row in rows} == {
        (Event.PURGED, "2026-0001", None),
        (Event.PURGED, None, "H-1"),
        (Event.PURGED, None, "H-2"),
    }
    assert Journal(engine).verify().findings == ()


def test_the_octets_of_a_delivered_mail_are_gone_at_once(engine: Engine, full: Memory) -> None:
    assert count(engine, schema.bodies) == 0


def test_thousands_of_mails_go_in_one_go(engine: Engine, archive: Archive) -> None:
    row = {"octets": b"x", "came_sealed": True, "kept_at": NOW}
    with writing(engine) as connection:
        connection.execute(insert(schema.originals), [row | {"digest": f"{n:064}"} for n in range(2500)])
    assert len(archive.purge(RETENTION, NOW + 91 * DAY, "robot")) == 2500
    assert count(engine, schema.originals) == 0
