"""What restricts each user who is here, and what restricted those who left, as far as is known.

It is held as the set of sanctions in force and compared with the clock, so nothing has to be done
when one ends by itself. It is read at a login, in batches; then the events of the user's Watch keep
it true. What was read before the events come is read again, so that nothing falls between.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec
import structlog
from msgspec import UNSET
from parley.moderation.v1 import moderation_pb2 as pb

from edge.backends.backend import Event
from edge.backends.moderation import ModerationBackend
from edge.metrics import Metrics
from edge.protocol.cursors import Position
from edge.protocol.errors import Error, ErrorCode, refusal
from edge.protocol.payloads.moderation import Sanction, Standing
from edge.push.hub import Hub
from edge.sanctions.activities import Activity, forbids
from edge.sanctions.user import KnownSanctions, news
from edge.settings import Settings

_logger = structlog.get_logger(__name__)

_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 2.0


class StandingUnknownError(Exception):
    """Moderation does not answer, nothing is known here, and the settings let nobody in so."""


class Standings:
    """`admit` at a login; `enter`, `settle` and `leave` as sockets come and go; `apply` as events
    come; `check` for whatever someone does.

    Without a `backend` there is no moderation, and nobody is restricted.
    """

    def __init__(
        self,
        backend: ModerationBackend | None,
        hub: Hub,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._backend = backend
        self._hub = hub
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._here: dict[str, KnownSanctions] = {}
        # Those who left, the latest last.
        self._away: dict[str, KnownSanctions] = {}
        # Who is here and has to be read again.
        self._unread: set[str] = set()
        self._rereader: asyncio.Task[None] | None = None
        # Whether the events of those who are followed come now.
        self.live: Callable[[], bool] = lambda: False
        # Told who is restricted otherwise than before, and what of it no event tells.
        self.changed: Callable[[str, Sequence[Sanction]], None] = lambda _user, _news: None
        metrics.known_standings.labels(where="here").set_function(lambda: len(self._here))
        metrics.known_standings.labels(where="away").set_function(lambda: len(self._away))
        metrics.restricted_users.set_function(lambda: sum(map(self.is_restricted, self._here)))

    # Logins.

    async def admit(self, user: str, deadline: float) -> Standing | None:
        """What keeps a user from coming in; None: nothing does.

        Until `deadline` (on the clock of the loop) the moderation service is waited for. Raises
        StandingUnknownError.
        """
        if self._backend is None:
            return None
        here = self._here.get(user)
        if here is not None and here.current and self.live():
            by = "live"
        elif await self._read(user, deadline):
            by = "read"
        elif self._is_known(user):
            by = "last_known"
        elif self._settings.moderation_down == "allow":
            by = "allowed"
        else:
            by = "refused"
        self._metrics.admissions.labels(by=by).inc()
        if by == "refused":
            raise StandingUnknownError
        excluding = self.excluding(user)
        return self._standing(user, excluding) if excluding else None

    def enter(self, user: str) -> None:
        """A socket of the user is here."""
        if user not in self._here:
            self._here[user] = self._away.pop(user) if user in self._away else KnownSanctions()

    def leave(self, user: str) -> None:
        """A socket of the user is gone. With the last the events of the user end."""
        if self._hub.of(user) or user not in self._here:
            return
        known = self._here.pop(user)
        known.unfollow()
        self._unread.discard(user)
        if known.read_at is not None:
            self._remember(user, known)

    async def settle(self, user: str, followed: Position, deadline: float) -> None:
        """The events of the user come from here on: read again if something may lie before them."""
        if self._settled(user, followed):
            return
        await self._read(user, deadline)
        self.settle_later(user, followed)

    def settle_later(self, user: str, followed: Position) -> None:
        """As `settle`, without waiting."""
        if not self._settled(user, followed):
            self._unread.add(user)
            self._reread_soon()

    def _settled(self, user: str, followed: Position) -> bool:
        known = self._here.get(user)
        if known is None or self._backend is None:
            return True
        if known.followed_from is None:
            known.followed_from = followed
        return known.current

    # What may be done.

    def check(self, user: str, activity: Activity, conversation: str = "") -> Error | None:
        """Refuse what a sanction forbids now; the error bears the reasons."""
        found = self.in_force(user)
        if not any(forbids(one, activity, conversation) for one in found):
            return None
        error = refusal(ErrorCode.SANCTIONED, "A sanction does not allow this.")
        return msgspec.structs.replace(error, current=self._standing(user, found))

    def in_force(self, user: str) -> list[Sanction]:
        """What restricts a user now."""
        known = self._here.get(user) or self._away.get(user)
        return [] if known is None else known.in_force(self._clock())

    def locked(self, user: str) -> list[str]:
        """The conversations in which a sanction keeps a user from writing now."""
        found = self.in_force(user)
        return [one.conversation for one in found if one.conversation is not UNSET]

    def standing(self, user: str) -> Standing | None:
        """What restricts a user now, as a whole; None when nothing is known to."""
        found = self.in_force(user)
        return self._standing(user, found) if found else None

    def excluding(self, user: str) -> list[Sanction]:
        """What keeps a user from being here at all now."""
        return [one for one in self.in_force(user) if forbids(one, Activity.CONNECT, "")]

    def is_restricted(self, user: str) -> bool:
        """Tell whether anything restricts a user now."""
        return bool(self.in_force(user))

    def _standing(self, user: str, sanctions: list[Sanction]) -> Standing:
        latest: dict[str, str] = {}
        for one in sanctions:
            if one.until is not UNSET:
                latest[one.kind] = max(latest.get(one.kind, ""), one.until)
        return Standing(
            user=user,
            banned=any(one.kind == "banned" for one in sanctions),
            sanctions=sanctions,
            muted_until=latest.get("muted", UNSET),
            suspended_until=latest.get("suspended", UNSET),
        )

    # What happens.

    def apply(
        self, position: Position, events: Sequence[Event], only: str | None = None
    ) -> Sequence[str]:
        """Take in the events of one revision, of `only` this user when given. Returns those users
        whom something may restrict otherwise than before.
        """
        touched: dict[str, None] = {}
        for event in events:
            if not isinstance(event, pb.Event):
                continue
            for user in event.recipients:
                known = self._here.get(user)
                if known is None or (only is not None and user != only):
                    continue
                if known.apply(position, event):
                    touched[user] = None
        return list(touched)

    def started_over(self, users: Iterable[str], position: Position, *, everyone: bool) -> None:
        """Nobody can say what those of `users` missed before `position` whose events did not come,
        or all of them: read them again.
        """
        for user in users:
            known = self._here.get(user)
            if known is None:
                continue
            if everyone:
                known.followed_from = position
            elif known.followed_from is None:
                if all(session.attaching for session in self._hub.of(user)):
                    # Who is only being attached is settled then.
                    continue
                known.followed_from = position
            if not known.current:
                self._unread.add(user)
        self._reread_soon()

    # Reading.

    def _is_known(self, user: str) -> bool:
        known = self._here.get(user) or self._away.get(user)
        return known is not None and known.read_at is not None

    async def _read(self, user: str, deadline: float) -> bool:
        """Ask the moderation service, within its time. Returns whether it answered."""
        if self._backend is None:
            return False
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def done(result: pb.Standing | Error) -> None:
            # Taken in even if nobody waits any more.
            if isinstance(result, pb.Standing):
                self._take(user, result)
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

    def _take(self, user: str, standing: pb.Standing) -> None:
        """Hold what was read, unless more is known already."""
        known = self._here.get(user) or self._away.pop(user, None) or KnownSanctions()
        before = known.in_force(self._clock())
        if not known.read(standing):
            return
        if user not in self._here:
            self._remember(user, known)
        elif told := news(before, known.in_force(self._clock())):
            self.changed(user, told)

    def _remember(self, user: str, known: KnownSanctions) -> None:
        self._away[user] = known
        if len(self._away) > self._settings.known_standings:
            del self._away[next(iter(self._away))]
            self._metrics.limits.reached("known_standings")

    def _reread_soon(self) -> None:
        if self._unread and self._rereader is None:
            self._rereader = asyncio.get_running_loop().create_task(self._reread())

    async def _reread(self) -> None:
        """Read those who are here and of whom something may be missing, until nothing is."""
        retry = _FIRST_RETRY_SECONDS
        loop = asyncio.get_running_loop()
        try:
            while self._unread:
                deadline = loop.time() + self._settings.moderation_timeout_seconds
                await asyncio.gather(*(self._read(user, deadline) for user in self._unread))
                self._unread = {
                    user
                    for user in self._unread
                    if (known := self._here.get(user)) is not None and not known.current
                }
                if self._unread:
                    # Many edges must not come back in the same instant.
                    await asyncio.sleep(retry * random.uniform(0.5, 1))  # noqa: S311 - no secret
                    retry = min(retry * 2, _LAST_RETRY_SECONDS)
        except Exception:
            _logger.exception("standings could not be read again")
        finally:
            self._rereader = None
