"""A database of the first version, as robots of that time left it (first/), brought to the newest: nothing is lost.

The people and mails are those of the demo; two mails wait for a person, one was still owed.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, MetaData, select

from mailbot.core.decision import Entry, Event
from mailbot.core.records import HeldState
from mailbot.store.engine import open_store, reading
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.migrations import SchemaTooOld, check_schema, migrate, schema_version, steps
from mailbot.store.outbox import Outbox
from tests.store.samples import NOW

FIRST = Path(__file__).parent / "first"
OWED = 3  # mails
Rows = Mapping[str, list[Mapping[str, object]]]


@pytest.fixture
def first(bare: Engine) -> Engine:
    """The database of then, of the same kind."""
    script = (FIRST / f"{bare.dialect.name}.sql").read_text("utf-8")
    if bare.dialect.name == "sqlite":
        with closing(sqlite3.connect(str(bare.url.database))) as connection:
            connection.executescript(script)
    else:
        with psycopg.connect(bare.url.set(drivername="postgresql").render_as_string(hide_password=False)) as server:
            server.execute(script.encode())
    return bare


def everything(engine: Engine) -> Rows:
    """Every row of every table, in no order."""
    tables = MetaData()
    with reading(engine) as connection:
        tables.reflect(connection)
        return {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in tables.tables.items()
            if name != "alembic_version"
        }


def test_it_is_of_the_first_version_and_has_something_in_every_table(first: Engine) -> None:
    assert schema_version(first) == "0001"
    with pytest.raises(SchemaTooOld, match="0001"):
        check_schema(first)
    assert all(everything(first).values())


def test_nothing_is_lost_or_changed_on_the_way_to_the_newest(first: Engine) -> None:
    before = everything(first)
    assert steps(first)
    migrate(first)
    check_schema(first)
    after = everything(first)
    for name, rows in before.items():
        kept = rows[0].keys() & after[name][0].keys()
        assert len(rows[0].keys() - kept) <= (name == "originals"), name  # the one column that was dropped
        assert _rows(after[name], kept) == _rows(rows, kept), name


def _rows(rows: list[Mapping[str, object]], columns: set[str]) -> list[str]:
    return sorted(repr([row[column] for column in sorted(columns)]) for row in rows)


def test_the_newest_robot_goes_on_with_it(first: Engine) -> None:
    migrate(first)
    memory, journal, outbox = Memory(first), Journal(first), Outbox(first)
    assert [exchange.asker for exchange in memory.latest_exchanges()] == ["IT", "DE", "FR"]
    assert [(mail.label, mail.state) for mail in memory.held_mails()] == [
        ("H-1", HeldState.WAITING),
        ("H-2", HeldState.WAITING),
    ]
    head = journal.head()
    assert journal.verify().findings == ()
    journal.record([Entry(Event.MIGRATED)], NOW)
    assert (journal.verify(anchor=head).findings, journal.head()[0]) == ((), head[0] + 1)
    due = outbox.claim(NOW)
    assert len(due) == OWED
    assert all(b"-----BEGIN PGP MESSAGE-----" in queued.mail.octets for queued in due)


def test_it_is_migrated_once(first: Engine, url: str) -> None:
    migrate(first)
    before = everything(first)
    again = open_store(url)
    migrate(again)
    assert everything(again) == before
    again.dispose()
