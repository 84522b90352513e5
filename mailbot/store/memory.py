"""Memory: recall() gives the slice of state that one mail needs, record() carries a decision out in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    Engine,
    Select,
    Table,
    TextClause,
    bindparam,
    delete,
    func,
    insert,
    select,
    union,
    update,
)

from mailbot.core.certificates import Fingerprint
from mailbot.core.decision import Decision, Entry, Event, Folder, Intent, Known, Network, Occasion
from mailbot.core.mail import REPORTS, OutgoingMail
from mailbot.core.pins import Amendments, Proposal
from mailbot.core.postings import Hint, Posting, Returned
from mailbot.core.records import Exchange, HeldMail, HeldState, Terms
from mailbot.core.report import Period, ReportFacts
from mailbot.core.retention import Retention
from mailbot.core.sight import Sight, Wanted
from mailbot.core.situation import Situation
from mailbot.store import (
    contacts,
    exchanges,
    holding,
    journal,
    orders,
    outbox,
    pins,
    report,
    ringing,
    rounds,
    schema,
    sight,
    situation,
    spending,
)
from mailbot.store.clock import Machine
from mailbot.store.engine import reading, writing
from mailbot.store.pieces import are_by_pieces, insert_by_pieces
from mailbot.store.schema import OPEN, OWING, SILENT, UNANSWERED, WAITING

_REFERENCES_MOST = 50  # Message-IDs of a thread that are looked up, newest first

Condition = ColumnElement[bool] | TextClause

# Made once: to build a statement takes as long as to run it.
_DIGESTS: BindParameter[Any] = bindparam("digests", expanding=True)
_HANDLED = select(schema.incoming.c.digest).where(schema.incoming.c.digest.in_(_DIGESTS))
_TRIED = select(schema.attempts.c.digest, schema.attempts.c.tries).where(schema.attempts.c.digest.in_(_DIGESTS))
_TRIED_AGAIN = (
    update(schema.attempts)
    .where(schema.attempts.c.digest == bindparam("of"))
    .values(tries=bindparam("more"), last_at=bindparam("at"))
)
_TRIED_NO_MORE = delete(schema.attempts).where(schema.attempts.c.digest == bindparam("of"))
_DONE, _KEPT, _USED = insert(schema.incoming), insert(schema.originals), insert(schema.replays)
_SUSPENDED = select(schema.suspensions.c.party)
_REPLAYED = select(schema.replays.c.identity).where(
    schema.replays.c.identity.in_(bindparam("identities", expanding=True))
)
_NOTICED = select(func.max(schema.notices.c.sent_at)).where(
    schema.notices.c.address.in_(bindparam("addresses", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Original:
    """A mail as it came, sealed by the robot to itself.

    `came_sealed`: what is under the robot's own sealing is encrypted too, so that it may be shown to an operator.
    """

    octets: bytes = field(repr=False)
    came_sealed: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """Which mails may be tried now, with the number of that try, and which were tried before and broke off."""

    tries: Mapping[str, int] = field(default_factory=dict)
    suspects: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is known only once a decision is recorded."""

    held_number: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of what there is; for `status` and the digest."""

    open_exchanges: int
    overdue_exchanges: int  # requests whose deadline is over and that somebody has not answered
    waiting_parts: int
    held_mails: int  # waiting for an operator
    asked_mails: int  # waiting for their senders' answers


class Memory:
    """The memory of one database."""

    def __init__(self, engine: Engine, machine: Machine | None = None) -> None:
        """`machine` is the clock that the shared one is compared with; None: it is not compared."""
        self._engine = engine
        self._machine = machine

    # ------------------------------------------------------------ one mail, in the order of its steps

    def folder_of(self, digest: str) -> Folder | None:
        """Where a mail belongs that was handled before; None: it was not."""
        with reading(self._engine) as connection:
            folder = _one(connection, schema.incoming.c.folder, schema.incoming.c.digest == digest)
            return Folder(folder) if folder else None

    def count_try(self, digest: str, now: datetime) -> int:
        """Count a try before it is made, and remember it whatever happens then. Returns how many there are now."""
        with writing(self._engine) as connection:
            tried = _tried(connection, [digest])
            _count_tries(connection, [digest], tried, now)
            return tried.get(digest, 0) + 1

    def count_tries(self, digests: Collection[str], now: datetime, *, again: bool = False) -> Counted:
        """Count a try at each of these mails before it is made, in one transaction; those that were handled are let be.

        A mail that was tried before, but not handled, is named among the suspects, and counted only if `again`.
        """
        with writing(self._engine) as connection:
            left = set(digests).difference(connection.execute(_HANDLED, {"digests": list(digests)}).scalars())
            tried = _tried(connection, list(digests))
            suspects = frozenset(digest for digest, tries in tried.items() if tries and digest in left)
            wanted = [digest for digest in digests if digest in left and (again or digest not in suspects)]
            _count_tries(connection, wanted, tried, now)
            return Counted({digest: tried.get(digest, 0) + 1 for digest in wanted}, suspects)

    def uncount_try(self, digest: str) -> None:
        """Take the last try back: the mail was not to blame for its failure."""
        table = schema.attempts
        with writing(self._engine) as connection:
            counted = update(table).where(table.c.digest == digest, table.c.tries > 0)
            connection.execute(counted.values(tries=table.c.tries - 1))

    def forget_tries(self, digest: str) -> None:
        """Nothing went wrong with this mail."""
        with writing(self._engine) as connection:
            connection.execute(delete(schema.attempts).where(schema.attempts.c.digest == digest))

    def fresh_reference(self, now: datetime) -> str:
        """The next free reference of the year (UTC). Two workers may get the same: the second to record it clashes."""
        with reading(self._engine) as connection:
            return exchanges.next_reference(connection, now.astimezone(UTC).year)

    def recall(self, intent: Intent, network: Network) -> Known:
        """What this mail needs of what is remembered; the database's suspensions are applied to the directory."""
        with reading(self._engine) as connection:
            return _recall(connection, intent, network)

    def see(self, wanted: Wanted, now: datetime) -> Sight:
        """What the commands of a mail, or of the shell, need of what is remembered."""
        with reading(self._engine) as connection:
            return sight.see(connection, wanted, now)

    def journal_head(self) -> tuple[int, str]:
        """Number and hash of the journal's last row, for letters to witness (trust.md 19)."""
        with reading(self._engine) as connection:
            return journal.head(connection)

    def situation(self, now: datetime, retention: Retention | None = None) -> Situation:
        """How network and robot are, for the digest."""
        with reading(self._engine) as connection:
            return situation.situation(connection, now, retention)

    def report(self, period: Period, zone: tzinfo, now: datetime) -> ReportFacts:
        """What a report of these days is made from."""
        with reading(self._engine) as connection:
            return report.report_facts(connection, period, zone, now)

    def note_contact(self, now: datetime) -> None:
        """The mailbox was looked into now."""
        contacts.note_contact(self._engine, contacts.MAILBOX, now)

    def amendments(self) -> Amendments:
        """What changes the directory of the configuration."""
        with reading(self._engine) as connection:
            return pins.amendments(connection)

    def amended(self) -> tuple[str | None, ...]:
        """Another one whenever `amendments` has changed, and sooner asked for."""
        with reading(self._engine) as connection:
            return pins.stamp(connection)

    def certificates(self) -> Mapping[Fingerprint, bytes]:
        """The certificates that mails brought, in octets."""
        with reading(self._engine) as connection:
            return pins.octets(connection)

    def proposals(self) -> tuple[Proposal, ...]:
        """The renewals of certificates that are not settled, oldest first."""
        with reading(self._engine) as connection:
            return pins.unsettled(connection)

    def as_suspended(self, network: Network) -> Network:
        """The network with the suspensions of the database applied to its directory."""
        with reading(self._engine) as connection:
            return _as_suspended(connection, network)

    def record(
        self,
        digest: str | None,
        decision: Decision,
        mails: Sequence[OutgoingMail],
        now: datetime,
        original: Original | None = None,
    ) -> Recorded:
        """Carry a decision out: state, journal and outbox, all or nothing. `digest` is None where no mail led to it.

        Raises Clash where another worker was faster: at this mail, reference, replay key, question, or version of an
        exchange, or at what became of an outgoing mail. Nothing is recorded then; start again from folder_of().
        """
        with writing(self._engine) as connection:
            if digest is not None:
                _remember_mail(connection, digest, decision, now)
                _keep(connection, digest, original, now)
            for exchange in decision.exchanges:
                exchanges.save(connection, exchange)
            number = _hold_and_ask(connection, decision, now)
            _remember_use(connection, decision, now)
            orders.carry_out(connection, decision)
            spending.spend(connection, decision.spent, now)
            outbox.deal_with(connection, decision, now)
            rounds.record(connection, decision)
            pins.record(connection, decision, now)
            _mark(connection, decision, now)
            ringing.save(connection, decision.ringing)
            ringing.forget(connection, decision.silenced)
            outbox.queue(connection, mails, now, self._machine, lane=decision.lane)
            journal.append(connection, _numbered(decision.entries, number), now)
        return Recorded(number)

    # ------------------------------------------------------------ what is kept

    def original(self, digest: str) -> Original | None:
        """A mail as it came, if it is still kept."""
        table = schema.originals
        columns = (table.c.octets, table.c.came_sealed)
        with reading(self._engine) as connection:
            row = connection.execute(select(*columns).where(table.c.digest == digest)).first()
            return Original(*row) if row else None

    def held_mail(self, number: int) -> HeldMail | None:
        """The held mail with this number."""
        found = self._held(select(schema.held).where(schema.held.c.number == number))
        return found[0] if found else None

    def held_mails(
        self, states: Sequence[HeldState] = (HeldState.WAITING, HeldState.ASKED), limit: int = 1000
    ) -> tuple[HeldMail, ...]:
        """Held mails in these states, oldest first."""
        wanted = select(schema.held).where(schema.held.c.state.in_(states))
        return self._held(wanted.order_by(schema.held.c.number).limit(limit))

    def exchange(self, reference: str) -> Exchange | None:
        """The exchange with this reference."""
        with reading(self._engine) as connection:
            return exchanges.by_reference(connection, [reference]).get(reference)

    def latest_exchanges(self, *, open_only: bool = False, limit: int = 100) -> tuple[Exchange, ...]:
        """Exchanges, newest first."""
        table = schema.exchanges
        if open_only:
            return self._exchanges(select(table).where(OPEN).order_by(table.c.opened_at.desc()).limit(limit))
        return self._exchanges(select(table).order_by(table.c.year.desc(), table.c.number.desc()).limit(limit))

    def undone(self, occasions: Collection[Occasion]) -> list[Occasion]:
        """Which of these are not done yet, in their order."""
        names, turns = {o.name for o in occasions}, {o.turn for o in occasions}
        table = schema.occasions.c
        with reading(self._engine) as connection:
            wanted = select(table.name, table.turn).where(table.name.in_(names), table.turn.in_(turns))
            done = {Occasion(*row) for row in connection.execute(wanted)}
        return [occasion for occasion in occasions if occasion not in done]

    def turns(self, name: str) -> Mapping[str, datetime]:
        """Every turn of this occasion that is done, and when."""
        table = schema.occasions.c
        with reading(self._engine) as connection:
            rows = connection.execute(select(table.turn, table.at).where(table.name == name))
            return {row.turn: row.at for row in rows}

    def counts(self, now: datetime) -> Counts:
        """How much of what there is."""
        table, states = schema.exchanges, schema.held.c.state
        with reading(self._engine) as connection:
            return Counts(
                open_exchanges=_count(connection, table, OPEN),
                overdue_exchanges=_overdue(connection, now),
                waiting_parts=_count(connection, schema.parts, WAITING),
                held_mails=_count(connection, schema.held, states == HeldState.WAITING),
                asked_mails=_count(connection, schema.held, states == HeldState.ASKED),
            )

    @property
    def rounds(self) -> rounds.Rounds:
        """The ping rounds."""
        return rounds.Rounds(self._engine)

    # ------------------------------------------------------------ what the passing of time calls for

    def half_passed(self, now: datetime, fewer_reminders_than: int, limit: int = 100) -> tuple[Exchange, ...]:
        """Open requests with a part that is silent at half of its time and was reminded less often than that."""
        part = schema.parts.c
        return self._late(SILENT, part.half_at <= now, part.reminders < fewer_reminders_than, limit=limit)

    def deadline_passed(self, now: datetime, fewer_reminders_than: int, limit: int = 100) -> tuple[Exchange, ...]:
        """Open requests with a part unanswered at the deadline and reminded less often than that."""
        part = schema.parts.c
        return self._late(UNANSWERED, part.deadline_at <= now, part.reminders < fewer_reminders_than, limit=limit)

    def waiting(self, after: str = "", limit: int = 100) -> tuple[Exchange, ...]:
        """Open exchanges in which somebody waits for a key or the end of a suspension, in the order of their text.

        `after` is the last reference of the page before.
        """
        return self._late(OWING, schema.parts.c.reference > after, limit=limit, only=OPEN)

    def open_since(self, at: datetime, after: str = "", limit: int = 100) -> tuple[Exchange, ...]:
        """Open exchanges that began since then, in the order of their text; `after` is the last of the page before."""
        table = schema.exchanges.c
        wanted = select(schema.exchanges).where(OPEN, table.opened_at >= at, table.reference > after)
        return self._exchanges(wanted.order_by(table.reference).limit(limit))

    # ------------------------------------------------------------ what the outcomes of deliveries call for

    def failed(self, limit: int = 100) -> tuple[Exchange, ...]:
        """Exchanges with a mail that could not be delivered, and nothing has been done about that."""
        return self._of_mails(outbox.failed(), limit)

    def delayed(self, now: datetime, terms: Terms, limit: int = 100) -> tuple[Exchange, ...]:
        """Exchanges with a mail that is on its way for too long, and nobody was told."""
        slow = (outbox.delayed(urgent, now - terms.delay_warning(urgent=urgent)) for urgent in (True, False))
        return self._of_mails(union(*slow), limit)

    def postings(self, reference: str) -> tuple[Posting, ...]:
        """Every mail of an exchange, oldest first, with what became of it."""
        with reading(self._engine) as connection:
            return outbox.postings(connection, schema.outbox.c.reference == reference)

    def _of_mails(self, references: Select[Any] | CompoundSelect[Any], limit: int) -> tuple[Exchange, ...]:
        column = schema.exchanges.c.reference
        return self._exchanges(select(schema.exchanges).where(column.in_(references)).order_by(column).limit(limit))

    # ------------------------------------------------------------ steps

    def _late(self, *conditions: Condition, limit: int, only: Condition | None = None) -> tuple[Exchange, ...]:
        reference = schema.exchanges.c.reference
        wanted = select(schema.exchanges).where(reference.in_(select(schema.parts.c.reference).where(*conditions)))
        wanted = wanted if only is None else wanted.where(only)
        return self._exchanges(wanted.order_by(reference).limit(limit))

    def _exchanges(self, wanted: Select[Any]) -> tuple[Exchange, ...]:
        with reading(self._engine) as connection:
            return exchanges.find(connection, wanted)

    def _held(self, wanted: Select[Any]) -> tuple[HeldMail, ...]:
        with reading(self._engine) as connection:
            return holding.find(connection, wanted)


