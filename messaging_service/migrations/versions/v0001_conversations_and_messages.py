"""The clock, conversations and messages.

A migration stands for itself: it does not follow what the tables become later.
"""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import STORED_BY_KEY, TEXT
from service_kit.storage.migrations import make_clock

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_SIDE_NUMBERS = (
    "incoming_count",
    "incoming_seq",
    "read_seq",
    "read_count",
    "read_at",
    "read_revision",
    "delivered_seq",
    "delivered_at",
    "delivered_revision",
)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Make the tables, and start the clock in an epoch of its own."""
    make_clock()
    op.create_table(
        "conversations",
        sa.Column("id", TEXT, primary_key=True),
        *map(_text, ("subject", "opened_by")),
        *map(_number, ("created_at", "revision", "activity", "last_seq")),
        _text("first_id"),
        *(_number(f"first_{name}") for name in _SIDE_NUMBERS),
        _text("second_id"),
        *(_number(f"second_{name}") for name in _SIDE_NUMBERS),
        sa.UniqueConstraint("first_id", "second_id", "subject", name="conversations_pair"),
    )
    for name, columns in (
        ("first_activity", ["first_id", "activity", "id"]),
        ("second_activity", ["second_id", "activity", "id"]),
        ("first_revision", ["first_id", "revision"]),
        ("second_revision", ["second_id", "revision"]),
        ("opened", ["opened_by", "created_at"]),
    ):
        op.create_index(f"conversations_{name}", "conversations", columns)
    op.create_table(
        "messages",
        sa.Column("conversation_id", TEXT, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        *map(_text, ("id", "sender_id", "kind", "text")),
        *map(_number, ("created_at", "revision")),
        sa.Column("idempotency_key", TEXT),
        *(
            _number(f"{side}_{name}")
            for side in ("first", "second")
            for name in ("incoming_count", "incoming_seq")
        ),
        sa.UniqueConstraint("id", name="messages_id"),
        sa.UniqueConstraint("sender_id", "idempotency_key", name="messages_key"),
        **STORED_BY_KEY,
    )
    op.create_index("messages_revision", "messages", ["conversation_id", "revision", "seq"])


def downgrade() -> None:
    """Drop everything."""
    for table in ("messages", "conversations", "clock"):
        op.drop_table(table)
