"""An index of appeals by their authors, who list their own."""

from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the index."""
    op.create_index("appeals_author", "appeals", ["by_id", "created_revision", "id"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("appeals_author", "appeals")
