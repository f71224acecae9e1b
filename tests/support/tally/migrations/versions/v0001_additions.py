"""The clock, the leases, the positions, what is restricted, and what was added."""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import TEXT
from service_kit.storage.migrations import (
    make_announcements,
    make_clock,
    make_home,
    make_leases,
    make_positions,
    make_restrictions,
)

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the tables."""
    make_clock()
    make_home()
    make_leases()
    make_announcements()
    make_positions()
    make_restrictions()
    op.create_table(
        "additions",
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in (
        "additions",
        "restrictions",
        "positions",
        "announcements",
        "served_by",
        "leases",
        "clock_home",
        "clock",
    ):
        op.drop_table(table)
