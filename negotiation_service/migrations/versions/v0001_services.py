"""The clock, services with their offers, events and timers, and idempotency keys.

A migration stands for itself: it does not follow what the tables become later.
"""

import sqlalchemy as sa
from alembic import op

from service_kit.storage.engines import STORED_BY_KEY, TEXT
from service_kit.storage.migrations import make_clock

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, primary_key=True)


def _number_of_key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Make the tables, and start the clock in an epoch of its own."""
    make_clock()
    _make_services()
    op.create_table(
        "offers",
        _key("service_id"),
        _number_of_key("number"),
        _number("revision"),
        _number("price"),
        _text("by_id"),
        _text("note"),
        _number("created_at"),
        **STORED_BY_KEY,
    )
    op.create_table(
        "service_events",
        _key("service_id"),
        _number_of_key("seq"),
        _number("revision"),
        sa.Column("provider_id", TEXT),
        sa.Column("client_id", TEXT),
        _text("event"),
        **STORED_BY_KEY,
    )
    place = ["revision", "service_id", "seq"]
    op.create_index("service_events_revision", "service_events", place)
    op.create_index("service_events_provider", "service_events", ["provider_id", *place])
    op.create_index("service_events_client", "service_events", ["client_id", *place])
    op.create_table(
        "service_timers",
        _key("service_id"),
        _key("timer"),
        _number("due_at"),
        **STORED_BY_KEY,
    )
    op.create_index("service_timers_due", "service_timers", ["due_at", "service_id"])
    op.create_table(
        "idempotency_keys",
        _key("actor_id"),
        _key("key"),
        _number("revision"),
        _text("fingerprint"),
        _text("service_id"),
        _number("seq"),
        **STORED_BY_KEY,
    )


def _make_services() -> None:
    op.create_table(
        "services",
        _key("id"),
        *map(_text, ("conversation_id", "provider_id", "client_id")),
        *map(_number, ("created_revision", "created_at", "revision")),
        _text("state"),
        sa.Column("is_open", sa.Boolean, nullable=False),
        _text("deal"),
    )
    order = ["created_revision", "id"]
    op.create_index("services_conversation", "services", ["conversation_id", *order])
    _index_open("conversation", ["conversation_id"], unique=True)
    for party in ("provider", "client"):
        op.create_index(f"services_{party}", "services", [f"{party}_id", *order])
        _index_open(party, [f"{party}_id", *order], unique=False)


def _index_open(name: str, columns: list[str], *, unique: bool) -> None:
    is_open = sa.column("is_open", sa.Boolean)
    op.create_index(
        f"services_{name}_open",
        "services",
        columns,
        unique=unique,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def downgrade() -> None:
    """Drop everything."""
    for table in (
        "idempotency_keys",
        "service_timers",
        "service_events",
        "offers",
        "services",
        "clock",
    ):
        op.drop_table(table)
