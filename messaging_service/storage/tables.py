"""The tables, as the migrations make them."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    MetaData,
    Table,
    TextClause,
    UniqueConstraint,
    and_,
    text,
)

from messaging_service.domain.conversations import Side
from service_kit.follow.positions import add_positions
from service_kit.follow.sanctions import add_restrictions
from service_kit.leases.table import add_leases
from service_kit.storage.announcements import add_announcements
from service_kit.storage.clock import add_clock
from service_kit.storage.engines import STORED_BY_KEY, TEXT
from service_kit.storage.horizon import add_horizon
from service_kit.storage.migrations import add_served_by
from service_kit.storage.retention import declare, forgotten, kept

metadata = MetaData()
add_announcements(metadata)
add_served_by(metadata)
add_clock(metadata)
add_leases(metadata)
add_positions(metadata)
add_restrictions(metadata)
add_horizon(metadata)

_SIDE_NUMBERS = Side._fields[1:]


def _side_columns(side: str) -> list[Column[Any]]:
    user = Column(f"{side}_id", TEXT, nullable=False)
    numbers = (
        Column(f"{side}_{name}", BigInteger, nullable=name == "held_seq") for name in _SIDE_NUMBERS
    )
    return [user, *numbers]


conversations = Table(
    "conversations",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("subject", TEXT, nullable=False),
    Column("opened_by", TEXT, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("last_change", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    *_side_columns("first"),
    *_side_columns("second"),
    UniqueConstraint("first_id", "second_id", "subject", name="conversations_pair"),
    Index("conversations_first_activity", "first_id", "first_activity", "id"),
    Index("conversations_second_activity", "second_id", "second_activity", "id"),
    # Of what somebody is not shown, another may open as much as the limits allow.
    *(
        Index(
            f"conversations_{side}_revision",
            f"{side}_id",
            "revision",
            sqlite_where=text(f"{side}_activity > 0"),
            postgresql_where=text(f"{side}_activity > 0"),
        )
        for side in ("first", "second")
    ),
    Index("conversations_opened", "opened_by", "created_at"),
)

# The conditions of indexes, as a query has to repeat them. What is suppressed is incoming for
# nobody, and shown to its author alone: the other must not have to walk over it.
SHOWN = text("(first_incoming_seq = seq OR second_incoming_seq = seq)")
SUPPRESSED = text("first_incoming_seq <> seq AND second_incoming_seq <> seq")
TOMBSTONE = text("(change = 'deleted' OR change = 'removed')")
HAS_CHANGED = text("changed_revision IS NOT NULL")
WITHHELD = text("withheld_revision IS NOT NULL")


def _partial(name: str, *columns: str, where: ColumnElement[bool] | TextClause) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


messages = Table(
    "messages",
    metadata,
    Column("conversation_id", TEXT, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("id", TEXT, nullable=False),
    Column("sender_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("text", TEXT, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("idempotency_key", TEXT),
    Column("first_incoming_count", BigInteger, nullable=False),
    Column("first_incoming_seq", BigInteger, nullable=False),
    Column("second_incoming_count", BigInteger, nullable=False),
    Column("second_incoming_seq", BigInteger, nullable=False),
    # Of most messages these are empty for ever, which costs nothing.
    Column("change", TEXT),
    Column("changed_at", BigInteger),
    Column("changed_revision", BigInteger),
    Column("edits", BigInteger),
    Column("edited_at", BigInteger),
    Column("withheld_text", TEXT),
    Column("withheld_at", BigInteger),
    Column("withheld_revision", BigInteger),
    UniqueConstraint("id", name="messages_id"),
    UniqueConstraint("sender_id", "idempotency_key", name="messages_key"),
    # By revision, which is the order of seq as well.
    _partial("messages_revision", "conversation_id", "revision", "seq", where=SHOWN),
    _partial(
        "messages_suppressed", "conversation_id", "sender_id", "revision", "seq", where=SUPPRESSED
    ),
    _partial(
        "messages_changed",
        "conversation_id",
        "changed_revision",
        "seq",
        where=and_(HAS_CHANGED, SHOWN),
    ),
    _partial(
        "messages_suppressed_changed",
        "conversation_id",
        "sender_id",
        "changed_revision",
        "seq",
        where=and_(HAS_CHANGED, SUPPRESSED),
    ),
    _partial(
        "messages_withheld",
        "conversation_id",
        "sender_id",
        "withheld_revision",
        "seq",
        where=WITHHELD,
    ),
    _partial(
        "messages_tombstones",
        "conversation_id",
        "seq",
        "first_incoming_seq",
        "second_incoming_seq",
        where=TOMBSTONE,
    ),
    # A history lies together on the disk, in the order in which it is read.
    **STORED_BY_KEY,
)

message_versions = Table(
    "message_versions",
    metadata,
    # Of its making, so that the versions of a message have an order.
    Column("id", TEXT, primary_key=True),
    Column("message_id", TEXT, nullable=False),
    Column("text", TEXT, nullable=False),
    Column("written_at", BigInteger, nullable=False),
    Column("replaced_at", BigInteger, nullable=False),
    Index("message_versions_message", "message_id", "id"),
    Index("message_versions_replaced", "replaced_at", "id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("actor_id", TEXT, primary_key=True),
    Column("idempotency_key", TEXT, primary_key=True),
    Column("fingerprint", TEXT, nullable=False),
    Column("message_id", TEXT, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Index("idempotency_keys_used", "used_at"),
    Index("idempotency_keys_message", "message_id", "used_at"),
    **STORED_BY_KEY,
)
"""Used keys that no message holds: of changes, and of the creation of messages changed since."""

removed_messages = Table(
    "removed_messages",
    metadata,
    Column("message_id", TEXT, primary_key=True),
    # Of moderation, from which it is known.
    Column("epoch", TEXT, nullable=False),
    **STORED_BY_KEY,
)
"""The messages that moderation holds removed; their versions are kept for as long as it does."""

# The conditions of indexes of blocks and presence, as a query has to repeat them.
ACTIVE = text("active")
ENDED = text("NOT active")
AWAY = text("NOT online AND NOT invisible")

blocks = Table(
    "blocks",
    metadata,
    Column("blocker_id", TEXT, primary_key=True),
    Column("blocked_id", TEXT, primary_key=True),
    Column("active", Boolean, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("shown_version", BigInteger, nullable=False),
    Column("shown_revision", BigInteger, nullable=False),
    Index("blocks_revision", "blocker_id", "revision"),
    Index(
        "blocks_active",
        "blocker_id",
        "revision",
        "blocked_id",
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    ),
    _partial("blocks_ended", "changed_at", where=ENDED),
    **STORED_BY_KEY,
)

presence = Table(
    "presence",
    metadata,
    Column("user_id", TEXT, primary_key=True),
    Column("online", Boolean, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("invisible", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("presence_revision", "revision"),
    _partial("presence_away", "last_seen", where=AWAY),
    **STORED_BY_KEY,
)

presence_known = Table("presence_known", metadata, Column("at", BigInteger, nullable=False))
"""One row: when it was last known that those who are online are there.

