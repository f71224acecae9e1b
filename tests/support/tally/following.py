"""Followers of a tally for tests, and a tally that follows a script."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from service_kit.authentication.callers import Caller
from service_kit.follow.follower import Follower, FollowerMetrics, Source
from service_kit.follow.positions import read_followed
from service_kit.resources import Resources
from service_kit.rpc.servicer import accepted
from service_kit.rules import Position
from tests.support.callers import as_caller
from tests.support.tally.service import (
    SOURCE,
    Added,
    Followed,
    TallySettings,
    find_sum,
    follow,
    messages,
    methods,
)
from tests.support.waiting import PATIENCE, until

TallyResources = Resources[TallySettings]


class Following:
    """A follower with a database of its own, which notes all that came."""

    def __init__(self, own: TallyResources, target: str, **options: Any) -> None:
        self.own = own
        # Each position that came, with the amounts, and whether it took effect.
        self.came: asyncio.Queue[tuple[Position, list[int], bool]] = asyncio.Queue()
        self.before: Callable[[Position], Awaitable[None]] = self._nothing
        self.after: Callable[[Position], Awaitable[None]] = self._nothing
        self.operation = follow
        self.registry = CollectorRegistry()
        source = Source(
            SOURCE, target, as_caller(Caller.BACKEND), messages, methods.TallyServiceStub
        )
        self.follower = Follower(
            "test",
            source,
            self.own.readers,
            self._apply,
            FollowerMetrics(self.registry),
            **options,
        )

    async def _nothing(self, _position: Position) -> None:
        return

    async def _apply(self, position: Position, events: Sequence[Any]) -> None:
        await self.before(position)
        found = [Added(one.added.name, one.added.amount) for one in events]
        commands = [Followed(position, found)]
        first = accepted(*await self.own.writer.submit(self.operation, commands))
        self.came.put_nowait((position, [one.amount for one in found], first))
        await self.after(position)

    async def next(self) -> tuple[int, list[int], bool]:
        """Wait for the next: its revision, its amounts, and whether it took effect."""
        async with asyncio.timeout(PATIENCE):
            position, amounts, first = await self.came.get()
        return position.revision, amounts, first

    async def sum(self, name: str = "apples") -> int:
        return await self.own.readers.run(find_sum, name)

    async def stored(self) -> Position | None:
        return await self.own.readers.run(read_followed, SOURCE)

    def measured(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"follower_{name}", {"source": SOURCE})

    async def live(self) -> None:
        """Return when the stream is followed."""
        await until(lambda: self.measured("live") == 1)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.follower.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled() and (error := task.exception()):
                raise error


class Scripted:
    """A tally whose stream is scripted by the test."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[Any] = asyncio.Queue()
        self.watches = 0
        self.requests: list[Any] = []
        self.revision = 5

    def position(self, revision: int, epoch: str = "e") -> Any:
        return messages.Position(epoch=epoch, revision=revision)

    def say(self, revision: int, *amounts: int, epoch: str = "e") -> None:
        events = [messages.Event(added=messages.Added(name="apples", amount=n)) for n in amounts]
        self.says.put_nowait(
            messages.WatchResponse(position=self.position(revision, epoch), events=events)
        )

    async def Watch(self, _request: Any, _context: Any) -> AsyncIterator[Any]:  # noqa: N802
        self.watches += 1
        yield messages.WatchResponse(watcher_id="w", position=self.position(self.revision))
        while True:
            response = await self.says.get()
            if response is None:
                return
            yield response

    async def ListChanges(self, request: Any, _context: Any) -> Any:  # noqa: N802
        self.requests.append(request)
        return messages.ListChangesResponse(complete=True)

    Add = UpdateWatch = BatchListChanges = ListChangedUsers = ListChanges
