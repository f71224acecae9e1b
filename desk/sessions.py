"""Sessions of moderators, in the memory of this process.

The browser holds a random name in a cookie and never the token again; here stands the name's
digest. A session ends with the token, when nothing was asked for a while, when the token is
revoked, and when its moderator signs out (docs/decisions/0081).
"""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import cast, get_args

from desk.metrics import Metrics
from desk.problems import RefusedError, unavailable
from desk.settings import Settings
from desk.structures.words import Role
from service_kit.authentication.claims import Principal
from service_kit.authentication.revocations import Revocations, is_revoked

ROLES: frozenset[str] = frozenset(get_args(Role))
_RANDOM_BYTES = 32


class Rate:
    """A burst passes at once, and then `rate` a second. Times are in seconds."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated_at")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._updated_at = now

    def take(self, now: float) -> int:
        """Let one pass: 0; or refuse it: after how many milliseconds to come again."""
        gathered = self._tokens + (now - self._updated_at) * self._rate
        self._tokens, self._updated_at = min(gathered, float(self._burst)), now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0
        return int((1.0 - self._tokens) / self._rate * 1000.0) + 1


@dataclass(eq=False)
class Session:
    """A moderator who has signed in, and the token by which moderation knows them.

    `used_at` is on the clock of the process. `ending` are called, once, when it ends.
    """

    principal: Principal
    token: str = field(repr=False)
    csrf_token: str = field(repr=False)
    rate: Rate
    used_at: float
    over: bool = False
    ending: list[Callable[[], None]] = field(default_factory=list)

    @property
    def user(self) -> str:
        return self.principal.user

    @property
    def roles(self) -> list[Role]:
        """The roles of moderation that the token says."""
        return [cast("Role", one) for one in sorted(self.principal.roles & ROLES)]

    def accepts(self, csrf_token: str) -> bool:
        """Whether a request of the session's own page bears this token."""
        return hmac.compare_digest(self.csrf_token.encode(), csrf_token.encode())


class Sessions:
    """All sessions of the process. `monotonic` and `wall` are its clocks, in seconds."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._monotonic = monotonic
        self._wall = wall
        self._by_digest: dict[bytes, Session] = {}
        metrics.sessions.set_function(lambda: len(self._by_digest))

    def now(self) -> float:
        """The time on the clock of the process, in seconds."""
        return self._monotonic()

    def open(self, principal: Principal, token: str) -> tuple[str, Session]:
        """Begin a session; gives the name that the browser keeps. Raises RefusedError."""
        self._sweep()
        own = [one for one in self._by_digest.values() if one.user == principal.user]
        if len(own) >= self._settings.sessions_per_user:
            self._metrics.limits.reached("sessions_per_user")
            self.end(min(own, key=lambda one: one.used_at))
        if len(self._by_digest) >= self._settings.sessions:
            self._metrics.limits.reached("sessions")
            raise unavailable("too_many_sessions", "Too many moderators are signed in.")
        name, now = secrets.token_urlsafe(_RANDOM_BYTES), self._monotonic()
        settings = self._settings
        rate = Rate(settings.requests_per_second, settings.requests_burst, now)
        session = Session(principal, token, secrets.token_urlsafe(_RANDOM_BYTES), rate, now)
        self._by_digest[_digest(name)] = session
        return name, session

    def find(self, name: str) -> Session:
        """Give the session of that name. Raises RefusedError when there is none any more."""
        session = self._by_digest.get(_digest(name))
        if session is None or self.is_over(session):
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED, "session_over", "The session is over; sign in again."
            )
        return session

    def use(self, session: Session, *, acts: bool) -> int:
        """Count a request: 0; or after how many milliseconds to come again.

        With one that `acts` the session is not idle.
        """
        now = self._monotonic()
        if acts:
            session.used_at = now
        return session.rate.take(now)

    def is_over(self, session: Session) -> bool:
        """Whether a session has ended, which it does here when its time has come."""
        if not session.over and self.seconds_left(session) <= 0:
            self.end(session)
        return session.over

    def seconds_left(self, session: Session) -> float:
        """For how long a session lasts if nothing is asked, in seconds."""
        idle = session.used_at + self._settings.idle_seconds - self._monotonic()
        return min(idle, session.principal.expires_at - self._wall())

    def end(self, session: Session) -> None:
        """End a session, and whatever it has open."""
        if session.over:
            return
        session.over = True
        self._by_digest = {name: one for name, one in self._by_digest.items() if one is not session}
        for tell in session.ending:
            tell()
        session.ending.clear()

    def users(self) -> list[str]:
        """Those who have a session, each once."""
        return sorted({one.user for one in self._by_digest.values()})

    def revoke(self, revocations: Mapping[str, Revocations]) -> None:
        """End the sessions of users whose token is refused now."""
        for session in [*self._by_digest.values()]:
            refused = revocations.get(session.user)
            if refused is not None and is_revoked(session.principal, refused):
                self.end(session)

    def _sweep(self) -> None:
        for session in [*self._by_digest.values()]:
            self.is_over(session)


def _digest(name: str) -> bytes:
    """The digest of a name, by which it is found without being compared itself."""
    return sha256(name.encode()).digest()
