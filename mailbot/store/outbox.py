"""The outbox: mail that the robot owes. Written with the decision, taken and settled one by one, never lost."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Row,
    RowMapping,
    Select,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from mailbot.core.decision import Decision, Entry, Event
from mailbot.core.mail import Delivery, OutgoingMail, Refused, Sent, TryLater
from mailbot.core.postings import Posting, Report, Reported, State
from mailbot.core.retry import Patience
from mailbot.store import journal
from mailbot.store.clock import TOGETHER, Machine, lead
from mailbot.store.engine import Clash, reading, writing
from mailbot.store.schema import QUEUED, UNATTENDED, UNWARNED, bodies, outbox

LEASE = timedelta(seconds=25)  # how long a mail is left to whoever has it: if he dies, others have it within 30 s
ROOM = 64 * 1024 * 1024  # octets of sealed mail that one call of due() brings into memory
_BATCH = 20

# The same rows as QUEUED. Who looks for one mail by its number must not offer PostgreSQL the indexes of the queue: when
# it was last counted while short, PostgreSQL prefers to read all of it.
_OWED = outbox.c.settled_at.is_(None)

Change = Mapping[str, Any]  # column -> new value


@dataclass(frozen=True, slots=True)
class Queued:
    """A mail that is due, as it was read: `attempts` is the count before the coming try."""

    id: int
    attempts: int
    created_at: datetime
    mail: OutgoingMail


@dataclass(frozen=True, slots=True)
class Depth:
    """How much is owed, and since when."""

    queued: int
    oldest: datetime | None


class Outbox:
    """The outbox of one database."""

    def __init__(
        self,
        engine: Engine,
        patience: Patience | None = None,
        lease: timedelta = LEASE,
        room: int = ROOM,
        machine: Machine | None = None,
    ) -> None:
        """`machine` is the clock that the shared one is compared with; None: it is not compared."""
        self._engine = engine
        self._machine = machine
        self._lead = TOGETHER  # as it was at the last claim
        self._patience = patience or Patience()
        self._lease = lease
        self._room = room
        self._horizon = 2 * max(self._patience.longest, lease)

    # ------------------------------------------------------------ sending

    def due(self, now: datetime, limit: int = _BATCH) -> list[Queued]:
        """What to send now: urgent mail first, then the oldest. Fewer than `limit` where the mails are large."""
        with reading(self._engine) as connection:
            return _load(connection, self._choose(connection, _turns(now, self._horizon, limit)))

    def claim(self, now: datetime, limit: int = _BATCH) -> list[Queued]:
        """What is due, and on PostgreSQL nobody else's for the length of a lease: robots claim side by side.

        It only keeps them from reading the same mails; whose a mail is, take() decides, and counts the try.
        """
        if self._engine.dialect.name != "postgresql":
            return self.due(now, limit)
        with writing(self._engine, in_turn=False) as connection:
            self._lead = lead(connection, self._machine)
            turns = _turns(now + self._lead, self._horizon, limit).with_for_update(of=outbox, skip_locked=True)
            chosen = self._choose(connection, turns)
            ours = [turn.id for turn in chosen]
            connection.execute(update(outbox).where(outbox.c.id.in_(ours)).values(due_at=self._end_of_lease(now)))
            return _load(connection, chosen)

    def take(self, queued: Queued, now: datetime) -> bool:
        """Count the try before it is made, and keep others off for the length of the lease.

        False: another worker has it, or it is settled. A mail that kills its sender so runs out of tries.
        """
        return self._hold(queued, now, tries=queued.attempts)

    def renew(self, queued: Queued, now: datetime) -> bool:
        """Hold a taken mail for another lease, while a slow server is still reading it. False: it was lost."""
        return self._hold(queued, now, tries=queued.attempts + 1)

    def settle(self, queued: Queued, delivery: Delivery, now: datetime) -> None:
        """Write down what became of a taken mail, with its journal row.

        "Sent" counts whoever reports it. Anything else counts only while the mail is still ours: after a lost lease
        the other worker's outcome is the one that matters.
        """
        with writing(self._engine) as connection:
            row = _unsettled(connection, queued.id)
            if row and (isinstance(delivery, Sent) or row["attempts"] == queued.attempts + 1):
                change, entry = self._outcome(row, delivery, now)
                _apply(connection, row, change)
                journal.append(connection, [entry] if entry else [], now)

    def next_due(self) -> datetime | None:
        """When there will be something to send; None: nothing is owed."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.min(outbox.c.due_at)).where(QUEUED)).scalar()

    # ------------------------------------------------------------ looking

    def depth(self) -> Depth:
        """How much is owed."""
        with reading(self._engine) as connection:
            owed = connection.execute(select(func.count(), func.min(outbox.c.created_at)).where(QUEUED)).one()
            return Depth(*owed)

    def postings(self, reference: str) -> tuple[Posting, ...]:
        """Every mail of an exchange, oldest first, with what became of it."""
        with reading(self._engine) as connection:
            return postings(connection, outbox.c.reference == reference)

    # ------------------------------------------------------------ steps

    def _choose(self, connection: Connection, turns: Select[Any]) -> list[Row[Any]]:
        return _that_fit(connection.execute(turns).all(), self._room)

    def _hold(self, queued: Queued, now: datetime, tries: int) -> bool:
        """Lease the mail if so many tries are counted; the count afterwards is the same for taking and renewing."""
        as_read = (outbox.c.id == queued.id, outbox.c.attempts == tries, _OWED)
        ours = {"attempts": queued.attempts + 1, "due_at": self._end_of_lease(now)}
        with writing(self._engine, in_turn=False) as connection:
            return connection.execute(update(outbox).where(*as_read).values(ours)).rowcount == 1

    def _end_of_lease(self, now: datetime) -> datetime:
        return now + self._lead + self._lease

    def _outcome(self, row: RowMapping, delivery: Delivery, now: datetime) -> tuple[Change, Entry | None]:
        """What to change in the row, and what the journal says: of delays the first, and each of another kind."""
        match delivery:
            case Sent(code=code):
                return _final(State.SENT, str(code), now), _entry(Event.DELIVERED, row, str(code))
            case Refused(status=status):
                return _final(State.REFUSED, status, now), _entry(Event.FAILED, row, status)
            case TryLater(status=status):
                following = self._patience.next_try(row["created_at"], now, row["attempts"], _chance(row))
                if following is None:
                    return _final(State.EXPIRED, status, now), _entry(Event.FAILED, row, status, gave_up="yes")
                known = row["last_status"] == status
                change = {"due_at": following + self._lead, "last_status": status}
                return change, None if known else _entry(Event.DEFERRED, row, status)


