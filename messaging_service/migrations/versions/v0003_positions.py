"""How far the clocks of other services were followed."""

from alembic import op

from service_kit.storage.migrations import make_positions

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table; nothing was followed yet."""
    make_positions()


def downgrade() -> None:
    """Drop it."""
    op.drop_table("positions")
