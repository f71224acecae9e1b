"""The follower of a backend's Watch stream, for all users who have a socket here.

The stream is a doorbell; the database is the truth. Whenever the stream was interrupted, what each
user missed is read with ListChanges before the new stream is consumed, so that nobody notices
more than a delay.
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import grpc
import structlog

from edge.backends.backend import Backend, Event, NotLiveError
from edge.metrics import Metrics
from edge.protocol.cursors import Position
from edge.protocol.errors import Error
from edge.push.hub import Hub

_logger = structlog.get_logger(__name__)

# Users whose missed changes are read at the same time after an interruption.
_CONCURRENT_RECOVERIES = 16
_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 2.0


class _WatchFailedError(Exception):
    """The stream has to be opened anew."""


class EventSink(Protocol):
    """Takes what a feed learns."""

    def deliver(self, revision: int, events: Sequence[Event], only: str | None = None) -> None:
        """Push the events of one revision, to `only` this user when given."""

    def start_over(self, users: Iterable[str], position: Position, *, everyone: bool) -> None:
        """Tell those sessions of `users` that were never attached, or all of them, to ask for
        everything anew.
        """


class Feed:
    """`run` for the life of the process; `follow` and `review` as users come and go."""

    def __init__(
        self,
        backend: Backend,
        hub: Hub,
        sink: EventSink,
        *,
        watcher_name: str,
        timeout_seconds: float,
        metrics: Metrics,
    ) -> None:
        self.name = backend.name
        self.backend = backend
        self._hub = hub
        self._sink = sink
        self._watcher_name = watcher_name
        self._timeout = timeout_seconds
        self._live_metric = metrics.watch_live.labels(service=self.name)
        self._revision_metric = metrics.watch_revision.labels(service=self.name)
        self._watcher_id = ""
        # Whom this watcher follows as far as the backend has confirmed it, with the position after
        # which their events come, which the stream may yet have to reach; and who waits to hear.
        self._followed: dict[str, Position] = {}
        # Those of them whom the backend was told to be invisible here.
        self._invisible: set[str] = set()
        self._changed: set[str] = set()
        self._updating: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[Position]]] = {}
        self._updater: asyncio.Task[None] | None = None
        self._reading: asyncio.Timeout | None = None
        # Whether this stream has been of use, which resets the back-off.
        self._was_live = False

    @property
    def position(self) -> Position | None:
        """Up to where events have been pushed."""
        return self._hub.positions.get(self.name)

    @property
    def live(self) -> bool:
        """Whether events come now."""
        return self.name in self._hub.live

    async def run(self) -> None:
        """Watch until cancelled; a stream that ends is opened anew with back-off."""
        retry = _FIRST_RETRY_SECONDS
        while True:
            try:
                await self._watch_once()
            except* (grpc.aio.AioRpcError, _WatchFailedError, TimeoutError) as group:
                cause = _cause(group.exceptions[0])
                _logger.warning("the watch stream ended", service=self.name, cause=cause)
            if self._was_live:
                retry = _FIRST_RETRY_SECONDS
            self._down()
            # Many edges must not come back in the same instant.
            await asyncio.sleep(retry * random.uniform(0.5, 1))  # noqa: S311 - no secret
            retry = min(retry * 2, _LAST_RETRY_SECONDS)

    def _down(self) -> None:
        self._hub.live.discard(self.name)
        self._was_live = False
        self._live_metric.set(0)
        self._watcher_id = ""
        self._followed.clear()
        self._invisible.clear()
        waiting, self._waiting = self._waiting, {}
        for futures in waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(NotLiveError())

    async def _watch_once(self) -> None:
        stream = self.backend.watch(self._watcher_name)
        try:
            first = await self._next(stream)
            self._watcher_id = first.watcher_id
            # The stream has a connection of its own. Who is told that the backend is back must not
            # be refused because the connection of the commands is still waiting to be tried again.
            async with asyncio.timeout(self._timeout):
                await self.backend.ready()
            await self._recover(_position(first.position))
            self._hub.live.add(self.name)
            self._was_live = True
            self._live_metric.set(1)
            _logger.info("watching", service=self.name, revision=first.position.revision)
            # Whoever came while the users were being recovered is followed now.
            everyone = self._hub.users.keys() | self._followed.keys()
            self._changed |= {user for user in everyone if self._differs(user)}
            self._update_soon()
            while True:
                response = await self._next(stream)
                self._advance(response)
        finally:
            stream.cancel()

    async def _next(self, stream: "grpc.aio.UnaryStreamCall[Any, Any]") -> Any:
        async with asyncio.timeout(self._timeout) as self._reading:
            response = await stream.read()
        if response is grpc.aio.EOF:
            raise _WatchFailedError("the service ended the stream")
        return response

    def _advance(self, response: Any) -> None:
        position = _position(response.position)
        if response.events:
            self._sink.deliver(position.revision, response.events)
        self._hub.positions[self.name] = _later(position, self.position)
        self._revision_metric.set(position.revision)

    async def _recover(self, first: Position) -> None:
        """Follow everyone who is here, and push what they missed since the last stream."""
        users = list(self._hub.users)
        now = first
        if users:
            invisible = list(filter(self._is_invisible, users))
            answer = await self.backend.update_watch(self._watcher_id, users, (), invisible)
            if isinstance(answer, Error):
                raise _WatchFailedError(answer.message)
            now = answer
            self._followed.update(dict.fromkeys(users, now))
            self._invisible.update(invisible)
        last = self.position
        complete = last is not None and last.epoch == now.epoch and last.revision <= now.revision
        if complete and last is not None and last.revision < now.revision:
            complete = await self._catch_up(users, last, now)
        self._hub.positions[self.name] = now
        # Only those who are followed: what the others ask for now would miss what comes until then.
        self._sink.start_over(users, now, everyone=not complete)

    async def _catch_up(self, users: Sequence[str], last: Position, now: Position) -> bool:
        """Push what `users` missed. Returns whether that was all."""
        slots = asyncio.Semaphore(_CONCURRENT_RECOVERIES)

        async def catch_up(user: str) -> bool:
            async def deliver(revision: int, events: Sequence[Event]) -> None:
                self._sink.deliver(revision, events, only=user)

            async with slots:
                return await self.backend.replay(user, last, now, deliver)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(catch_up(user)) for user in users]
        except* NotLiveError as failures:
            raise _WatchFailedError("missed changes could not be read") from failures
        return all(task.result() for task in tasks)

    def followed(self, user: str) -> Position | None:
        """The position after which the events of a user come who is followed already."""
        settled = user not in self._changed and user not in self._updating
        if self.live and settled and user in self._followed and not self._differs(user):
            return _later(self._followed[user], self.position)
        return None

    async def follow(self, user: str, told: Position | None = None) -> Position:
        """Returns the position after which the user's events come. Raises NotLiveError.

        `told` is up to where the user was told elsewhere. The stream of another edge may have been
        faster; then the backend is asked where it stands.
        """
        if not self.live:
            raise NotLiveError
        position = self.followed(user) or await self._ask_to_follow(user)
        if told is not None and _later(position, told) != position:
            position = await self._ask_to_follow(user)
        return position

    async def _ask_to_follow(self, user: str) -> Position:
        if not self.live:
            raise NotLiveError
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, []).append(future)
        self._changed.add(user)
        self._update_soon()
        return await future

    def review(self, user: str) -> None:
        """A socket of the user is gone, or has another token: tell the backend if that matters."""
        if self.live and (user in self._updating or self._differs(user)):
            self._changed.add(user)
            self._update_soon()

    def _differs(self, user: str) -> bool:
        """Whether the user is here otherwise than the backend has been told."""
        if (user in self._hub.users) != (user in self._followed):
            return True
        return self._is_invisible(user) != (user in self._invisible)

    def _is_invisible(self, user: str) -> bool:
        return self.backend.knows_presence and self._hub.invisible(user)

    def _update_soon(self) -> None:
        if self._changed and self._updater is None:
            self._updater = asyncio.get_running_loop().create_task(self._update())

    async def _update(self) -> None:
        """Tell the backend of all that has changed, one call at a time."""
        try:
            while self._changed and self.live:
                self._updating, self._changed = self._changed, set()
                await self._update_once(self._updating)
        except Exception:
            # Sessions wait for this; a mistake in it must not leave them waiting.
            _logger.exception("users could not be followed")
            self._watch_anew()
        finally:
            self._updating = set()
            self._updater = None

    def _watch_anew(self) -> None:
        """The backend and this edge may disagree about who is followed: end the stream."""
        self._hub.live.discard(self.name)
        if self._reading is not None and not self._reading.expired():
            self._reading.reschedule(asyncio.get_running_loop().time())

    async def _update_once(self, changed: set[str]) -> None:
        here = self._hub.users.keys() & changed
        added = here - self._followed.keys()
        invisible = set(filter(self._is_invisible, here))
        # To add them again tells how they are followed from now on.
        turned = (invisible ^ (self._invisible & here)) - added
        watcher_id = self._watcher_id
        removed = (changed - here) & self._followed.keys()
        answer = await self.backend.update_watch(
            watcher_id,
            sorted(added | turned),
            sorted(removed),
            sorted(invisible & (added | turned)),
        )
        if watcher_id != self._watcher_id:
            # The stream ended meanwhile; its successor follows everyone anew.
            return
        if isinstance(answer, Error):
            _logger.warning("users could not be followed", cause=answer.message)
            self._watch_anew()
            return
        for user in changed - here:
            self._followed.pop(user, None)
        self._invisible = (self._invisible - changed) | invisible
        # The stream may have been faster than the answer.
        position = _later(answer, self.position)
        self._followed.update(dict.fromkeys(added, position))
        # Who came while the backend was away, and was not here when the stream was recovered.
        self._sink.start_over(added, position, everyone=False)
        for user in changed:
            # Someone who left and came back meanwhile waits for the next round.
            if user in here or user not in self._changed:
                for future in self._waiting.pop(user, ()):
                    if not future.done():
                        future.set_result(_later(position, self._followed.get(user)))


def _position(position: Any) -> Position:
    return Position(position.epoch, position.revision)


def _later(position: Position, other: Position | None) -> Position:
    """The later of two positions on the clock of `position`."""
    if other is None or other.epoch != position.epoch or other.revision < position.revision:
        return position
    return other


def _cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or type(error).__name__
