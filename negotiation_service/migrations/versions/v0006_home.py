"""Where the database is served, by which a copy of it and a promoted standby are told."""

from alembic import op

from service_kit.storage.migrations import make_home

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None
# Programs of before serve beside it: they do without.
expands = True


def upgrade() -> None:
    """Make it."""
    make_home()


def downgrade() -> None:
    """Drop it."""
    op.drop_table("clock_home")
