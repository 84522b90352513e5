"""Certificates that came by mail, between records and rows (core/pins.py)."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    ScalarSelect,
    Text,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from mailbot.core.certificates import Fingerprint
from mailbot.core.decision import Decision
from mailbot.core.pins import (
    OPEN,
    UNSETTLED,
    Amendments,
    Brought,
    Pin,
    Proposal,
    ProposalState,
    Renewals,
    Retirement,
    Revocation,
)
from mailbot.store.engine import Clash
from mailbot.store.schema import certificates, pins, proposals, retirements, revocations

# ---------------------------------------------------------------- reading


def _together(columns: Iterable[ColumnElement[Any]], *conditions: ColumnElement[bool]) -> ScalarSelect[str]:
    """All that stands in these columns, as one text."""
    row: ColumnElement[str] = literal("")
    for column in columns:
        row = row.concat(cast(column, Text)).concat(" ")
    return select(func.aggregate_strings(row, ",")).where(*conditions).scalar_subquery()


_STAMP = select(
    _together(pins.columns),
    _together(retirements.columns),
    _together(revocations.columns),
    _together((certificates.c.fingerprint, certificates.c.digest)),
    _together((proposals.c.fingerprint,), proposals.c.state.in_(OPEN)),
)


def amendments(connection: Connection) -> Amendments:
    """All that changes the directory of the configuration."""
    pinned = connection.execute(select(pins).order_by(pins.c.since, pins.c.fingerprint)).mappings()
    retired = connection.execute(select(retirements).order_by(retirements.c.fingerprint)).mappings()
    revoked = connection.execute(select(revocations).order_by(revocations.c.fingerprint)).mappings()
    brought = select(certificates.c.fingerprint, certificates.c.digest).order_by(certificates.c.fingerprint)
    proposed = select(proposals.c.fingerprint).where(proposals.c.state.in_(OPEN)).distinct()
    return Amendments(
        tuple(Pin(**{**row, "replaces": tuple(row["replaces"].split())}) for row in pinned),
        tuple(Retirement(**{**row, "subkeys": tuple(row["subkeys"].split())}) for row in retired),
        tuple(Revocation(**row) for row in revoked),
        tuple((row.fingerprint, row.digest) for row in connection.execute(brought)),
        tuple(sorted(connection.execute(proposed).scalars())),
    )


def stamp(connection: Connection) -> tuple[str | None, ...]:
    """What is other whenever `amendments` are, and one statement instead of five."""
    return tuple(connection.execute(_STAMP).one())


def octets(connection: Connection) -> Mapping[Fingerprint, bytes]:
    """The certificates themselves: those that mails brought, and those of open proposals."""
    proposed = select(proposals.c.fingerprint, proposals.c.octets).where(proposals.c.state.in_(OPEN))
    found = {row.fingerprint: row.octets for row in connection.execute(proposed)}
    kept = select(certificates.c.fingerprint, certificates.c.octets)
    return found | {row.fingerprint: row.octets for row in connection.execute(kept)}


def unsettled(connection: Connection) -> tuple[Proposal, ...]:
    """Every proposal that waits for something, oldest first."""
    wanted = select(proposals).where(proposals.c.state.in_(UNSETTLED)).order_by(proposals.c.number)
    return tuple(_proposal(row) for row in connection.execute(wanted).mappings())


def renewals(connection: Connection) -> Renewals:
    """What commands about certificates see."""
    return Renewals(unsettled(connection), amendments(connection))


def candidate(connection: Connection, fingerprint: Fingerprint) -> Proposal | None:
    """The open proposal of this certificate."""
    mine = proposals.c.fingerprint == fingerprint
    wanted = select(proposals).where(mine, proposals.c.state.in_(OPEN)).order_by(proposals.c.number)
    row = connection.execute(wanted).mappings().first()
    return _proposal(row) if row else None


def _proposal(row: RowMapping) -> Proposal:
    return Proposal(**{**row, "state": ProposalState(row["state"])})


# ---------------------------------------------------------------- writing


def record(connection: Connection, decision: Decision, now: datetime) -> None:
    """Raises Clash if another mail was faster."""
    for pin in decision.pinned:
        row = asdict(pin) | {"replaces": " ".join(pin.replaces)}
        connection.execute(insert(pins).values(row))
    for retirement in decision.retired:
        _retire(connection, retirement)
    for revocation in decision.revoked:
        connection.execute(insert(revocations).values(asdict(revocation)))
    for brought in decision.brought:
        _keep(connection, brought, now)
    for proposal in decision.proposals:
        _save(connection, proposal)


def _retire(connection: Connection, retirement: Retirement) -> None:
    """Again: only sooner."""
    row = asdict(retirement) | {"subkeys": " ".join(retirement.subkeys)}
    known = select(retirements.c.until).where(retirements.c.fingerprint == retirement.fingerprint)
    until = connection.execute(known).scalar()
    if until is None:
        connection.execute(insert(retirements).values(row))
    elif retirement.until < until:
        this = retirements.c.fingerprint == retirement.fingerprint
        connection.execute(update(retirements).where(this).values(until=retirement.until))


def _keep(connection: Connection, brought: Brought, now: datetime) -> None:
    digest = hashlib.sha256(brought.octets).hexdigest()
    row = asdict(brought) | {"digest": digest, "at": now}
    connection.execute(delete(certificates).where(certificates.c.fingerprint == brought.fingerprint))
    connection.execute(insert(certificates).values(row))


def _save(connection: Connection, proposal: Proposal) -> None:
    row = {name: value for name, value in asdict(proposal).items() if name != "number"}
    if proposal.number == 0:
        connection.execute(insert(proposals).values(row))
        return
    this = (proposals.c.number == proposal.number, proposals.c.version == proposal.version)
    changed = update(proposals).where(*this).values(row | {"version": proposal.version + 1})
    if connection.execute(changed).rowcount != 1:
        raise Clash("the proposal was changed by another mail")