# ---------------------------------------------------------------- into the outbox


def queue(connection: Connection, mails: Sequence[OutgoingMail], now: datetime, machine: Machine | None = None) -> None:
    """Put mails in, to be sent at once; tails that are the same octets are stored once."""
    ids = {tail: _store(connection, tail) for tail in dict.fromkeys(mail.tail for mail in mails) if tail}
    if mails:
        at_once = now + lead(connection, machine)
        rows = [_row(mail, ids.get(mail.tail), now) | {"due_at": at_once} for mail in mails]
        connection.execute(insert(outbox), rows)


def _store(connection: Connection, tail: bytes) -> int:
    body = insert(bodies).values(size=len(tail), octets=tail).returning(bodies.c.id)
    return int(connection.execute(body).scalar_one())


def _row(mail: OutgoingMail, body_id: int | None, now: datetime) -> dict[str, Any]:
    return {
        "tracking": mail.tracking,
        "message_id": mail.message_id,
        "recipient": mail.recipient,
        "envelope_sender": mail.envelope_sender,
        "head": mail.head,
        "foot": mail.foot,
        "body_id": body_id,
        "purpose": mail.purpose,
        "letter": mail.letter,
        "author": mail.author,
        "reference": mail.reference,
        "party": mail.party,
        "urgent": mail.urgent,
        "state": State.QUEUED,
        "attempts": 0,
        "created_at": now,
    }


