"""Indexes of cases of one severity, in every order of lists."""

from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

_RANKS = ("reports_rank", "priority_rank")


def upgrade() -> None:
    """Make them."""
    for rank in _RANKS:
        columns = ["is_decided", "severity_rank", rank, "due_at", "id"]
        op.create_index(f"cases_severity_{rank}", "cases", columns)


def downgrade() -> None:
    """Drop them."""
    for rank in _RANKS:
        op.drop_index(f"cases_severity_{rank}", "cases")
