"""Versions of what people are shown, by which packets that come in any order are compared."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

_NUMBERS = (
    ("conversations", "first_version"),
    ("conversations", "second_version"),
    ("presence", "version"),
    ("blocks", "shown_version"),
    ("blocks", "shown_revision"),
)


def upgrade() -> None:
    """Make the columns; of what was shown until now nobody has kept a version."""
    for table, name in _NUMBERS:
        op.add_column(
            table, sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))
        )
    op.execute("UPDATE blocks SET shown_version = changed_at, shown_revision = revision")
    times = op.create_table("change_times", sa.Column("latest", sa.BigInteger, nullable=False))
    op.bulk_insert(times, [{"latest": 0}])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("change_times")
    for table, name in reversed(_NUMBERS):
        op.drop_column(table, name)
