"""The index by which it is found whose presence has changed."""

from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the index."""
    op.create_index("presence_revision", "presence", ["revision"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("presence_revision", "presence")
