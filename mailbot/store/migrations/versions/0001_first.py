"""The first version of the database.

Types are spelled out here and not taken from schema.py: what was done once must not change when that file does.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

from mailbot.store.migrations import BackwardsRefused

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORDS = sa.Text()
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")

OPEN = "exchanges.stage = 'open'"
OWING = "(parts.stage = 'waiting' OR parts.owed <> '')"
SILENT = "parts.half_at IS NOT NULL"
UNANSWERED = "parts.deadline_at IS NOT NULL"
QUEUED = "outbox.state = 'queued'"
UNWARNED = "outbox.state = 'queued' AND outbox.author IS NOT NULL AND outbox.warned_at IS NULL"
UNATTENDED = (
    "outbox.author IS NOT NULL AND outbox.followed_up_at IS NULL AND (outbox.state IN ('refused', 'expired')"
    " OR (outbox.state = 'sent' AND outbox.reported = 'undeliverable'))"
)


def upgrade() -> None:
    """Everything there is."""
    _create_intake()
    _create_exchanges()
    _create_held()
    _create_memories()
    _create_outbox()
    _create_journal()


def downgrade() -> None:
    """There is no way back."""
    raise BackwardsRefused("before the first version there is nothing")


def _table(name: str, *items: SchemaItem, counted: bool = False) -> None:
    op.create_table(name, *items, sqlite_strict=True, sqlite_autoincrement=counted)


def _index(name: str, table: str, columns: list[str | sa.TextClause], only: str | None = None) -> None:
    where = None if only is None else sa.text(only)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _counted(name: str) -> sa.Column[Any]:
    return sa.Column(name, NUMBER, sa.Identity(always=True), nullable=False)


def _optional(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _create_intake() -> None:
    _table(
        "incoming",
        _required("digest", WORDS),
        _required("folder", WORDS),
        _required("handled_at", TIME),
        _optional("event", WORDS),
        _optional("reference", WORDS),
        sa.PrimaryKeyConstraint("digest", name="pk_incoming"),
    )
    _table(
        "attempts",
        _required("digest", WORDS),
        _required("tries", sa.Integer()),
        _required("last_at", TIME),
        sa.PrimaryKeyConstraint("digest", name="pk_attempts"),
    )


def _create_exchanges() -> None:
    _table(
        "exchanges",
        _required("reference", WORDS),
        _required("year", sa.Integer()),
        _required("number", sa.Integer()),
        _required("kind", WORDS),
        _required("asker", WORDS),
        _required("urgency", WORDS),
        _required("opened_at", TIME),
        _required("deadline", TIME),
        _required("reply_code", WORDS),
        _required("original", WORDS),
        _required("to_all", FLAG),
        _required("blind", FLAG),
        _required("stage", WORDS),
        _optional("closed_at", TIME),
        _required("version", sa.Integer()),
        sa.PrimaryKeyConstraint("reference", name="pk_exchanges"),
        sa.UniqueConstraint("year", "number", name="uq_exchanges_year_number"),
        sa.UniqueConstraint("reply_code", name="uq_exchanges_reply_code"),
    )
    _index("ix_exchanges_open", "exchanges", ["opened_at"], only=OPEN)
    _table(
        "parts",
        _required("reference", WORDS),
        _required("party", WORDS),
        _required("position", sa.Integer()),
        _required("stage", WORDS),
        _optional("cause", WORDS),
        _optional("passed_on_at", TIME),
        _optional("acknowledged_at", TIME),
        _optional("answered_at", TIME),
        _required("reminders", sa.Integer()),
        _optional("backed_up_at", TIME),
        _required("owed", WORDS),
        _optional("half_at", TIME),
        _optional("deadline_at", TIME),
        sa.PrimaryKeyConstraint("reference", "party", name="pk_parts"),
        sa.ForeignKeyConstraint(["reference"], ["exchanges.reference"], name="fk_parts_reference"),
    )
    _index("ix_parts_owing", "parts", ["reference"], only=OWING)
    _index("ix_parts_half", "parts", ["reminders", "half_at"], only=SILENT)
    _index("ix_parts_deadline", "parts", ["reminders", "deadline_at"], only=UNANSWERED)
    _table(
        "originals",
        _required("digest", WORDS),
        _required("octets", sa.LargeBinary()),
        _required("sealed_by_robot", FLAG),
        _required("came_sealed", FLAG),
        _required("kept_at", TIME),
        sa.PrimaryKeyConstraint("digest", name="pk_originals"),
    )


def _create_held() -> None:
    _table(
        "held",
        _counted("number"),
        _required("digest", WORDS),
        _required("reason", WORDS),
        _required("state", WORDS),
        _required("held_at", TIME),
        _required("sender", WORDS),
        _optional("party", WORDS),
        _required("size", NUMBER),
        sa.PrimaryKeyConstraint("number", name="pk_held"),
        sa.UniqueConstraint("digest", name="uq_held_digest"),
        counted=True,
    )
    _index("ix_held_state", "held", ["state", "number"])
    _table(
        "questions",
        _required("word_hash", WORDS),
        _required("digest", WORDS),
        _required("party", WORDS),
        _required("tag", WORDS),
        _required("asked_at", TIME),
        _optional("answered_at", TIME),
        sa.PrimaryKeyConstraint("word_hash", name="pk_questions"),
        sa.ForeignKeyConstraint(["digest"], ["held.digest"], name="fk_questions_digest"),
    )
    _index("ix_questions_digest", "questions", ["digest"])


def _create_memories() -> None:
    _table(
        "replays",
        _required("identity", WORDS),
        _required("consumed_at", TIME),
        _optional("reference", WORDS),
        sa.PrimaryKeyConstraint("identity", name="pk_replays"),
    )
    _table(
        "notices",
        _required("address", WORDS),
        _required("sent_at", TIME),
        sa.PrimaryKeyConstraint("address", name="pk_notices"),
    )
    _table(
        "suspensions",
        _required("party", WORDS),
        _required("since", TIME),
        _required("ordered_by", WORDS),
        sa.PrimaryKeyConstraint("party", name="pk_suspensions"),
    )
    _table(
        "agreements",
        _required("name", WORDS),
        _required("value", WORDS),
        sa.PrimaryKeyConstraint("name", name="pk_agreements"),
    )


def _create_outbox() -> None:
    _table(
        "bodies",
        _counted("id"),
        _required("size", NUMBER),
        _required("octets", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name="pk_bodies"),
        counted=True,
    )
    _table(
        "outbox",
        _counted("id"),
        _required("tracking", WORDS),
        _required("message_id", WORDS),
        _required("recipient", WORDS),
        _required("envelope_sender", WORDS),
        _required("head", sa.LargeBinary()),
        _required("foot", sa.LargeBinary()),
        _optional("body_id", NUMBER),
        _required("purpose", WORDS),
        _required("letter", WORDS),
        _optional("author", WORDS),
        _optional("reference", WORDS),
        _optional("party", WORDS),
        _required("urgent", FLAG),
        _required("state", WORDS),
        _required("attempts", sa.Integer()),
        _required("due_at", TIME),
        _required("created_at", TIME),
        _optional("settled_at", TIME),
        _optional("last_status", WORDS),
        _optional("reported", WORDS),
        _optional("reported_status", WORDS),
        _optional("reported_at", TIME),
        _optional("warned_at", TIME),
        _optional("followed_up_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("tracking", name="uq_outbox_tracking"),
        sa.UniqueConstraint("message_id", name="uq_outbox_message_id"),
        sa.ForeignKeyConstraint(["body_id"], ["bodies.id"], name="fk_outbox_body_id"),
        counted=True,
    )
    _index("ix_outbox_turn", "outbox", [sa.text("urgent DESC"), "id", "due_at"], only=QUEUED)
    _index("ix_outbox_due", "outbox", ["due_at"], only=QUEUED)
    _index("ix_outbox_oldest", "outbox", ["created_at"], only=QUEUED)
    _index("ix_outbox_unwarned", "outbox", ["urgent", "created_at"], only=UNWARNED)
    _index("ix_outbox_unattended", "outbox", ["reference"], only=UNATTENDED)
    _index("ix_outbox_body", "outbox", ["body_id"])
    _index("ix_outbox_reference", "outbox", ["reference"])
    if op.get_bind().dialect.name == "postgresql":
        # Statistics taken while the queue was short make every step of a long one read all of it (seen: 10 times slower
        # with 800 mails waiting); without any, the planner expects a queue that is worth an index.
        op.execute(sa.text("ALTER TABLE outbox ALTER COLUMN state SET STATISTICS 0"))


def _create_journal() -> None:
    _table(
        "journal",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        _required("at", TIME),
        _required("event", WORDS),
        _optional("reference", WORDS),
        _optional("party", WORDS),
        _required("facts", WORDS),
        _required("previous", WORDS),
        _required("hash", WORDS),
    )
    for statement in APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


# Against accidents and careless hands; against whoever may drop a trigger stands the chain of hashes.
APPEND_ONLY = {
    "sqlite": (
        """CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
        """CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
        # INSERT OR REPLACE deletes without firing the trigger above.
        """CREATE TRIGGER journal_next_only BEFORE INSERT ON journal
        WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM journal)
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
        """CREATE TRIGGER journal_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
        FOR EACH STATEMENT EXECUTE FUNCTION journal_append_only()""",
    ),
}
