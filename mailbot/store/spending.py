"""What senders have used up of their quotas, between core's forms and rows."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from mailbot.core.quotas import Spending, Use
from mailbot.store.schema import quotas


def spent_by(connection: Connection, account: str) -> Mapping[Use, datetime]:
    """When each quota of this account will be whole again; those that nothing was taken from are left out."""
    rows = connection.execute(select(quotas.c.use, quotas.c.whole_at).where(quotas.c.account == account))
    known = frozenset(Use)  # an older or newer mailbot may have others
    return {Use(row.use): row.whole_at for row in rows if row.use in known}


def spend(connection: Connection, spent: Iterable[Spending], now: datetime) -> None:
    """Take this from the quotas; added to what others took in the meantime."""
    for spending in spent:
        before = spent_by(connection, spending.account).get(spending.use)
        whole_at = spending.whole_at(before, now)
        row = (quotas.c.account == spending.account, quotas.c.use == spending.use)
        if connection.execute(update(quotas).where(*row).values(whole_at=whole_at)).rowcount == 0:
            values = {"account": spending.account, "use": spending.use, "whole_at": whole_at}
            connection.execute(insert(quotas).values(values))
