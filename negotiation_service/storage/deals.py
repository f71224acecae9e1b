"""Deals, their events and timers, and idempotency keys: read and written as entities."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from negotiation_service.domain.decision import running_timers
from negotiation_service.domain.entities import Deal, Offer
from negotiation_service.domain.events import Event
from negotiation_service.storage import statements, tables
from negotiation_service.storage.documents import dump_deal, dump_event, load_deal, load_event
from service_kit.storage.bulk_statements import (
    Insertion,
    bulk_insert,
    bulk_update,
    change,
    fetch,
    give_rows,
    give_values,
)


class PageKey(NamedTuple):
    """The key of a service in the order of lists, which begin with the last one created."""

    created_revision: int
    id: str


class StoredEvent(NamedTuple):
    """An event with its recipients and the revision that wrote it."""

    revision: int
    recipients: tuple[str, ...]
    event: Event


class UsedKey(NamedTuple):
    """The use of an idempotency key: its answer was the service after its event `seq`."""

    fingerprint: str
    service: str
    seq: int


# --- Reading -----------------------------------------------------------------------------------


def find_deals(connection: Connection, ids: Iterable[str]) -> dict[str, Deal]:
    """Find deals by id."""
    wanted = set(ids)
    if not wanted:
        return {}
    rows = fetch(connection, statements.DEALS, give_values("ids", wanted))
    return {deal.id: deal for deal in (load_deal(row.deal) for row in rows)}


def find_open(connection: Connection, conversations: Iterable[str]) -> dict[str, Deal]:
    """Find the open deal of conversations, by conversation."""
    wanted = set(conversations)
    if not wanted:
        return {}
    rows = fetch(connection, statements.OPEN, give_values("ids", wanted))
    return {deal.conversation: deal for deal in (load_deal(row.deal) for row in rows)}


def find_latest(connection: Connection, conversations: Iterable[str]) -> list[Deal]:
    """Find the latest deal of each conversation; if one is open, it is this."""
    wanted = {(one,) for one in conversations}
    if not wanted:
        return []
    rows = fetch(connection, statements.LATEST, give_rows("rows", wanted))
    return [load_deal(row.deal) for row in rows]


def page_of_conversation(
    connection: Connection, conversation: str, below: PageKey, count: int
) -> list[tuple[PageKey, Deal]]:
    """Find the first `count` deals of a conversation below a key, newest first."""
    return _page(connection, ("conversation", False), conversation, below, count)


def page_of_party(
    connection: Connection, party: str, below: PageKey, count: int, *, open_only: bool
) -> list[tuple[PageKey, Deal]]:
    """Find the first `count` deals of a party below a key, newest first."""
    # One ordered page of each index, joined here, for a database would sort their union.
    found = [
        one
        for name in ("provider", "client")
        for one in _page(connection, (name, open_only), party, below, count)
    ]
    found.sort(key=lambda one: one[0], reverse=True)
    return found[:count]


def _page(
    connection: Connection, which: tuple[str, bool], value: str, below: PageKey, count: int
) -> list[tuple[PageKey, Deal]]:
    given = {"value": value, "revision": below.created_revision, "id": below.id, "count": count}
    rows = fetch(connection, statements.PAGES[which], given)
    return [(PageKey(row.created_revision, row.id), load_deal(row.deal)) for row in rows]


def find_openings(connection: Connection, conversation: str, count: int) -> list[int]:
    """Find when the last `count` deals of a conversation were opened, the latest first."""
    given = {"conversation": conversation, "count": count}
    return [row.created_at for row in fetch(connection, statements.OPENINGS, given)]


def find_histories(
    connection: Connection, ids: Iterable[str]
) -> dict[str, list[tuple[int, Event]]]:
    """Find all (revision, event) of services, in their order, by service."""
    wanted = set(ids)
    found: dict[str, list[tuple[int, Event]]] = defaultdict(list)
    if wanted:
        for row in fetch(connection, statements.HISTORIES, give_values("ids", wanted)):
            found[row.service_id].append((row.revision, load_event(row.event)))
    return found


def changed_events(
    connection: Connection, user: str, after: int, until: int, count: int
) -> list[StoredEvent]:
    """Find the first `count` events of a user, without one of all: after < revision <= until."""
    given = {"user": user, "after": after, "until": until, "count": count}
    found = [
        StoredEvent(
            row.revision,
            tuple(one for one in (row.provider_id, row.client_id) if one is not None),
            load_event(row.event),
        )
        for name in (("provider", "client") if user else ("everything",))
        for row in fetch(connection, statements.CHANGED[name], given)
    ]
    found.sort(key=lambda one: (one.revision, one.event.service, one.event.seq))
    return found[:count]


def find_keys(
    connection: Connection, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], UsedKey]:
    """Find idempotency keys that were used, by (actor, key)."""
    wanted = set(keys)
    if not wanted:
        return {}
    rows = fetch(connection, statements.KEYS, give_rows("rows", wanted))
    return {
        (row.actor_id, row.key): UsedKey(row.fingerprint, row.service_id, row.seq) for row in rows
    }


def find_due(
    connection: Connection, now: int, after: tuple[int, str], count: int
) -> list[tuple[int, str]]:
    """Find the first `count` (due at, service) that are due by `now`, in order, past `after`."""
    given = {"now": now, "due_at": after[0], "service_id": after[1], "count": count}
    return [(row.due_at, row.service_id) for row in fetch(connection, statements.DUE, given)]


def find_next_due(connection: Connection, now: int) -> int | None:
    """Tell when the next timer after `now` is due; None if there is none."""
    ((due_at,),) = fetch(connection, statements.NEXT_DUE, {"now": now})
    return due_at if due_at is None else int(due_at)


# --- Writing -----------------------------------------------------------------------------------


def claim_due(connection: Connection, ids: Iterable[str], now: int) -> set[str]:
    """Lock those of `ids` that have a timer due, and that no other replica has locked."""
    wanted = set(ids)
    if not wanted:
        return set()
    given = give_values("ids", wanted) | {"now": now}
    return {row.service_id for row in fetch(connection, statements.CLAIM, given)}


def insert_deals(connection: Connection, deals: Iterable[Deal], revision: int) -> None:
    """Store new deals."""
    rows = [
        (
            one.id,
            one.conversation,
            one.provider,
            one.client,
            revision,
            one.created_at,
            revision,
            one.state,
            one.is_open,
            dump_deal(one),
        )
        for one in deals
    ]
    bulk_insert(connection, tables.services, tuple(tables.services.c.keys()), rows)


def update_deals(connection: Connection, deals: Iterable[Deal], revision: int) -> None:
    """Store the new state of deals that are stored already."""
    columns = ("revision", "state", "is_open", "deal")
    rows = [(revision, one.state, one.is_open, dump_deal(one), one.id) for one in deals]
    bulk_update(connection, tables.services, "id", columns, rows)


def insertion_of_offers(made: Iterable[tuple[str, Offer]], revision: int) -> Insertion:
    """New offers, each with its service, to be stored."""
    rows = [
        (service, one.number, revision, one.price, one.by, one.note, one.at)
        for service, one in made
    ]
    return Insertion(tables.offers, tuple(tables.offers.c.keys()), rows)


def insertion_of_events(
    happened: Iterable[tuple[Deal, tuple[str, ...], Event]], revision: int
) -> Insertion:
    """New events, each with its deal and who may learn of it, to be stored."""
    rows = [
        (
            event.service,
            event.seq,
            revision,
            deal.provider if deal.provider in recipients else None,
            deal.client if deal.client in recipients else None,
            dump_event(event),
        )
        for deal, recipients, event in happened
    ]
    return Insertion(tables.service_events, tuple(tables.service_events.c.keys()), rows)


def forget_timers(connection: Connection, deals: Iterable[Deal]) -> None:
    """Delete the timers that ran for these deals."""
    if ids := [deal.id for deal in deals]:
        change(connection, statements.FORGET_TIMERS, give_values("ids", ids))


def insertion_of_timers(deals: Iterable[Deal]) -> Insertion:
    """The timers that run for these deals, to be stored."""
    rows = [(deal.id, one.timer, one.due_at) for deal in deals for one in running_timers(deal)]
    return Insertion(tables.service_timers, tuple(tables.service_timers.c.keys()), rows)


def insertion_of_keys(
    used: Iterable[tuple[tuple[str, str], UsedKey]], revision: int, now: int
) -> Insertion:
    """The use of idempotency keys, with when that was (milliseconds UTC), to be stored."""
    rows = [
        (actor, key, revision, one.fingerprint, one.service, one.seq, now)
        for (actor, key), one in used
    ]
    return Insertion(tables.idempotency_keys, tuple(tables.idempotency_keys.c.keys()), rows)