def _one(connection: Connection, column: ColumnElement[Any], *conditions: Condition) -> Any:
    """The column's value in the one row for which the conditions hold; None if there is none."""
    return connection.execute(select(column).where(*conditions)).scalar()


def _count(connection: Connection, table: Table, *conditions: Condition) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())


def _overdue(connection: Connection, now: datetime) -> int:
    late = func.count(schema.parts.c.reference.distinct())
    return int(_one(connection, late, UNANSWERED, schema.parts.c.deadline_at <= now))


def _tried(connection: Connection, digests: Sequence[str]) -> dict[str, int]:
    """How often each of these was tried and not handled; 0: it was not to blame."""
    return {row.digest: row.tries for row in connection.execute(_TRIED, {"digests": digests})}


def _count_tries(connection: Connection, digests: Sequence[str], tried: Mapping[str, int], now: datetime) -> None:
    """`tried`: how often they were until now; who is not in it has no row yet."""
    known = [{"of": digest, "more": tried[digest] + 1, "at": now} for digest in digests if digest in tried]
    if known:
        connection.execute(_TRIED_AGAIN, known)
    new = [{"digest": digest, "tries": 1, "last_at": now} for digest in digests if digest not in tried]
    if new:
        connection.execute(insert(schema.attempts), new)


# ---------------------------------------------------------------- recalling


