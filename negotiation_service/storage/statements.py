"""SQL statements, each built once. Every hot one goes through an index, and none sorts a page."""

from sqlalchemy import BigInteger, bindparam, delete, func, select, tuple_

from negotiation_service.storage.tables import (
    idempotency_keys,
    service_events,
    service_timers,
    services,
)
from service_kit.storage.bulk_statements import among_given, given_rows
from service_kit.storage.changed_users import changed_users
from service_kit.storage.engines import TEXT

_COUNT = bindparam("count", type_=BigInteger)

DEALS = select(services.c.deal).where(among_given(services.c.id, "ids"))
OPEN = select(services.c.deal).where(
    among_given(services.c.conversation_id, "ids"), services.c.is_open
)

_earlier = services.alias("earlier")
_wanted, _wanted_match = given_rows("rows", (_earlier.c.conversation_id,))
LATEST = select(services.c.deal).select_from(
    _wanted.join(
        services,
        services.c.id
        == select(_earlier.c.id)
        .where(_wanted_match)
        .order_by(_earlier.c.created_revision.desc(), _earlier.c.id.desc())
        .limit(1)
        .correlate(_wanted)
        .scalar_subquery(),
    )
)

PAGES = {
    (name, open_only): select(services.c.created_revision, services.c.id, services.c.deal)
    .where(
        column == bindparam("value"),
        tuple_(services.c.created_revision, services.c.id)
        < tuple_(bindparam("revision", type_=BigInteger), bindparam("id", type_=TEXT)),
        *((services.c.is_open,) if open_only else ()),
    )
    .order_by(services.c.created_revision.desc(), services.c.id.desc())
    .limit(_COUNT)
    for name, column, open_only in (
        ("conversation", services.c.conversation_id, False),
        ("provider", services.c.provider_id, False),
        ("provider", services.c.provider_id, True),
        ("client", services.c.client_id, False),
        ("client", services.c.client_id, True),
    )
}

OPENINGS = (
    select(services.c.created_at)
    .where(services.c.conversation_id == bindparam("conversation"))
    .order_by(services.c.created_revision.desc(), services.c.id.desc())
    .limit(_COUNT)
)

HISTORIES = (
    select(service_events.c.service_id, service_events.c.revision, service_events.c.event)
    .where(among_given(service_events.c.service_id, "ids"))
    .order_by(service_events.c.service_id, service_events.c.seq)
)
CHANGED = {
    name: select(
        service_events.c.revision,
        service_events.c.provider_id,
        service_events.c.client_id,
        service_events.c.event,
    )
    .where(
        *((column == bindparam("user"),) if column is not None else ()),
        service_events.c.revision > bindparam("after"),
        service_events.c.revision <= bindparam("until"),
    )
    .order_by(service_events.c.revision, service_events.c.service_id, service_events.c.seq)
    .limit(_COUNT)
    for name, column in (
        ("everything", None),
        ("provider", service_events.c.provider_id),
        ("client", service_events.c.client_id),
    )
}
CHANGED_PARTIES = tuple(
    changed_users(party, service_events.c.revision)
    for party in (service_events.c.provider_id, service_events.c.client_id)
)

_keys, _keys_match = given_rows("rows", (idempotency_keys.c.actor_id, idempotency_keys.c.key))
KEYS = select(
    idempotency_keys.c.actor_id,
    idempotency_keys.c.key,
    idempotency_keys.c.fingerprint,
    idempotency_keys.c.service_id,
    idempotency_keys.c.seq,
).select_from(_keys.join(idempotency_keys, _keys_match))

DUE = (
    select(service_timers.c.due_at, service_timers.c.service_id)
    .where(
        service_timers.c.due_at <= bindparam("now"),
        tuple_(service_timers.c.due_at, service_timers.c.service_id)
        > tuple_(bindparam("due_at", type_=BigInteger), bindparam("service_id", type_=TEXT)),
    )
    .order_by(service_timers.c.due_at, service_timers.c.service_id)
    .limit(_COUNT)
)
NEXT_DUE = select(func.min(service_timers.c.due_at)).where(
    service_timers.c.due_at > bindparam("now")
)
# Those on which another replica is at work are left to it.
CLAIM = (
    select(service_timers.c.service_id)
    .where(
        among_given(service_timers.c.service_id, "ids"),
        service_timers.c.due_at <= bindparam("now"),
    )
    .with_for_update(skip_locked=True)
)
FORGET_TIMERS = delete(service_timers).where(among_given(service_timers.c.service_id, "ids"))

HOT_STATEMENTS = {
    "services by id": DEALS,
    "open services": OPEN,
    "latest services": LATEST,
    **{f"services page, {name}, {open_only}": page for (name, open_only), page in PAGES.items()},
    "openings": OPENINGS,
    "histories": HISTORIES,
    **{f"events changed, {name}": changed for name, changed in CHANGED.items()},
    "parties changed, provider": CHANGED_PARTIES[0],
    "parties changed, client": CHANGED_PARTIES[1],
    "keys": KEYS,
    "timers due": DUE,
    "timer due next": NEXT_DUE,
    "timers claimed": CLAIM,
    "timers forgotten": FORGET_TIMERS,
}
"""By name, for whoever wants to see their query plans."""
