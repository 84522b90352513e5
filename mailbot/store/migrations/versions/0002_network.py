"""The life of the network: what the calendar calls for.

Types are spelled out here and not taken from schema.py: what was done once must not change when that file does.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from mailbot.store.migrations import BackwardsRefused

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WORDS = sa.Text()
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """New tables; and every kept original is sealed by the robot, so nothing says so any more."""
    _drop_the_flag_of_originals()
    _create_occasions()
    _create_rounds()
    _create_quotas()
    _create_ordered_moves_and_contacts()
    _create_ringing()
    _create_pins()
    _create_proposals()
    _index_failures()
    _index_the_journal()
    _take_turns_in_the_outbox()


def downgrade() -> None:
    """Never: an older program would misread what a newer one wrote."""
    raise BackwardsRefused("0002")


def _drop_the_flag_of_originals() -> None:
    with op.batch_alter_table("originals", recreate="never") as table:
        table.drop_column("sealed_by_robot")


def _create_occasions() -> None:
    op.create_table(
        "occasions",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("turn", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", "turn", name=op.f("pk_occasions")),
        sqlite_strict=True,
    )


def _create_quotas() -> None:
    op.create_table(
        "quotas",
        sa.Column("account", WORDS, nullable=False),
        sa.Column("use", WORDS, nullable=False),
        sa.Column("whole_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account", "use", name=op.f("pk_quotas")),
        sqlite_strict=True,
    )


def _create_ringing() -> None:
    op.create_table(
        "ringing",
        sa.Column("alarm", WORDS, nullable=False),
        sa.Column("robot", WORDS, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("detail", WORDS, nullable=False),
        sa.Column("told_at", TIME, nullable=True),
        sa.Column("over_at", TIME, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("alarm", "robot", name=op.f("pk_ringing")),
        sqlite_strict=True,
    )


def _create_pins() -> None:
    op.create_table(
        "pins",
        sa.Column("fingerprint", WORDS, nullable=False),
        sa.Column("party", WORDS, nullable=False),
        sa.Column("replaces", WORDS, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("ordered_by", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_pins")),
        sqlite_strict=True,
    )
    op.create_table(
        "retirements",
        sa.Column("fingerprint", WORDS, nullable=False),
        sa.Column("party", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("subkeys", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_retirements")),
        sqlite_strict=True,
    )
    op.create_table(
        "revocations",
        sa.Column("fingerprint", WORDS, nullable=False),
        sa.Column("party", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_revocations")),
        sqlite_strict=True,
    )
    op.create_table(
        "certificates",
        sa.Column("fingerprint", WORDS, nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_certificates")),
        sqlite_strict=True,
    )


def _create_proposals() -> None:
    op.create_table(
        "proposals",
        sa.Column("number", NUMBER, sa.Identity(always=True), primary_key=True),
        sa.Column("party", WORDS, nullable=False),
        sa.Column("current", WORDS, nullable=False),
        sa.Column("fingerprint", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.Column("challenge_hash", WORDS, nullable=False),
        sa.Column("compromised", FLAG, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )


def _create_ordered_moves_and_contacts() -> None:
    tables = (("ordered", "object", "signed_at"), ("moves", "digest", "since"), ("contacts", "name", "at"))
    for table, key, time in tables:
        op.create_table(
            table,
            sa.Column(key, WORDS, nullable=False),
            sa.Column(time, TIME, nullable=False),
            sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{table}")),
            sqlite_strict=True,
        )


def _create_rounds() -> None:
    op.create_table(
        "rounds",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("deadline", TIME, nullable=False),
        sa.Column("asked_by", WORDS, nullable=False),
        sa.Column("to_all", FLAG, nullable=False),
        sa.Column("urgent", FLAG, nullable=False),
        sa.Column("share", FLAG, nullable=False),
        sa.Column("language", WORDS, nullable=False),
        sa.Column("stage", WORDS, nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("shared_at", TIME, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    running = sa.text("rounds.stage = 'running'")
    op.create_index("ix_rounds_running", "rounds", ["number"], sqlite_where=running, postgresql_where=running)
    op.create_index("ix_rounds_started", "rounds", ["started_at"])
    _create_probes()
    op.create_table(
        "challenges",
        sa.Column("word_hash", WORDS, nullable=False),
        sa.Column("round", NUMBER, nullable=False),
        sa.Column("party", WORDS, nullable=False),
        sa.Column("recipient", WORDS, nullable=False),
        sa.Column("copy", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("word_hash", name=op.f("pk_challenges")),
        sa.ForeignKeyConstraint(["round"], ["rounds.number"], name=op.f("fk_challenges_round")),
        sqlite_strict=True,
    )


def _create_probes() -> None:
    op.create_table(
        "probes",
        sa.Column("round", NUMBER, nullable=False),
        sa.Column("party", WORDS, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("token", WORDS, nullable=False),
        sa.Column("backup_token", WORDS, nullable=False),
        sa.Column("stage", WORDS, nullable=False),
        sa.Column("obstacle", WORDS, nullable=True),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("deadline", TIME, nullable=False),
        sa.Column("time_zone", WORDS, nullable=False),
        sa.Column("certified", FLAG, nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("reminded_at", TIME, nullable=True),
        sa.Column("backed_up_at", TIME, nullable=True),
        sa.Column("failure", WORDS, nullable=False),
        sa.Column("answered_at", TIME, nullable=True),
        sa.Column("reached_at", TIME, nullable=True),
        sa.Column("surest_at", TIME, nullable=True),
        sa.Column("assurance", WORDS, nullable=True),
        sa.Column("encrypted", FLAG, nullable=True),
        sa.Column("challenge_quoted", FLAG, nullable=True),
        sa.Column("copy", WORDS, nullable=True),
        sa.Column("sender", WORDS, nullable=True),
        sa.Column("signer", WORDS, nullable=True),
        sa.Column("automatic_at", TIME, nullable=True),
        sa.Column("returns_on", WORDS, nullable=False),
        sa.Column("opened_at", TIME, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("round", "party", name=op.f("pk_probes")),
        sa.UniqueConstraint("token", name=op.f("uq_probes_token")),
        sa.UniqueConstraint("backup_token", name=op.f("uq_probes_backup_token")),
        sa.ForeignKeyConstraint(["round"], ["rounds.number"], name=op.f("fk_probes_round")),
        sqlite_strict=True,
    )
    op.create_index("ix_probes_party", "probes", ["party", "due_at"])


def _index_failures() -> None:
    failed = sa.text("(outbox.state IN ('refused', 'expired') OR outbox.reported = 'undeliverable')")
    op.create_index("ix_outbox_failed", "outbox", ["settled_at"], sqlite_where=failed, postgresql_where=failed)


def _take_turns_in_the_outbox() -> None:
    op.add_column("outbox", sa.Column("lane", WORDS, nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("turn", NUMBER, nullable=False, server_default="0"))
    queued = sa.text("outbox.state = 'queued'")
    op.drop_index("ix_outbox_turn", "outbox")
    columns: dict[str, list[Any]] = {
        "ix_outbox_turn": [sa.text("urgent DESC"), "turn", "id", "due_at"],
        "ix_outbox_lane": ["lane", "urgent", "turn"],
    }
    for name, those in columns.items():
        op.create_index(name, "outbox", those, sqlite_where=queued, postgresql_where=queued)


def _index_the_journal() -> None:
    """A robot that starts asks for its latest time, and for the last word about the clock."""
    clock = sa.text("journal.event IN ('clock doubted', 'clock trusted')")
    op.create_index("ix_journal_at", "journal", ["at"])
    op.create_index("ix_journal_clock", "journal", ["number"], sqlite_where=clock, postgresql_where=clock)
