"""The journal: append-only, each row bound to the one before by its hash (trust.md 19)."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import Connection, Engine, func, insert, select

from mailbot.core.decision import Entry
from mailbot.store.engine import reading, writing
from mailbot.store.schema import ON_THE_CLOCK, journal, rfc3339, storable

Head = tuple[int, str]  # the last row's number and hash
EMPTY: Head = (0, "")
_PAGE = 1000  # rows read at a time
_BEFORE_ALL = -(2**63)  # a forger's row may have a number below 1
# Made once: to build a statement takes as long as to run it.
_LAST = select(journal.c.number, journal.c.hash).order_by(journal.c.number.desc()).limit(1)
_NEW = insert(journal)


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One row as it is stored; `facts` is a JSON object with sorted names and nothing but ASCII."""

    number: int
    at: datetime
    event: str
    reference: str | None
    party: str | None
    facts: str
    previous: str
    hash: str

    @classmethod
    def following(cls, head: Head, entry: Entry, at: datetime) -> Self:
        """The row that comes after `head`."""
        reference, party = _storable(entry.reference), _storable(entry.party)
        said = (head[0] + 1, at, entry.event, reference, party, canonical(dict(entry.facts)), head[1])
        return cls(*said, _chained(said))

    def chained(self) -> str:
        """The hash that the row must have."""
        return _chained((self.number, self.at, self.event, self.reference, self.party, self.facts, self.previous))


_Said = tuple[int, datetime, str, str | None, str | None, str, str]


def _chained(row: _Said) -> str:
    """SHA-256 over a JSON array of all that a row says, so that no two rows give the same octets."""
    number, at, *others = row
    return hashlib.sha256(canonical([number, rfc3339(at), *others]).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON in its one form: names sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _storable(text: str | None) -> str | None:
    return None if text is None else storable(text)


# ---------------------------------------------------------------- in a transaction of the caller


def head(connection: Connection) -> Head:
    """Where the chain ends."""
    row = connection.execute(_LAST).first()
    return (row.number, row.hash) if row else EMPTY


def broken_at(connection: Connection, rows: int) -> int | None:
    """The first of the last so many rows that does not hold; None: all do. A longer walk is for Journal.verify()."""
    last = select(journal).order_by(journal.c.number.desc()).limit(rows + 1)
    found = [JournalRow(**row) for row in connection.execute(last).mappings()][::-1]
    end = EMPTY
    if len(found) > rows:
        end, found = (found[0].number, found[0].hash), found[1:]
    for row in found:
        if any(_breaks(row, end)):
            return row.number
        end = (row.number, row.hash)
    return None


def append(connection: Connection, entries: Iterable[Entry], at: datetime) -> None:
    """Write entries down. The connection must be one of writing(): that makes it one chain."""
    rows, end = [], head(connection)
    for entry in entries:
        row = JournalRow.following(end, entry, at)
        end = (row.number, row.hash)
        rows.append({name: getattr(row, name) for name in JournalRow.__slots__})  # asdict() copies for 30 µs
    if rows:
        connection.execute(_NEW, rows)


# ---------------------------------------------------------------- in one of its own


class Break(StrEnum):
    """What is wrong with the chain at a row."""

    CHANGED = "the row does not match its hash"
    MISSING = "rows before this one are missing"
    UNCHAINED = "the row does not follow the one before it: one was inserted, removed or replaced"
    CUT = "rows after this one are missing"
    REWRITTEN = "the row is not the one that was witnessed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where the journal does not hold."""

    number: int
    what: Break


@dataclass(frozen=True, slots=True)
class Verified:
    """What a walk over the whole journal found; no findings: it holds."""

    rows: int
    head: Head
    findings: tuple[Finding, ...]


class Journal:
    """The journal of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def head(self) -> Head:
        """The last row's number and hash; (0, "") if there is none."""
        with reading(self._engine) as connection:
            return head(connection)

    def record(self, entries: Iterable[Entry], now: datetime) -> None:
        """Write down what no mail decided: an operator's act."""
        with writing(self._engine) as connection:
            append(connection, entries, now)

    def rows(self, after: int = _BEFORE_ALL) -> Iterator[JournalRow]:
        """All rows above this number, in order, a page at a time; it may be left early."""
        while page := self._page(after):
            yield from page
            after = page[-1].number

    def began_at(self) -> datetime | None:
        """When its first row was written; None: there is none."""
        with reading(self._engine) as connection:
            return connection.execute(select(journal.c.at).order_by(journal.c.number).limit(1)).scalar()

    def last_on_the_clock(self) -> JournalRow | None:
        """The last row that says whether the clock is believed."""
        wanted = select(journal).where(ON_THE_CLOCK).order_by(journal.c.number.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(wanted).mappings().first()
            return JournalRow(**row) if row else None

    def span(self, since: int) -> tuple[datetime | None, int]:
        """Of the rows from this number on: the latest time, and the last number; (None, 0) if there are none.

        Asked for separately, each is found at the end of an index, however long the journal is.
        """
        these = journal.c.number >= since
        with reading(self._engine) as connection:
            latest = connection.execute(
                select(journal.c.at).where(these).order_by(journal.c.at.desc()).limit(1)
            ).scalar()
            return latest, connection.execute(select(func.max(journal.c.number)).where(these)).scalar() or 0

    def verify(self, anchor: Head | None = None) -> Verified:
        """Walk the chain. Raises StoreUnavailable.

        `anchor` is a number and hash that somebody outside has kept, from a receipt or a digest: only that shows a
        tail cut off, or a chain written anew from some row on.
        """
        return self._walk(self.rows(), EMPTY, anchor)

    def verify_end(self, rows: int) -> Verified:
        """Walk the last rows of the chain alone. Raises StoreUnavailable."""
        first = self.head()[0] - rows
        before = next((row for row in self.rows(after=first - 1)), None) if first > 0 else None
        if before is None:
            return self.verify()
        return self._walk(self.rows(after=before.number), (before.number, before.hash), None)

    def _walk(self, rows: Iterable[JournalRow], before: Head, anchor: Head | None) -> Verified:
        findings: list[Finding] = []
        count, end, witnessed = 0, before, anchor in {None, EMPTY}
        for row in rows:
            findings += [Finding(row.number, what) for what in _breaks(row, end)]
            if anchor and row.number == anchor[0]:
                witnessed = True
                findings += [Finding(row.number, Break.REWRITTEN)] * (row.hash != anchor[1])
            count, end = count + 1, (row.number, row.hash)
        if not witnessed and anchor and end[0] < anchor[0]:
            findings.append(Finding(end[0], Break.CUT))
        return Verified(count, end, tuple(findings))

    def _page(self, after: int) -> list[JournalRow]:
        page = select(journal).where(journal.c.number > after).order_by(journal.c.number).limit(_PAGE)
        with reading(self._engine) as connection:
            return [JournalRow(**row) for row in connection.execute(page).mappings()]


def _breaks(row: JournalRow, before: Head) -> Iterator[Break]:
    if row.hash != row.chained():
        yield Break.CHANGED
    if row.number != before[0] + 1:
        yield Break.MISSING
    elif row.previous != before[1]:
        yield Break.UNCHAINED
