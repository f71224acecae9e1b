"""Indexes of what is shown to both sides, and of what its author alone is shown."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

_SHOWN = "(first_incoming_seq = seq OR second_incoming_seq = seq)"
_SUPPRESSED = "first_incoming_seq <> seq AND second_incoming_seq <> seq"
_HAS_CHANGED = "changed_revision IS NOT NULL"
_WITHHELD = "withheld_revision IS NOT NULL"
_OF_SENDER = ("conversation_id", "sender_id")
_NEW = {
    "messages_revision": (("conversation_id", "revision", "seq"), _SHOWN),
    "messages_suppressed": ((*_OF_SENDER, "revision", "seq"), _SUPPRESSED),
    "messages_changed": (
        ("conversation_id", "changed_revision", "seq"),
        f"{_HAS_CHANGED} AND {_SHOWN}",
    ),
    "messages_suppressed_changed": (
        (*_OF_SENDER, "changed_revision", "seq"),
        f"{_HAS_CHANGED} AND {_SUPPRESSED}",
    ),
    "messages_withheld": ((*_OF_SENDER, "withheld_revision", "seq"), _WITHHELD),
}
_OLD = {
    "messages_revision": (("conversation_id", "revision", "seq"), ""),
    "messages_changed": (("conversation_id", "changed_revision", "seq"), _HAS_CHANGED),
    "messages_withheld": (("conversation_id", "withheld_revision", "seq"), _WITHHELD),
}
_SIDES = ("first", "second")


def _create(name: str, table: str, columns: tuple[str, ...], condition: str) -> None:
    where = sa.text(condition) if condition else None
    op.create_index(name, table, list(columns), sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """Replace the indexes."""
    for name in _OLD:
        op.drop_index(name, "messages")
    for name, (columns, condition) in _NEW.items():
        _create(name, "messages", columns, condition)
    for side in _SIDES:
        name = f"conversations_{side}_revision"
        op.drop_index(name, "conversations")
        _create(name, "conversations", (f"{side}_id", "revision"), f"{side}_activity > 0")


def downgrade() -> None:
    """Put the old ones back."""
    for name in _NEW:
        op.drop_index(name, "messages")
    for name, (columns, condition) in _OLD.items():
        _create(name, "messages", columns, condition)
    for side in _SIDES:
        name = f"conversations_{side}_revision"
        op.drop_index(name, "conversations")
        _create(name, "conversations", (f"{side}_id", "revision"), "")
