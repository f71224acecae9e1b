"""One call in flight per kind; what arrives meanwhile travels together next.

Alone, an item leaves at once. Under load the batches grow by themselves. No timer is involved.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from edge.failures import refusal
from edge.payloads import Error

_logger = structlog.get_logger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

OVERLOADED = refusal("RESOURCE_EXHAUSTED", "The edge is overloaded.", retryable=True)


class Batcher(Generic[Item, Result]):
    """Turns single items into batch calls, in order.

    `call` takes a list of items and gives a result for each, or one Error for all. Each item comes
    with a function that is given its own result. `reached` is told the names of limits.
    """

    def __init__(
        self,
        call: Callable[[list[Item]], Awaitable[list[Result | Error] | Error]],
        size_of: Callable[[Item], int],
        *,
        batch_items: int,
        batch_bytes: int,
        waiting_items: int,
        reached: Callable[[str], None] = lambda _limit: None,
    ) -> None:
        self._call = call
        self._size_of = size_of
        self._batch_items = batch_items
        self._batch_bytes = batch_bytes
        self._waiting_items = waiting_items
        self._reached = reached
        self._waiting: deque[tuple[Item, Callable[[Result | Error], None]]] = deque()
        self._caller: asyncio.Task[None] | None = None
        self._submitted = 0
        self._answered = 0
        # Set, and replaced by the next, when a batch has been answered.
        self._progress = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, item: Item, done: Callable[[Result | Error], None]) -> None:
        """Send `item` with the next call; `done` gets its result. Never waits."""
        if len(self._waiting) >= self._waiting_items:
            self._reached("waiting_items")
            done(OVERLOADED)
            return
        self._submitted += 1
        self._waiting.append((item, done))
        if self._caller is None:
            self._caller = asyncio.get_running_loop().create_task(self._call_all())

    def _next_batch(self) -> list[tuple[Item, Callable[[Result | Error], None]]]:
        batch: list[tuple[Item, Callable[[Result | Error], None]]] = []
        size = 0
        while self._waiting and len(batch) < self._batch_items:
            size += self._size_of(self._waiting[0][0])
            if batch and size > self._batch_bytes:
                self._reached("batch_bytes")
                return batch
            batch.append(self._waiting.popleft())
        if self._waiting:
            self._reached("batch_items")
        return batch

    async def _call_all(self) -> None:
        try:
            while batch := self._next_batch():
                results = await self._results([item for item, _ in batch])
                for (_, done), result in zip(batch, results, strict=True):
                    try:
                        done(result)
                    except Exception:
                        # A mistake in the handling of one answer must not hold up the others.
                        _logger.exception("an answer could not be handled")
                self._answered += len(batch)
                self._progress.set()
                self._progress = asyncio.Event()
        finally:
            self._caller = None

    async def _results(self, items: list[Item]) -> list[Result | Error]:
        """One result for each item, whatever the call does: nobody waits for an answer in vain."""
        try:
            results = await self._call(items)
            if isinstance(results, Error):
                return [results] * len(items)
            if len(results) != len(items):
                raise ValueError(f"{len(results)} results for {len(items)} items")  # noqa: TRY301 - logged below
        except Exception:
            error_id = str(uuid.uuid4())
            _logger.exception("a batch could not be sent", error_id=error_id)
            return [refusal("INTERNAL", f"An internal error, {error_id}.", retryable=True)] * len(
                items
            )
        return results

    async def flush(self) -> None:
        """Return when all that has been submitted until now is answered, whatever comes later."""
        last = self._submitted
        while self._answered < last:
            await self._progress.wait()
