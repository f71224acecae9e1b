"""Cache of the sanctions that restrict each user who is here, and of those who left last.

It holds the sanctions in force and compares them with the clock, so nothing has to be done when one
ends by itself. What is read of the moderation service and the events of its Watch keep it true.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec
from msgspec import UNSET
from parley.moderation.v1 import moderation_pb2 as pb

from edge.backends.backend import Event
from edge.cursors import Position
from edge.metrics import Metrics
from edge.push.hub import Hub
from edge.sanctions.activities import forbids
from edge.sanctions.user import UserSanctions, notifications
from edge.settings import Settings
from parley_protocol.errors import Error, ErrorCode, refusal
from parley_protocol.packets import Activity
from parley_protocol.payloads.moderation import Sanction, Standing
from service_kit.authentication.claims import Principal
from service_kit.authentication.revocations import is_revoked


class SanctionsCache:
    """Sanctions by user: `enter` and `leave` as sockets come and go; `take` what was read, `apply`
    events; `check` whatever someone does. Without moderation it is empty and restricts nobody.
    """

    def __init__(
        self,
        hub: Hub,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._hub = hub
        self._most_away = settings.known_standings
        self._limits = metrics.limits
        self._clock = clock
        self._here: dict[str, UserSanctions] = {}
        # Those who left, the latest last; and what they count, a revoked token as much as a user.
        self._away: dict[str, UserSanctions] = {}
        self._away_weight = 0
        metrics.known_standings.labels(where="here").set_function(lambda: len(self._here))
        metrics.known_standings.labels(where="away").set_function(lambda: len(self._away))
        metrics.restricted_users.set_function(lambda: sum(map(self.is_restricted, self._here)))

    def enter(self, user: str) -> None:
        """Note that a socket of the user is here."""
        if user not in self._here:
            self._here[user] = self._recall(user) or UserSanctions()

    def leave(self, user: str, *, followed: bool = False) -> None:
        """Note that a socket of the user is gone. With the last one the events of the user end, if
        they are not `followed` still, until `unfollow`.
        """
        if self._hub.of(user) or user not in self._here:
            return
        known = self._here.pop(user)
        if not followed:
            known.unfollow()
        if known.read_at is not None:
            self._remember(user, known)

    def unfollow(self, user: str) -> None:
        """Note that the events of a user who has left end."""
        known = self._away.get(user)
        if known is not None:
            known.unfollow()

    def _remember(self, user: str, known: UserSanctions) -> None:
        self._away[user] = known
        self._away_weight += _weight(known)
        while self._away_weight > self._most_away:
            self._recall(next(iter(self._away)))
            self._limits.reached("known_standings")

    def _recall(self, user: str) -> UserSanctions | None:
        known = self._away.pop(user, None)
        if known is not None:
            self._away_weight -= _weight(known)
        return known

    # What may be done.

    def check(self, user: str, activity: Activity, conversation: str = "") -> Error | None:
        """Refuse what a sanction forbids now; the error bears the reasons."""
        found = self.in_force(user)
        if not any(forbids(one, activity, conversation) for one in found):
            return None
        error = refusal(ErrorCode.SANCTIONED, "A sanction does not allow this.")
        return msgspec.structs.replace(error, current=standing_of(user, found))

    def in_force(self, user: str) -> list[Sanction]:
        """The sanctions that restrict a user now."""
        known = self._here.get(user) or self._away.get(user)
        return [] if known is None else known.in_force(self._clock())

    def locked(self, user: str) -> list[str]:
        """The conversations in which a sanction keeps a user from writing now."""
        found = self.in_force(user)
        return [one.conversation for one in found if one.conversation is not UNSET]

    def standing(self, user: str) -> Standing | None:
        """The restrictions of a user now, as a whole; None when none is known."""
        found = self.in_force(user)
        return standing_of(user, found) if found else None

    def excluding(self, user: str) -> list[Sanction]:
        """The sanctions that keep a user from being here at all now."""
        return [one for one in self.in_force(user) if forbids(one, Activity.CONNECT, "")]

    def is_revoked(self, principal: Principal) -> bool:
        """Tell whether the token by which a user speaks is refused, as far as is known."""
        known = self._here.get(principal.user) or self._away.get(principal.user)
        return known is not None and is_revoked(principal, known.revocations)

    def is_restricted(self, user: str) -> bool:
        """Tell whether anything restricts a user now."""
        return bool(self.in_force(user))

    # What is learned.

    def take(self, user: str, standing: pb.Standing) -> list[Sanction] | None:
        """Hold what was read, unless more is known already. Returns what has changed for a user who
        is here, as packets would have told it, which is nothing of tokens; None: nothing has.
        """
        known = self._here.get(user) or self._recall(user) or UserSanctions()
        before, revoked = known.in_force(self._clock()), known.revocations
        if not known.read(standing):
            if user not in self._here:
                self._remember(user, known)
            return None
        if user not in self._here:
            self._remember(user, known)
            return None
        told = notifications(before, known.in_force(self._clock()))
        return told if told or known.revocations != revoked else None

    def apply(
        self, position: Position, events: Sequence[Event], only: Collection[str] | None = None
    ) -> Sequence[str]:
        """Take in the events of one revision, of `only` these users when given. Returns those users
        whom something may restrict otherwise than before.
        """
        touched: dict[str, None] = {}
        for event in events:
            if not isinstance(event, pb.Event):
                continue
            for user in event.recipients:
                if only is not None and user not in only:
                    continue
                known = self._here.get(user)
                if known is None:
                    self._apply_away(user, position, event)
                elif known.apply(position, event):
                    touched[user] = None
        return list(touched)

    def _apply_away(self, user: str, position: Position, event: pb.Event) -> None:
        """Take in an event of somebody who has left, and whose events come still."""
        known = self._away.get(user)
        if known is not None and known.followed_from is not None:
            # Revoked tokens count.
            self._recall(user)
            known.apply(position, event)
            self._remember(user, known)

    # Whether anything is missing.

    def is_known(self, user: str) -> bool:
        """Tell whether the user's sanctions were ever read."""
        known = self._here.get(user) or self._away.get(user)
        return known is not None and known.read_at is not None

    def is_current(self, user: str) -> bool:
        """Tell whether none of the user's sanctions can be missing: of one who is here, or has left
        and is followed still.
        """
        known = self._here.get(user) or self._away.get(user)
        return known is not None and known.current

    def is_stale(self, user: str) -> bool:
        """Tell whether the user is here and sanctions may be missing, so that they must be read."""
        known = self._here.get(user)
        return known is not None and not known.current

    def follow(self, user: str, position: Position) -> None:
        """Note that the events of the user come from here on."""
        known = self._here.get(user)
        if known is not None and known.followed_from is None:
            known.followed_from = position

    def start_over(self, users: Iterable[str], position: Position, *, everyone: bool) -> list[str]:
        """Take note that events come from here on, of `everyone` among `users` or of those who were
        not followed; nobody can say what they missed. Returns those to be read again.
        """
        stale = []
        for user in users:
            known = self._here.get(user)
            if known is None:
                self.unfollow(user)
                continue
            if everyone:
                known.followed_from = position
            elif known.followed_from is None:
                if all(session.attaching for session in self._hub.of(user)):
                    # Who is only being attached is followed then.
                    continue
                known.followed_from = position
            if not known.current:
                stale.append(user)
        return stale


def _weight(known: UserSanctions) -> int:
    return 1 + len(known.revocations.token_ids)


def standing_of(user: str, sanctions: list[Sanction]) -> Standing:
    """The standing that these sanctions add up to."""
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
