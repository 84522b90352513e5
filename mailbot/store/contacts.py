"""When something outside was last reached, whichever robot reached it: for status, digest and alarms."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update

from mailbot.store.engine import reading, writing
from mailbot.store.schema import contacts

MAILBOX = "mailbox"


def note_contact(engine: Engine, name: str, now: datetime) -> None:
    """It was reached now. Raises StoreUnavailable."""
    with writing(engine) as connection:
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
