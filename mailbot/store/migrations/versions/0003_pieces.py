"""Large kept mail is written piece by piece: its octets stand last.

Before other columns SQLite would make the whole row in memory, zeros and all, before the first piece.
"""

import sqlalchemy as sa
from alembic import op

from mailbot.store.migrations import BackwardsRefused

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


WORDS = sa.Text()
TIME = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The same rows in another order of columns."""
    op.rename_table("originals", "originals_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_originals RENAME TO pk_originals_before")
    op.create_table(
        "originals",
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("came_sealed", FLAG, nullable=False),
        sa.Column("kept_at", TIME, nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_originals")),
        sqlite_strict=True,
    )
    columns = "digest, came_sealed, kept_at, octets"
    op.execute(f"INSERT INTO originals ({columns}) SELECT {columns} FROM originals_before")  # noqa: S608 - no input
    op.drop_table("originals_before")


def downgrade() -> None:
    """Never: an older program would misread what a newer one wrote."""
    raise BackwardsRefused("0003")
