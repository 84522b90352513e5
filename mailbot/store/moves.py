"""Wishes: mails that lie in the mailbox's folder Held and belong elsewhere, because they were released or dropped.

The mailbox is made to agree in the next round, as often as needed. A mail is found by its size and its digest: nothing
else of it is known here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, insert, select, update

from mailbot.core.decision import Folder
from mailbot.store.engine import reading, writing
from mailbot.store.schema import held, incoming, moves


@dataclass(frozen=True, slots=True)
class Move:
    """A mail, and where it belongs."""

    digest: str
    size: int  # octets
    folder: Folder


def wish(connection: Connection, digest: str, folder: Folder, now: datetime) -> None:
    """A held mail belongs elsewhere from now on."""
    connection.execute(update(incoming).where(incoming.c.digest == digest).values(folder=folder))
    connection.execute(insert(moves).values(digest=digest, since=now))


class Moves:
    """The wishes of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def wanted(self) -> tuple[Move, ...]:
        """What is to be moved, oldest first."""
        sized = moves.join(held, held.c.digest == moves.c.digest).join(incoming, incoming.c.digest == moves.c.digest)
        wanted = select(moves.c.digest, held.c.size, incoming.c.folder).select_from(sized).order_by(moves.c.since)
        with reading(self._engine) as connection:
            return tuple(Move(row.digest, row.size, Folder(row.folder)) for row in connection.execute(wanted))

    def done(self, digests: Collection[str]) -> None:
        """These were moved, or are not there to be moved."""
        with writing(self._engine, in_turn=False) as connection:
            connection.execute(delete(moves).where(moves.c.digest.in_(digests)))


def by_folder(wanted: Collection[Move]) -> Mapping[Folder, Mapping[str, int]]:
    """Folder -> digest -> size."""
    found: dict[Folder, dict[str, int]] = {}
    for move in wanted:
        found.setdefault(move.folder, {})[move.digest] = move.size
    return found
