"""What the methods of every servicer are made of, between its translations."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from service_kit.process.limit_counters import ReachedLimits
from service_kit.process.settings import ServiceSettings
from service_kit.rpc.failures import BATCH_TOO_LARGE, Refused
from service_kit.rules import Position, Refusal
from service_kit.storage.writer import Operation, Writer
from service_kit.watch.hub import WatchHub

ResponseType = TypeVar("ResponseType")
Result = TypeVar("Result")


@lru_cache(maxsize=256)
def timestamp(milliseconds: int) -> Timestamp:
    """Give a time. It is shared: whatever takes it copies it, as fields of messages do."""
    seconds, rest = divmod(milliseconds, 1000)
    return Timestamp(seconds=seconds, nanos=rest * 1_000_000)


def optional_timestamp(milliseconds: int | None) -> Timestamp | None:
    """Give a time, or none: for fields that may be missing."""
    return None if milliseconds is None else timestamp(milliseconds)


def accepted(outcome: Result | Refusal | Exception) -> Result:
    """Give a success; end the call with anything else."""
    if isinstance(outcome, Refusal):
        raise Refused(outcome)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def write_one(
    writer: Writer, operation: Operation[Any, Result | Refusal], command: object
) -> Result:
    """Run an operation on one command; a refusal ends the call."""
    (outcome,) = await writer.submit(operation, (command,))
    return accepted(outcome)


def check_batch(field: str, items: Sequence[object], most: int) -> None:
    """End the call if a list is longer than a call may bring."""
    if len(items) > most:
        problem = f"{len(items)} in one call, at most {most} are taken"
        raise Refused(Refusal(BATCH_TOO_LARGE, problem, field, limit="max_batch"))


def page_limit(settings: ServiceSettings, limits: ReachedLimits, name: str, asked: int) -> int:
    """Give the most items of a page, a setting; asking for more is no mistake, but counted."""
    most: int = getattr(settings, name)
    if asked > most:
        limits.reached(name)
    return most


async def watch(
    hub: WatchHub,
    name: str,
    respond: Callable[[str, Position, list[Any]], ResponseType],
    *,
    everything: bool = False,
) -> AsyncIterator[ResponseType]:
    """Serve a Watch stream of `respond(watcher id, position, events)`; the first has no events."""
    watcher = hub.open(name, everything=everything)
    try:
        epoch = hub.position.epoch
        yield respond(watcher.id, hub.position, [])
        async for revision, events in watcher:
            yield respond(watcher.id, Position(epoch, revision), events)
    finally:
        hub.forget(watcher)
