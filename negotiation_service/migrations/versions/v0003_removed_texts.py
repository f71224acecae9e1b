"""What moderation holds removed of the texts of deals."""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import STORED_BY_KEY, TEXT

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table; nothing was removed yet."""
    op.create_table(
        "removed_texts",
        sa.Column("service_id", TEXT, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("author_id", TEXT, primary_key=True),
        sa.Column("epoch", TEXT, nullable=False),
        **STORED_BY_KEY,
    )


def downgrade() -> None:
    """Drop it. What is removed stays removed, for deals say so."""
    op.drop_table("removed_texts")
