"""Reconciles disputes with negotiation: makes every call that is still due, whatever came between.

A dispute says by its state which call is due (`saga.py`), so nothing is remembered here. A method
that changes a dispute pushes it, so that its call is made at once; what that leaves, because of a
crash, an outage or a lost answer, the next look finds. Negotiation does each once.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress

import grpc
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from moderation_service.clients.negotiation import DOMAIN, Negotiation
from moderation_service.domain.dispute import saga
from moderation_service.domain.dispute.commands import HoldUnresolvable, NegotiationAnswer
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.operations.tasks import AnyAnswer, AnyTask, Task
from moderation_service.storage import targets
from service_kit.rpc import servicer
from service_kit.rpc.client import reason_of
from service_kit.rpc.failures import Refused
from service_kit.rules import Refusal
from service_kit.storage.readers import Readers
from service_kit.storage.writer import (
    Operation,
    StorageUnavailable,
    UnexpectedFailure,
    Writer,
    WriterOverloaded,
)

_FIRST_RETRY_SECONDS = 0.2
# How often it is looked whether another process may have left a call to this one.
_ELSEWHERE_SECONDS = 1.0

_logger = structlog.get_logger(__name__)


class Reconciler:
    """Makes the due calls of disputes and stores their answers.

    `batch` disputes are read at once, and `calls` calls are under way at the same time. A look at
    all that waits comes after `interval_seconds` and when `due` is set; when a call fails sooner,
    and each time later up to the interval. After `calls` failures without a success the rest waits
    for the next look, for nobody seems to be there. `elsewhere` gives the newest revision: after
    another one another process may have left a call to this one. `stored` is told each answer that
    was stored, `reached` the names of limits.
    """

    def __init__(
        self,
        writer: Writer,
        readers: Readers,
        operation: Operation[AnyTask, AnyAnswer | Refusal],
        negotiation: Negotiation | None,
        *,
        due: asyncio.Event | None = None,
        batch: int = 500,
        calls: int = 8,
        interval_seconds: float = 10.0,
        stored: Callable[[AnyAnswer], None] = lambda _answer: None,
        elsewhere: Callable[[], int] | None = None,
        reached: Callable[[str], None] = lambda _limit: None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._operation = operation
        self._negotiation = negotiation
        self._batch = batch
        self._calls = calls
        self._interval_seconds = interval_seconds
        self._stored = stored
        self._elsewhere = elsewhere
        self._reached = reached
        self._due = due or asyncio.Event()
        self._under_way: set[str] = set()
        self._failures = 0
        registry = registry or CollectorRegistry()
        self._made = Counter(
            "saga_calls",
            "Calls of negotiation for disputes, by what came of them.",
            ["call", "result"],
            registry=registry,
        )
        self._pending = Gauge(
            "saga_pending", "Disputes that waited for a call at the last look.", registry=registry
        )
        self._oldest = Gauge(
            "saga_oldest_seconds", "How long the oldest of them had waited.", registry=registry
        )

    async def push(self, dispute: str, seconds: float | None) -> None:
        """Make the due call of a dispute now, in half of so many seconds: the caller has to answer
        after it. What fails is left to `run`.
        """
        if self._negotiation is None:
            return
        half = None if seconds is None else seconds / 2
        try:
            async with asyncio.timeout(half):
                found = await self._readers.run(targets.find_disputes, (dispute,))
                done = dispute not in found or await self._finish(found[dispute], half)
        except (TimeoutError, StorageUnavailable):
            done = False
        if not done:
            self._due.set()

    async def run(self) -> None:
        """Finish what is due until cancelled. Raises what keeps the database from being read."""
        if self._negotiation is None:
            return
        retry = _FIRST_RETRY_SECONDS
        while True:
            self._due.clear()
            revision = self._elsewhere() if self._elsewhere else 0
            # Replicas that began together must not go on together.
            jitter = random.uniform(0.5, 1)  # noqa: S311, no secret
            if await self._look():
                retry = _FIRST_RETRY_SECONDS
                await self._wait(self._interval_seconds * jitter, revision)
            else:
                # What becomes due meanwhile waits with the others.
                retry = min(retry * 2, self._interval_seconds)
                await asyncio.sleep(retry * jitter)

    async def _wait(self, seconds: float, revision: int) -> None:
        """Wait until something is due, or may be since another revision; at most so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    min(left, _ELSEWHERE_SECONDS) if self._elsewhere else left
                ):
                    await self._due.wait()
                return
            if self._elsewhere and self._elsewhere() != revision:
                return

    async def _look(self) -> bool:
        """Finish all that waits; tells whether no call failed."""
        now = time.time_ns() // 1_000_000
        after, count, oldest, whole = "", 0, now, True
        self._failures = 0
        while page := await self._readers.run(targets.find_pending, after, self._batch):
            after = page[-1].id
            if len(page) == self._batch:
                self._reached("saga_batch")
            count += len(page)
            oldest = min(oldest, *map(_since, page))
            self._measure(count, now - oldest)
            whole = await self._finish_all(page) and whole
        self._measure(count, now - oldest)
        return whole

    def _measure(self, pending: int, oldest: int) -> None:
        self._pending.set(pending)
        self._oldest.set(oldest / 1000)

    async def _finish_all(self, disputes: list[Dispute]) -> bool:
        """Finish as many at the same time as may be; those after an outage are left."""
        waiting = iter(disputes)
        whole = True

        async def work() -> None:
            nonlocal whole
            for dispute in waiting:
                if self._failures >= self._calls:
                    whole = False
                    return
                if dispute.id not in self._under_way:
                    whole = await self._finish(dispute, None) and whole

        await asyncio.gather(*(work() for _ in range(min(self._calls, len(disputes)))))
        return whole

    async def _finish(self, dispute: Dispute, seconds: float | None) -> bool:
        """Make calls until none is due; tells whether that is so."""
        self._under_way.add(dispute.id)
        try:
            while (call := saga.due_call(dispute)) is not None:
                command = await self._ask(call, seconds)
                if command is None:
                    return False
                answer = await self._store(command)
                if answer is None or not isinstance(answer.target, Dispute):
                    return False
                dispute = answer.target
        finally:
            self._under_way.discard(dispute.id)
        return True

    async def _ask(
        self, call: saga.PlaceHold | saga.ResolveHold, seconds: float | None
    ) -> NegotiationAnswer | None:
        """Make a call; None for one that has to be made again."""
        if self._negotiation is None:
            return None
        name = type(call).__name__
        command: NegotiationAnswer | None
        try:
            service = (
                await self._negotiation.place_hold(call, seconds)
                if isinstance(call, saga.PlaceHold)
                else await self._negotiation.resolve_hold(call, seconds)
            )
        except grpc.aio.AioRpcError as error:
            reason = reason_of(error, DOMAIN)
            command = saga.refused(call, reason)
            result = "failed" if command is None else "refused"
            _logger.log(
                _level(command),
                "negotiation refused a call" if command else "negotiation can not be asked",
                call=name,
                dispute=call.dispute,
                service=call.service,
                code=error.code().name,
                reason=reason,
            )
        else:
            held_by = service.hold.dispute
            command = saga.accepted(call, service.agreed.price.amount_minor, held_by)
            result = "done"
        self._failures = self._failures + 1 if command is None else 0
        self._made.labels(name, result).inc()
        return command

    async def _store(self, command: NegotiationAnswer) -> AnyAnswer | None:
        """Store what was answered; None if that was not possible now."""
        try:
            return await servicer.write_one(
                self._writer, self._operation, Task(command), self._stored
            )
        except (StorageUnavailable, WriterOverloaded, UnexpectedFailure, Refused) as error:
            # The writer has logged what happened, but for what it was about.
            _logger.warning(
                "an answer of negotiation is not stored yet",
                dispute=command.dispute,
                cause=str(error),
            )
            return None


def _since(dispute: Dispute) -> int:
    """Tell since when a call is due."""
    return dispute.resolution.at if dispute.resolution else dispute.created_at


def _level(command: NegotiationAnswer | None) -> int:
    # That a hold cannot be resolved as it was decided concerns people: somebody has to look.
    return logging.ERROR if isinstance(command, HoldUnresolvable) else logging.WARNING
