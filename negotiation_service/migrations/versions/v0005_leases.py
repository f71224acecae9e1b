"""Leases: which of several processes does what is done once."""

from alembic import op

from service_kit.storage.migrations import make_leases

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table."""
    make_leases()


def downgrade() -> None:
    """Drop it."""
    op.drop_table("leases")
