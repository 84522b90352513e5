"""When something outside was last reached, whichever robot reached it: for status, digest and alarms."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, insert, select, update

from mailbot.core.decision import Entry, Event
from mailbot.store import journal
from mailbot.store.engine import reading, writing
from mailbot.store.schema import contacts, rfc3339

MAILBOX = "mailbox"
UNNOTICED = timedelta(minutes=5)  # a shorter absence is none: a restart, a take-over by another robot


def note_contact(engine: Engine, name: str, now: datetime) -> None:
    """It was reached now; that nobody had reached it for a while is journalled. Raises StoreUnavailable."""
    with writing(engine) as connection:
        before = contacted(connection).get(name)
        if before and now - before > UNNOTICED:
            facts = {"what": name, "since": rfc3339(before), "until": rfc3339(now)}
            journal.append(connection, [Entry(Event.AWAY, facts=facts)], now)
        again = connection.execute(update(contacts).where(contacts.c.name == name).values(at=now))
        if again.rowcount == 0:
            connection.execute(insert(contacts).values(name=name, at=now))


def last_contacts(engine: Engine) -> Mapping[str, datetime]:
    """What was reached, and when. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return contacted(connection)


def contacted(connection: Connection) -> Mapping[str, datetime]:
    """The same, in a transaction of the caller."""
    return {row.name: row.at for row in connection.execute(select(contacts.c.name, contacts.c.at))}
