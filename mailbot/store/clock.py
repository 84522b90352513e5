"""The clock that all robots on a database share: PostgreSQL's own. SQLite is one machine, and needs none.

Leases and the times of next tries are held by it, so that two machines whose clocks differ never send the same mail.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from mailbot.store.engine import reading

Machine = Callable[[], datetime]  # this machine's clock, aware UTC
TOGETHER = timedelta(0)


def lead(connection: Connection, machine: Machine | None) -> timedelta:
    """How far the shared clock is ahead of this machine's; None: nobody asks. One round trip."""
    if machine is None or connection.dialect.name != "postgresql":
        return TOGETHER
    before = machine()
    shared: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = machine()
    return shared.astimezone(UTC) - (before + (after - before) / 2)


def lead_of(engine: Engine, machine: Machine | None) -> timedelta:
    """The same, in a transaction of its own. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return lead(connection, machine)
