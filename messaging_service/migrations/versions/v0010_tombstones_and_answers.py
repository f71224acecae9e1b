"""Each side knows how many unread messages are no more there, and when it spoke first."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None

_SIDES = ("first", "second")
_TOMBSTONE = "(change = 'deleted' OR change = 'removed')"


def upgrade() -> None:
    """Find it all out once, from the messages."""
    where = sa.text(_TOMBSTONE)
    op.create_index(
        "messages_tombstones",
        "messages",
        ["conversation_id", "seq", "first_incoming_seq", "second_incoming_seq"],
        sqlite_where=where,
        postgresql_where=where,
    )
    for side in _SIDES:
        for name in ("tombstone_count", "spoke_revision"):
            zero = sa.Column(f"{side}_{name}", sa.BigInteger, nullable=False, server_default="0")
            op.add_column("conversations", zero)
        # Both are literals of this file.
        op.execute(
            f"UPDATE conversations SET {side}_tombstone_count ="  # noqa: S608
            " (SELECT count(*) FROM messages"
            f" WHERE conversation_id = conversations.id AND {_TOMBSTONE}"
            f" AND seq > conversations.{side}_read_seq AND {side}_incoming_seq = seq),"
            f" {side}_spoke_revision = coalesce((SELECT messages.revision FROM messages"
            f" WHERE conversation_id = conversations.id AND sender_id = conversations.{side}_id"
            " AND (first_incoming_seq = seq OR second_incoming_seq = seq)"
            " ORDER BY seq LIMIT 1), 0)"
        )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("messages_tombstones", "messages")
    for side in _SIDES:
        for name in ("tombstone_count", "spoke_revision"):
            op.drop_column("conversations", f"{side}_{name}")
