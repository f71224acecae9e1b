"""The follower of a backend's Watch stream, for all users who have a socket here.

The stream is a doorbell; the database is the truth. Whenever the stream was interrupted, what each
user missed is read with BatchListChanges before the new stream is consumed, so that nobody notices
more than a delay. The new one may be another replica's, which is a moment behind the one before.
"""

import asyncio
import random
from collections.abc import Collection, Sequence
from typing import Any

import grpc
import structlog

from edge.backends.backend import Backend, Event
from edge.backends.errors import NotLiveError
from edge.cursors import Position, later
from edge.metrics import Metrics
from edge.push.followed_users import EventSink, FollowedUsers
from edge.push.hub import Hub
from parley_protocol.errors import Error

_logger = structlog.get_logger(__name__)

# Users whose missed changes are read at the same time after an interruption.
_CONCURRENT_RECOVERIES = 16
_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 2.0
# For which a stream that ended counts as live: another replica takes its place meanwhile, and
# whoever comes waits for that instead of being told that the service is away.
_MOVE_SECONDS = 1.0
# For which a replica may be behind what was pushed. Each looks at the clock every second.
_BEHIND_SECONDS = 3.0
_ASK_AGAIN_SECONDS = 0.05


class _WatchFailedError(Exception):
    """The stream has to be opened anew."""


