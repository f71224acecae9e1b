"""Attendance: the people to whom each of several processes attends.

Of those who are online nobody has a row yet: they are recalled as after any start.
"""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import STORED_BY_KEY, TEXT

revision = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "attending",
        sa.Column("replica", TEXT, primary_key=True),
        sa.Column("known_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "attendance",
        sa.Column("user_id", TEXT, primary_key=True),
        sa.Column("replica", TEXT, primary_key=True),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        **STORED_BY_KEY,
    )
    op.create_index("attendance_replica", "attendance", ["replica", "user_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("attendance")
    op.drop_table("attending")
