"""The users whose events a backend sends this edge, one watcher among others."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple, Protocol

import structlog

from edge.backends.backend import Backend, Event
from edge.backends.batcher import MANY, PACE_SECONDS
from edge.backends.errors import NotLiveError
from edge.cursors import Position, later
from edge.push.hub import Hub
from parley_protocol.errors import Error

_logger = structlog.get_logger(__name__)

# For which it may wait to be told that somebody has left: mostly it travels with the next login,
# and who comes back at once, as with each new page of a site, costs no call at all.
_LEAVING_SECONDS = 0.5
# For which a replica may be behind what a user was told; within the time of a handshake.
_BEHIND_SECONDS = 1.5
_ASK_AGAIN_SECONDS = 0.1


class EventSink(Protocol):
    """Takes what a feed learns."""

    def deliver(
        self, revision: int, events: Sequence[Event], only: Collection[str] | None = None
    ) -> None:
        """Push the events of one revision; what is stored, to `only` these users when given."""

    def start_over(self, users: Iterable[str], position: Position, *, everyone: bool) -> None:
        """Tell those sessions of `users` that were never attached, or all of them, to ask for
        everything anew.
        """

    def let_go(self, users: Iterable[str]) -> None:
        """Note that the events of users who have left do not come any more."""


class Following(NamedTuple):
    """Users who are followed, and the position after which their events come."""

    users: Sequence[str]
    position: Position


class FollowedUsers:
    """Tells the backend who is here, one call at a time; `follow` and `review` as they come and go.

    A call names `batch` users at most. After one for which many waited, as a Batcher has it, the
    next is made when as many wait, or a moment after that one was made. Who has left is followed
    for `linger_seconds` more, so that who comes back is followed already; not where presence is
    made of it. `own` are followed for the edge itself, and invisible. `failed` is called when the
    backend and this edge may disagree about who is followed.
    """

    def __init__(
        self,
        backend: Backend,
        hub: Hub,
        sink: EventSink,
        failed: Callable[[], None],
        *,
        batch: int,
        linger_seconds: float = 0,
        most_lingering: int = 0,
        own: Collection[str] = (),
    ) -> None:
        self._backend = backend
        self._hub = hub
        self._sink = sink
        self._failed = failed
        self._batch = batch
        self._own = frozenset(own)
        self._watcher_id = ""
        # Whether the backend can be told of changes; between two streams they wait.
        self.ready = False
        # Those whom the backend has confirmed, with the position after which their events come,
        # which the stream may yet have to reach.
        self._followed: dict[str, Position] = {}
        # Those of them whom the backend was told to be invisible here.
        self._invisible: set[str] = set()
        # In the order in which they came.
        self._changed: dict[str, None] = {}
        self._updating: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[Position]]] = {}
        self._updater: asyncio.Task[None] | None = None
        # Set when so many wait to be followed.
        self._enough = 1
        self._many = asyncio.Event()
        self._update_timer: asyncio.TimerHandle | None = None
        self._linger_seconds = 0 if backend.knows_presence else linger_seconds
        self._most_lingering = most_lingering
        # Those who have left and are followed still, with the time when, who left first first.
        self._lingering: dict[str, float] = {}
        self._linger_timer: asyncio.TimerHandle | None = None

    @property
    def _live(self) -> bool:
        return self._backend.name in self._hub.live

    @property
    def _position(self) -> Position | None:
        return self._hub.positions.get(self._backend.name)

    async def follow_all(self, watcher_id: str) -> list[Following] | Error:
        """Follow everyone who is here on a new stream, some after others."""
        self._watcher_id = watcher_id
        groups = []
        waiting = sorted(self._own.union(self._hub.users))
        for start in range(0, len(waiting), self._batch):
            # Who has left meanwhile is not followed.
            users = list(filter(self._is_wanted, waiting[start : start + self._batch]))
            invisible = list(filter(self._is_invisible, users))
            answer = await self._backend.update_watch(watcher_id, users, (), invisible)
            if isinstance(answer, Error):
                return answer
            self._followed.update(dict.fromkeys(users, answer))
            self._invisible.update(invisible)
            groups.append(Following(users, answer))
        return groups

    def review_all(self) -> None:
        """Follow whoever came while `follow_all` was under way, and others no longer."""
        self.ready = True
        everyone = self._hub.users.keys() | self._followed.keys()
        self._changed.update((user, None) for user in everyone if self._differs(user))
        # Also those who asked between two streams.
        self._changed.update(dict.fromkeys(self._waiting))
        self._update_soon()

    def pause(self) -> None:
        """Follow nobody, for the stream has ended; who is to be followed waits for the next."""
        self.ready = False
        self._watcher_id = ""
        self._followed.clear()
        self._invisible.clear()
        self._sink.let_go(self._lingering)
        self._lingering.clear()

    def forget(self) -> None:
        """Let nobody wait, for there is no other stream."""
        self.pause()
        waiting, self._waiting = self._waiting, {}
        for futures in waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(NotLiveError())

    def followed(self, user: str) -> Position | None:
        """The position after which a user's events come; None for one who is not followed yet."""
        settled = user not in self._changed and user not in self._updating
        if self.ready and settled and user in self._followed and not self._differs(user):
            return later(self._followed[user], self._position)
        return None

    def untold(self, revision: int, events: Iterable[Event]) -> set[str]:
        """The recipients of events of a revision but those who were followed from there or later
        on: they were told by other means.
        """
        recipients = {user for event in events for user in event.recipients}
        followed = self._followed
        return {
            one for one in recipients if one not in followed or followed[one].revision < revision
        }

    async def follow(self, user: str, told: Position | None = None) -> Position:
        """Follow a user; the position after which the user's events come. Raises NotLiveError.

        `told` is up to where the user was told elsewhere. The stream of another edge may have been
        faster; then the backend is asked where it stands.
        """
        position = self.follow_again(user, told)
        if position is None:
            position = self.followed(user) or await self._ask_to_follow(user)
            if told is not None and later(position, told) != position:
                position = await self._ask_again(user, told)
        return position

    def follow_again(self, user: str, told: Position | None = None) -> Position | None:
        """As `follow` for a user who is followed still; None where the backend is to be asked."""
        if not self._live:
            raise NotLiveError
        self._lingering.pop(user, None)
        if user in self._changed and user not in self._updating and not self._differs(user):
            # The backend was not told yet that the user had left.
            del self._changed[user]
        position = self.followed(user)
        if position is None or (told is not None and later(position, told) != position):
            return None
        return position

    async def _ask_again(self, user: str, told: Position) -> Position:
        """Ask where the backend stands until it has come to what the user was told, or will not:
        its replica may be a moment behind the one of another edge.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + _BEHIND_SECONDS
        while True:
            position = await self._ask_to_follow(user)
            if later(position, told) == position or loop.time() >= end:
                return position
            await asyncio.sleep(_ASK_AGAIN_SECONDS)

    async def _ask_to_follow(self, user: str) -> Position:
        if not self._live:
            raise NotLiveError
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, []).append(future)
        self._changed[user] = None
        if len(self._waiting) >= self._enough:
            self._many.set()
        self._update_soon()
        return await future

    def review(self, user: str) -> None:
        """Tell the backend, if need be, that a socket of the user is gone or has another token."""
        if not self.ready or not (user in self._updating or self._differs(user)):
            return
        if user in self._hub.users:
            self._changed[user] = None
            self._update_soon()
        elif self._linger_seconds and user not in self._updating and user not in self._changed:
            self._linger(user)
        else:
            self._changed[user] = None
            self._update_later()

    def lingers(self, user: str) -> bool:
        """Whether a user who has left is followed still."""
        return user in self._lingering

    def _linger(self, user: str) -> None:
        loop = asyncio.get_running_loop()
        self._lingering[user] = loop.time()
        if len(self._lingering) > self._most_lingering:
            self._end_lingering([next(iter(self._lingering))])
        if self._linger_timer is None:
            self._linger_timer = loop.call_later(self._linger_seconds, self._review_lingering)

    def _review_lingering(self) -> None:
        """Follow those no longer who left long enough ago; all that is due by now in one call."""
        loop = asyncio.get_running_loop()
        before = loop.time() - self._linger_seconds
        self._end_lingering([one for one, left in self._lingering.items() if left <= before])
        self._linger_timer = None
        if self._lingering:
            # Twice in the time for which they linger is enough: nobody waits for it.
            self._linger_timer = loop.call_later(self._linger_seconds / 2, self._review_lingering)

    def _end_lingering(self, users: list[str]) -> None:
        for user in users:
            del self._lingering[user]
        gone = [one for one in users if one not in self._hub.users]
        self._sink.let_go(gone)
        self._changed.update(dict.fromkeys(gone))
        self._update_later()

    def _is_wanted(self, user: str) -> bool:
        return user in self._hub.users or user in self._lingering or user in self._own

    def _differs(self, user: str) -> bool:
        """Whether the user is here otherwise than the backend has been told."""
        if self._is_wanted(user) != (user in self._followed):
            return True
        return self._is_invisible(user) != (user in self._invisible)

    def _is_invisible(self, user: str) -> bool:
        if not self._backend.knows_presence:
            return False
        return user in self._own or self._hub.invisible(user)

    def _update_later(self) -> None:
        if self._changed and self._update_timer is None:
            loop = asyncio.get_running_loop()
            self._update_timer = loop.call_later(_LEAVING_SECONDS, self._update_now)

    def _update_now(self) -> None:
        self._update_timer = None
        self._update_soon()

    def _update_soon(self) -> None:
        if self._changed and self.ready and self._updater is None:
            self._updater = asyncio.get_running_loop().create_task(self._update())

    async def _update(self) -> None:
        """Tell the backend of all that has changed, one call at a time."""
        try:
            while self._changed and self.ready:
                self._updating = set(islice(self._changed, self._batch))
                for user in self._updating:
                    del self._changed[user]
                came = len(self._waiting)
                leaves = asyncio.get_running_loop().time() + PACE_SECONDS
                await self._update_once(self._updating)
                if came >= MANY:
                    await self._until_many(came, leaves)
        except Exception:
            # Sessions wait for this; a mistake in it must not leave them waiting.
            _logger.exception("users could not be followed")
            self._failed()
        finally:
            self._updating = set()
            self._updater = None

    async def _until_many(self, count: int, leaves: float) -> None:
        """Return when so many wait, or at a time on the clock of the loop."""
        self._enough = count
        self._many.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(leaves):
                await self._many.wait()

    async def _update_once(self, changed: set[str]) -> None:
        here = set(filter(self._is_wanted, changed))
        # Not by the difference of sets, which goes through all who are followed.
        added = {user for user in here if user not in self._followed}
        invisible = set(filter(self._is_invisible, here))
        # To add them again tells how they are followed from now on.
        turned = (invisible ^ (self._invisible & here)) - added
        watcher_id = self._watcher_id
        removed = (changed - here) & self._followed.keys()
        answer = await self._backend.update_watch(
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
            self._failed()
            return
        for user in changed - here:
            self._followed.pop(user, None)
        self._invisible -= changed
        self._invisible |= invisible
        # The stream may have been faster than the answer.
        position = later(answer, self._position)
        self._followed.update(dict.fromkeys(added, position))
        # Also those who came while the backend was away, and those for whom this came too late.
        self._sink.start_over(here, position, everyone=False)
        for user in changed:
            # Someone who left and came back meanwhile waits for the next round.
            if user in here or user not in self._changed:
                for future in self._waiting.pop(user, ()):
                    if not future.done():
                        future.set_result(later(position, self._followed.get(user)))
