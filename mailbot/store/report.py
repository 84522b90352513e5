"""Gathers what a report is made from; exchanges are counted page by page, however many there are."""

import json
from collections.abc import Iterator
from datetime import datetime, tzinfo

from sqlalchemy import Connection, func, select

from mailbot.core.decision import Event
from mailbot.core.records import Exchange
from mailbot.core.report import Period, ReportFacts, is_over
from mailbot.core.roll import NAME, Move, read_moves
from mailbot.core.tallies import count
from mailbot.store import exchanges, journal, rounds, schema

_PAGE = 500


def report_facts(connection: Connection, period: Period, zone: tzinfo, now: datetime) -> ReportFacts:
    """Everything that happened on those days, in that zone."""
    begin, end = period.begin(zone), min(period.end(zone), now)
    table = schema.rounds
    started = (table.c.started_at >= begin, table.c.started_at < end)
    found = rounds.find(connection, select(table).where(*started).order_by(table.c.number))
    return ReportFacts(
        at=now,
        period=period,
        rounds=tuple(round_ for round_ in found if is_over(round_)),
        tallies=count(_opened(connection, begin, end), zone),
        moves=_moves(connection),
        absences=tuple(_absences(connection, begin)),
        watched_from=connection.execute(select(func.min(schema.journal.c.at))).scalar(),
        journal_head=journal.head(connection),
    )


def _opened(connection: Connection, begin: datetime, end: datetime) -> Iterator[Exchange]:
    """Exchanges that were opened then, in the order of their references."""
    table = schema.exchanges
    place = (table.c.year, table.c.number)
    opened = select(table).where(table.c.opened_at >= begin, table.c.opened_at < end).order_by(*place).limit(_PAGE)
    page = exchanges.find(connection, opened)
    while page:
        yield from page
        year, number = map(int, page[-1].reference.split("-"))
        later = (table.c.year > year) | ((table.c.year == year) & (table.c.number > number))
        page = exchanges.find(connection, opened.where(later))


def _moves(connection: Connection) -> tuple[Move, ...]:
    table = schema.occasions.c
    return read_moves(connection.execute(select(table.turn).where(table.name == NAME)).scalars())


def _absences(connection: Connection, begin: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Those that ended after that; each was journalled when it ended."""
    table = schema.journal.c
    rows = connection.execute(select(table.facts).where(table.event == Event.AWAY, table.at >= begin))
    for facts in map(json.loads, rows.scalars()):
        yield datetime.fromisoformat(facts["since"]), datetime.fromisoformat(facts["until"])
