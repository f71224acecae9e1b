"""Batches calls: one is in flight, and what arrives meanwhile travels together next.

Alone, an item leaves at once. Under load the batches grow by themselves. A timer is waited for by
what is in no hurry and may linger, so that others need not wait behind it; and, where calls have a
pace, for a moment while items come in numbers. Each item is answered within its budget, however
long it waited before it was sent.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from edge.translation.status import TIMED_OUT
from parley_protocol.errors import Error, ErrorCode, refusal

_logger = structlog.get_logger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

# The pace is kept after batches of so many items. At 200 messages a second hardly any has so many.
MANY = 4
# The pace of what comes in numbers. At 1,000 messages a second it halves the CPU of all parts, and
# 99 of 100 are told within 15 ms; logins of a rush cost a quarter less.
PACE_SECONDS = 0.012

OVERLOADED = refusal(ErrorCode.RESOURCE_EXHAUSTED, "The edge is overloaded.")


@dataclass(slots=True)
class _Waiting(Generic[Item, Result]):
    """An item until it is answered; `done` is None from then on."""

    item: Item
    done: Callable[[Result | Error], None] | None
    expires: float


class Batcher(Generic[Item, Result]):
    """Turns single items into batch calls, in order.

    `call` takes a list of items and the seconds it may last, and gives a result for each, or one
    Error for all. Each item comes with a function that is given its own result, or TIMED_OUT when
    there is none within `budget_seconds`. While no call is under way the first item leaves after
    `linger_seconds`. After a call with many items the next is made when as many wait, or
    `pace_seconds` after that one was made. `reached` is told the names of limits. Where an item may
    be sent again without harm (`repeatable`), a batch that meets a defect is halved until the item
    at fault is alone. `stamp` is given each item where it was submitted.
    """

    def __init__(
        self,
        call: Callable[[list[Item], float], Awaitable[list[Result | Error] | Error]],
        size_of: Callable[[Item], int],
        *,
        batch_items: int,
        batch_bytes: int,
        waiting_items: int,
        budget_seconds: float,
        linger_seconds: float = 0,
        pace_seconds: float = 0,
        repeatable: bool = False,
        reached: Callable[[str], None] = lambda _limit: None,
        stamp: Callable[[Item], None] | None = None,
    ) -> None:
        self._call = call
        self._size_of = size_of
        self._batch_items = batch_items
        self._batch_bytes = batch_bytes
        self._waiting_items = waiting_items
        self._budget = budget_seconds
        self._linger = linger_seconds
        self._pace = pace_seconds
        self._repeatable = repeatable
        self._loop = asyncio.get_running_loop()
        self._reached = reached
        self._stamp = stamp
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._in_flight: list[_Waiting[Item, Result]] = []
        self._caller: asyncio.Task[None] | None = None
        self._lingering: asyncio.TimerHandle | None = None
        # The next batch leaves when so many items wait, or at this time.
        self._enough = batch_items
        self._leaves = 0.0
        # One timer for all: set for the oldest item that has no answer.
        self._expiry: asyncio.TimerHandle | None = None
        # How many wait in `flush`, for whom nothing lingers.
        self._flushing = 0
        self._submitted = 0
        self._answered = 0
        # Set, and replaced by the next, when something has been answered.
        self._progress = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, item: Item, done: Callable[[Result | Error], None]) -> None:
        """Send `item` with the next call; `done` gets its result. Never waits."""
        if len(self._waiting) >= self._waiting_items:
            self._reached("waiting_items")
            done(OVERLOADED)
            return
        if self._stamp is not None:
            self._stamp(item)
        self._submitted += 1
        expires = self._loop.time() + self._budget
        self._waiting.append(_Waiting(item, done, expires))
        if self._expiry is None:
            self._expiry = self._loop.call_at(expires, self._expire)
        if self._caller is not None:
            return
        if self._lingering is None:
            self._start_soon()
        elif len(self._waiting) >= self._enough:
            self._start()

    async def ask(self, item: Item, seconds: float | None = None) -> Result | Error:
        """Send `item` with the next call; gives its result, or TIMED_OUT after `seconds`."""
        answer: asyncio.Future[Result | Error] = self._loop.create_future()

        def done(result: Result | Error) -> None:
            if not answer.done():
                answer.set_result(result)

        self.submit(item, done)
        try:
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            return TIMED_OUT

    def _start_soon(self) -> None:
        if (seconds := self._seconds_left()) > 0:
            self._lingering = self._loop.call_later(seconds, self._start)
        else:
            self._start()

    def _seconds_left(self) -> float:
        """How long the next batch may still gather: not while somebody flushes."""
        if self._flushing or len(self._waiting) >= self._enough:
            return 0
        return max(self._linger, self._leaves - self._loop.time())

    def _start(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if self._caller is None and self._waiting:
            self._caller = self._loop.create_task(self._call_all())

    def _next_batch(self) -> list[_Waiting[Item, Result]]:
        batch: list[_Waiting[Item, Result]] = []
        size = 0
        while self._waiting and len(batch) < self._batch_items:
            size += self._size_of(self._waiting[0].item)
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
                self._in_flight = batch
                if self._pace:
                    self._leaves = self._loop.time() + self._pace
                    self._enough = len(batch) if len(batch) >= MANY else 1
                results = await self._results(batch)
                self._in_flight = []
                for waiting, result in zip(batch, results, strict=True):
                    self._answer(waiting, result)
                self._count_answered(len(batch))
                if self._seconds_left() > 0:
                    break
        finally:
            self._caller = None
            if self._waiting:
                self._start_soon()

    def _answer(self, waiting: _Waiting[Item, Result], result: Result | Error) -> None:
        done, waiting.done = waiting.done, None
        if done is None:
            # It was told that there is no answer in time.
            return
        try:
            done(result)
        except Exception:
            # A mistake in the handling of one answer must not hold up the others.
            _logger.exception("an answer could not be handled")

    def _count_answered(self, count: int) -> None:
        self._answered += count
        self._progress.set()
        self._progress = asyncio.Event()

    def _expire(self) -> None:
        """Answer what has waited too long, in flight or not, and wait for the next to expire."""
        now = self._loop.time()
        for waiting in self._in_flight:
            if waiting.expires <= now:
                self._answer(waiting, TIMED_OUT)
        expired = 0
        while self._waiting and self._waiting[0].expires <= now:
            self._answer(self._waiting.popleft(), TIMED_OUT)
            expired += 1
        if expired:
            self._count_answered(expired)
        following = next((one.expires for one in self._in_flight if one.expires > now), None)
        if following is None and self._waiting:
            following = self._waiting[0].expires
        self._expiry = None if following is None else self._loop.call_at(following, self._expire)

    async def _results(self, batch: list[_Waiting[Item, Result]]) -> list[Result | Error]:
        """Call, and give each item a result whatever happens: nobody waits in vain."""
        results = await self._attempt(batch)
        if isinstance(results, list):
            return results
        half = len(batch) // 2
        if self._repeatable and half and results.code == ErrorCode.INTERNAL:
            # One of them is at fault, and the others are not to suffer for it.
            return [*await self._results(batch[:half]), *await self._results(batch[half:])]
        return [results] * len(batch)

    async def _attempt(self, batch: list[_Waiting[Item, Result]]) -> list[Result | Error] | Error:
        try:
            # The newest has the most time left; those before it are answered when theirs is over.
            remaining = max(0.0, batch[-1].expires - self._loop.time())
            results = await self._call([waiting.item for waiting in batch], remaining)
            if not isinstance(results, Error) and len(results) != len(batch):
                raise ValueError(f"{len(results)} results for {len(batch)} items")  # noqa: TRY301 - logged below
        except Exception:
            error_id = str(uuid.uuid4())
            _logger.exception("a batch could not be sent", error_id=error_id)
            return refusal(ErrorCode.INTERNAL, f"An internal error, {error_id}.")
        return results

    def withdraw(self, refusal_of: Callable[[Item], Error | None]) -> None:
        """Answer with an error, and do not send, what waits and is refused from now on. What has
        left already is answered as the service says.
        """
        kept: deque[_Waiting[Item, Result]] = deque()
        waiting, self._waiting = self._waiting, kept
        withdrawn = 0
        for one in waiting:
            error = refusal_of(one.item)
            if error is None:
                kept.append(one)
            else:
                self._answer(one, error)
                withdrawn += 1
        if withdrawn:
            self._count_answered(withdrawn)

    async def flush(self) -> None:
        """Return when all that has been submitted until now is answered, whatever comes later."""
        last = self._submitted
        self._flushing += 1
        try:
            if self._lingering is not None:
                self._start()
            while self._answered < last:
                await self._progress.wait()
        finally:
            self._flushing -= 1
