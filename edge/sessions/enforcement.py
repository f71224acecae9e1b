"""Enforcement of sanctions: they take effect, and then they are told, on all the user's sockets."""

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Sequence

from edge.backends.backend import Event
from edge.backends.messaging import MessagingBackend
from edge.backends.negotiation import NegotiationBackend
from edge.cursors import MODERATION, Position
from edge.metrics import Metrics
from edge.push.deliver import Deliverer
from edge.push.hub import Hub, HubSession
from edge.push.render import note_untold
from edge.sanctions.cache import SanctionsCache
from edge.sanctions.reader import SanctionsReader
from parley_protocol.errors import CloseCode
from parley_protocol.packets import Activity, Op
from parley_protocol.payloads.moderation import Sanction
from service_kit.tracing.spans import Tracing


class Enforcement:
    """Enforces sanctions on open sockets.

    When SANCTION is queued, nothing that it forbids is taken from any socket here, what still
    waited to be sent to a backend is refused, and what had left is answered. Who is banned or
    suspended is closed in the same turn, whatever had left, and so is who has a revoked token.
    """

    def __init__(
        self,
        hub: Hub,
        sanctions: SanctionsCache,
        messaging: MessagingBackend,
        negotiation: NegotiationBackend | None,
    ) -> None:
        self._hub = hub
        self._sanctions = sanctions
        self._messaging = messaging
        self._negotiation = negotiation
        self._waiting: set[asyncio.Task[None]] = set()

    def enforce(self, user: str, notifications: Sequence[Sanction]) -> None:
        """Let what restricts a user now take effect; `notifications` are what no alert tells."""
        for session in self._hub.of(user):
            # Who is only being greeted is closed then.
            if session.reachable and self._sanctions.is_revoked(session.principal):
                session.close(CloseCode.TOKEN_REVOKED, "token revoked")
        self._messaging.refuse_waiting(
            lambda actor, conversation: (
                self._sanctions.check(user, Activity.WRITE, conversation) if actor == user else None
            )
        )
        if self._negotiation is not None:
            self._negotiation.refuse_waiting()
        # Who is only being greeted has sent nothing yet, and is told then.
        sessions = [one for one in self._hub.of(user) if one.reachable]
        for session in sessions:
            if self._sanctions.check(user, Activity.WRITE, session.typing):
                session.stop_typing()
        if excluding := self._sanctions.excluding(user):
            for session in sessions:
                _tell(session, excluding)
                session.close(CloseCode.BANNED, excluding[0].kind)
            return
        writes = [one for session in sessions if (one := session.part_writes()) is not None]
        if not writes:
            for session in sessions:
                _tell(session, notifications)
            return
        held = [session for session in sessions if session.hold()]
        telling = asyncio.get_running_loop().create_task(
            _tell_after(writes, sessions, held, notifications), name="sanction"
        )
        self._waiting.add(telling)
        telling.add_done_callback(self._waiting.discard)


async def _tell_after(
    writes: Sequence[Awaitable[None]],
    sessions: Sequence[HubSession],
    held: Sequence[HubSession],
    notifications: Sequence[Sanction],
) -> None:
    """Tell of a sanction when what was written before it is answered, each in its time."""
    for written in writes:
        await written
    for session in sessions:
        _tell(session, notifications)
    for session in held:
        session.release()


def _tell(session: HubSession, sanctions: Sequence[Sanction]) -> None:
    for sanction in sanctions:
        session.send(Op.SANCTION, sanction)


class ModerationDeliverer(Deliverer):
    """Lets the events of moderation take effect before it pushes them."""

    def __init__(
        self,
        hub: Hub,
        sanctions: SanctionsCache,
        reader: SanctionsReader,
        enforcement: Enforcement,
        metrics: Metrics,
        tracing: Tracing | None = None,
    ) -> None:
        super().__init__(hub, MODERATION, metrics, tracing)
        self._sanctions = sanctions
        self._reader = reader
        self._enforcement = enforcement

    def deliver(
        self, revision: int, events: Sequence[Event], only: Collection[str] | None = None
    ) -> None:
        position = Position(self._hub.positions[MODERATION].epoch, revision)
        try:
            restricted = self._sanctions.apply(position, events, only)
        except Exception:  # noqa: BLE001 - whatever it is, what restricts these is read instead
            note_untold(self._metrics, MODERATION)
            concerned = {user for event in events for user in event.recipients}
            if only is not None:
                concerned.intersection_update(only)
            self.start_over(concerned, position, everyone=True)
            return
        for user in restricted:
            self._enforcement.enforce(user, ())
        super().deliver(revision, events, only)

    def start_over(self, users: Iterable[str], position: Position, *, everyone: bool) -> None:
        told = list(users)
        super().start_over(told, position, everyone=everyone)
        self._reader.start_over(told, position, everyone=everyone)

    def let_go(self, users: Iterable[str]) -> None:
        """Note that what is known of these users may be out of date from now on."""
        for user in users:
            self._sanctions.unfollow(user)
