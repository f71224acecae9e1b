"""The services that this one asks, and what goes on beside the calls for them and for time."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import grpc
from parley.messaging.v1.messaging_pb2_grpc import MessagingServiceStub
from parley.negotiation.v1 import negotiation_pb2
from parley.negotiation.v1.negotiation_pb2_grpc import NegotiationServiceStub
from sqlalchemy import Connection

from moderation_service.clients.evidence import Bounds, EvidenceTaker
from moderation_service.clients.messaging import Messaging
from moderation_service.clients.negotiation import Negotiation
from moderation_service.domain.commands import ExpireEvidence, FireTimers
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.saga import due_call
from moderation_service.operations.runner import Answer, Task
from moderation_service.settings import ModerationSettings
from moderation_service.storage import targets
from moderation_service.workers.holds import NEGOTIATION, Holds
from moderation_service.workers.reconciler import Reconciler
from service_kit.follow.follower import Follower, FollowerMetrics, read_source
from service_kit.process.background import Work, background
from service_kit.rpc.client import Client, dial
from service_kit.rpc.interceptors import read_credentials
from service_kit.rules import Refusal
from service_kit.service import Resources
from service_kit.storage.writer import Operation
from service_kit.timers import Schedule, Timers

TaskOperation = Operation[Task, Answer | Refusal]

# Evidence is kept for months; what is deleted a little later was kept a little longer.
_EXPIRY_SECONDS = 3_600.0


class Neighbours(NamedTuple):
    """What the methods of the contract need: evidence; a push for the call that a dispute is due;
    and to tell of each answer that was stored, for time may have to act on it.
    """

    evidence: EvidenceTaker
    reconciler: Reconciler
    stored: Callable[[Answer], None]


@asynccontextmanager
async def neighbours(
    resources: Resources[ModerationSettings],
    operation: TaskOperation,
    others: Mapping[str, Work] = MappingProxyType({}),
) -> AsyncIterator[Neighbours]:
    """Dial them, and let what goes on beside the calls, and `others`, go on while the context
    lasts.
    """
    settings, reached, registry = resources.settings, resources.limits.reached, resources.registry

    def stored(answer: Answer) -> None:
        timers.expect(answer.next_due)

    def happened(answer: Answer) -> None:
        """Learn of what no method has asked for, so that none pushes it."""
        stored(answer)
        if isinstance(answer.target, Dispute) and due_call(answer.target) is not None:
            reconciler.wake()

    def fired(answer: Answer) -> list[tuple[str, int]]:
        happened(answer)
        return [(str(event.cause), event.at) for event in answer.events]

    async with AsyncExitStack() as stack:
        messaging = Messaging(await stack.enter_async_context(_dial(resources, "messaging")))
        negotiation: Negotiation | None = None
        if settings.negotiation_target is not None:
            client = await stack.enter_async_context(_dial(resources, "negotiation"))
            negotiation = Negotiation(client)
        reconciler = Reconciler(
            resources.writer,
            resources.readers,
            operation,
            negotiation,
            batch=settings.saga_batch,
            calls=settings.saga_calls,
            interval_seconds=settings.saga_seconds,
            stored=stored,
            reached=reached,
            registry=registry,
        )
        timers = Timers(
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
            batch=settings.timers_batch,
            max_sleep_seconds=settings.timers_max_sleep_seconds,
            reached=reached,
            registry=registry,
        )
        works: dict[str, Work] = {
            **others,
            "timers": timers.run,
            "expiry": _expiry(resources, operation).run,
            "saga": reconciler.run,
        }
        if negotiation is not None:
            holds = Holds(
                resources.writer, resources.readers, operation, negotiation, happened, registry
            )
            works["holds"] = _follower(resources, holds).run
        bounds = Bounds(
            settings.evidence_context,
            settings.evidence_page,
            settings.evidence_bytes,
            settings.evidence_takings,
        )
        evidence = EvidenceTaker(messaging, negotiation, bounds, reached)
        await stack.enter_async_context(background(works, registry))
        yield Neighbours(evidence, reconciler, stored)


_STUBS: dict[str, Callable[[grpc.aio.Channel], Any]] = {
    "messaging": MessagingServiceStub,
    "negotiation": NegotiationServiceStub,
}


@asynccontextmanager
async def _dial(resources: Resources[ModerationSettings], name: str) -> AsyncIterator[Client]:
    """Dial one of them by the settings that begin with its name."""
    settings = resources.settings
    async with dial(
        getattr(settings, f"{name}_target"),
        _STUBS[name],
        read_credentials(getattr(settings, f"{name}_credential_file"))[0],
        getattr(settings, f"{name}_timeout_seconds"),
        partial(resources.limits.reached, f"{name}_timeout_seconds"),
    ) as client:
        yield client


def _expiry(resources: Resources[ModerationSettings], operation: TaskOperation) -> Timers[Answer]:
    """Make what deletes evidence that nothing says must be kept."""

    def next_expiry(_connection: Connection, _now: int) -> int | None:
        return None

    return Timers(
        Schedule(
            "expiry",
            targets.find_expired,
            next_expiry,
            lambda target: Task(ExpireEvidence(), target),
            operation,
            lambda answer: [(str(event.cause), event.at) for event in answer.events],
        ),
        resources.writer,
        resources.readers,
        batch=resources.settings.expiry_batch,
        max_sleep_seconds=_EXPIRY_SECONDS,
        reached=resources.limits.reached,
        registry=resources.registry,
    )


def _follower(resources: Resources[ModerationSettings], holds: Holds) -> Follower:
    """Make what follows negotiation. Raises ValueError for a credential that can not be read."""
    source = read_source(resources.settings, NEGOTIATION, negotiation_pb2, NegotiationServiceStub)
    metrics = FollowerMetrics(resources.registry)
    return Follower("moderation", source, resources.readers, holds.apply, metrics)
