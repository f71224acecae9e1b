"""Which tokens are refused though they have not expired."""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import STORED_BY_KEY, TEXT

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table; nothing is revoked yet."""
    op.create_table(
        "revocations",
        sa.Column("user_digest", TEXT, primary_key=True),
        sa.Column("token_id", TEXT, primary_key=True),
        sa.Column("issued_before", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        **STORED_BY_KEY,
    )
    op.create_index("revocations_until", "revocations", ["until"])


def downgrade() -> None:
    """Drop it; what was revoked is good again."""
    op.drop_table("revocations")
