"""Reader threads: each call is one read transaction, whose queries all see the same state."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from service_kit.storage.engines import why_unavailable
from service_kit.storage.writer import StorageUnavailable, UnexpectedFailure

Arguments = ParamSpec("Arguments")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Readers:
    """A pool of reader threads over an engine that has a connection for each."""

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reader")
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

        def read() -> Result:
            with self._engine.connect() as connection, connection.begin():
                return function(connection, *arguments, **options)

        def read_again() -> Result:
            try:
                return read()
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            return read()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, read_again)
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

    async def close(self) -> None:
        """Wait for what is being read, then end the threads."""
        await asyncio.to_thread(self._threads.shutdown)
