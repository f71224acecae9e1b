"""Reads of sanctions from the moderation service: at a login, and whenever events were missed.

Reads travel in batches. What was read before the user's events come is read again, so that nothing
falls between.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence

import structlog
from parley.moderation.v1 import moderation_pb2 as pb

from edge.backends.moderation import ModerationBackend
from edge.cursors import MODERATION, Position
from edge.metrics import Metrics
from edge.push.hub import Hub
from edge.sanctions.cache import SanctionsCache, standing_of
from edge.settings import Settings
from parley_protocol.errors import Error
from parley_protocol.payloads.moderation import Sanction, Standing
from service_kit.authentication.claims import Principal
from service_kit.authentication.errors import AuthenticationError

_logger = structlog.get_logger(__name__)

_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 2.0


class StandingUnknownError(Exception):
    """Moderation does not answer, and the settings let nobody in of whom nothing is known."""


class SanctionsReader:
    """`admit` at a login; `settle` when a user's events begin; `start_over` when some were missed.

    Without a `backend` there is no moderation, and everybody is admitted. `changed` is told which
    user is restricted otherwise than before, and what of it no event tells.
    """

    def __init__(
        self,
        backend: ModerationBackend | None,
        cache: SanctionsCache,
        hub: Hub,
        settings: Settings,
        metrics: Metrics,
        changed: Callable[[str, Sequence[Sanction]], None],
    ) -> None:
        self._backend = backend
        self._cache = cache
        self._hub = hub
        self._settings = settings
        self._metrics = metrics
        self._changed = changed
        # Users who may have to be read again.
        self._unread: set[str] = set()
        self._rereader: asyncio.Task[None] | None = None

    async def admit(self, principal: Principal, deadline: float) -> Standing | None:
        """The standing that keeps a user from coming in; None: nothing does.

        Until `deadline` (on the clock of the loop) the moderation service is waited for. Raises
        StandingUnknownError, and AuthenticationError for a token that was revoked.
        """
        if self._backend is None:
            return None
        user = principal.user
        by = await self._learn(user, deadline)
        self._metrics.admissions.labels(by=by).inc()
        self._check(principal, by)
        excluding = self._cache.excluding(user)
        return standing_of(user, excluding) if excluding else None

    async def check_token(self, principal: Principal, deadline: float) -> None:
        """Raise AuthenticationError for a token that was revoked, and StandingUnknownError, as
        `admit` does, where nobody comes in.
        """
        if self._backend is not None:
            self._check(principal, await self._learn(principal.user, deadline))

    def _check(self, principal: Principal, by: str) -> None:
        if by == "refused":
            raise StandingUnknownError
        if self._cache.is_revoked(principal):
            raise AuthenticationError("token_revoked")

    async def _learn(self, user: str, deadline: float) -> str:
        """Make sure that what is known is how things are; in a word, by what it is known."""
        # Nobody is kept out by what may have been lifted a moment ago: the event may be on its way.
        is_live = self._cache.is_current(user) and MODERATION in self._hub.live
        if is_live and not self._cache.excluding(user):
            return "live"
        if await self._read(user, deadline):
            return "read"
        if self._cache.is_known(user):
            return "last_known"
        return "allowed" if self._settings.moderation_down == "allow" else "refused"

    async def settle(self, user: str, followed: Position, deadline: float) -> None:
        """Note that the user's events come from here on; read again if something may lie before."""
        if not self.settled(user, followed):
            await self._read(user, deadline)
            self.settle_later(user, followed)

    def settled(self, user: str, followed: Position) -> bool:
        """As `settle`, where nothing lies before; whether that is so."""
        self._cache.follow(user, followed)
        return not self._cache.is_stale(user)

    def settle_later(self, user: str, followed: Position) -> None:
        """As `settle`, without waiting."""
        if not self.settled(user, followed):
            self._reread_soon([user])

    def start_over(self, users: Iterable[str], position: Position, *, everyone: bool) -> None:
        """Read those again of whom events before `position` may be missing: of `users` those whose
        events did not come, or all.
        """
        self._reread_soon(self._cache.start_over(users, position, everyone=everyone))

    async def _read(self, user: str, deadline: float) -> bool:
        """Ask the moderation service, within its time. Returns whether it answered."""
        if self._backend is None:
            return False
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def done(result: pb.Standing | Error) -> None:
            # Taken in even if nobody waits any more.
            if isinstance(result, pb.Standing):
                told = self._cache.take(user, result)
                if told is not None:
                    self._changed(user, told)
            if not answered.done():
                answered.set_result(isinstance(result, pb.Standing))

        self._backend.get_standing.submit(user, done)
        try:
            async with asyncio.timeout_at(deadline):
                read = await answered
        except TimeoutError:
            read = False
        if not read and asyncio.get_running_loop().time() >= deadline:
            self._metrics.limits.reached("moderation_timeout_seconds")
        return read

    def _reread_soon(self, users: Iterable[str]) -> None:
        self._unread.update(users)
        if self._unread and self._rereader is None:
            self._rereader = asyncio.get_running_loop().create_task(self._reread())

    async def _reread(self) -> None:
        """Read those who are here and of whom something may be missing, until nothing is."""
        retry = _FIRST_RETRY_SECONDS
        loop = asyncio.get_running_loop()
        is_stale = self._cache.is_stale
        try:
            while True:
                self._unread = set(filter(is_stale, self._unread))
                if not self._unread:
                    return
                deadline = loop.time() + self._settings.moderation_timeout_seconds
                await asyncio.gather(*(self._read(user, deadline) for user in self._unread))
                if any(map(is_stale, self._unread)):
                    # Many edges must not come back in the same instant.
                    await asyncio.sleep(retry * random.uniform(0.5, 1))  # noqa: S311 - no secret
                    retry = min(retry * 2, _LAST_RETRY_SECONDS)
        except Exception:
            _logger.exception("standings could not be read again")
        finally:
            self._rereader = None
