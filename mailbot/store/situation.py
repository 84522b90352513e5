"""Gathers how network and robot are at a moment, for digest and status; what it means is said in core."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from mailbot.core.decision import Event
from mailbot.core.digest import NAME
from mailbot.core.postings import Posting, State
from mailbot.core.records import Exchange, HeldMail, HeldState
from mailbot.core.retention import Retention, loses_its_chance
from mailbot.core.rounds.records import Round
from mailbot.core.situation import DAYS, Situation
from mailbot.store import exchanges, holding, journal, orders, outbox, rounds, schema
from mailbot.store.archive import planned
from mailbot.store.contacts import MAILBOX, contacted
from mailbot.store.ringing import troubles

MOST = 1000  # rows of each kind: beyond, nobody counts them in a mail
WALKED = 500  # rows of the journal's end whose chain is looked at each time; `mailbot journal verify` walks all of it


def situation(connection: Connection, now: datetime, retention: Retention | None = None) -> Situation:
    """All of it, as it is in this transaction; `retention` says what of the kept mail goes soon."""
    since = _last_digest(connection) or now - timedelta(days=1)
    queued = connection.execute(select(func.count(), func.min(schema.outbox.c.created_at)).where(schema.QUEUED)).one()
    return Situation(
        at=now,
        since=since,
        exchanges=_waited_for(connection),
        open_exchanges=_count(connection, schema.exchanges, schema.OPEN),
        held=_held(connection),
        failures=_failures(connection, since),
        rounds=_rounds(connection, now),
        **_going(connection, retention or Retention(), now),
        queued=queued[0],
        oldest=queued[1],
        sent_at=_last_sent(connection),
        mailbox_at=contacted(connection).get(MAILBOX),
        # A try is counted before it is made: with one, a mail may just be at work, as the one that asks for this is.
        retried=_count(connection, schema.attempts, schema.attempts.c.tries > 1),
        suspended=tuple(sorted(orders.suspended(connection))),
        clock_doubted=_clock_doubted(connection),
        ringing=troubles(connection),
        journal_head=journal.head(connection),
        journal_broken=journal.broken_at(connection, WALKED),
    )


def _last_digest(connection: Connection) -> datetime | None:
    table = schema.occasions.c
    found: datetime | None = connection.execute(select(func.max(table.at)).where(table.name == NAME)).scalar()
    return found


def _waited_for(connection: Connection) -> tuple[Exchange, ...]:
    """Open requests with a part that has no answer, or could not even be sent."""
    table, part = schema.exchanges, schema.parts.c.reference
    silent = or_(table.c.reference.in_(select(part).where(schema.UNANSWERED)), _wait(part))
    wanted = select(table).where(schema.OPEN, table.c.kind == "REQUEST", silent)
    return exchanges.find(connection, wanted.order_by(table.c.deadline, table.c.reference).limit(MOST))


def _wait(part: Any) -> Any:
    return schema.exchanges.c.reference.in_(select(part).where(schema.WAITING))


def _held(connection: Connection) -> tuple[HeldMail, ...]:
    state, number = schema.held.c.state, schema.held.c.number
    still = select(schema.held).where(state.in_([HeldState.WAITING, HeldState.ASKED]))
    return holding.find(connection, still.order_by(number).limit(MOST))


def _going(connection: Connection, retention: Retention, now: datetime) -> dict[str, Any]:
    """Of ended exchanges; a held mail that goes is told by itself."""
    soon = [at for at, mail in planned(connection, retention, now).soon if not loses_its_chance(mail)]
    return {"going": len(soon), "going_at": min(soon, default=None)}


def _failures(connection: Connection, since: datetime) -> tuple[Posting, ...]:
    table = schema.outbox.c
    recent = or_(table.settled_at >= since, table.reported_at >= since)
    found = outbox.postings(connection, and_(schema.FAILED, recent))
    return tuple(posting for posting in found if posting.failed)[-MOST:]


def _rounds(connection: Connection, now: datetime) -> tuple[Round, ...]:
    """Those of the last days, and the last one whenever it was."""
    table = schema.rounds
    recent = rounds.find(
        connection, select(table).where(table.c.started_at > now - timedelta(days=DAYS + 1)).order_by(table.c.number)
    )
    return recent or rounds.find(connection, select(table).order_by(table.c.number.desc()).limit(1))


def _last_sent(connection: Connection) -> datetime | None:
    """Of the mail that was queued last among those that were sent: near enough, and quickly found."""
    table = schema.outbox.c
    last = select(table.settled_at).where(table.state == State.SENT).order_by(table.id.desc()).limit(1)
    found: datetime | None = connection.execute(last).scalar()
    return found


def _clock_doubted(connection: Connection) -> bool:
    event, number = schema.journal.c.event, schema.journal.c.number
    said = select(event).where(event.in_([Event.CLOCK_DOUBTED, Event.CLOCK_TRUSTED])).order_by(number.desc()).limit(1)
    return connection.execute(said).scalar() == Event.CLOCK_DOUBTED


def _count(connection: Connection, table: Any, condition: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())
