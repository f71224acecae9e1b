"""Reader threads: the queries of a call are in one read transaction, and all see the same state."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import ceil
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar
from uuid import uuid4

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from service_kit.storage.engines import why_unavailable
from service_kit.storage.writer import StorageUnavailable, UnexpectedFailure, settle

Arguments = ParamSpec("Arguments")
Item = TypeVar("Item")
Result = TypeVar("Result")

# Calls in one transaction, of those that wait for a thread. Few, for each waits for all of them.
_MOST_TOGETHER = 8


class _Call(Generic[Result]):
    """A call, until its outcome is told to whoever waits for it."""

    def __init__(self, read: Callable[[Connection], Result]) -> None:
        self.read = read
        self.future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        # Missing where nobody waits any more.
        self.outcome: Result | Exception


class Readers:
    """A pool of reader threads over an engine that has a connection for each.

    Calls that wait for a thread share a transaction, which begins after they were made.
    """

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._count = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        # Calls that no thread has taken, and how many threads are at work.
        self._lock = threading.Lock()
        self._waiting: deque[_Call[Any]] = deque()
        self._working = 0
        self._log = structlog.get_logger("service_kit.storage.readers")
        # How often the database may have become another one: what was read before may be lost.
        self.moves = 0

    def move(self) -> None:
        """Connect anew, for what is open may lead to the server of before. In any thread."""
        self._engine.dispose()
        self.moves += 1

    async def run(
        self,
        function: Callable[Concatenate[Connection, Arguments], Result],
        *arguments: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result:
        """Call `function(connection, ...)`. Raises StorageUnavailable when the database is.

        On a connection that was lost it is called again, on another one: that is found by using it,
        for to ask each before it is used was a tenth of what a short read costs on PostgreSQL.
        """

        call = _Call(lambda connection: function(connection, *arguments, **options))
        with self._lock:
            self._waiting.append(call)
            if is_short := self._working < self._count:
                self._working += 1
        if is_short:
            self._threads.submit(self._work)
        try:
            return await call.future
        except Exception as error:
            cause = why_unavailable(error)
            if cause is None:
                raise
            self._log.error("the database is unavailable", cause=cause)
            raise StorageUnavailable(cause) from error

    async def run_each(
        self,
        function: Callable[Concatenate[Connection, Sequence[Item], Arguments], Sequence[Result]],
        items: Sequence[Item],
        *arguments: Arguments.args,
        **options: Arguments.kwargs,
    ) -> list[Result | UnexpectedFailure]:
        """Call `function(connection, items, ...)`, which gives a result for each of the items.

        The items are those of many people: if that fails unexpectedly each is read alone, so that a
        bad one harms only itself. Raises StorageUnavailable when the database is.
        """
        try:
            return [*await self.run(function, items, *arguments, **options)]
        except StorageUnavailable:
            raise
        except Exception:  # noqa: BLE001, whatever it is, the others get their results
            incident = uuid4().hex
            self._log.exception("a batch could not be read", incident=incident, items=len(items))
            if len(items) <= 1:
                return [UnexpectedFailure(incident) for _ in items]
        results: list[Result | UnexpectedFailure] = []
        for item in items:
            results += await self.run_each(function, (item,), *arguments, **options)
        return results

    def _work(self) -> None:
        """Carry out calls until none waits."""
        while calls := self._take():
            self._read(calls)
            # A loop that has ended has nobody who waits.
            with suppress(RuntimeError):
                calls[0].future.get_loop().call_soon_threadsafe(_answer, calls)

    def _take(self) -> list[_Call[Any]]:
        """Take this thread's share of what waits; nothing is left to do when that is nothing."""
        with self._lock:
            if not self._waiting:
                self._working -= 1
            share = min(ceil(len(self._waiting) / self._count), _MOST_TOGETHER)
            return [self._waiting.popleft() for _ in range(share)]

    def _read(self, calls: Sequence[_Call[Any]]) -> None:
        """Give each call its outcome. What failed in the company of others, or on a connection that
        was lost, is read again, alone.
        """
        try:
            self._read_together(calls)
        except Exception as error:  # noqa: BLE001, it is told to whoever called
            is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
            if len(calls) == 1 and not is_lost:
                calls[0].outcome = error
                return
        else:
            return
        for call in calls:
            try:
                self._read_together((call,))
            except Exception as error:  # noqa: BLE001, as above
                call.outcome = error

    def _read_together(self, calls: Sequence[_Call[Any]]) -> None:
        with self._engine.connect() as connection, connection.begin():
            for call in calls:
                if not call.future.cancelled():
                    call.outcome = call.read(connection)

    async def close(self) -> None:
        """Wait for what is being read, then end the threads."""
        await asyncio.to_thread(self._threads.shutdown)


def _answer(calls: Sequence[_Call[Any]]) -> None:
    for call in calls:
        if not call.future.cancelled():
            settle(call.future, call.outcome)
