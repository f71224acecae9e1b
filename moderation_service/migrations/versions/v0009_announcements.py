"""Announcements of replicas, which tell of their commits, and who may serve side by side."""

from alembic import op

from service_kit.storage.migrations import make_announcements

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None
# A program of before knows nothing of replicas.
expands = False

upgrade = make_announcements


def downgrade() -> None:
    """Drop both."""
    op.drop_table("announcements")
    op.drop_table("served_by")
