"""Whatever fails, at whatever moment: the feed becomes live again, and nobody waits for ever."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
from hypothesis import given, settings
from hypothesis import strategies as st
from parley.messaging.v1 import messaging_pb2 as pb
from prometheus_client import CollectorRegistry

from edge.backends.backend import Backend
from edge.backends.errors import NotLiveError
from edge.cursors import MESSAGING, Cursors, Position
from edge.metrics import Metrics
from edge.push.feed import Feed
from edge.push.hub import Hub, HubSession
from parley_protocol.errors import Error, ErrorCode, refusal
from tests.support.virtual_time import run_in_virtual_time
from tests.support.waiting import PATIENCE

EPOCH = "epoch-1"
FAILURES = {
    "deadline": refusal(ErrorCode.DEADLINE_EXCEEDED, "no answer in time"),
    "aborted": refusal(ErrorCode.UNAVAILABLE, "aborted"),
    "not found": refusal(ErrorCode.NOT_FOUND, "no such watcher"),
}


class _Stream:
    """A Watch stream whose responses the test puts."""

    def __init__(self, watcher_id: str) -> None:
        self.watcher_id = watcher_id
        self._responses: deque[pb.WatchResponse | grpc.StatusCode] = deque()
        self._filled = asyncio.Event()

    def put(self, response: pb.WatchResponse | grpc.StatusCode) -> None:
        self._responses.append(response)
        self._filled.set()

    async def read(self) -> pb.WatchResponse:
        while not self._responses:
            self._filled.clear()
            await self._filled.wait()
        response = self._responses.popleft()
        if isinstance(response, grpc.StatusCode):
            nothing = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(response, nothing, nothing)
        return response


class _Service:
    """A backend that answers in a turn of the loop, or fails with what is due to fail."""

    name = MESSAGING
    knows_presence = False

    def __init__(self) -> None:
        self.revision = 1
        self.streams: list[_Stream] = []
        self.failing: deque[Error | None] = deque()
        self.turns = 0

    def position(self) -> pb.Position:
        return pb.Position(epoch=EPOCH, revision=self.revision)

    @asynccontextmanager
    async def watch(self, _name: str) -> AsyncIterator[_Stream]:
        stream = _Stream(f"watcher-{len(self.streams)}")
        stream.put(pb.WatchResponse(watcher_id=stream.watcher_id, position=self.position()))
        self.streams.append(stream)
        yield stream

    def say(self) -> None:
        """Something happens, and the open stream tells it."""
        self.revision += 1
        self.streams[-1].put(pb.WatchResponse(position=self.position()))

    async def ready(self) -> None:
        """It always is."""

    def failed(self, _error: BaseException) -> None:
        """Nobody looks for the cause."""

    async def update_watch(self, _watcher_id: str, *_users: Sequence[str]) -> Position | Error:
        failure = self.failing.popleft() if self.failing else None
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return failure or Position(EPOCH, self.revision)

    async def changed_users(self, users: Sequence[str], *_span: object) -> Sequence[str]:
        return users

    async def replay(self, *_arguments: object) -> bool:
        return True


class _Sink:
    def deliver(self, *_arguments: object, **_options: object) -> None:
        """Nothing is told of what happens."""

    def start_over(self, *_arguments: object, **_options: object) -> None:
        """Nobody has to be told."""

    def let_go(self, *_arguments: object) -> None:
        """Nothing is known of anybody."""


class _Session:
    def __init__(self, user: str) -> None:
        self.beat_part = 0
        self.user = user


async def _heartbeats(service: _Service) -> None:
    """As every service says that it is there."""
    while True:
        await asyncio.sleep(1)
        service.streams[-1].put(pb.WatchResponse(position=service.position()))


async def _play(moves: Sequence[tuple[str, int, int]]) -> None:
    service = _Service()
    hub = Hub(5, 30, Cursors("credential"))
    feed = Feed(
        cast("Backend", service),
        hub,
        _Sink(),
        watcher_name="test",
        timeout_seconds=5,
        # So that several calls have to be made for a few users.
        batch_items=2,
        metrics=Metrics(CollectorRegistry()),
    )
    running = [asyncio.create_task(feed.run())]
    await _until_live(feed)
    running.append(asyncio.create_task(_heartbeats(service)))
    waiting: list[asyncio.Task[Any]] = []
    for number, (move, before, after) in enumerate(moves):
        user = f"user-{number}"
        hub.add(cast("HubSession", _Session(user)))
        if move == "end":
            service.streams[-1].put(grpc.StatusCode.UNAVAILABLE)
        else:
            service.failing.append(FAILURES.get(move))
        service.turns = before
        waiting.append(asyncio.create_task(feed.users.follow(user)))
        for _ in range(after):
            service.say()
            await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        await _until_live(feed)
        # Whoever comes now is served, and so are those who were told to come again.
        for number in range(len(moves)):
            await feed.users.follow(f"user-{number}")
    assert all(isinstance(one, Position | NotLiveError) for one in answers), answers
    for task in running:
        task.cancel()
    await asyncio.wait(running)


async def _until_live(feed: Feed) -> None:
    while not feed.users.ready:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((*FAILURES, "answered", "end")),
            st.integers(0, 6),
            st.integers(0, 12),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_failure_at_any_moment_leaves_nobody_waiting(moves: list[tuple[str, int, int]]) -> None:
    """A call fails while responses come as fast as they can, and the stream ends, or does not."""
    run_in_virtual_time(_play(moves))