By the one process that there is, or was before there were several.
"""

attending = Table(
    "attending",
    metadata,
    Column("replica", TEXT, primary_key=True),
    Column("known_at", BigInteger, nullable=False),
)
"""The processes that attend to people, and when each last knew that its people are there."""

attendance = Table(
    "attendance",
    metadata,
    Column("user_id", TEXT, primary_key=True),
    Column("replica", TEXT, primary_key=True),
    # When another process last knew that they are there.
    Column("seen_at", BigInteger, nullable=False),
    Index("attendance_replica", "replica", "user_id"),
    **STORED_BY_KEY,
)
"""The people to whom each of several processes attends; who is online has a row."""

change_times = Table("change_times", metadata, Column("latest", BigInteger, nullable=False))
"""One row: the latest time that was taken for a change."""

declare(
    metadata,
    {
        "conversations": kept("openings_per_hour of each person, and what services open"),
        "messages": kept("what people say and deals do: the history itself"),
        "message_versions": forgotten(
            "earlier and deleted texts, but for those that moderation holds", "evidence_days"
        ),
        "idempotency_keys": forgotten(
            "keys of changes; those of a text go with it", "idempotency_days", "evidence_days"
        ),
        "removed_messages": kept("what moderation holds removed"),
        "blocks": forgotten(
            "those that have ended; blocks_per_user of each person stand, and as many ended ones",
            "changes_days",
        ),
        "presence": forgotten("a row for each person, until they are away", "presence_days"),
        "presence_known": kept("one row"),
        "attending": kept("a row for each process, until another has taken its people over"),
        "attendance": kept("presence_people of each process; who leaves it takes the row along"),
        "change_times": kept("one row"),
    },
)