def _recall(connection: Connection, intent: Intent, network: Network) -> Known:
    named = intent.tag.reference if intent.tag else None
    threaded = _references(connection, schema.outbox.c.message_id, _thread(intent))
    addressed = _references(connection, schema.outbox.c.tracking, [intent.returned_to] if intent.returned_to else [])
    found = exchanges.by_reference(connection, {*threaded, *addressed, *([named] if named else [])})
    coded = exchanges.by_reply_code(connection, intent.codes)
    return Known(
        network=_as_suspended(connection, network),
        exchange=found.get(named) if named else None,
        coded=coded,
        threaded=tuple(found[reference] for reference in threaded if reference in found),
        addressed=next((found[reference] for reference in addressed if reference in found), None),
        reached=_reached(connection, intent, {*found, *(exchange.reference for exchange in coded)}),
        question=holding.answerable(connection, intent.words, intent.speaker.code if intent.speaker else None),
        replayed=_is_replayed(connection, intent),
        last_notice=_last_notice(connection, intent),
        spent=spending.spent_by(connection, intent.speaker.account) if intent.speaker else {},
        returned=_returned(connection, intent),
        trails=rounds.trails(connection, intent, _thread(intent)),
        candidate=_candidate(connection, intent),
        journal_head=journal.head(connection),
    )


