"""The tables: what queries look for are columns, and all else of a deal is one document.

Rows are stamped with the revision that wrote them. Of offers, events and keys no row ever changes.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, Table

from service_kit.follow.positions import add_positions
from service_kit.follow.sanctions import add_restrictions
from service_kit.leases.table import add_leases
from service_kit.storage.announcements import add_announcements
from service_kit.storage.clock import add_clock
from service_kit.storage.engines import STORED_BY_KEY, TEXT
from service_kit.storage.migrations import add_served_by
from service_kit.storage.retention import by_age, declare, forgotten, kept

metadata = MetaData()
add_announcements(metadata)
add_served_by(metadata)
add_clock(metadata)
add_leases(metadata)
add_positions(metadata)
add_restrictions(metadata)

services = Table(
    "services",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("conversation_id", TEXT, nullable=False),
    Column("provider_id", TEXT, nullable=False),
    Column("client_id", TEXT, nullable=False),
    # The order of lists: unlike times it never goes back.
    Column("created_revision", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("deal", TEXT, nullable=False),
)
_is_open = services.c.is_open
Index(
    "services_conversation", services.c.conversation_id, services.c.created_revision, services.c.id
)
# Whatever the rules let through: a conversation has at most one open service.
Index(
    "services_conversation_open",
    services.c.conversation_id,
    unique=True,
    sqlite_where=_is_open,
    postgresql_where=_is_open,
)
for _name, _party in (("provider", services.c.provider_id), ("client", services.c.client_id)):
    _order = (_party, services.c.created_revision, services.c.id)
    Index(f"services_{_name}", *_order)
    Index(f"services_{_name}_open", *_order, sqlite_where=_is_open, postgresql_where=_is_open)

offers = Table(
    "offers",
    metadata,
    Column("service_id", TEXT, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("by_id", TEXT, nullable=False),
    Column("note", TEXT, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    **STORED_BY_KEY,
)

service_events = Table(
    "service_events",
    metadata,
    Column("service_id", TEXT, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    # The parties, but not the one who may not learn of it.
    Column("provider_id", TEXT),
    Column("client_id", TEXT),
    Column("event", TEXT, nullable=False),
    Index("service_events_revision", "revision", "service_id", "seq"),
    Index("service_events_provider", "provider_id", "revision", "service_id", "seq"),
    Index("service_events_client", "client_id", "revision", "service_id", "seq"),
    # A history lies together on the disk, in the order in which it is read.
    **STORED_BY_KEY,
)

service_timers = Table(
    "service_timers",
    metadata,
    Column("service_id", TEXT, primary_key=True),
    Column("timer", TEXT, primary_key=True),
    Column("due_at", BigInteger, nullable=False),
    Index("service_timers_due", "due_at", "service_id"),
    **STORED_BY_KEY,
)

removed_texts = Table(
    "removed_texts",
    metadata,
    Column("service_id", TEXT, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("author_id", TEXT, primary_key=True),
    # Of moderation, from which it is known.
    Column("epoch", TEXT, nullable=False),
    **STORED_BY_KEY,
)
"""Texts that moderation holds removed; a row ends with the removal. Deals say what is hidden."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("actor_id", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("fingerprint", TEXT, nullable=False),
    # The answer was the service after this event.
    Column("service_id", TEXT, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Index("idempotency_keys_used", "used_at"),
    **STORED_BY_KEY,
)

declare(
    metadata,
    {
        "services": kept("services_per_hour of each conversation: the record of deals"),
        "offers": kept("rounds_limit and amendments_limit of each service"),
        "service_events": kept("the limits of each service: its history"),
        "service_timers": kept("the timers of open services"),
        "removed_texts": kept("what moderation holds removed"),
        "idempotency_keys": forgotten("used keys, with their digests", "idempotency_days"),
    },
)

FORGETTINGS = (by_age(idempotency_keys, idempotency_keys.c.used_at),)
"""Rows that are deleted with time."""
