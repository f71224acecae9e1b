"""Follows the holds that negotiation places, so that none stays without an open dispute.

Negotiation's Watch says that a service is held. What holds it is looked up, and the dispute learns
of it, in the transaction that moves the position: one that waits is open, one that was refused
before lets go (`held_late`). Where a dispute has ended here or was never known, because a database
is older than it was, the hold is let go by a call.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import grpc
import structlog
from parley.negotiation.v1 import negotiation_pb2 as pb
from prometheus_client import CollectorRegistry, Counter

from moderation_service.clients.negotiation import DOMAIN, Negotiation
from moderation_service.domain.dispute.commands import HoldPlaced
from moderation_service.domain.dispute.saga import FINAL_REFUSALS, release
from moderation_service.operations.tasks import AnyAnswer, AnyTask, Task
from moderation_service.storage import targets
from service_kit.follow.positions import advance
from service_kit.leases.leases import Leases
from service_kit.process.unknown_words import which
from service_kit.rpc.client import reason_of
from service_kit.rpc.servicer import accepted
from service_kit.rules import Position, Refusal
from service_kit.storage.readers import Readers
from service_kit.storage.writer import Operation, Transaction, Writer

NEGOTIATION = "negotiation"

_HELD = "held"

_logger = structlog.get_logger(__name__)


def concerns(event: pb.Event) -> bool:
    """Tell whether an event of negotiation may be about a hold that was placed."""
    return which(event, "event") == "service_changed" and event.service_changed.event.cause == _HELD


class Followed(NamedTuple):
    """A revision of negotiation, and the commands that follow from it."""

    position: Position
    tasks: Sequence[AnyTask]


def follow(
    operation: Operation[AnyTask, AnyAnswer | Refusal],
    transaction: Transaction,
    commands: Sequence[Followed],
) -> list[list[AnyAnswer | Refusal]]:
    """Carry out what follows, each revision once, and note how far negotiation was followed."""
    return [
        operation(transaction, tasks)
        if advance(transaction, NEGOTIATION, position) and tasks
        else []
        for position, tasks in commands
    ]


class Holds:
    """Applies the events of negotiation. `stored` is told each answer that was stored."""

    def __init__(
        self,
        writer: Writer,
        readers: Readers,
        operation: Operation[AnyTask, AnyAnswer | Refusal],
        negotiation: Negotiation,
        stored: Callable[[AnyAnswer], None],
        registry: CollectorRegistry,
        leases: Leases | None = None,
    ) -> None:
        self._writer = writer
        self._readers = readers
        # Made once, for the writer groups by identity.
        follow_once = partial(follow, operation)
        self._follow = leases.fenced(NEGOTIATION, follow_once) if leases else follow_once
        self._negotiation = negotiation
        self._stored = stored
        self._released = Counter(
            "saga_holds_released", "Holds without a dispute that were let go.", registry=registry
        )

    async def apply(self, position: Position, events: Sequence[pb.Event]) -> None:
        """Apply the events of one revision that concern holds. Raises AioRpcError while negotiation
        is away.
        """
        tasks: list[AnyTask] = []
        for service in dict.fromkeys(one.service_changed.event.service_id for one in events):
            # The event does not name the dispute, and may be about a hold of long ago.
            shown = await self._negotiation.get_service(service)
            if shown.HasField("hold"):
                tasks += await self._held(shown)
        (outcome,) = await self._writer.submit(self._follow, (Followed(position, tasks),))
        for answer in accepted(outcome):
            self._stored(accepted(answer))

    async def _held(self, service: pb.Service) -> list[AnyTask]:
        """Give what a dispute has to learn of its hold, or let the hold go."""
        name = service.hold.dispute
        dispute = (await self._readers.run(targets.find_disputes, (name,))).get(name)
        call = release(dispute, service.id, name)
        if call is None:
            return [Task(HoldPlaced(name, service.agreed.price.amount_minor))]
        _logger.error(
            "a service is held and no dispute stands behind it", service=service.id, dispute=name
        )
        try:
            await self._negotiation.resolve_hold(call)
        except grpc.aio.AioRpcError as error:
            if reason_of(error, DOMAIN) not in FINAL_REFUSALS:
                raise
            _logger.error("it can not be let go", service=service.id, code=error.code().name)  # noqa: TRY400, no trace is wanted
        else:
            self._released.inc()
        return []