# ---------------------------------------------------------------- what became of it


def postings(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[Posting, ...]:
    """The mails for which the conditions hold, oldest first."""
    columns = [outbox.c[column.name] for column in fields(Posting)]
    wanted = select(*columns).where(*conditions).order_by(outbox.c.id)
    return tuple(_posting(row) for row in connection.execute(wanted).mappings())


def failed() -> Select[Any]:
    """The references of exchanges with a mail that failed, until deal_with() was told of it."""
    return select(outbox.c.reference).where(UNATTENDED)


def delayed(urgent: bool, before: datetime) -> Select[Any]:
    """The references of exchanges with a mail that is on its way since before then, until deal_with() was told."""
    return select(outbox.c.reference).where(UNWARNED, outbox.c.urgent == urgent, outbox.c.created_at <= before)


def deal_with(connection: Connection, decision: Decision, now: datetime) -> None:
    """Write believed reports beside their mails, and mark the outcomes that the decision deals with.

    Raises Clash if another worker has dealt with one of them.
    """
    for reported in decision.reports:
        _write_report(connection, reported, now)
    _mark(connection, outbox.c.warned_at, decision.warned, now)
    _mark(connection, outbox.c.followed_up_at, decision.followed_up, now)


def _write_report(connection: Connection, reported: Reported, now: datetime) -> None:
    claim = {"reported": reported.report, "reported_status": reported.status, "reported_at": now}
    connection.execute(update(outbox).where(outbox.c.id == reported.posting).values(claim))


def _mark(connection: Connection, column: Column[datetime], ids: Sequence[int], now: datetime) -> None:
    unmarked = update(outbox).where(outbox.c.id.in_(ids), column.is_(None))
    if ids and connection.execute(unmarked.values({column: now})).rowcount != len(ids):
        raise Clash("what became of a mail was dealt with by another worker")


def _posting(row: RowMapping) -> Posting:
    reported = Report(row["reported"]) if row["reported"] else None
    return Posting(**(dict(row) | {"state": State(row["state"]), "reported": reported}))


# ---------------------------------------------------------------- out of it


def _turns(now: datetime, horizon: timedelta, limit: int) -> Select[Any]:
    """Who is next, and how large; no octets yet.

    A mail due beyond the horizon was put off while the clock was wrong: it would wait for years, so it is due now.
    """
    due = or_(outbox.c.due_at <= now, outbox.c.due_at > now + horizon)
    size = select(bodies.c.size).where(bodies.c.id == outbox.c.body_id).scalar_subquery()
    return (
        select(outbox.c.id, outbox.c.body_id, func.length(outbox.c.head).label("own"), size.label("shared"))
        .where(QUEUED, due)
        .order_by(outbox.c.urgent.desc(), outbox.c.id)
        .limit(limit)
    )


def _that_fit(turns: Sequence[Row[Any]], room: int) -> list[Row[Any]]:
    """As many as fit, the first always; a shared body counts once."""
    taken: list[Row[Any]] = []
    seen: set[int | None] = set()
    for turn in turns:
        room -= turn.own + (0 if turn.body_id in seen else turn.shared or 0)
        if room < 0 and taken:
            break
        seen.add(turn.body_id)
        taken.append(turn)
    return taken


def _tails(connection: Connection, ids: Collection[int]) -> Mapping[int | None, bytes]:
    wanted = select(bodies.c.id, bodies.c.octets).where(bodies.c.id.in_(ids))
    return {row.id: row.octets for row in connection.execute(wanted)} if ids else {}


def _load(connection: Connection, turns: Sequence[Row[Any]]) -> list[Queued]:
    if not turns:
        return []
    ids, tails = [turn.id for turn in turns], _tails(connection, {turn.body_id for turn in turns} - {None})
    wanted = select(outbox).where(outbox.c.id.in_(ids)).order_by(outbox.c.urgent.desc(), outbox.c.id)
    rows = connection.execute(wanted).mappings()
    return [Queued(row["id"], row["attempts"], row["created_at"], _mail(row, tails)) for row in rows]


def _mail(row: RowMapping, tails: Mapping[int | None, bytes]) -> OutgoingMail:
    return OutgoingMail(
        message_id=row["message_id"],
        tracking=row["tracking"],
        envelope_sender=row["envelope_sender"],
        recipient=row["recipient"],
        head=row["head"],
        foot=row["foot"],
        tail=tails.get(row["body_id"], b""),
        purpose=row["purpose"],
        letter=row["letter"],
        author=row["author"],
        reference=row["reference"],
        party=row["party"],
        urgent=row["urgent"],
    )


# ---------------------------------------------------------------- settling


def _unsettled(connection: Connection, number: int) -> RowMapping | None:
    """The row without its octets, if it is still owed."""
    columns = [column for column in outbox.columns if column.name not in {"head", "foot"}]
    return connection.execute(select(*columns).where(outbox.c.id == number, _OWED)).mappings().first()


def adopt(connection: Connection, row: RowMapping, now: datetime) -> Entry | None:
    """Write down what a sender on another database made of a mail of ours, whose row there is given.

    Nothing but its outcome is taken over, and of that no more than a status: who sends shall not be able to say more.
    Returns what the journal is to say, None if nothing new was said.
    """
    ours, state, status = _unsettled(connection, row["id"]), _known_state(row["state"]), _plain(row["last_status"])
    if ours is None or state is None:
        return None
    counted = dict(ours) | {"attempts": row["attempts"]}
    if state is State.QUEUED:
        _apply(connection, ours, {"attempts": row["attempts"], "last_status": status or ours["last_status"]})
        return None if status in {"", ours["last_status"]} else _entry(Event.DEFERRED, counted, status)
    _apply(connection, ours, {"attempts": row["attempts"], **_final(state, status, now)})
    event = Event.DELIVERED if state is State.SENT else Event.FAILED
    return _entry(event, counted, status, **({"gave_up": "yes"} if state is State.EXPIRED else {}))


def _known_state(written: str) -> State | None:
    return State(written) if written in frozenset(State) else None


def _plain(status: str | None) -> str:
    return "".join(letter for letter in status or "" if letter.isascii() and (letter.isalnum() or letter in ". "))[:40]


def _final(state: State, status: str, now: datetime) -> Change:
    """Settled for good: its octets are not needed any more; a mail is never sent again but sealed anew."""
    return {"state": state, "settled_at": now, "last_status": status, "head": b"", "foot": b"", "body_id": None}


def _entry(event: Event, row: Mapping[Any, Any], status: str, **more: str) -> Entry:
    facts = {name: row[name] for name in ("message_id", "recipient", "purpose")}
    return Entry(
        event, row["reference"], row["party"], facts | {"status": status, "tries": str(row["attempts"])} | more
    )


def _apply(connection: Connection, row: RowMapping, change: Change) -> None:
    connection.execute(update(outbox).where(outbox.c.id == row["id"]).values(change))
    if "body_id" in change and row["body_id"] is not None:
        needed = exists().where(outbox.c.body_id == row["body_id"])
        connection.execute(delete(bodies).where(bodies.c.id == row["body_id"], ~needed))


def _chance(row: RowMapping) -> float:
    """A number in [0, 1) that is this mail's own, and another for each try."""
    drawn = hashlib.sha256(f"{row['tracking']} {row['attempts']}".encode()).digest()
    return int.from_bytes(drawn[:6]) / 2**48
