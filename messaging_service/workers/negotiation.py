"""Follows the negotiation service, and puts the events of services into conversations."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from parley.negotiation.v1 import negotiation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2_grpc

from messaging_service.domain.service_events import ServiceEvent
from messaging_service.operations.service_events import (
    NEGOTIATION,
    ServiceEvents,
    add_service_events,
)
from messaging_service.settings import MessagingSettings
from service_kit.follow.follower import Follower, FollowerMetrics, read_source
from service_kit.process.unknown_words import Words, which
from service_kit.resources import Resources
from service_kit.rpc.servicer import accepted
from service_kit.rules import Position
from service_kit.storage.writer import Operation, Writer

# A sealed note is nobody's business, and of a reminder nothing has changed.
_UNTOLD = frozenset({"note_submitted", "reminder"})
_STATES = Words(
    pb.State.DESCRIPTOR.full_name,
    {number: name.removeprefix("STATE_").lower() for name, number in pb.State.items()},
    # For good: the title and what happened are in the message all the same.
    "unspecified",
)

_logger = structlog.get_logger(__name__)

AddEvents = Operation[ServiceEvents, list[ServiceEvent]]


def follower(resources: Resources[MessagingSettings], metrics: FollowerMetrics) -> Follower:
    """Make the follower of the negotiation service that the settings name.

    Raises ValueError for a credential that can not be read.
    """
    source = read_source(
        resources.settings,
        NEGOTIATION,
        pb,
        negotiation_pb2_grpc.NegotiationServiceStub,
        resources.connections,
    )

    settings = resources.settings
    add: AddEvents = resources.leases.fenced(
        NEGOTIATION,
        partial(
            add_service_events, presence=settings.presence and not settings.presence_to_strangers
        ),
    )

    async def apply(position: Position, events: Sequence[Any]) -> None:
        await _apply(resources.writer, add, position, events)

    return Follower(
        "messaging",
        source,
        resources.readers,
        apply,
        metrics,
        concerns=_concerns,
        tracing=resources.tracing,
        patience_seconds=resources.leases.patience_seconds,
    )


def _concerns(event: pb.Event) -> bool:
    return (
        which(event, "event") == "service_changed"
        and event.service_changed.event.cause not in _UNTOLD
    )


async def _apply(
    writer: Writer, add: AddEvents, position: Position, events: Sequence[pb.Event]
) -> None:
    told = tuple(
        (changed.conversation_id, _service_event(changed))
        for changed in (one.service_changed.event for one in events)
    )
    (outcome,) = await writer.submit(add, (ServiceEvents(position, told),))
    for event in accepted(outcome):
        # Only a database that is older than negotiation's can lack a conversation.
        _logger.error(
            "an event of a service has no conversation here",
            service=event.service_id,
            number=event.number,
        )


def _service_event(event: pb.ServiceEvent) -> ServiceEvent:
    at = event.create_time
    return ServiceEvent(
        service_id=event.service_id,
        number=event.number,
        cause=event.cause,
        by=event.by,
        at=at.seconds * 1000 + at.nanos // 1_000_000,
        state=_STATES[event.state],
        title=event.title,
        offer=event.offer.number,
        amount_minor=event.offer.price.amount_minor,
        currency=event.offer.price.currency,
        reason=event.reason,
        withheld=event.withheld,
    )