def _thread(intent: Intent) -> list[str]:
    opened = intent.opened
    about = (opened.about,) if opened.about else ()
    named = (*(opened.protected.references if opened.protected else ()), *opened.outer.references, *about)
    return list(dict.fromkeys(named))[:_REFERENCES_MOST]


def _references(connection: Connection, column: ColumnElement[str], values: Sequence[str]) -> list[str]:
    """The references of the outgoing mails that have one of these values."""
    if not values:
        return []
    reference = schema.outbox.c.reference
    wanted = select(reference).where(column.in_(values), reference.is_not(None)).distinct().order_by(reference)
    return list(connection.execute(wanted).scalars())


def _reached(connection: Connection, intent: Intent, references: Collection[str]) -> frozenset[tuple[str, str]]:
    """To whom which exchange was passed on, for case-blind comparison; asked for a relay's sake alone."""
    if not references or intent.speaker is None or intent.speaker.relay is None:
        return frozenset()
    columns = schema.outbox.c
    wanted = select(columns.reference, columns.recipient).where(columns.reference.in_(references))
    rows = connection.execute(wanted.where(columns.purpose == "relay").distinct())
    return frozenset((row.reference, row.recipient.casefold()) for row in rows)


def _returned(connection: Connection, intent: Intent) -> Returned | None:
    """The mail that a report is about, by the surest hint that leads to one; whether it is true, others ask."""
    if intent.opened.mail_class not in REPORTS:
        return None
    bounce, columns = intent.opened.bounce, schema.outbox.c
    hints = (
        (Hint.RETURN_PATH, columns.tracking, intent.returned_to),
        (Hint.ENVELOPE_ID, columns.tracking, bounce.envelope_id.lower() if bounce and bounce.envelope_id else None),
        (Hint.MESSAGE_ID, columns.message_id, bounce.original_message_id if bounce else None),
    )
    for hint, column, value in hints:
        found = outbox.postings(connection, column == value) if value else ()
        if found:
            return Returned(found[0], hint)
    return None


