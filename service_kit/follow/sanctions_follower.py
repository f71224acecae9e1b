"""The follower of moderation: stores its restrictions in the database of a service that refuses.

The one module of the kit that reads the contract of a service.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1.moderation_pb2_grpc import ModerationServiceStub

from service_kit.channels.connections import Connections
from service_kit.follow import sanctions
from service_kit.follow.follower import Follower, FollowerMetrics, Source, read_source
from service_kit.process.settings import ServiceSettings
from service_kit.process.unknown_words import which
from service_kit.resources import Resources
from service_kit.rpc.servicer import accepted
from service_kit.rules import Position
from service_kit.storage.writer import Operation, Writer


def moderation_source(settings: ServiceSettings, connections: Connections) -> Source:
    """Make the source of moderation from the settings. Raises ValueError for a bad credential."""
    return read_source(settings, sanctions.MODERATION, pb, ModerationServiceStub, connections)


def sanctions_follower(
    name: str,
    source: Source,
    resources: Resources[Any],
    metrics: FollowerMetrics,
    operation: Operation[sanctions.Command, tuple[sanctions.Removal, ...]],
) -> Follower:
    """Make the follower of moderation, the `source`, for the service of that name.

    It goes on under the lease of that source. `operation` lets each command take effect, by `take`,
    and gives its removals of messages that are unknown here.
    """
    fenced = resources.leases.fenced(sanctions.MODERATION, operation)
    submit = partial(_submit, resources.writer, fenced)

    async def apply(position: Position, events: Sequence[pb.Event]) -> None:
        restrictions = tuple(found for event in events if (found := _restriction(event)))
        removals = tuple(one for event in events if (one := _removal(event)))
        await submit(sanctions.RestrictionChanges(position, restrictions, removals))

    async def caught_up(position: Position) -> None:
        await submit(sanctions.CaughtUp(position.epoch))

    return Follower(
        name,
        source,
        resources.readers,
        apply,
        metrics,
        caught_up=caught_up,
        tracing=resources.tracing,
        patience_seconds=resources.leases.patience_seconds,
    )


async def _submit(
    writer: Writer,
    operation: Operation[sanctions.Command, tuple[sanctions.Removal, ...]],
    command: sanctions.Command,
) -> None:
    (outcome,) = await writer.submit(operation, (command,))
    for removal in accepted(outcome):
        # Only a database that is older than moderation's can lack a message.
        structlog.get_logger(__name__).error(
            "a message that moderation knows is not known here",
            message=removal.message,
            removed=removal.removed,
        )


def _restriction(event: pb.Event) -> sanctions.Restriction | None:
    match which(event, "event"):
        case "standing_changed":
            standing = event.standing_changed.standing
            ends = (standing.muted_until_time, standing.suspended_until_time)
            # An absent time is 0, which is long over.
            until = None if standing.banned else max(map(_milliseconds, ends))
            return sanctions.Restriction(sanctions.Kind.USER, standing.user, until)
        case "conversation_lock_changed":
            lock = event.conversation_lock_changed
            return sanctions.Restriction(
                sanctions.Kind.CONVERSATION, lock.conversation_id, None if lock.locked else 0
            )
    return None


def _removal(event: pb.Event) -> sanctions.Removal | None:
    if event.WhichOneof("event") != "message_removal_changed":
        return None
    changed = event.message_removal_changed
    return sanctions.Removal(
        changed.conversation_id,
        changed.message_id,
        changed.removed,
        changed.service_id,
        changed.number,
        tuple(changed.removed_authors),
        tuple(changed.restored_authors),
    )


def _milliseconds(at: Timestamp) -> int:
    return at.seconds * 1000 + at.nanos // 1_000_000
