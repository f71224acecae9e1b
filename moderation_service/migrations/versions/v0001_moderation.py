"""The clock; cases and disputes with what is looked for beside them; events, evidence, audit log.

A migration stands for itself: it does not follow what the tables become later.
"""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import STORED_BY_KEY, TEXT
from service_kit.storage.migrations import make_clock, make_positions

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, primary_key=True)


def _number_of_key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=True, autoincrement=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger)


def _index(table: str, name: str, *columns: str) -> None:
    op.create_index(f"{table}_{name}", table, list(columns))


def _index_where(table: str, name: str, flag: str, *columns: str, holds: bool) -> None:
    """Make an index of the rows of which a flag holds, or does not."""
    op.create_index(
        f"{table}_{name}",
        table,
        list(columns),
        # Written as queries write it: SQLite knows no other words for it.
        sqlite_where=sa.text(f"{flag} = {int(holds)}"),
        postgresql_where=sa.text(flag if holds else f"NOT {flag}"),
    )


def upgrade() -> None:
    """Make the tables, and start the clock in an epoch of its own."""
    make_clock()
    make_positions()
    _make_cases()
    _make_disputes()
    _make_lookups()
    _make_sanctions()
    _make_histories()
    op.create_table(
        "news",
        _number_of_key("revision"),
        _number_of_key("ordinal"),
        sa.Column("first_id", TEXT),
        sa.Column("second_id", TEXT),
        _text("kind"),
        _text("target_id"),
        _number("seq"),
        _text("about_id"),
        **STORED_BY_KEY,
    )
    _index("news", "first", "first_id", "revision", "ordinal")
    _index("news", "second", "second_id", "revision", "ordinal")
    _index("news", "target", "target_id")
    op.create_table(
        "idempotency_keys",
        _key("actor_id"),
        _key("key"),
        _text("fingerprint"),
        _text("target_id"),
        _number("seq"),
        _text("about_id"),
        **STORED_BY_KEY,
    )
    _index("idempotency_keys", "target", "target_id")


def _make_cases() -> None:
    op.create_table(
        "cases",
        _key("id"),
        _text("subject_kind"),
        _text("subject_id"),
        _flag("is_decided"),
        *map(_number, ("due_at", "severity_rank", "reports_rank", "priority_rank")),
        _text("claimed_by"),
        _number("claim_until"),
        _time("expires_at"),
        _number("created_revision"),
        _text("document"),
    )
    _index_where("cases", "undecided", "is_decided", "subject_kind", "subject_id", holds=False)
    _index("cases", "due", "is_decided", "due_at", "id")
    for rank in ("severity_rank", "reports_rank", "priority_rank"):
        _index("cases", rank, "is_decided", rank, "due_at", "id")
    _index("cases", "claim", "claim_until")
    _index("cases", "expires", "expires_at", "id")


def _make_disputes() -> None:
    op.create_table(
        "disputes",
        _key("id"),
        _text("service_id"),
        _text("state"),
        _flag("is_open"),
        _flag("is_pending"),
        _time("due_at"),
        _number("sort_at"),
        _time("expires_at"),
        _number("created_revision"),
        _text("document"),
    )
    _index_where("disputes", "open", "is_open", "service_id", holds=True)
    _index("disputes", "state", "state", "sort_at", "id")
    _index_where("disputes", "pending", "is_pending", "id", holds=True)
    _index("disputes", "due", "due_at", "id")
    _index("disputes", "expires", "expires_at", "id")


def _make_lookups() -> None:
    op.create_table(
        "parts",
        _key("user_id"),
        _key("part"),
        _number_of_key("created_revision"),
        _key("target_id"),
        **STORED_BY_KEY,
    )
    _index("parts", "of_target", "target_id", "user_id")
    op.create_table(
        "reports",
        _key("id"),
        *map(_text, ("case_id", "reporter_id", "reason", "status")),
        _flag("is_open"),
        *map(_number, ("created_at", "created_revision")),
    )
    _index("reports", "case", "case_id")
    _index("reports", "reporter", "reporter_id", "created_revision", "id")
    _index("reports", "status", "reporter_id", "status")
    _index("reports", "time", "reporter_id", "created_at")
    op.create_table("decisions", _key("id"), _text("case_id"))
    op.create_table(
        "appeals",
        _key("id"),
        *map(_text, ("case_id", "by_id", "decided_by", "status")),
        *map(_number, ("due_at", "created_revision")),
    )
    _index("appeals", "due", "status", "due_at", "id")


def _make_sanctions() -> None:
    op.create_table(
        "sanctions",
        _key("id"),
        *map(_text, ("case_id", "kind", "conversation_id", "message_id")),
        _number("until"),
        _flag("is_lifted"),
        _number("created_revision"),
    )
    _index("sanctions", "created", "created_revision", "id")
    for thing in ("conversation", "message"):
        _index_where("sanctions", thing, "is_lifted", f"{thing}_id", "until", holds=False)
    op.create_table(
        "sanctioned",
        _key("user_id"),
        _number_of_key("created_revision"),
        _key("sanction_id"),
        _text("case_id"),
        _number("until"),
        _flag("is_lifted"),
        **STORED_BY_KEY,
    )
    _index("sanctioned", "sanction", "sanction_id")
    _index("sanctioned", "case", "case_id")
    _index_where("sanctioned", "standing", "is_lifted", "user_id", "until", holds=False)


def _make_histories() -> None:
    op.create_table(
        "events",
        _key("target_id"),
        _number_of_key("seq"),
        _number("revision"),
        _flag("is_case"),
        _text("document"),
        sa.Column("salt", sa.LargeBinary),
        **STORED_BY_KEY,
    )
    op.create_table(
        "evidence",
        _key("target_id"),
        _key("id"),
        sa.Column("content", sa.LargeBinary, nullable=False),
        **STORED_BY_KEY,
    )
    op.create_table(
        "audit",
        _number_of_key("number"),
        _number("at"),
        *map(_text, ("actor", "capacity", "action", "target_kind", "target")),
        _number("version"),
        *map(_text, ("digest", "previous", "hash")),
    )
    _index("audit", "target", "target", "number")


def downgrade() -> None:
    """Drop everything."""
    for table in (
        "idempotency_keys",
        "news",
        "audit",
        "evidence",
        "events",
        "sanctioned",
        "sanctions",
        "appeals",
        "decisions",
        "reports",
        "parts",
        "disputes",
        "cases",
        "positions",
        "clock",
    ):
        op.drop_table(table)
