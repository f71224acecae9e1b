"""Indexes of what is old, and the last change that was forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None

_ENDED = sa.text("NOT active")
_AWAY = sa.text("NOT online AND NOT invisible")


def upgrade() -> None:
    """Make them; nothing was forgotten yet that a resume tells."""
    op.create_index("idempotency_keys_used", "idempotency_keys", ["used_at"])
    op.create_index("idempotency_keys_message", "idempotency_keys", ["message_id", "used_at"])
    op.create_index(
        "blocks_ended", "blocks", ["changed_at"], sqlite_where=_ENDED, postgresql_where=_ENDED
    )
    op.create_index(
        "presence_away", "presence", ["last_seen"], sqlite_where=_AWAY, postgresql_where=_AWAY
    )
    made = op.create_table(
        "forgotten_changes", sa.Column("revision", sa.BigInteger, nullable=False)
    )
    op.bulk_insert(made, [{"revision": 0}])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("forgotten_changes")
    op.drop_index("presence_away", "presence")
    op.drop_index("blocks_ended", "blocks")
    op.drop_index("idempotency_keys_message", "idempotency_keys")
    op.drop_index("idempotency_keys_used", "idempotency_keys")