def _candidate(connection: Connection, intent: Intent) -> Proposal | None:
    voucher = intent.opened.voucher
    if intent.speaker or voucher is None or voucher.fingerprint is None:
        return None
    return pins.candidate(connection, voucher.fingerprint)


def _as_suspended(connection: Connection, network: Network) -> Network:
    codes = frozenset(connection.execute(_SUSPENDED).scalars())
    return replace(network, directory=network.directory.suspending(codes)) if codes else network


def _is_replayed(connection: Connection, intent: Intent) -> bool:
    identities = list(intent.identities)
    return bool(identities) and connection.execute(_REPLAYED, {"identities": identities}).first() is not None


def _last_notice(connection: Connection, intent: Intent) -> datetime | None:
    addresses = {address.casefold() for address in (intent.opened.sender, intent.opened.outer.sender) if address}
    return connection.execute(_NOTICED, {"addresses": list(addresses)}).scalar() if addresses else None


# ---------------------------------------------------------------- recording


def _remember_mail(connection: Connection, digest: str, decision: Decision, now: datetime) -> None:
    """Handled, once and for all: this row is what a second worker clashes with."""
    first = decision.entries[0] if decision.entries else None
    row = {
        "digest": digest,
        "folder": decision.folder,
        "handled_at": now,
        "event": first.event if first else None,
        "reference": first.reference if first else None,
    }
    connection.execute(_DONE, row)
    connection.execute(_TRIED_NO_MORE, {"of": digest})


