"""What moderation forbids, and the messages that it holds removed."""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import STORED_BY_KEY, TEXT
from service_kit.storage.migrations import make_restrictions

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the tables; nothing is known to be forbidden yet."""
    make_restrictions()
    op.create_table(
        "removed_messages",
        sa.Column("message_id", TEXT, primary_key=True),
        sa.Column("epoch", TEXT, nullable=False),
        **STORED_BY_KEY,
    )


def downgrade() -> None:
    """Drop them; messages that are shown as removed stay so."""
    for table in ("removed_messages", "restrictions"):
        op.drop_table(table)
