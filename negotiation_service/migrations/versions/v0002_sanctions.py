"""The restrictions by moderation, and how far it was followed."""

from alembic import op

from service_kit.storage.migrations import make_positions, make_restrictions

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the tables; nothing was followed yet."""
    make_positions()
    make_restrictions()


def downgrade() -> None:
    """Drop them."""
    for table in ("restrictions", "positions"):
        op.drop_table(table)
