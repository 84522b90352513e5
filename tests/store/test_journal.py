"""The journal: one chain, whoever writes, and nobody changes it unseen."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, insert, text, update

from mailbot.core.decision import Entry, Event
from mailbot.store import schema
from mailbot.store.engine import writing
from mailbot.store.journal import EMPTY, Break, Finding, Journal, JournalRow, append
from tests.store.samples import NOW

ENTRIES = [
    Entry(Event.OPENED, "2026-0001", "FR", {"tag": "body", "urgency": "urgent"}),
    Entry(Event.DELIVERED, "2026-0001", "DE", {"status": "250"}),
    Entry(Event.HELD),
    Entry(Event.NOTED, facts={"odd": 'quote " comma , brace } \0 \ud800 é 🦊'}),
    Entry(Event.CLOSED, "2026-0001", "FR"),
]


@pytest.fixture
def journal(engine: Engine) -> Journal:
    """Five rows."""
    journal = Journal(engine)
    for minute, entry in enumerate(ENTRIES):
        journal.record([entry], NOW + timedelta(minutes=minute))
    return journal


@contextmanager
def forger(engine: Engine) -> Iterator[Connection]:
    """Somebody who may do anything to the database, so that the triggers are no obstacle."""
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            for name in ("journal_no_update", "journal_no_delete", "journal_next_only"):
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
        yield connection


def renumber(connection: Connection, numbers: list[int], by: int) -> None:
    for number in numbers:
        changed = update(schema.journal).where(schema.journal.c.number == number).values(number=number + by)
        connection.execute(changed)


def rewrite(connection: Connection, rows: list[JournalRow]) -> None:
    """Put these rows in the place of all."""
    connection.execute(delete(schema.journal))
    columns = schema.journal.columns.keys()
    connection.execute(insert(schema.journal), [{name: getattr(row, name) for name in columns} for row in rows])


# ---------------------------------------------------------------- writing


def test_an_empty_journal_holds(engine: Engine) -> None:
    journal = Journal(engine)
    assert journal.head() == EMPTY == (0, "")
    assert list(journal.rows()) == []
    assert journal.verify().findings == ()


def test_rows_are_numbered_chained_and_read_back(journal: Journal) -> None:
    rows = list(journal.rows())
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert [row.previous for row in rows] == ["", *(row.hash for row in rows[:-1])]
    assert [(row.event, row.reference, row.party) for row in rows] == [(e.event, e.reference, e.party) for e in ENTRIES]
    assert [json.loads(row.facts) for row in rows] == [dict(entry.facts) for entry in ENTRIES]
    assert rows[2].at == NOW + timedelta(minutes=2)
    assert journal.head() == (5, rows[4].hash)


def test_an_untouched_journal_holds(journal: Journal) -> None:
    verified = journal.verify()
    assert (verified.rows, verified.head, verified.findings) == (5, journal.head(), ())


def test_rows_can_be_read_from_anywhere(journal: Journal) -> None:
    assert [row.number for row in journal.rows(after=3)] == [4, 5]


def test_many_entries_of_one_transaction_are_chained_too(journal: Journal) -> None:
    journal.record(ENTRIES * 300, NOW)
    assert journal.verify().rows == 1505
    assert journal.verify().findings == ()


def test_nothing_to_write_writes_nothing(journal: Journal) -> None:
    before = journal.head()
    journal.record([], NOW)
    assert journal.head() == before


def test_an_undone_transaction_leaves_no_gap(engine: Engine, journal: Journal) -> None:
    with writing(engine) as connection:
        append(connection, ENTRIES, NOW)
        connection.rollback()
    journal.record(ENTRIES, NOW)
    assert journal.verify().rows == 10
    assert journal.verify().findings == ()


def test_writers_at_the_same_time_make_one_chain(engine: Engine, journal: Journal) -> None:
    def write() -> None:
        for _ in range(10):
            journal.record(ENTRIES[:2], NOW)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verified = journal.verify()
    assert (verified.rows, verified.findings) == (85, ())


# ---------------------------------------------------------------- forging


@pytest.mark.parametrize(
    "change",
    [
        {"event": "exchange closed"},
        {"reference": None},
        {"reference": "2026-0002"},
        {"party": "IT"},
        {"facts": '{"status":"550"}'},
        {"facts": '{"status": "250"}'},  # the same object, written otherwise
        {"at": NOW + timedelta(minutes=1, microseconds=1)},
        {"hash": "0" * 64},
        {"previous": "0" * 64},
        {"number": 6},
    ],
)
def test_a_changed_row_is_found(engine: Engine, journal: Journal, change: dict[str, Any]) -> None:
    with forger(engine) as connection:
        connection.execute(update(schema.journal).where(schema.journal.c.number == 2).values(change))
    assert Finding(change.get("number", 2), Break.CHANGED) in journal.verify().findings


def test_two_rows_that_changed_places_are_found(engine: Engine, journal: Journal) -> None:
    with forger(engine) as connection:
        renumber(connection, [2], by=98)
        renumber(connection, [3], by=-1)
        renumber(connection, [100], by=-97)
    found = journal.verify().findings
    assert {finding.number for finding in found} == {2, 3, 4}


def test_several_removed_rows_are_found(engine: Engine, journal: Journal) -> None:
    with forger(engine) as connection:
        connection.execute(delete(schema.journal).where(schema.journal.c.number.in_([2, 3])))
    assert journal.verify().findings == (Finding(4, Break.MISSING),)


def test_the_look_at_the_end_finds_what_is_wrong_there(engine: Engine, journal: Journal) -> None:
    with forger(engine) as connection:
        connection.execute(update(schema.journal).where(schema.journal.c.number == 4).values(party="XX"))
    assert [finding.number for finding in journal.verify_end(1).findings] == []
    assert [finding.number for finding in journal.verify_end(2).findings] == [4]
    assert [finding.number for finding in journal.verify_end(9).findings] == [4]


def test_a_changed_row_with_a_fitting_hash_is_found_by_the_next(engine: Engine, journal: Journal) -> None:
    rows = list(journal.rows())
    rows[1] = JournalRow.following((1, rows[0].hash), Entry(Event.DELIVERED, "2026-0001", "IT"), NOW)
    with forger(engine) as connection:
        rewrite(connection, rows)
    assert journal.verify().findings == (Finding(3, Break.UNCHAINED),)


@pytest.mark.parametrize("number", [1, 3])
def test_a_removed_row_is_found(engine: Engine, journal: Journal, number: int) -> None:
    with forger(engine) as connection:
        connection.execute(delete(schema.journal).where(schema.journal.c.number == number))
    assert journal.verify().findings == (Finding(number + 1, Break.MISSING),)


def test_a_removed_row_is_found_though_the_gap_is_closed(engine: Engine, journal: Journal) -> None:
    with forger(engine) as connection:
        connection.execute(delete(schema.journal).where(schema.journal.c.number == 3))
        renumber(connection, [4, 5], by=-1)
    assert Finding(3, Break.UNCHAINED) in journal.verify().findings
    assert Finding(3, Break.CHANGED) in journal.verify().findings


def test_an_inserted_row_is_found(engine: Engine, journal: Journal) -> None:
    rows = list(journal.rows())
    false = JournalRow.following((2, rows[1].hash), Entry(Event.CLOSED, "2026-0001"), NOW)
    with forger(engine) as connection:
        renumber(connection, [5, 4, 3], by=1)
        columns = schema.journal.columns.keys()
        connection.execute(insert(schema.journal), {name: getattr(false, name) for name in columns})
    found = journal.verify().findings
    assert Finding(4, Break.UNCHAINED) in found
    assert Finding(4, Break.CHANGED) in found


@pytest.mark.parametrize("number", [0, -7])
def test_a_row_before_the_first_is_found(engine: Engine, journal: Journal, number: int) -> None:
    false = JournalRow.following((number - 1, ""), Entry(Event.CLOSED), NOW)
    with forger(engine) as connection:
        columns = schema.journal.columns.keys()
        connection.execute(insert(schema.journal), {name: getattr(false, name) for name in columns})
    assert Finding(number, Break.MISSING) in journal.verify().findings


# ---------------------------------------------------------------- witnesses


def test_a_tail_cut_off_shows_by_a_witness_alone(engine: Engine, journal: Journal) -> None:
    witnessed = journal.head()
    with forger(engine) as connection:
        connection.execute(delete(schema.journal).where(schema.journal.c.number >= 4))
    assert journal.verify().findings == ()
    assert journal.verify(witnessed).findings == (Finding(3, Break.CUT),)


def test_a_journal_emptied_shows_by_a_witness(engine: Engine, journal: Journal) -> None:
    witnessed = journal.head()
    with forger(engine) as connection:
        connection.execute(delete(schema.journal))
    assert journal.verify(witnessed).findings == (Finding(0, Break.CUT),)


def test_a_chain_written_anew_shows_by_a_witness_alone(engine: Engine, journal: Journal) -> None:
    witnessed = journal.head()
    rows = list(journal.rows())[:3]
    for _ in range(3):
        last = (rows[-1].number, rows[-1].hash)
        rows.append(JournalRow.following(last, Entry(Event.NOTED), NOW))
    with forger(engine) as connection:
        rewrite(connection, rows)
    assert journal.verify().findings == ()
    assert journal.verify(witnessed).findings == (Finding(5, Break.REWRITTEN),)


def test_witnesses_of_a_true_journal_are_content_however_it_grows(journal: Journal) -> None:
    witnessed = [EMPTY, *((row.number, row.hash) for row in journal.rows())]
    journal.record(ENTRIES, NOW)
    for anchor in witnessed:
        assert journal.verify(anchor).findings == ()


# ---------------------------------------------------------------- the hash

_TEXTS = st.none() | st.text(max_size=5)
_ROWS = st.builds(
    JournalRow,
    number=st.integers(1, 3),
    at=st.just(NOW),
    event=st.text(max_size=5),
    reference=_TEXTS,
    party=_TEXTS,
    facts=st.text(max_size=5),
    previous=st.text(max_size=5),
    hash=st.just(""),
)


@given(_ROWS, _ROWS)
def test_two_rows_have_one_hash_only_if_they_are_one(one: JournalRow, other: JournalRow) -> None:
    assert (one.chained() == other.chained()) == (one == other)


def test_the_hash_is_what_it_was_in_the_first_version() -> None:
    """Whoever kept a head years ago must be able to check it: this value never changes."""
    row = JournalRow.following((41, "ab" * 32), ENTRIES[0], NOW)
    assert row.hash == "563ab7d071d89ee976cc969d31d641d6ef5fd6744d5c2241e3f8eaa3a245edce"
