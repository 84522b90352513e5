"""The hand-over: where the database is one file, what `mailbot send` sees of it under a user of its own (trust.md 19).

A second SQLite file holds sealed mail and envelopes. The sender works on it as on any outbox; the receiver puts in what
is owed, and takes over what became of it. The robot's own database stays the truth: a hand-over file that is lost is
made again, at the cost of mails sent twice under one Message-ID.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, RowMapping, delete, func, insert, select

from mailbot.core.postings import State
from mailbot.store import journal
from mailbot.store.engine import open_store, reading, writing
from mailbot.store.outbox import adopt
from mailbot.store.schema import QUEUED, bodies, metadata, outbox
from mailbot.store.schema import journal as journal_table

FILE = "outbox.sqlite"
SHARED = 0o660  # the folder's group is the sender's and the receiver's
_AT_ONCE = 20  # mails copied in one transaction


def open_handover(folder: Path) -> Engine:
    """The hand-over file in this folder; made if it is not there. Raises StoreUnavailable, OSError."""
    engine = open_store(URL.create("sqlite", database=str(folder / FILE)).render_as_string(), mode=SHARED)
    with writing(engine) as connection:
        metadata.create_all(connection, tables=[bodies, outbox, journal_table])
    return engine


class Handover:
    """The receiver's end: both databases."""

    def __init__(self, own: Engine, shared: Engine) -> None:
        """`own` is the robot's database, `shared` the hand-over file."""
        self._own, self._shared = own, shared

    def exchange(self, now: datetime) -> None:
        """Take over what became of mails, then put in what is owed. May be repeated from any point."""
        self._take_over(now)
        for numbers in _in_portions(self._missing()):
            self._put_in(numbers)

    def _missing(self) -> list[int]:
        with reading(self._own) as own:
            owed = list(own.execute(select(outbox.c.id).where(QUEUED).order_by(outbox.c.id)).scalars())
        with reading(self._shared) as shared:
            there = frozenset(shared.execute(select(outbox.c.id)).scalars())
        return [number for number in owed if number not in there]

    def _put_in(self, numbers: list[int]) -> None:
        with reading(self._own) as own, writing(self._shared) as shared:
            for row in own.execute(select(outbox).where(outbox.c.id.in_(numbers))).mappings():
                if row["body_id"] is not None:
                    _copy_body(own, shared, row["body_id"])
                shared.execute(insert(outbox).values(dict(row)))

    def _take_over(self, now: datetime) -> None:
        with reading(self._shared) as shared:
            columns = [column for column in outbox.columns if column.name not in {"head", "foot"}]
            tried = shared.execute(select(*columns).where(outbox.c.attempts > 0)).mappings().all()
        with writing(self._own) as own:
            journal.append(own, [entry for row in tried if (entry := adopt(own, row, now))], now)
        _forget(self._shared, [row["id"] for row in tried if row["state"] != State.QUEUED])

    def owed(self) -> int:
        """How many mails lie in the hand-over file unsent."""
        with reading(self._shared) as shared:
            return shared.execute(select(func.count()).select_from(outbox).where(QUEUED)).scalar_one()


def _copy_body(own: Connection, shared: Connection, number: int) -> None:
    if shared.execute(select(bodies.c.id).where(bodies.c.id == number)).first() is None:
        body: RowMapping = own.execute(select(bodies).where(bodies.c.id == number)).mappings().one()
        shared.execute(insert(bodies).values(dict(body)))


def _forget(shared: Engine, numbers: Iterable[int]) -> None:
    """What is settled; and the journal there, which nobody needs: its facts are in the robot's own now."""
    with writing(shared) as connection:
        connection.execute(delete(outbox).where(outbox.c.id.in_(list(numbers))))
        used = select(outbox.c.body_id).where(outbox.c.body_id.is_not(None))
        connection.execute(delete(bodies).where(bodies.c.id.not_in(used)))
        connection.execute(delete(journal_table))


def _in_portions(numbers: list[int]) -> Iterable[list[int]]:
    return (numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE))