class Feed:
    """One backend's stream, for the life of the process; `users` says for whom. `own` are followed
    for the edge itself.
    """

    def __init__(
        self,
        backend: Backend,
        hub: Hub,
        sink: EventSink,
        *,
        watcher_name: str,
        timeout_seconds: float,
        batch_items: int,
        metrics: Metrics,
        linger_seconds: float = 0,
        most_lingering: int = 0,
        own: Collection[str] = (),
    ) -> None:
        self.name = backend.name
        self.backend = backend
        self._hub = hub
        self._sink = sink
        self._watcher_name = watcher_name
        self._timeout = timeout_seconds
        self._live_metric = metrics.watch_live.labels(service=self.name)
        self._revision_metric = metrics.watch_revision.labels(service=self.name)
        self.users = FollowedUsers(
            backend,
            hub,
            sink,
            self._watch_anew,
            batch=batch_items,
            linger_seconds=linger_seconds,
            most_lingering=most_lingering,
            own=own,
        )
        self._watching: asyncio.Task[None] | None = None
        # Up to where those were told whom a recovery reached that failed afterwards. The next one
        # goes on from there: it must not depend on all being read at the first attempt.
        self._ahead: dict[str, Position] = {}
        # Up to where the last recovery told those whom it followed last. Until there the stream
        # tells what was told to some of them, for it concerns others as well.
        self._recovered = 0
        # Whether this stream has been of use, which resets the back-off.
        self._was_live = False
        # Runs while a stream that ended counts as live.
        self._moving: asyncio.TimerHandle | None = None

    @property
    def position(self) -> Position | None:
        """The position up to which events have been pushed."""
        return self._hub.positions.get(self.name)

    @property
    def live(self) -> bool:
        """Whether events come now, or will from another replica in a moment."""
        return self.name in self._hub.live

    async def run(self) -> None:
        """Watch until cancelled; a stream that ends is opened anew with back-off."""
        try:
            await self._keep_watching()
        finally:
            self._down()

    async def _keep_watching(self) -> None:
        retry = _FIRST_RETRY_SECONDS
        while True:
            try:
                await self._watch_once()
            except* (grpc.aio.AioRpcError, _WatchFailedError, NotLiveError, TimeoutError) as group:
                first = _first(group)
                self.backend.failed(first)
                cause = _cause(first)
                _logger.warning("the watch stream ended", service=self.name, cause=cause)
            except* Exception:
                # The sockets, and the streams of the other services, go on.
                _logger.exception("the watch stream failed", service=self.name)
            finally:
                if self._was_live:
                    retry = _FIRST_RETRY_SECONDS
                self._pause()
            # Many edges must not come back in the same instant.
            await asyncio.sleep(retry * random.uniform(0.5, 1))  # noqa: S311 - no secret
            retry = min(retry * 2, _LAST_RETRY_SECONDS)

    def _pause(self) -> None:
        """Tell nobody yet that no stream is open."""
        self._was_live = False
        self._live_metric.set(0)
        self.users.pause()
        if self.live and self._moving is None:
            self._moving = asyncio.get_running_loop().call_later(_MOVE_SECONDS, self._down)

    def _end_move(self) -> None:
        if self._moving is not None:
            self._moving.cancel()
            self._moving = None

    def _down(self) -> None:
        self._end_move()
        self._hub.live.discard(self.name)
        self.users.forget()

    async def _watch_once(self) -> None:
        watching = self._watching = asyncio.get_running_loop().create_task(self._go_along())
        try:
            await asyncio.wait({watching})
        finally:
            watching.cancel()
        if watching.cancelled():
            raise _WatchFailedError("users could not be followed")
        watching.result()

    async def _go_along(self) -> None:
        """Recover on a new stream, then push what it brings, until it ends."""
        async with self.backend.watch(self._watcher_name) as stream:
            first = await self._next(stream)
            # The stream has a connection of its own. Who is told that the backend is back must not
            # be refused because the connection of the commands is still waiting to be tried again.
            async with asyncio.timeout(self._timeout):
                await self.backend.ready()
            await self._recover(first.watcher_id, _position(first.position))
            self._end_move()
            self._hub.live.add(self.name)
            self._was_live = True
            self._live_metric.set(1)
            _logger.info("watching", service=self.name, revision=first.position.revision)
            self.users.review_all()
            while True:
                response = await self._next(stream)
                self._advance(response)

    async def _next(self, stream: "grpc.aio.UnaryStreamCall[Any, Any]") -> Any:
        async with asyncio.timeout(self._timeout):
            response = await stream.read()
        if response is grpc.aio.EOF:
            raise _WatchFailedError("the service ended the stream")
        return response

    def _advance(self, response: Any) -> None:
        position = _position(response.position)
        if events := response.events:
            only = None
            if position.revision <= self._recovered:
                only = self.users.untold(position.revision, events)
            self._sink.deliver(position.revision, events, only)
        self._hub.positions[self.name] = later(position, self.position)
        self._revision_metric.set(position.revision)

    async def _recover(self, watcher_id: str, first: Position) -> None:
        """Follow everyone who is here, and push what they missed since the last stream."""
        await self._wait_for_replica(watcher_id, first)
        groups = await self.users.follow_all(watcher_id)
        if isinstance(groups, Error):
            raise _WatchFailedError(groups.message)
        last = self.position
        untold = [await self._catch_up(users, last, now) for users, now in groups]
        self._ahead.clear()
        # All that happened up to where the first are followed has been pushed to everybody.
        self._hub.positions[self.name] = groups[0].position if groups else first
        self._recovered = groups[-1].position.revision if groups else 0
        for (users, now), lost in zip(groups, untold, strict=True):
            self._sink.start_over(lost, now, everyone=True)
            # Only those who are followed: what the others ask for now would miss what comes until
            # then.
            self._sink.start_over(set(users).difference(lost), now, everyone=False)

    async def _wait_for_replica(self, watcher_id: str, first: Position) -> None:
        """Wait until the replica knows what was pushed already, or is not about to."""
        last, loop = self.position, asyncio.get_running_loop()
        end = loop.time() + _BEHIND_SECONDS
        while last is not None and later(first, last) != first and loop.time() < end:
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
            answer = await self.backend.update_watch(watcher_id, (), ())
            if isinstance(answer, Error):
                raise _WatchFailedError(answer.message)
            first = answer

    async def _catch_up(
        self, users: Sequence[str], last: Position | None, now: Position
    ) -> Collection[str]:
        """Push what users missed; returns those who cannot be told what. It costs what happened to
        them, however many they are.
        """
        if last is None or last.epoch != now.epoch or last.revision > now.revision:
            self._ahead.clear()
            if last is not None and last.epoch == now.epoch:
                # If its database went back it learns that from this, for others as well.
                await self.backend.changed_users(users[:1], last, now)
            return users
        if last.revision == now.revision:
            return ()
        slots = asyncio.Semaphore(_CONCURRENT_RECOVERIES)

        async def catch_up(user: str) -> bool:
            async def deliver(revision: int, events: Sequence[Event]) -> None:
                self._sink.deliver(revision, events, only=(user,))
                self._ahead[user] = Position(now.epoch, revision)

            after = self._ahead.get(user, last)
            if after == now:
                return True
            async with slots:
                if not await self.backend.replay(user, after, now, deliver):
                    return False
            self._ahead[user] = now
            return True

        changed = await self.backend.changed_users(users, last, now)
        if changed is None:
            return users
        async with asyncio.TaskGroup() as group:
            tasks = {user: group.create_task(catch_up(user)) for user in changed}
        return {user for user, task in tasks.items() if not task.result()}

    def _watch_anew(self) -> None:
        """The backend and this edge may disagree about who is followed: end the stream."""
        self._pause()
        if self._watching is not None:
            # To cancel a task can not come too late, as long as the task has not ended.
            self._watching.cancel()


def _position(position: Any) -> Position:
    return Position(position.epoch, position.revision)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _cause(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or type(error).__name__
