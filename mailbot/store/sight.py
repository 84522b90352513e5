"""What commands need of what is remembered: a function for each Slice of a Sight."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, exists, select

from mailbot.core.pins import Renewals
from mailbot.core.postings import Posting
from mailbot.core.records import Exchange, HeldMail, HeldState
from mailbot.core.report import Period, ReportFacts
from mailbot.core.rounds.figures import IN_A_ROW
from mailbot.core.rounds.records import Round
from mailbot.core.rounds.starting import Past
from mailbot.core.sight import Sight, Slice, Wanted
from mailbot.core.situation import Situation
from mailbot.store import exchanges, holding, orders, outbox, pins, rounds, schema
from mailbot.store.report import report_facts
from mailbot.store.situation import situation

WAITING_MOST = 200  # held mails in one list; beyond, the number says how many there are
OWN_MOST = 200


def see(connection: Connection, wanted: Wanted, now: datetime) -> Sight:
    """The slices that are wanted; the others are empty."""
    seen: dict[str, Any] = {part.value: SLICES[part](connection, wanted, now) for part in wanted.slices}
    return Sight(ordered=orders.latest(connection, wanted.objects), **seen)


def _exchanges(connection: Connection, wanted: Wanted, _now: datetime) -> Mapping[str, Exchange]:
    return exchanges.by_reference(connection, wanted.references)


def _postings(connection: Connection, wanted: Wanted, _now: datetime) -> Mapping[str, tuple[Posting, ...]]:
    reference = schema.outbox.c.reference
    return {named: outbox.postings(connection, reference == named) for named in wanted.references}


def _held(connection: Connection, wanted: Wanted, _now: datetime) -> Mapping[int, HeldMail]:
    found = holding.find(connection, select(schema.held).where(schema.held.c.number.in_(wanted.held)))
    return {mail.number: mail for mail in found}


def _waiting(connection: Connection, _wanted: Wanted, _now: datetime) -> tuple[HeldMail, ...]:
    state, number = schema.held.c.state, schema.held.c.number
    still = select(schema.held).where(state.in_([HeldState.WAITING, HeldState.ASKED]))
    return holding.find(connection, still.order_by(number).limit(WAITING_MOST))


def _suspensions(connection: Connection, _wanted: Wanted, _now: datetime) -> Mapping[str, Any]:
    return orders.suspended(connection)


def _own(connection: Connection, wanted: Wanted, _now: datetime) -> tuple[Exchange, ...]:
    """Open exchanges that the party asked, or is a target of."""
    table, part = schema.exchanges, schema.parts.c
    targeted = exists().where(part.reference == table.c.reference, part.party == wanted.code)
    mine = select(table).where(schema.OPEN, (table.c.asker == wanted.code) | targeted)
    return exchanges.find(connection, mine.order_by(table.c.opened_at.desc()).limit(OWN_MOST))


def _situation(connection: Connection, wanted: Wanted, now: datetime) -> Situation:
    return situation(connection, now, wanted.retention)


def _past(connection: Connection, _wanted: Wanted, _now: datetime) -> Past:
    return rounds.past(connection)


def _rounds(connection: Connection, _wanted: Wanted, _now: datetime) -> tuple[Round, ...]:
    """The last one, and those it is compared with."""
    return rounds.latest(connection, IN_A_ROW + 1)


def _reports(connection: Connection, wanted: Wanted, now: datetime) -> Mapping[str, ReportFacts]:
    zone = ZoneInfo(wanted.zone)
    return {named: report_facts(connection, Period.read(named), zone, now) for named in wanted.periods}


def _renewals(connection: Connection, _wanted: Wanted, _now: datetime) -> Renewals:
    return pins.renewals(connection)


Fetch = Callable[[Connection, Wanted, datetime], Any]

SLICES: Mapping[Slice, Fetch] = {
    Slice.EXCHANGES: _exchanges,
    Slice.POSTINGS: _postings,
    Slice.HELD: _held,
    Slice.WAITING: _waiting,
    Slice.SUSPENSIONS: _suspensions,
    Slice.OWN: _own,
    Slice.SITUATION: _situation,
    Slice.PAST: _past,
    Slice.ROUNDS: _rounds,
    Slice.REPORTS: _reports,
    Slice.RENEWALS: _renewals,
}
