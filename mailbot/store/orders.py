"""What commands change beside exchanges and held mail: suspensions, and the order of the commands themselves."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, update

from mailbot.core.decision import Decision, Ordered
from mailbot.core.records import Suspension
from mailbot.store.engine import Clash
from mailbot.store.schema import ordered, suspensions


def carry_out(connection: Connection, decision: Decision) -> None:
    """Raises Clash if another command was faster: judged again, this one finds what that one has done."""
    for order in decision.ordered:
        _remember(connection, order)
    for code in decision.resumed:  # first: what is in both was ended, and then begun again
        if connection.execute(delete(suspensions).where(suspensions.c.party == code)).rowcount != 1:
            raise Clash("the suspension was ended by another command")
    for suspension in decision.suspended:
        _suspend(connection, suspension)


def _suspend(connection: Connection, suspension: Suspension) -> None:
    row = {"party": suspension.party, "since": suspension.since, "ordered_by": suspension.ordered_by}
    connection.execute(insert(suspensions), row)


def _remember(connection: Connection, order: Ordered) -> None:
    """One row for each object; where a later signature stands there, the insertion clashes."""
    earlier = update(ordered).where(ordered.c.object == order.object, ordered.c.signed_at < order.signed_at)
    if connection.execute(earlier.values(signed_at=order.signed_at)).rowcount == 0:
        connection.execute(insert(ordered).values(object=order.object, signed_at=order.signed_at))


def latest(connection: Connection, objects: frozenset[str]) -> dict[str, datetime]:
    """The latest signature that was acted on, for each of these objects that has one."""
    rows = connection.execute(ordered.select().where(ordered.c.object.in_(objects))) if objects else ()
    return {row.object: row.signed_at for row in rows}


def suspended(connection: Connection) -> dict[str, Suspension]:
    """The suspensions that commands ordered, by party."""
    rows = connection.execute(suspensions.select())
    return {row.party: Suspension(row.party, row.since, row.ordered_by) for row in rows}
