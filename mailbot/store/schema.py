"""The tables, the same on SQLite and PostgreSQL.

House rules: strict tables, row numbers that are never used again, NOT NULL wherever a value is always there. Sealed
octets apart, nothing here is content: no subject, no body, and of a one-time word only its hash.
A change here needs a migration beside it; a test compares the two.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

# ---------------------------------------------------------------- column types


def rfc3339(at: datetime) -> str:
    """A time in UTC with microseconds, always 27 characters, so that text sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime. SQLite, which has no times, keeps it as rfc3339() writes it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return rfc3339(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (datetime.fromisoformat(value) if dialect.name == "sqlite" else value).astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text that any database takes: NUL (PostgreSQL) and lone surrogates (both) are replaced by U+FFFD.

    What a hostile mail claims must always be recordable, or the mail would come back for ever.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


def storable(text: str) -> str:
    """The text as Words keeps it."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Flag(TypeDecorator[bool]):
    """True or false; SQLite's strict tables know integers only."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else Boolean())

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:
        return int(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:  # noqa: ARG002
        return None if value is None else bool(value)


Number = BigInteger().with_variant(Integer(), "sqlite")

# ---------------------------------------------------------------- tables

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _table(name: str, *items: SchemaItem, counted: bool = False) -> Table:
    """A strict table; `counted`: SQLite too shall never give a number twice, whatever is deleted."""
    return Table(name, metadata, *items, sqlite_strict=True, sqlite_autoincrement=counted)


def _key(name: str) -> Column[str]:
    return Column(name, Words, primary_key=True)


def _counted(name: str) -> Column[int]:
    """A key that the database counts upwards; together with `counted` no number is ever used again."""
    return Column(name, Number, Identity(always=True), primary_key=True)


def _text(name: str, *, optional: bool = False) -> Column[str]:
    return Column(name, Words, nullable=optional)


def _time(name: str, *, optional: bool = False) -> Column[datetime]:
    return Column(name, UtcTime, nullable=optional)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _octets(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _index(name: str, *columns: ColumnElement[Any], only: TextClause | None = None) -> None:
    """An index, over the rows alone for which `only` holds."""
    Index(f"ix_{name}", *columns, sqlite_where=only, postgresql_where=only)


# Mails that were handled, and where they belong; this is what makes a second look at a mail harmless.
incoming = _table(
    "incoming",
    _key("digest"),
    _text("folder"),
    _time("handled_at"),
    _text("event", optional=True),  # the first thing that the journal says of it
    _text("reference", optional=True),
)

# Tries at mails that are not handled yet; one that was is deleted here.
attempts = _table("attempts", _key("digest"), _count("tries"), _time("last_at"))

exchanges = _table(
    "exchanges",
    _key("reference"),
    _count("year"),  # year and number: text sorts 2026-10000 before 2026-9999
    _count("number"),
    _text("kind"),
    _text("asker"),
    _text("urgency"),
    _time("opened_at"),
    _time("deadline"),
    _text("reply_code"),
    _text("original"),
    Column("to_all", Flag, nullable=False),
    Column("blind", Flag, nullable=False),
    _text("stage"),
    _time("closed_at", optional=True),
    _count("version"),
    UniqueConstraint("year", "number"),
    UniqueConstraint("reply_code"),
)

# Predicates of partial indexes, written out: with a bound parameter neither database sees that its index fits.
OPEN = text("exchanges.stage = 'open'")
WAITING = text("parts.stage = 'waiting'")
OWING = text("(parts.stage = 'waiting' OR parts.owed <> '')")
SILENT = text("parts.half_at IS NOT NULL")
UNANSWERED = text("parts.deadline_at IS NOT NULL")
RUNNING = text("rounds.stage = 'running'")
QUEUED = text("outbox.state = 'queued'")
ON_THE_CLOCK = text("journal.event IN ('clock doubted', 'clock trusted')")
UNWARNED = text("outbox.state = 'queued' AND outbox.author IS NOT NULL AND outbox.warned_at IS NULL")
FAILED = text("(outbox.state IN ('refused', 'expired') OR outbox.reported = 'undeliverable')")
UNATTENDED = text(  # failed, and its author not told yet
    "outbox.author IS NOT NULL AND outbox.followed_up_at IS NULL AND (outbox.state IN ('refused', 'expired')"
    " OR (outbox.state = 'sent' AND outbox.reported = 'undeliverable'))"
)

_index("exchanges_open", exchanges.c.opened_at, only=OPEN)

parts = _table(
    "parts",
    Column("reference", Words, ForeignKey("exchanges.reference"), primary_key=True),
    _key("party"),
    _count("position"),  # the order in which the asker named the parties
    _text("stage"),
    _text("cause", optional=True),
    _time("passed_on_at", optional=True),
    _time("acknowledged_at", optional=True),
    _time("answered_at", optional=True),
    _count("reminders"),
    _time("backed_up_at", optional=True),
    _text("owed"),  # addresses, separated by spaces
    # Both follow from the rest, so that an index finds what time calls for; NULL where nothing is expected any more.
    _time("half_at", optional=True),  # half of its time is over, in silence
    _time("deadline_at", optional=True),  # all of its time is over, without an answer
)
_index("parts_owing", parts.c.reference, only=OWING)
_index("parts_half", parts.c.reminders, parts.c.half_at, only=SILENT)
_index("parts_deadline", parts.c.reminders, parts.c.deadline_at, only=UNANSWERED)

# Mails as they came, for RESEND and for keys that arrive later; each sealed to the robot by itself once more.
originals = _table(
    "originals",
    _key("digest"),
    Column("came_sealed", Flag, nullable=False),
    _time("kept_at"),
    _octets("octets"),  # last, as in `bodies`: so store/pieces.py writes large ones without holding them once more
)

held = _table(
    "held",
    _counted("number"),
    _text("digest"),
    _text("reason"),
    _text("state"),
    _time("held_at"),
    _text("sender"),
    _text("party", optional=True),
    Column("size", Number, nullable=False),
    UniqueConstraint("digest"),
    counted=True,
)
_index("held_state", held.c.state, held.c.number)

questions = _table(
    "questions",
    _key("word_hash"),  # the word itself is known to nobody but the asked (trust.md 1)
    Column("digest", Words, ForeignKey("held.digest"), nullable=False),
    _text("party"),
    _text("tag"),
    _time("asked_at"),
    _time("answered_at", optional=True),
)
_index("questions_digest", questions.c.digest)

# Signed contents that were acted on (trust.md 5); never deleted.
replays = _table("replays", _key("identity"), _time("consumed_at"), _text("reference", optional=True))

notices = _table("notices", _key("address"), _time("sent_at"))

# When what a sender may use up will be whole again (core/quotas.py).
quotas = _table("quotas", _key("account"), _key("use"), _time("whole_at"))

# What all robots on this database have in common: the first to say it has said it for all.
agreements = _table("agreements", _key("name"), _text("value"))

# What the calendar calls for, each of it once: a digest of a day, a warning of a key, a scheduled round. The row is
# made in the transaction that does it, so that of two robots one clashes.
occasions = _table("occasions", _key("name"), _key("turn"), _time("at"))

suspensions = _table("suspensions", _key("party"), _time("since"), _text("ordered_by"))

# The latest signature that a command on this object was obeyed for; an older one comes too late (trust.md 17).
ordered = _table("ordered", _key("object"), _time("signed_at"))

# Held mails that the mailbox still has to move out of its folder Held; where to, the row of `incoming` says.
moves = _table("moves", _key("digest"), _time("since"))

# When something outside was last reached: "mailbox".
contacts = _table("contacts", _key("name"), _time("at"))

# The part of a sealed mail that several recipients share; dropped when no mail of the outbox needs it any more.
bodies = _table(
    "bodies",
    _counted("id"),
    Column("size", Number, nullable=False),
    _octets("octets"),
    counted=True,
)

outbox = _table(
    "outbox",
    _counted("id"),
    _text("tracking"),
    _text("message_id"),
    _text("recipient"),
    _text("envelope_sender"),
    _octets("head"),  # empty once the mail is settled, as is its foot
    _octets("foot"),
    Column("body_id", Number, ForeignKey("bodies.id"), nullable=True),
    _text("purpose"),
    _text("letter"),
    _text("author", optional=True),  # the party whose words it carries
    _text("reference", optional=True),
    _text("party", optional=True),
    Column("urgent", Flag, nullable=False),
    _text("state"),
    _count("attempts"),
    _time("due_at"),
    _time("created_at"),
    _time("settled_at", optional=True),
    _text("last_status", optional=True),
    # What a report claims stands beside what our own server said, and never in its place (trust.md 16).
    _text("reported", optional=True),
    _text("reported_status", optional=True),
    _time("reported_at", optional=True),
    _time("warned_at", optional=True),  # its delay was dealt with
    _time("followed_up_at", optional=True),  # its failure was dealt with
    Column("lane", Words, nullable=False, server_default=""),  # whose mail led to it: store/turns.py
    Column("turn", Number, nullable=False, server_default="0"),
    UniqueConstraint("tracking"),
    UniqueConstraint("message_id"),
    counted=True,
)
# due_at is in the first index so that mails put off are passed over without being read.
_index("outbox_turn", outbox.c.urgent.desc(), outbox.c.turn, outbox.c.id, outbox.c.due_at, only=QUEUED)
_index("outbox_lane", outbox.c.lane, outbox.c.urgent, outbox.c.turn, only=QUEUED)
_index("outbox_due", outbox.c.due_at, only=QUEUED)
_index("outbox_oldest", outbox.c.created_at, only=QUEUED)
_index("outbox_unwarned", outbox.c.urgent, outbox.c.created_at, only=UNWARNED)
_index("outbox_unattended", outbox.c.reference, only=UNATTENDED)
_index("outbox_failed", outbox.c.settled_at, only=FAILED)
_index("outbox_body", outbox.c.body_id)
_index("outbox_reference", outbox.c.reference)

# What is the matter, and what was told of it; `robot` names whose it is where each has its own.
ringing = _table(
    "ringing",
    _key("alarm"),
    _key("robot"),
    _time("since"),
    _text("detail"),
    _time("told_at", optional=True),
    _time("over_at", optional=True),
    _count("version"),
)

# Ping rounds, their probes, and of the words inside the probes only hashes.
rounds = _table(
    "rounds",
    Column("number", Number, primary_key=True, autoincrement=False),
    _time("started_at"),
    _time("deadline"),
    _text("asked_by"),
    Column("to_all", Flag, nullable=False),
    Column("urgent", Flag, nullable=False),
    Column("share", Flag, nullable=False),
    _text("language"),
    _text("stage"),
    _time("closed_at", optional=True),
    _time("shared_at", optional=True),
    _count("version"),
)
_index("rounds_running", rounds.c.number, only=RUNNING)
_index("rounds_started", rounds.c.started_at)

probes = _table(
    "probes",
    Column("round", Number, ForeignKey("rounds.number"), primary_key=True),
    _key("party"),
    _count("position"),
    _text("token"),
    _text("backup_token"),
    _text("stage"),
    _text("obstacle", optional=True),
    _time("due_at"),
    _time("deadline"),
    _text("time_zone"),
    Column("certified", Flag, nullable=False),
    _time("sent_at", optional=True),
    _time("reminded_at", optional=True),
    _time("backed_up_at", optional=True),
    _text("failure"),
    _time("answered_at", optional=True),
    _time("reached_at", optional=True),
    # Of the surest answer.
    _time("surest_at", optional=True),
    _text("assurance", optional=True),
    Column("encrypted", Flag, nullable=True),
    Column("challenge_quoted", Flag, nullable=True),
    _text("copy", optional=True),
    _text("sender", optional=True),
    _text("signer", optional=True),
    _time("automatic_at", optional=True),
    _text("returns_on"),
    _time("opened_at", optional=True),
    _count("version"),
    UniqueConstraint("token"),
    UniqueConstraint("backup_token"),
)
_index("probes_party", probes.c.party, probes.c.due_at)

challenges = _table(
    "challenges",
    _key("word_hash"),
    Column("round", Number, ForeignKey("rounds.number"), nullable=False),
    _text("party"),
    _text("recipient"),
    _text("copy"),
)

# Certificates that came by mail (core/pins.py); those of the configuration are no rows.
pins = _table(
    "pins",
    _key("fingerprint"),
    _text("party"),
    _text("replaces"),  # fingerprints, separated by spaces
    _time("since"),
    _text("ordered_by"),
)
retirements = _table("retirements", _key("fingerprint"), _text("party"), _time("at"), _time("until"), _text("subkeys"))
revocations = _table("revocations", _key("fingerprint"), _text("party"), _time("at"))
certificates = _table("certificates", _key("fingerprint"), _octets("octets"), _text("digest"), _time("at"))

proposals = _table(
    "proposals",
    _counted("number"),
    _text("party"),
    _text("current"),
    _text("fingerprint"),
    _text("state"),
    _time("at"),
    _time("changed_at"),
    _octets("octets"),
    _text("challenge_hash"),
    Column("compromised", Flag, nullable=False),
    _count("version"),
    counted=True,
)

# Append-only: triggers of the first migration refuse everything but the next row.
journal = _table(
    "journal",
    Column("number", Number, primary_key=True, autoincrement=False),
    _time("at"),
    _text("event"),
    _text("reference", optional=True),
    _text("party", optional=True),
    _text("facts"),
    _text("previous"),
    _text("hash"),
)
_index("journal_at", journal.c.at)
_index("journal_clock", journal.c.number, only=ON_THE_CLOCK)
