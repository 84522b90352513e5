"""What senders have used up of their quotas, between core's forms and rows."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, bindparam, insert, select, update

from mailbot.core.quotas import Spending, Use
from mailbot.store.schema import quotas

# Made once: to build a statement takes as long as to run it.
_SPENT = select(quotas.c.use, quotas.c.whole_at).where(quotas.c.account == bindparam("of"))
_MORE = (
    update(quotas)
    .where(quotas.c.account == bindparam("of"), quotas.c.use == bindparam("what"))
    .values(whole_at=bindparam("then"))
)
_NEW = insert(quotas)


def spent_by(connection: Connection, account: str) -> Mapping[Use, datetime]:
    """When each quota of this account will be whole again; those that nothing was taken from are left out."""
    rows = connection.execute(_SPENT, {"of": account})
    known = frozenset(Use)  # an older or newer mailbot may have others
    return {Use(row.use): row.whole_at for row in rows if row.use in known}


def spend(connection: Connection, spent: Iterable[Spending], now: datetime) -> None:
    """Take this from the quotas; added to what others took in the meantime."""
    for account, spendings in groupby(spent, key=lambda spending: spending.account):
        before = spent_by(connection, account)
        after = dict(before)
        for spending in spendings:
            after[spending.use] = spending.whole_at(after.get(spending.use), now)
        changed = [(use, then) for use, then in after.items() if before.get(use) != then]
        if more := [{"of": account, "what": use, "then": then} for use, then in changed if use in before]:
            connection.execute(_MORE, more)
        if new := [{"account": account, "use": use, "whole_at": then} for use, then in changed if use not in before]:
            connection.execute(_NEW, new)
