"""Alarms in the database: what was found and told, by whichever robot."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select, update

from mailbot.core.troubles import Alarm, Ringing
from mailbot.store.engine import Clash, reading
from mailbot.store.schema import ringing


def known_troubles(engine: Engine) -> tuple[Ringing, ...]:
    """All that is not over, or not told to be. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return troubles(connection)


def troubles(connection: Connection) -> tuple[Ringing, ...]:
    """The same, in a transaction of the caller."""
    rows = connection.execute(select(ringing).order_by(ringing.c.since)).mappings()
    return tuple(Ringing(**(dict(row) | {"alarm": Alarm(row["alarm"])})) for row in rows)


def save(connection: Connection, remembered: Iterable[Ringing]) -> None:
    """New ones and changed ones. Raises Clash where another robot was faster."""
    for one in remembered:
        row = {name: getattr(one, name) for name in ("since", "detail", "told_at", "over_at")}
        row |= {"version": one.version + 1}
        if one.version == 0:
            connection.execute(insert(ringing).values(row | {"alarm": one.alarm.value, "robot": one.robot}))
        elif connection.execute(update(ringing).where(*_this(one)).values(row)).rowcount != 1:
            raise Clash("another robot told of it")


def forget(connection: Connection, over: Iterable[Ringing]) -> None:
    """What is over. Raises Clash where another robot was faster."""
    for one in over:
        if connection.execute(delete(ringing).where(*_this(one))).rowcount != 1:
            raise Clash("another robot told that it is over")


def _this(one: Ringing) -> tuple[ColumnElement[bool], ...]:
    return ringing.c.alarm == one.alarm.value, ringing.c.robot == one.robot, ringing.c.version == one.version
