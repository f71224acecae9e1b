"""What restricts each user who is here, and what restricted those who left, as far as is known.

It is held as the set of sanctions in force and compared with the clock, so nothing has to be done
when one ends by itself. It is read at a login, in batches; then the events of the user's Watch keep
it true. What was read before the events come is read again, so that nothing falls between.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import structlog
from msgspec import UNSET
from parley.moderation.v1 import moderation_pb2 as pb

from edge.activities import Activity, forbids, restricts
from edge.backend import Event
from edge.backends import ModerationBackend
from edge.cursors import Position
from edge.failures import refusal
from edge.hub import Hub
from edge.metrics import Metrics
from edge.moderation import SANCTION_KINDS, sanction_payload
from edge.moderation_payloads import Sanction, Standing
from edge.payloads import Error
from edge.settings import Settings

_logger = structlog.get_logger(__name__)

_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 2.0


class StandingUnknownError(Exception):
    """Moderation does not answer, nothing is known here, and the settings let nobody in so."""


class _Held(NamedTuple):
    sanction: Sanction
    # Unix seconds; infinite when it is only lifted.
    until: float


def _covers(position: Position | None, other: Position | None) -> bool:
    """Whether whatever happened up to `other` is known at `position`."""
    if position is None or other is None:
        return other is None
    return position.epoch == other.epoch and position.revision >= other.revision


@dataclass(slots=True)
class _Known:
    """Of one user; only what restricts is held."""

    sanctions: dict[str, _Held] = field(default_factory=dict)
    # Where it was read; None: it never was.
    read_at: Position | None = None
    # After which every event of the user comes here; None while they may not.
    followed_from: Position | None = None
    # Of the last event.
    heard: Position | None = None

    @property
    def current(self) -> bool:
        """Whether nothing can be missing."""
        return self.followed_from is not None and _covers(self.read_at, self.followed_from)


def _held(sanctions: Iterable[pb.Sanction]) -> dict[str, _Held]:
    found = {}
    for one in sanctions:
        if one.kind not in SANCTION_KINDS:
            # A newer service restricts in a way that this edge does not know yet.
            continue
        payload = sanction_payload(one)
        if restricts(payload) and not payload.lifted:
            until = one.until_time
            ends = until.seconds + until.nanos / 1e9 if one.HasField("until_time") else float("inf")
            found[one.id] = _Held(payload, ends)
    return found


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
        self._here: dict[str, _Known] = {}
        # Those who left, the latest last.
        self._away: dict[str, _Known] = {}
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
            self._here[user] = self._away.pop(user) if user in self._away else _Known()

    def leave(self, user: str) -> None:
        """A socket of the user is gone. With the last the events of the user end."""
        if self._hub.of(user) or user not in self._here:
            return
        known = self._here.pop(user)
        known.followed_from = None
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
        known = self._here.get(user)
        if known is None or not known.sanctions:
            return None
        found = self._in_force(user)
        if not any(forbids(one, activity, conversation) for one in found):
            return None
        error = refusal("SANCTIONED", "A sanction does not allow this.")
        return msgspec.structs.replace(error, current=self._standing(user, found))

    def in_force(self, user: str) -> Sequence[Sanction]:
        """What restricts a user now."""
        return self._in_force(user)

    def standing(self, user: str) -> Standing | None:
        """What restricts a user now, as a whole; None when nothing is known to."""
        found = self._in_force(user)
        return self._standing(user, found) if found else None

    def excluding(self, user: str) -> list[Sanction]:
        """What keeps a user from being here at all now."""
        return [one for one in self._in_force(user) if forbids(one, Activity.CONNECT, "")]

    def is_restricted(self, user: str) -> bool:
        """Tell whether anything restricts a user now."""
        return bool(self._in_force(user))

    def _in_force(self, user: str) -> list[Sanction]:
        known = self._here.get(user) or self._away.get(user)
        if known is None or not known.sanctions:
            return []
        now = self._clock()
        return [held.sanction for held in known.sanctions.values() if now < held.until]

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
                # What was read later knows it already.
                covered = known.read_at is not None and _covers(known.read_at, position)
                if not covered and _take_in(known, event):
                    known.heard = position
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
        position = _position(standing.position)
        known = self._here.get(user) or self._away.pop(user, None) or _Known()
        same_clock = known.heard is not None and known.heard.epoch == position.epoch
        if same_clock and not _covers(position, known.heard):
            return
        before = known.sanctions
        known.sanctions, known.read_at = _held(standing.sanctions), position
        if user not in self._here:
            self._remember(user, known)
        elif before.keys() != known.sanctions.keys():
            self.changed(user, self._news(before, known.sanctions))

    def _news(self, before: Mapping[str, _Held], after: Mapping[str, _Held]) -> list[Sanction]:
        now = self._clock()
        lifted = [
            msgspec.structs.replace(held.sanction, lifted=True)
            for name, held in before.items()
            if name not in after and now < held.until
        ]
        return lifted + [held.sanction for name, held in after.items() if name not in before]

    def _remember(self, user: str, known: _Known) -> None:
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


def _position(position: pb.Position) -> Position:
    return Position(position.epoch, position.revision)


def _take_in(known: _Known, event: pb.Event) -> bool:
    """Apply one event. Returns whether it may restrict the user otherwise."""
    match event.WhichOneof("event"):
        case "sanctioned":
            imposed = _held([event.sanctioned.sanction])
            known.sanctions.update(imposed)
            return bool(imposed)
        case "sanction_lifted":
            return known.sanctions.pop(event.sanction_lifted.sanction.id, None) is not None
        case "standing_changed":
            standing = event.standing_changed.standing
            known.sanctions = _held(standing.sanctions)
            if standing.HasField("position"):
                # One that is told again is as things are now: what is told after it is older.
                known.read_at = _position(standing.position)
            return True
    return False
