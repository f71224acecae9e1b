"""Blocks between people; each side of a conversation has an end and an order of its own."""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import STORED_BY_KEY, TEXT

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

_SIDES = ("first", "second")
_SIDE_NUMBERS = (
    "last_seq",
    "activity",
    "blocked_revision",
    "unblocked_revision",
    "held_at",
    "held_revision",
)
_ACTIVE = sa.text("active")
_WITHHELD = sa.text("withheld_revision IS NOT NULL")


def upgrade() -> None:
    """Make what is new; until now both sides have been shown everything."""
    for side in _SIDES:
        for name in _SIDE_NUMBERS:
            zero = sa.Column(f"{side}_{name}", sa.BigInteger, nullable=False, server_default="0")
            op.add_column("conversations", zero)
        op.add_column("conversations", sa.Column(f"{side}_held_seq", sa.BigInteger))
    op.execute(
        "UPDATE conversations SET first_last_seq = last_seq, second_last_seq = last_seq,"
        " first_activity = activity, second_activity = activity"
    )
    for side in _SIDES:
        op.drop_index(f"conversations_{side}_activity", "conversations")
        columns = [f"{side}_id", f"{side}_activity", "id"]
        op.create_index(f"conversations_{side}_activity", "conversations", columns)
    op.drop_column("conversations", "activity")
    op.add_column("messages", sa.Column("withheld_text", TEXT))
    for name in ("withheld_at", "withheld_revision"):
        op.add_column("messages", sa.Column(name, sa.BigInteger))
    op.create_index(
        "messages_withheld",
        "messages",
        ["conversation_id", "withheld_revision", "seq"],
        sqlite_where=_WITHHELD,
        postgresql_where=_WITHHELD,
    )
    op.create_table(
        "blocks",
        sa.Column("blocker_id", TEXT, primary_key=True),
        sa.Column("blocked_id", TEXT, primary_key=True),
        sa.Column("active", sa.Boolean, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("changed_at", "revision", "last_seen")
        ),
        **STORED_BY_KEY,
    )
    op.create_index("blocks_revision", "blocks", ["blocker_id", "revision"])
    op.create_index(
        "blocks_active",
        "blocks",
        ["blocker_id", "revision", "blocked_id"],
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    )


def downgrade() -> None:
    """Drop it all. What was suppressed is shown to both again, for nothing keeps it back."""
    op.drop_table("blocks")
    op.drop_index("messages_withheld", "messages")
    for name in ("withheld_text", "withheld_at", "withheld_revision"):
        op.drop_column("messages", name)
    zero = sa.Column("activity", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("conversations", zero)
    op.execute(
        "UPDATE conversations SET activity ="
        " CASE WHEN first_activity < second_activity THEN second_activity ELSE first_activity END"
    )
    for side in _SIDES:
        op.drop_index(f"conversations_{side}_activity", "conversations")
        op.create_index(
            f"conversations_{side}_activity", "conversations", [f"{side}_id", "activity", "id"]
        )
        for name in (*_SIDE_NUMBERS, "held_seq"):
            op.drop_column("conversations", f"{side}_{name}")
