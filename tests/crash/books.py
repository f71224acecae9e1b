"""The database of negotiation in the end, and the position up to which messaging followed it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from messaging_service.operations.service_events import NEGOTIATION
from moderation_service.domain.dispute.entities import DisputeState
from moderation_service.storage.tables import disputes
from negotiation_service.domain.entities import Deal, Offer
from negotiation_service.domain.events import Cause, Event
from negotiation_service.storage.documents import load_deal, load_event
from negotiation_service.storage.tables import (
    idempotency_keys,
    offers,
    service_events,
    service_timers,
    services,
)
from service_kit.follow.positions import read_followed
from service_kit.rules import Position
from service_kit.storage.clock import read_position
from service_kit.storage.engines import open_engine
from tests.crash.moderation_books import ModerationBooks, read_moderation
from tests.support.system import System

# For timers that are due to fire, and for messaging to have heard of all that happened.
# What is not in a conversation: a note is sealed, and of a reminder nothing has changed.
UNTOLD = frozenset({Cause.NOTE_SUBMITTED, Cause.REMINDER})
_QUIET_SECONDS = 30.0
_LOOK_SECONDS = 0.1
# A dispute that waits for negotiation.
_PENDING = (DisputeState.PENDING_HOLD, DisputeState.RESOLVED_PENDING)
# A timer that is due later than this will not fire before all is compared.
_SOON_MS = 600_000


class ServiceRow(NamedTuple):
    """A row of services."""

    conversation: str
    provider: str
    client: str
    created_revision: int
    created_at: int
    revision: int
    state: str
    is_open: bool
    deal: Deal


class EventRow(NamedTuple):
    """A row of service_events; `told` are those who may learn of it."""

    revision: int
    told: frozenset[str]
    event: Event


class KeyRow(NamedTuple):
    """A row of idempotency_keys: the answer was the service after its event `seq`."""

    revision: int
    service: str
    seq: int


@dataclass(frozen=True)
class Books:
    """All rows: by service those of each in the order of their numbers, keys by actor and key.

    `clock` is where the service's clock stands, `followed` the position in messaging's database.
    """

    clock: Position
    followed: Position | None

    services: Mapping[str, ServiceRow] = field(default_factory=dict)
    events: Mapping[str, Sequence[EventRow]] = field(default_factory=dict)
    # Each with the revision that wrote it.
    offers: Mapping[str, Sequence[tuple[int, Offer]]] = field(default_factory=dict)
    timers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    keys: Mapping[tuple[str, str], KeyRow] = field(default_factory=dict)
    moderation: ModerationBooks = field(default_factory=ModerationBooks)


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    """A transaction that sees the database as it stands at one moment."""
    engine = open_engine(url, "reader")
    try:
        with engine.connect() as connection, connection.begin():
            yield connection
    finally:
        engine.dispose()


def read_books(system: System) -> Books:
    """Read everything."""
    with _reading(system.database("messaging")) as connection:
        followed = read_followed(connection, NEGOTIATION)
    with _reading(system.database("moderation")) as connection:
        moderation = read_moderation(connection)
    with _reading(system.database("negotiation")) as connection:
        stored_offers = defaultdict(list)
        for row in connection.execute(
            select(offers).order_by(offers.c.service_id, offers.c.number)
        ):
            offer = Offer(row.number, row.price, row.by_id, row.note, row.created_at)
            stored_offers[row.service_id].append((row.revision, offer))
        events = defaultdict(list)
        for row in connection.execute(
            select(service_events).order_by(service_events.c.service_id, service_events.c.seq)
        ):
            told = frozenset({row.provider_id, row.client_id} - {None})
            events[row.service_id].append(EventRow(row.revision, told, load_event(row.event)))
        timers: dict[str, dict[str, int]] = defaultdict(dict)
        for row in connection.execute(select(service_timers)):
            timers[row.service_id][row.timer] = row.due_at
        return Books(
            read_position(connection),
            followed,
            {
                row.id: ServiceRow(
                    row.conversation_id,
                    row.provider_id,
                    row.client_id,
                    row.created_revision,
                    row.created_at,
                    row.revision,
                    row.state,
                    row.is_open,
                    load_deal(row.deal),
                )
                for row in connection.execute(select(services))
            },
            events,
            stored_offers,
            timers,
            {
                (row.actor_id, row.key): KeyRow(row.revision, row.service_id, row.seq)
                for row in connection.execute(select(idempotency_keys))
            },
            moderation,
        )


async def quiet(system: System) -> None:
    """Return when no timer is about to fire, nobody waits for another service and messaging has
    followed all that happened. If that takes too long, the checker finds what is missing.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_QUIET_SECONDS):
            while not await asyncio.to_thread(_is_quiet, system):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(_LOOK_SECONDS)


def _is_quiet(system: System) -> bool:
    with _reading(system.database("negotiation")) as connection:
        due_at = connection.scalar(select(func.min(service_timers.c.due_at)))
        rows = connection.execute(
            select(service_events.c.revision, service_events.c.event).order_by(
                service_events.c.revision.desc()
            )
        )
        told = (row.revision for row in rows if load_event(row.event).cause not in UNTOLD)
        revision = next(told, None)
    with _reading(system.database("moderation")) as connection:
        pending = connection.scalar(select(func.count()).where(disputes.c.state.in_(_PENDING)))
        dispute_due_at = connection.scalar(select(func.min(disputes.c.due_at)))
    soon = time.time() * 1000 + _SOON_MS
    if pending or any(at is not None and at < soon for at in (due_at, dispute_due_at)):
        return False
    with _reading(system.database("messaging")) as connection:
        followed = read_followed(connection, NEGOTIATION)
    return revision is None or (followed is not None and followed.revision >= revision)
