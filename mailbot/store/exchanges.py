"""Exchanges and their parts, between records and rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, insert, select, update

from mailbot.core.records import Cause, Exchange, Part, PartStage, Stage
from mailbot.core.tags import Urgency, Word, write_reference
from mailbot.store.engine import Clash
from mailbot.store.schema import exchanges, parts

# What time calls for in a part is decided in core/ticks.py; these only say where to look, and a test compares the two.
_SILENT = frozenset({PartStage.PASSED_ON, PartStage.UNDELIVERABLE})
_UNANSWERED = _SILENT | {PartStage.ACKNOWLEDGED}

_HIGHEST = select(func.max(exchanges.c.number)).where(exchanges.c.year == bindparam("of"))  # made once


def next_reference(connection: Connection, year: int) -> str:
    """The number after the highest one of that year. It is free until somebody records it."""
    return write_reference(year, (connection.execute(_HIGHEST, {"of": year}).scalar() or 0) + 1)


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
    return tuple(_exchange(row, shares.get(row["reference"], [])) for row in rows)


def _parts(connection: Connection, references: Collection[str]) -> Mapping[str, list[RowMapping]]:
    """Reference -> rows of parts, in the order in which the asker named the parties."""
    found: dict[str, list[RowMapping]] = {}
    if references:
        wanted = select(parts).where(parts.c.reference.in_(references)).order_by(parts.c.reference, parts.c.position)
        for row in connection.execute(wanted).mappings():
            found.setdefault(row["reference"], []).append(row)
    return found


def _exchange(row: RowMapping, shares: Sequence[RowMapping]) -> Exchange:
    return Exchange(
        reference=row["reference"],
        kind=Word(row["kind"]),
        asker=row["asker"],
        parts=tuple(_part(share) for share in shares),
        urgency=Urgency(row["urgency"]),
        opened_at=row["opened_at"],
        deadline=row["deadline"],
        reply_code=row["reply_code"],
        original=row["original"],
        to_all=row["to_all"],
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
        backed_up_at=row["backed_up_at"],
        owed=tuple(row["owed"].split()),
    )


# ---------------------------------------------------------------- writing

# Made once: to build a statement takes as long as to run it.
_NEW, _NEW_PARTS = insert(exchanges), insert(parts)
_OF_A_PART = tuple(field.name for field in fields(Part))


def save(connection: Connection, exchange: Exchange) -> None:
    """Write an exchange that was decided on: a new one has version 0, a changed one the version it was read with.

    Raises Clash if it was changed in between.
    """
    if exchange.version == 0:
        connection.execute(_NEW, _row(exchange))
        if exchange.parts:
            connection.execute(_NEW_PARTS, [_part_row(exchange, place) for place in range(len(exchange.parts))])
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
    rows = {part.party: _part_row(exchange, position) for position, part in enumerate(exchange.parts)}
    reference = exchange.reference
    known = {row["party"]: dict(row) for row in _parts(connection, [reference]).get(reference, [])}
    new = [row for party, row in rows.items() if party not in known]
    if new:
        connection.execute(_NEW_PARTS, new)
    for party, row in rows.items():
        if party in known and known[party] != row:
            connection.execute(update(parts).where(parts.c.reference == reference, parts.c.party == party).values(row))


def _row(exchange: Exchange) -> dict[str, Any]:
    year, number = exchange.reference.split("-")
    return {
        "reference": exchange.reference,
        "year": int(year),
        "number": int(number),
        "kind": exchange.kind,
        "asker": exchange.asker,
        "urgency": exchange.urgency,
        "opened_at": exchange.opened_at,
        "deadline": exchange.deadline,
        "reply_code": exchange.reply_code,
        "original": exchange.original,
        "to_all": exchange.to_all,
        "blind": exchange.blind,
        "stage": exchange.stage,
        "closed_at": exchange.closed_at,
        "version": exchange.version + 1,
    }


def _part_row(exchange: Exchange, position: int) -> dict[str, Any]:
    part = exchange.parts[position]
    expected = exchange.kind is Word.REQUEST and exchange.stage is Stage.OPEN
    since = part.passed_on_at or exchange.opened_at
    return {name: getattr(part, name) for name in _OF_A_PART} | {  # asdict() copies: 30 µs for each
        "owed": " ".join(part.owed),
        "reference": exchange.reference,
        "position": position,
        "half_at": since + (exchange.deadline - since) / 2 if expected and part.stage in _SILENT else None,
        "deadline_at": exchange.deadline if expected and part.stage in _UNANSWERED else None,
    }
