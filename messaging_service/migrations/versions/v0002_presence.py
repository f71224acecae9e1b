"""Presence: what others are shown of each person, and when the service last knew who is there."""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import STORED_BY_KEY, TEXT

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the tables; of before nothing is known."""
    op.create_table(
        "presence",
        sa.Column("user_id", TEXT, primary_key=True),
        sa.Column("online", sa.Boolean, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("invisible", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        **STORED_BY_KEY,
    )
    known = op.create_table("presence_known", sa.Column("at", sa.BigInteger, nullable=False))
    op.bulk_insert(known, [{"at": 0}])


def downgrade() -> None:
    """Drop them."""
    for table in ("presence_known", "presence"):
        op.drop_table(table)
