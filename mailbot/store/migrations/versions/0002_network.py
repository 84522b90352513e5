"""The life of the network: what the calendar calls for.

Types are spelled out here and not taken from schema.py: what was done once must not change when that file does.
"""

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
