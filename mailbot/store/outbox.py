"""The outbox: mail that the robot owes. Written with the decision, taken and settled one by one, never lost."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    bindparam,
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
from mailbot.store.pieces import are_by_pieces, insert_by_pieces
from mailbot.store.schema import QUEUED, UNATTENDED, UNWARNED, bodies, outbox
from mailbot.store.turns import next_turn

LEASE = timedelta(seconds=25)  # how long a mail is left to whoever has it: if he dies, others have it within 30 s
ROOM = 64 * 1024 * 1024  # octets of sealed mail that one call of due() brings into memory
SMALL = 64 * 1024  # octets: no more of a mail that shares nothing is read, and rewritten, with its row
BATCH = 50  # mails claimed at once; few enough that two robots share a flood

# The same rows as QUEUED. Who looks for one mail by its number must not offer PostgreSQL the indexes of the queue: when
# it was last counted while short, PostgreSQL prefers to read all of it.
_OWED = outbox.c.settled_at.is_(None)

Change = Mapping[str, Any]  # column -> new value

# Made once: to build a statement takes as long as to run it.
_LIMIT: BindParameter[int] = bindparam("limit")
_SHARED = select(bodies.c.size).where(bodies.c.id == outbox.c.body_id).scalar_subquery().label("shared")
# Who is next. A mail due beyond the horizon was put off while the clock was wrong: so that it does not wait for years,
# it is due now.
_TURNS = (
    select(outbox, _SHARED)
    .where(QUEUED, or_(outbox.c.due_at <= bindparam("now"), outbox.c.due_at > bindparam("horizon")))
    .order_by(outbox.c.urgent.desc(), outbox.c.turn, outbox.c.id)
    .limit(_LIMIT)
)
_TURNS_TO_CLAIM = _TURNS.with_for_update(of=outbox, skip_locked=True)
_NUMBERS: BindParameter[Any] = bindparam("numbers", expanding=True)
_CLAIMED = (
    update(outbox)
    .where(outbox.c.id.in_(_NUMBERS))
    .values(attempts=outbox.c.attempts + 1, due_at=bindparam("end_of_lease"))
)
_NEW = insert(outbox)
_TAILS = select(bodies.c.id, bodies.c.octets).where(bodies.c.id.in_(_NUMBERS))
_FINAL = ("state", "settled_at", "last_status", "head", "foot", "body_id")
_WITHOUT_OCTETS = [column for column in outbox.columns if column.name not in {"head", "foot"}]
_UNSETTLED = select(*_WITHOUT_OCTETS).where(outbox.c.id == bindparam("number"), _OWED)
_SETTLED = (
    update(outbox)
    .where(outbox.c.id == bindparam("number"), _OWED)
    .values({outbox.c[name]: bindparam(f"new_{name}") for name in _FINAL})
)
_UNNEEDED = delete(bodies).where(bodies.c.id == bindparam("body"), ~exists().where(outbox.c.body_id == bodies.c.id))


@dataclass(frozen=True, slots=True)
class Queued:
    """A mail that is due, as it was read: `attempts` is the count before the coming try."""

    id: int
    attempts: int
    created_at: datetime
    mail: OutgoingMail
    body: int | None = None  # what it shares with others


Settlement = tuple[Queued, Delivery, datetime]
"""A claimed mail, what became of it, and when."""


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

    def due(self, now: datetime, limit: int = BATCH) -> list[Queued]:
        """What to send now: urgent mail first, senders in turn. Fewer than `limit` where the mails are large."""
        with reading(self._engine) as connection:
            return _load(connection, self._choose(connection, _TURNS, now, limit))

    def claim(self, now: datetime, limit: int = BATCH, *, expected: bool = False) -> list[Queued]:
        """What is due, taken: each try is counted before it is made, and nobody else's for the length of a lease.

        A mail that kills its sender so runs out of tries. One transaction for all of them; on PostgreSQL robots claim
        side by side, none waiting for another. Unless something is `expected`, it looks before it disturbs writers.
        """
        if not expected and self._engine.dialect.name != "postgresql" and not self._is_due(now):
            return []
        with writing(self._engine, in_turn=False) as connection:
            self._lead = lead(connection, self._machine)
            claimed = _load(connection, self._choose(connection, _TURNS_TO_CLAIM, now + self._lead, limit))
            if claimed:
                ours = [queued.id for queued in claimed]
                connection.execute(_CLAIMED, {"numbers": ours, "end_of_lease": self._end_of_lease(now)})
            return claimed

    def resume(self, now: datetime) -> None:
        """To be called before the first claim: on SQLite who sends is alone, so what is leased was left by a dead one.

        A mail that was put off until then comes a little early, which does no harm.
        """
        if self._engine.dialect.name == "postgresql":
            return
        leased = update(outbox).where(QUEUED, outbox.c.due_at > now, outbox.c.due_at <= self._end_of_lease(now))
        with writing(self._engine, in_turn=False) as connection:
            connection.execute(leased.values(due_at=now))

    def put_back(self, mails: Sequence[Queued], now: datetime) -> None:
        """Claimed, but not tried: due again, and the tries are not counted. Whatever was lost meanwhile is let be."""
        with writing(self._engine, in_turn=False) as connection:
            for queued in mails:
                as_claimed = (outbox.c.id == queued.id, outbox.c.attempts == queued.attempts + 1, _OWED)
                untried = {"attempts": queued.attempts, "due_at": now + self._lead}
                connection.execute(update(outbox).where(*as_claimed).values(untried))

    def renew(self, queued: Queued, now: datetime) -> bool:
        """Hold a claimed mail for another lease, while a slow server is still reading it. False: it was lost."""
        as_claimed = (outbox.c.id == queued.id, outbox.c.attempts == queued.attempts + 1, _OWED)
        with writing(self._engine, in_turn=False) as connection:
            longer = update(outbox).where(*as_claimed).values(due_at=self._end_of_lease(now))
            return connection.execute(longer).rowcount == 1

    def settle(self, *settlements: Settlement) -> None:
        """Write down what became of claimed mails, with their journal rows, in one transaction.

        "Sent" counts whoever reports it. Anything else counts only while the mail is still ours: after a lost lease
        the other worker's outcome is the one that matters.
        """
        with writing(self._engine) as connection:
            entries = [entry for settlement in settlements for entry in self._settle(connection, *settlement)]
            for body in {queued.body for queued, _, _ in settlements} - {None}:
                connection.execute(_UNNEEDED, {"body": body})
            journal.append(connection, entries, max(now for _, _, now in settlements))

    def _settle(self, connection: Connection, queued: Queued, delivery: Delivery, now: datetime) -> list[Entry]:
        if isinstance(delivery, Sent):
            return _sent(connection, queued, delivery, now)
        row = _unsettled(connection, queued.id)
        if row is None or row["attempts"] != queued.attempts + 1:
            return []
        change, entry = self._outcome(row, delivery, now)
        _apply(connection, row, change)
        return [entry] if entry else []

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

    def _choose(self, connection: Connection, turns: Select[Any], now: datetime, limit: int) -> list[RowMapping]:
        asked = {"now": now, "horizon": now + self._horizon, "limit": limit}
        return _that_fit(connection.execute(turns, asked).mappings().all(), self._room)

    def _is_due(self, now: datetime) -> bool:
        with reading(self._engine) as connection:
            return bool(self._choose(connection, _TURNS, now + self._lead, 1))

    def _end_of_lease(self, now: datetime) -> datetime:
        return now + self._lead + self._lease

    def _outcome(self, row: RowMapping, delivery: Refused | TryLater, now: datetime) -> tuple[Change, Entry | None]:
        """What to change in the row, and what the journal says: of delays the first, and each of another kind."""
        match delivery:
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


def queue(
    connection: Connection,
    mails: Sequence[OutgoingMail],
    now: datetime,
    machine: Machine | None = None,
    *,
    lane: str = "",
) -> None:
    """Put mails in, to be sent at once; tails that are the same octets are stored once.

    `lane`: whose mail led to them, so that senders take turns; the robot's own is empty.
    """
    copies = Counter(mail.tail for mail in mails)
    ids = {tail: _store(connection, tail) for tail in copies if copies[tail] > 1 or len(tail) > SMALL}
    if mails:
        at_once = now + lead(connection, machine)
        rows = [_row(mail, ids.get(mail.tail), now) | {"due_at": at_once, "lane": lane} for mail in mails]
        _give_turns(connection, rows)
        connection.execute(_NEW, rows)


def _give_turns(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    for urgent in {row["urgent"] for row in rows}:
        mine = [row for row in rows if row["urgent"] == urgent]
        first = next_turn(connection, mine[0]["lane"], urgent=urgent, now=mine[0]["due_at"])
        for turn, row in enumerate(mine, first):
            row["turn"] = turn


def _store(connection: Connection, tail: bytes) -> int:
    if are_by_pieces(connection, tail):
        return insert_by_pieces(connection, bodies, {"size": len(tail)}, tail)
    body = insert(bodies).values(size=len(tail), octets=tail).returning(bodies.c.id)
    return int(connection.execute(body).scalar_one())


def _row(mail: OutgoingMail, body_id: int | None, now: datetime) -> dict[str, Any]:
    """Without a body all of its octets are its head."""
    return {
        "tracking": mail.tracking,
        "message_id": mail.message_id,
        "recipient": mail.recipient,
        "envelope_sender": mail.envelope_sender,
        "head": mail.head if body_id else mail.octets,
        "foot": mail.foot if body_id else b"",
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


def _that_fit(turns: Sequence[RowMapping], room: int) -> list[RowMapping]:
    """As many as fit, the first always; a shared body counts once."""
    taken: list[RowMapping] = []
    seen: set[int | None] = set()
    for turn in turns:
        room -= len(turn["head"]) + (0 if turn["body_id"] in seen else turn["shared"] or 0)
        if room < 0 and taken:
            break
        seen.add(turn["body_id"])
        taken.append(turn)
    return taken


def _load(connection: Connection, turns: Sequence[RowMapping]) -> list[Queued]:
    needed = {turn["body_id"] for turn in turns} - {None}
    rows = connection.execute(_TAILS, {"numbers": list(needed)}) if needed else ()
    tails = {row.id: row.octets for row in rows}
    return [
        Queued(turn["id"], turn["attempts"], turn["created_at"], _mail(turn, tails), turn["body_id"]) for turn in turns
    ]


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


def _sent(connection: Connection, queued: Queued, delivery: Sent, now: datetime) -> list[Entry]:
    """What happens to nearly every mail, with as few statements as can be."""
    status, mail = str(delivery.code), queued.mail
    settled = {"number": queued.id} | {f"new_{name}": value for name, value in _final(State.SENT, status, now).items()}
    if connection.execute(_SETTLED, settled).rowcount == 0:
        return []  # settled before
    facts = {"message_id": mail.message_id, "recipient": mail.recipient, "purpose": mail.purpose}
    tries = {"status": status, "tries": str(queued.attempts + 1)}
    return [Entry(Event.DELIVERED, mail.reference, mail.party, facts | tries)]


def _unsettled(connection: Connection, number: int) -> RowMapping | None:
    """The row without its octets, if it is still owed."""
    return connection.execute(_UNSETTLED, {"number": number}).mappings().first()


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
        connection.execute(_UNNEEDED, {"body": row["body_id"]})


def _chance(row: RowMapping) -> float:
    """A number in [0, 1) that is this mail's own, and another for each try."""
    drawn = hashlib.sha256(f"{row['tracking']} {row['attempts']}".encode()).digest()
    return int.from_bytes(drawn[:6]) / 2**48
