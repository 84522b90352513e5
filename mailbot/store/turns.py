"""Whose turn it is in the outbox: senders take turns mail by mail, so that a flood of one delays the others by no more
than its share (start-time fair queueing: P. Goyal et al., 1996).

Every mail has a number; the lowest goes first. Those of one sender are numbered one after another, beginning with the
number that is being sent now. So whoever has nothing queued is next but for one mail of each of the others.
"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from mailbot.store.schema import QUEUED, outbox

_SAME = (QUEUED, outbox.c.urgent == bindparam("urgent"))
_STANDS = (  # mails that were put off keep the low numbers they had long ago
    select(outbox.c.turn)
    .where(*_SAME, outbox.c.due_at <= bindparam("now"))
    .order_by(outbox.c.urgent.desc(), outbox.c.turn, outbox.c.id)
    .limit(1)
)
_LAST = select(func.max(outbox.c.turn)).where(*_SAME, outbox.c.lane == bindparam("lane"))
_NEXT = select(_STANDS.scalar_subquery().label("stands"), _LAST.scalar_subquery().label("last"))


def next_turn(connection: Connection, lane: str, *, urgent: bool, now: datetime) -> int:
    """The number of the next mail of this sender."""
    row = connection.execute(_NEXT, {"lane": lane, "urgent": urgent, "now": now}).one()
    return max(row.stands or 0, -1 if row.last is None else row.last + 1, 0)
