"""Changes of messages: what became of each, its earlier texts, and the keys of such commands."""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import STORED_BY_KEY, TEXT

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_CHANGED = sa.text("changed_revision IS NOT NULL")
_CHANGE_NUMBERS = ("changed_at", "changed_revision", "edits", "edited_at")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Make what is new; no message was changed yet."""
    zero = sa.Column("last_change", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("conversations", zero)
    op.add_column("messages", sa.Column("change", TEXT))
    for name in _CHANGE_NUMBERS:
        op.add_column("messages", sa.Column(name, sa.BigInteger))
    op.create_index(
        "messages_changed",
        "messages",
        ["conversation_id", "changed_revision", "seq"],
        sqlite_where=_CHANGED,
        postgresql_where=_CHANGED,
    )
    op.create_table(
        "message_versions",
        sa.Column("id", TEXT, primary_key=True),
        *map(_text, ("message_id", "text")),
        *map(_number, ("written_at", "replaced_at")),
    )
    op.create_index("message_versions_message", "message_versions", ["message_id", "id"])
    op.create_index("message_versions_replaced", "message_versions", ["replaced_at", "id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("actor_id", TEXT, primary_key=True),
        sa.Column("idempotency_key", TEXT, primary_key=True),
        *map(_text, ("fingerprint", "message_id")),
        _number("used_at"),
        **STORED_BY_KEY,
    )


def downgrade() -> None:
    """Drop it all, and with it what was deleted and how."""
    for table in ("idempotency_keys", "message_versions"):
        op.drop_table(table)
    op.drop_index("messages_changed", "messages")
    for name in ("change", *_CHANGE_NUMBERS):
        op.drop_column("messages", name)
    op.drop_column("conversations", "last_change")
