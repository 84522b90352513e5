"""A database as it looks after years: closed exchanges, sent mails, and a long journal. All of it is made up."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert

from mailbot.core.codes import new_reply_code
from mailbot.core.decision import Entry, Event
from mailbot.store import schema
from mailbot.store.engine import writing
from mailbot.store.journal import EMPTY, JournalRow

_AT_ONCE = 5000  # rows
_OPEN_EVERY = 100  # one exchange of so many is still open
_YEARS = timedelta(days=3 * 365)

Row = dict[str, Any]


def fill(engine: Engine, exchanges: int, journal_rows: int, parties: list[str]) -> None:
    """Into an empty database of the newest version. A million journal rows and 100,000 exchanges take a minute."""
    began = datetime.now(UTC) - _YEARS
    step = _YEARS / max(exchanges, 1)
    with writing(engine) as connection:
        numbers = range(1, exchanges + 1)
        _insert(connection, schema.exchanges, (_exchange(n, began + n * step, parties) for n in numbers))
        _insert(connection, schema.parts, (_part(n, began + n * step, parties) for n in numbers))
        _insert(connection, schema.incoming, (_incoming(n, began + n * step) for n in numbers))
        _insert(connection, schema.replays, (_replay(n, began + n * step) for n in numbers))
        _insert(connection, schema.outbox, (_mail(n, copy, began + n * step) for n in numbers for copy in (1, 2)))
        _insert(connection, schema.journal, _journal(journal_rows, exchanges, began))


def _insert(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    for some in _batched(rows):
        connection.execute(insert(table), some)


def _batched(rows: Iterable[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    for row in rows:
        some.append(row)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _reference(number: int) -> str:
    return f"2020-{number:04d}"


def _hash(*words: object) -> str:
    return sha256(repr(words).encode()).hexdigest()


def _exchange(number: int, at: datetime, parties: list[str]) -> Row:
    is_open = number % _OPEN_EVERY == 0
    return {
        "reference": _reference(number),
        "year": 2020,
        "number": number,
        "kind": "REQUEST",
        "asker": parties[number % len(parties)],
        "urgency": "routine",
        "opened_at": at,
        "deadline": at + timedelta(days=3),
        "reply_code": new_reply_code(sha256(b"%d" % number).digest()),
        "original": _hash("mail", number),
        "to_all": False,
        "blind": False,
        "stage": "open" if is_open else "closed",
        "closed_at": None if is_open else at + timedelta(days=2),
        "version": 3,
    }


def _part(number: int, at: datetime, parties: list[str]) -> Row:
    return {
        "reference": _reference(number),
        "party": parties[(number + 1) % len(parties)],
        "position": 0,
        "stage": "answered",
        "cause": None,
        "passed_on_at": at,
        "acknowledged_at": None,
        "answered_at": at + timedelta(hours=9),
        "reminders": 0,
        "backed_up_at": None,
        "owed": "",
        "half_at": None,
        "deadline_at": None,
    }


def _incoming(number: int, at: datetime) -> Row:
    opened = Event.OPENED
    return {
        "digest": _hash("mail", number),
        "folder": "Done",
        "handled_at": at,
        "event": opened,
        "reference": _reference(number),
    }


def _replay(number: int, at: datetime) -> Row:
    return {"identity": _hash("signature", number), "consumed_at": at, "reference": _reference(number)}


def _mail(number: int, copy: int, at: datetime) -> Row:
    name = f"{number}.{copy}"
    return {
        "tracking": f"made-up-{name}",
        "message_id": f"<{name}@hub.example>",
        "recipient": f"desk{number}@made-up.example",
        "envelope_sender": f"network+b.{name}@hub.example",
        "head": b"",
        "foot": b"",
        "body_id": None,
        "purpose": "relay" if copy == 1 else "receipt",
        "letter": "request" if copy == 1 else "receipt",
        "author": None,
        "reference": _reference(number),
        "party": None,
        "urgent": False,
        "state": "sent",
        "attempts": 1,
        "due_at": at,
        "created_at": at,
        "settled_at": at,
        "last_status": "250",
        "lane": "",
        "turn": number,
    }


def _journal(rows: int, exchanges: int, began: datetime) -> Iterator[Row]:
    """A sound chain: its end is looked at when the robot starts."""
    end, step = EMPTY, _YEARS / max(rows, 1)
    for number in range(rows):
        facts = {"recipient": "desk@made-up.example", "status": "250", "purpose": "relay"}
        entry = Entry(Event.DELIVERED, _reference(1 + number % max(exchanges, 1)), facts=facts)
        row = JournalRow.following(end, entry, began + number * step)
        end = (row.number, row.hash)
        yield {name: getattr(row, name) for name in JournalRow.__slots__}