def _keep(connection: Connection, digest: str, original: Original | None, now: datetime) -> None:
    if original is not None:
        row = {"digest": digest, "came_sealed": original.came_sealed, "kept_at": now}
        if are_by_pieces(connection, original.octets):
            insert_by_pieces(connection, schema.originals, row, original.octets)
        else:
            connection.execute(_KEPT, row | {"octets": original.octets})


def _hold_and_ask(connection: Connection, decision: Decision, now: datetime) -> int | None:
    if decision.answered:
        holding.settle(connection, decision.answered, now)
    for judged in decision.rejudged:
        holding.rejudge(connection, judged, now)
    for digest in decision.dropped:
        holding.drop(connection, digest, now)
    number = holding.hold(connection, decision.held) if decision.held else None
    if decision.question:
        holding.ask(connection, decision.question)
    return number


def _remember_use(connection: Connection, decision: Decision, now: datetime) -> None:
    """The replay keys that are used up, and the address that got its notice."""
    reference = next((exchange.reference for exchange in decision.exchanges), None)
    used = [{"identity": key, "consumed_at": now, "reference": reference} for key in decision.consumed]
    if used:
        connection.execute(_USED, used)
    if decision.noticed:
        _remember_notice(connection, decision.noticed.casefold(), now)


def _mark(connection: Connection, decision: Decision, now: datetime) -> None:
    rows = [{"name": occasion.name, "turn": occasion.turn, "at": now} for occasion in decision.occasions]
    if rows:
        connection.execute(insert(schema.occasions), rows)


def _remember_notice(connection: Connection, address: str, now: datetime) -> None:
    table = schema.notices
    again = connection.execute(update(table).where(table.c.address == address).values(sent_at=now))
    if again.rowcount == 0:
        connection.execute(insert(table).values(address=address, sent_at=now))


def _numbered(entries: Sequence[Entry], number: int | None) -> list[Entry]:
    """The entries, with the number that the held mail has got only now."""
    if number is None:
        return list(entries)
    label = {"held": f"H-{number}"}
    return [replace(e, facts={**e.facts, **label}) if e.event is Event.HELD else e for e in entries]
