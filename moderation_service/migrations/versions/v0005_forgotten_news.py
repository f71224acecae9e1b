"""When what was told may be forgotten, and up to where it was."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_LAST_WORD = sa.text("forgettable_at IS NULL")
# Nobody but services learns what a row says that is the last about its thing.
_OF_SERVICES = (
    "kind IN ('standing_changed', 'conversation_lock_changed', 'message_removal_changed')"
    " AND target_id <> ''"
)
_THING = "kind, coalesce(first_id, ''), about_id"


def upgrade() -> None:
    """Make them; what was told before may be forgotten as if it were told now."""
    op.add_column("news", sa.Column("forgettable_at", sa.BigInteger))
    last_words = f"SELECT {_THING}, max(revision) FROM news WHERE {_OF_SERVICES} GROUP BY {_THING}"  # noqa: S608, no input
    op.execute(
        sa.text(
            f"UPDATE news SET forgettable_at = :now WHERE NOT ({_OF_SERVICES})"  # noqa: S608, no input
            f" OR ({_THING}, revision) NOT IN ({last_words})"
        ).bindparams(sa.bindparam("now", time.time_ns() // 1_000_000, sa.BigInteger))
    )
    op.create_index("news_forgettable", "news", ["forgettable_at"])
    op.create_index(
        "news_last_word",
        "news",
        ["kind", "first_id", "about_id", "forgettable_at"],
        sqlite_where=_LAST_WORD,
        postgresql_where=_LAST_WORD,
    )
    made = op.create_table(
        "forgotten_changes", sa.Column("revision", sa.BigInteger, nullable=False)
    )
    op.bulk_insert(made, [{"revision": 0}])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("forgotten_changes")
    op.drop_index("news_last_word", "news")
    op.drop_index("news_forgettable", "news")
    op.drop_column("news", "forgettable_at")
