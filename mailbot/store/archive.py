"""The mails that are kept as they came: what each may still be needed for, and how those go that nothing needs."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, select, update

from mailbot.core.records import Exchange, HeldMail, HeldState
from mailbot.core.retention import Kept, Plan, Retention, entry, loses_its_chance, plan
from mailbot.store import exchanges, holding, journal, schema
from mailbot.store.engine import reading, writing

_PAGE = 500  # mails looked at in one query
_NOTICES = timedelta(days=1)  # no sender is told more seldom than that, so an older row says nothing

_Settled = tuple[bool, datetime | None]  # is one queued, when was the last one settled
_UNSENT: _Settled = (False, None)


class Archive:
    """The originals of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def plan(self, retention: Retention, now: datetime) -> Plan:
        """What goes now, and what goes soon; nothing is changed."""
        with reading(self._engine) as connection:
            return planned(connection, retention, now)

    def purge(self, retention: Retention, now: datetime, by: str) -> tuple[Kept, ...]:
        """Drop what nothing needs any more, with a journal row for each; returns what went.

        The rows about it stay, and so do the replay keys, for ever.
        """
        with writing(self._engine) as connection:
            going = plan(_kept(connection, retention, now), retention, now).now
            for start in range(0, len(going), _PAGE):
                _drop(connection, going[start : start + _PAGE])
            connection.execute(delete(schema.notices).where(schema.notices.c.sent_at < now - _NOTICES))
            journal.append(connection, [entry(mail, by) for mail in going], now)
            return going


# ---------------------------------------------------------------- looking


def planned(connection: Connection, retention: Retention, now: datetime) -> Plan:
    """What goes now, and what goes soon, in a transaction of the caller."""
    return plan(_kept(connection, retention, now), retention, now)


def _kept(connection: Connection, retention: Retention, now: datetime) -> tuple[Kept, ...]:
    """Every mail that is old enough to go, or to go soon."""
    table = schema.originals.c
    youngest = now + retention.warning - min(retention.originals, retention.held)
    wanted = select(table.digest, table.kept_at, func.length(table.octets).label("size"))
    found = connection.execute(wanted.where(table.kept_at <= youngest).order_by(table.digest)).all()
    pages = (found[start : start + _PAGE] for start in range(0, len(found), _PAGE))
    return tuple(mail for page in pages for mail in _with_their_use(connection, page))


def _with_their_use(connection: Connection, rows: Sequence[Any]) -> list[Kept]:
    digests = [row.digest for row in rows]
    held = _held(connection, digests)
    wanted = select(schema.exchanges).where(schema.exchanges.c.original.in_(digests))
    opened = {exchange.original: exchange for exchange in exchanges.find(connection, wanted)}
    settled = _settled(connection, [exchange.reference for exchange in opened.values()])
    return [_with_its_use(row, held.get(row.digest), opened.get(row.digest), settled) for row in rows]


def _with_its_use(row: Any, held: HeldMail | None, exchange: Exchange | None, settled: Mapping[str, _Settled]) -> Kept:
    queued, delivered_at = settled.get(exchange.reference, _UNSENT) if exchange else _UNSENT
    return Kept(row.digest, row.kept_at, row.size, held, exchange, queued, delivered_at)


def _held(connection: Connection, digests: Sequence[str]) -> Mapping[str, HeldMail]:
    wanted = select(schema.held).where(schema.held.c.digest.in_(digests))
    return {mail.digest: mail for mail in holding.find(connection, wanted)}


def _settled(connection: Connection, references: Sequence[str]) -> Mapping[str, _Settled]:
    table = schema.outbox.c
    queued = func.count().filter(schema.QUEUED)
    wanted = select(table.reference, queued, func.max(table.settled_at)).where(table.reference.in_(references))
    return {row[0]: (row[1] > 0, row[2]) for row in connection.execute(wanted.group_by(table.reference))}


# ---------------------------------------------------------------- dropping


def _drop(connection: Connection, going: Sequence[Kept]) -> None:
    digests = [mail.digest for mail in going]
    connection.execute(delete(schema.originals).where(schema.originals.c.digest.in_(digests)))
    hopeless = [mail.digest for mail in going if loses_its_chance(mail)]
    dropped = update(schema.held).where(schema.held.c.digest.in_(hopeless))
    connection.execute(dropped.values(state=HeldState.DROPPED))
