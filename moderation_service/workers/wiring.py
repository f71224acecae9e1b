"""Wires the service: dials the services that it calls, and starts what runs beside the calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from parley.messaging.v1.messaging_pb2_grpc import MessagingServiceStub
from parley.negotiation.v1 import negotiation_pb2
from parley.negotiation.v1.negotiation_pb2_grpc import NegotiationServiceStub
from sqlalchemy import Connection

from moderation_service.clients.evidence import Bounds, EvidenceTaker
from moderation_service.clients.messaging import Messaging
from moderation_service.clients.negotiation import Negotiation
from moderation_service.domain.dispute.commands import FireTimers
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.saga import due_call
from moderation_service.domain.shared.commands import ExpireEvidence
from moderation_service.operations.tasks import AnyAnswer, AnyTask, Task
from moderation_service.settings import ModerationSettings
from moderation_service.storage import targets
from moderation_service.storage.tables import FORGETTINGS
from moderation_service.workers.audit import AuditWatch
from moderation_service.workers.gauges import Gauges
from moderation_service.workers.holds import NEGOTIATION, Holds, concerns
from moderation_service.workers.reconciler import Reconciler
from moderation_service.workers.revocations import forgetting
from service_kit.follow.follower import Follower, FollowerMetrics, read_source
from service_kit.process.background import Work, background
from service_kit.resources import Resources
from service_kit.retention import retention
from service_kit.rpc.client import dial_by_settings
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation
from service_kit.timers import Schedule, Timers

TaskOperation = Operation[AnyTask, AnyAnswer | Refusal]

# Evidence is kept for months; what is deleted a little later was kept a little longer.
_EXPIRY_SECONDS = 3_600.0


class Wiring(NamedTuple):
    """The parts that RPCs work with besides the database."""

    evidence: EvidenceTaker
    reconciler: Reconciler
    timers: Timers[AnyAnswer]


@asynccontextmanager
async def wire(
    resources: Resources[ModerationSettings], operation: TaskOperation
) -> AsyncIterator[Wiring]:
    """Keep connections and background work while the context lasts."""
    settings, registry, reached = resources.settings, resources.registry, resources.limits.reached
    connections = resources.connections
    # Set when time or negotiation has made a call due, which no RPC pushes.
    due = asyncio.Event()
    timers = _timers(resources, operation, due)
    gauges = Gauges(resources.readers, registry, settings.gauges_seconds)
    audit = AuditWatch(resources.readers, registry, settings.audit_seconds)

    def on_stored(answer: AnyAnswer) -> None:
        timers.expect(answer.next_due)

    def on_hold(answer: AnyAnswer) -> None:
        timers.expect(answer.next_due)
        _note_due(answer, due)

    async with AsyncExitStack() as stack:
        messaging = Messaging(
            await stack.enter_async_context(
                dial_by_settings(settings, "messaging", MessagingServiceStub, reached, connections)
            )
        )
        negotiation: Negotiation | None = None
        if settings.negotiation_target is not None:
            client = await stack.enter_async_context(
                dial_by_settings(
                    settings, NEGOTIATION, NegotiationServiceStub, reached, connections
                )
            )
            negotiation = Negotiation(client)
        reconciler = Reconciler(
            resources.writer,
            resources.readers,
            operation,
            negotiation,
            due=due,
            batch=settings.saga_batch,
            calls=settings.saga_calls,
            interval_seconds=settings.saga_seconds,
            stored=on_stored,
            elsewhere=resources.elsewhere,
            reached=reached,
            registry=registry,
        )
        under = resources.leases.under
        works: dict[str, Work] = {
            "retention": under("retention", retention(resources, FORGETTINGS)),
            "gauges": gauges.run,
            "audit": under("audit", audit.run),
            # One process for both: what time makes due is a call of the saga.
            "timers": under("disputes", timers.run),
            "saga": under("disputes", reconciler.run),
            "expiry": under("retention", _expiry(resources, operation).run),
            "revocations": under("retention", forgetting(resources, _EXPIRY_SECONDS)),
        }
        if negotiation is not None:
            holds = Holds(
                resources.writer,
                resources.readers,
                operation,
                negotiation,
                on_hold,
                registry,
                resources.leases,
            )
            works["holds"] = under(NEGOTIATION, _follower(resources, holds).run)
        await stack.enter_async_context(background(works, registry))
        bounds = Bounds(
            settings.evidence_context,
            settings.evidence_page,
            settings.evidence_bytes,
            settings.evidence_takings,
        )
        yield Wiring(EvidenceTaker(messaging, negotiation, bounds, reached), reconciler, timers)


def _timers(
    resources: Resources[ModerationSettings], operation: TaskOperation, due: asyncio.Event
) -> Timers[AnyAnswer]:
    """Make the timers of disputes."""

    def fired(answer: AnyAnswer) -> list[tuple[str, int]]:
        _note_due(answer, due)
        return _fired(answer)

    return Timers(
        Schedule(
            "timers",
            targets.find_due,
            targets.find_next_due,
            lambda dispute: Task(FireTimers(dispute)),
            operation,
            fired,
        ),
        resources.writer,
        resources.readers,
        batch=resources.settings.timers_batch,
        max_sleep_seconds=resources.settings.timers_max_sleep_seconds,
        elsewhere=resources.elsewhere,
        reached=resources.limits.reached,
        registry=resources.registry,
    )


def _expiry(
    resources: Resources[ModerationSettings], operation: TaskOperation
) -> Timers[AnyAnswer]:
    """Make the timers that delete evidence when nothing says any more that it must be kept."""

    def next_expiry(_connection: Connection, _now: int) -> int | None:
        return None

    return Timers(
        Schedule(
            "expiry",
            targets.find_expired,
            next_expiry,
            lambda target: Task(ExpireEvidence(), target),
            operation,
            _fired,
        ),
        resources.writer,
        resources.readers,
        batch=resources.settings.expiry_batch,
        max_sleep_seconds=_EXPIRY_SECONDS,
        reached=resources.limits.reached,
        registry=resources.registry,
    )


def _fired(answer: AnyAnswer) -> list[tuple[str, int]]:
    return [(str(event.cause), event.at) for event in answer.events]


def _note_due(answer: AnyAnswer, due: asyncio.Event) -> None:
    if isinstance(answer.target, Dispute) and due_call(answer.target) is not None:
        due.set()


def _follower(resources: Resources[ModerationSettings], holds: Holds) -> Follower:
    """Make the follower of negotiation. Raises ValueError for a credential that can not be read."""
    source = read_source(
        resources.settings,
        NEGOTIATION,
        negotiation_pb2,
        NegotiationServiceStub,
        resources.connections,
    )
    metrics = FollowerMetrics(resources.registry)
    return Follower(
        "moderation",
        source,
        resources.readers,
        holds.apply,
        metrics,
        concerns=concerns,
        tracing=resources.tracing,
        patience_seconds=resources.leases.patience_seconds,
    )
