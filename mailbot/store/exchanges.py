"""Exchanges and their parts, between records and rows."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update

from mailbot.core.records import Cause, Exchange, Part, PartStage, Stage
from mailbot.core.tags import Urgency, Word, write_reference
from mailbot.store.engine import Clash
from mailbot.store.schema import exchanges, parts

_SETTLED = frozenset({PartStage.ANSWERED, PartStage.EXPIRED})


def next_reference(connection: Connection, year: int) -> str:
    """The number after the highest one of that year. It is free until somebody records it."""
    highest = select(func.max(exchanges.c.number)).where(exchanges.c.year == year)
    return write_reference(year, (connection.execute(highest).scalar() or 0) + 1)


# ---------------------------------------------------------------- reading


def by_reference(connection: Connection, references: Collection[str]) -> dict[str, Exchange]:
    """The exchanges with these references; one that is not there is left out."""
    if not references:
        return {}
    wanted = select(exchanges).where(exchanges.c.reference.in_(references)).order_by(exchanges.c.reference)
    return {exchange.reference: exchange for exchange in find(connection, wanted)}


def by_reply_code(connection: Connection, codes: Collection[str]) -> tuple[Exchange, ...]:
    """The exchanges whose reply codes these are."""
    if not codes:
        return ()
    return find(connection, select(exchanges).where(exchanges.c.reply_code.in_(codes)).order_by(exchanges.c.reference))


def find(connection: Connection, wanted: Select[Any]) -> tuple[Exchange, ...]:
    """The exchanges that a query over the table `exchanges` finds, in its order, with their parts."""
    rows = connection.execute(wanted).mappings().all()
    shares = _parts(connection, [row["reference"] for row in rows])
    return tuple(_exchange(row, tuple(shares.get(row["reference"], {}).values())) for row in rows)


def _parts(connection: Connection, references: Collection[str]) -> Mapping[str, dict[str, Part]]:
    """Reference -> party -> part, in the order in which the asker named them."""
    found: dict[str, dict[str, Part]] = {}
    if references:
        wanted = select(parts).where(parts.c.reference.in_(references)).order_by(parts.c.reference, parts.c.position)
        for row in connection.execute(wanted).mappings():
            found.setdefault(row["reference"], {})[row["party"]] = _part(row)
    return found


def _exchange(row: RowMapping, shares: tuple[Part, ...]) -> Exchange:
    return Exchange(
        reference=row["reference"],
        kind=Word(row["kind"]),
        asker=row["asker"],
        parts=shares,
        urgency=Urgency(row["urgency"]),
        opened_at=row["opened_at"],
        deadline=row["deadline"],
        reply_code=row["reply_code"],
        original=row["original"],
        blind=row["blind"],
        stage=Stage(row["stage"]),
        closed_at=row["closed_at"],
        version=row["version"],
    )


def _part(row: RowMapping) -> Part:
    return Part(
        party=row["party"],
        stage=PartStage(row["stage"]),
        cause=Cause(row["cause"]) if row["cause"] else None,
        passed_on_at=row["passed_on_at"],
        acknowledged_at=row["acknowledged_at"],
        answered_at=row["answered_at"],
        reminders=row["reminders"],
    )


# ---------------------------------------------------------------- writing


def save(connection: Connection, exchange: Exchange) -> None:
    """Write an exchange that was decided on: a new one has version 0, a changed one the version it was read with.

    Raises Clash if it was changed in between.
    """
    if exchange.version == 0:
        connection.execute(insert(exchanges), _row(exchange))
    else:
        _replace(connection, exchange)
    _save_parts(connection, exchange)


def _replace(connection: Connection, exchange: Exchange) -> None:
    as_read = (exchanges.c.reference == exchange.reference, exchanges.c.version == exchange.version)
    changed = connection.execute(update(exchanges).where(*as_read).values(_row(exchange)))
    if changed.rowcount != 1:
        raise Clash(f"exchange {exchange.reference} was changed by another worker")


def _save_parts(connection: Connection, exchange: Exchange) -> None:
    """Write the parts that are new or changed: of forty, a reply changes one."""
    known = _parts(connection, [exchange.reference] if exchange.version else []).get(exchange.reference, {})
    numbered = list(enumerate(exchange.parts))
    new = [_part_row(exchange, part) | {"position": n} for n, part in numbered if part.party not in known]
    if new:
        connection.execute(insert(parts), new)
    for part in exchange.parts:
        if known.get(part.party, part) != part:
            this = (parts.c.reference == exchange.reference, parts.c.party == part.party)
            connection.execute(update(parts).where(*this).values(_part_row(exchange, part)))


def _row(exchange: Exchange) -> dict[str, Any]:
    year, number = exchange.reference.split("-")
    expected = [part for part in exchange.parts if part.stage not in _SETTLED]
    return {
        "reference": exchange.reference,
        "year": int(year),
        "number": int(number),
        "kind": exchange.kind,
        "asker": exchange.asker,
        "urgency": exchange.urgency,
        "opened_at": exchange.opened_at,
        "half_at": exchange.opened_at + (exchange.deadline - exchange.opened_at) / 2,
        "deadline": exchange.deadline,
        "reply_code": exchange.reply_code,
        "original": exchange.original,
        "blind": exchange.blind,
        "stage": exchange.stage,
        "closed_at": exchange.closed_at,
        "unanswered": len(expected),
        "reminders": min((part.reminders for part in expected), default=0),
        "version": exchange.version + 1,
    }


def _part_row(exchange: Exchange, part: Part) -> dict[str, Any]:
    return {"reference": exchange.reference} | asdict(part)
