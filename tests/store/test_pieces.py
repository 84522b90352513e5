"""What is large is stored piece by piece, and comes out as it went in."""

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from mailbot.core.decision import Decision, Entry, Event, Folder
from mailbot.store import schema
from mailbot.store.engine import Clash, StoreUnavailable, open_store, reading, writing
from mailbot.store.memory import Memory, Original
from mailbot.store.migrations import migrate
from mailbot.store.outbox import Outbox
from mailbot.store.pieces import LARGE, insert_by_pieces
from tests.store.samples import NOW, digest, outgoing

KEPT = Decision(folder=Folder.DONE, entries=(Entry(Event.OPENED, party="FR"),))
MAIL = digest("the mail")


@pytest.mark.parametrize("size", [LARGE, LARGE + 1, 3 * LARGE, 3 * LARGE + 7])
def test_large_octets_come_out_as_they_went_in(memory: Memory, outbox: Outbox, size: int) -> None:
    octets, tail = os.urandom(size), os.urandom(size)
    mails = [outgoing(tail=tail), outgoing(tail=tail)]
    memory.record(MAIL, KEPT, mails, NOW, Original(octets, came_sealed=True))
    assert memory.original(MAIL) == Original(octets, came_sealed=True)
    assert [queued.mail.tail for queued in outbox.due(NOW)] == [tail, tail]


def test_all_pieces_are_recorded_or_none(engine: Engine, memory: Memory) -> None:
    mail = outgoing(tail=os.urandom(2 * LARGE))
    twice = outgoing(tracking=mail.tracking)
    with pytest.raises(Clash):
        memory.record(MAIL, KEPT, [mail, twice], NOW, Original(os.urandom(2 * LARGE)))
    with reading(engine) as connection:
        assert connection.execute(select(schema.bodies.c.id)).all() == []
        assert connection.execute(select(schema.originals.c.digest)).all() == []


def insert_and_fail(engine: Engine, octets: bytes) -> None:
    with writing(engine) as connection:
        insert_by_pieces(connection, schema.bodies, {"size": len(octets)}, octets)
        raise sqlite3.OperationalError("disk I/O error")  # as the driver says it


def test_a_disk_that_fails_between_two_pieces_is_the_stores_failure(tmp_path: Path) -> None:
    engine = open_store(f"sqlite:///{tmp_path}/mailbot.db")
    migrate(engine)
    with pytest.raises(StoreUnavailable):
        insert_and_fail(engine, os.urandom(8 * LARGE))
    with reading(engine) as connection:
        assert connection.execute(select(schema.bodies.c.id)).all() == []
    engine.dispose()
