"""When idempotency keys were used, after which they are forgotten."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the column and its index; keys of before count as used now."""
    now = str(time.time_ns() // 1_000_000)
    used_at = sa.Column("used_at", sa.BigInteger, nullable=False, server_default=now)
    op.add_column("idempotency_keys", used_at)
    op.create_index("idempotency_keys_used", "idempotency_keys", ["used_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("idempotency_keys_used", "idempotency_keys")
    op.drop_column("idempotency_keys", "used_at")
