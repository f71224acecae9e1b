"""Sanctions take effect, and then they are told, on every socket of the user."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence

from edge.backends.backend import Event
from edge.backends.messaging import MessagingBackend
from edge.protocol.cursors import MODERATION, Position
from edge.protocol.errors import CloseCode
from edge.protocol.packets import Op
from edge.protocol.payloads.moderation import Sanction
from edge.push.deliver import Deliverer
from edge.push.hub import Hub
from edge.push.hub_session import HubSession
from edge.sanctions.activities import Activity
from edge.sanctions.cache import Standings


class Enforcement(Deliverer):
    """The alerts of moderation. When SANCTION is queued, nothing that it forbids is taken from any
    socket here, what still waited to be sent to a service is refused, and what had left is
    answered. Who is banned or suspended is closed in the same turn, whatever had left.
    """

    def __init__(self, hub: Hub, standings: Standings, messaging: MessagingBackend) -> None:
        super().__init__(hub, MODERATION)
        self._standings = standings
        self._messaging = messaging
        self._waiting: set[asyncio.Task[None]] = set()
        standings.changed = self.enforce

    def deliver(self, revision: int, events: Sequence[Event], only: str | None = None) -> None:
        position = Position(self._hub.positions[MODERATION].epoch, revision)
        for user in self._standings.apply(position, events, only):
            self.enforce(user, ())
        super().deliver(revision, events, only)

    def start_over(self, users: Iterable[str], position: Position, *, everyone: bool) -> None:
        told = list(users)
        super().start_over(told, position, everyone=everyone)
        self._standings.started_over(told, position, everyone=everyone)

    def enforce(self, user: str, news: Sequence[Sanction]) -> None:
        """Let what restricts a user now take effect; `news` is what no alert tells of it."""
        self._messaging.refuse_waiting(
            lambda actor, conversation: (
                self._standings.check(user, Activity.WRITE, conversation) if actor == user else None
            )
        )
        # Who is only being greeted has sent nothing yet, and is told then.
        sessions = [one for one in self._hub.of(user) if one.reachable]
        if excluding := self._standings.excluding(user):
            for session in sessions:
                _tell(session, excluding)
                session.close(CloseCode.BANNED, excluding[0].kind)
            return
        writes = [one for session in sessions if (one := session.part_writes()) is not None]
        if not writes:
            for session in sessions:
                _tell(session, news)
            return
        held = [session for session in sessions if session.hold()]
        telling = asyncio.get_running_loop().create_task(
            _tell_after(writes, sessions, held, news), name="sanction"
        )
        self._waiting.add(telling)
        telling.add_done_callback(self._waiting.discard)


async def _tell_after(
    writes: Sequence[Awaitable[None]],
    sessions: Sequence[HubSession],
    held: Sequence[HubSession],
    news: Sequence[Sanction],
) -> None:
    """Tell of a sanction when what was written before it is answered, each in its time."""
    for written in writes:
        await written
    for session in sessions:
        _tell(session, news)
    for session in held:
        session.release()


def _tell(session: HubSession, sanctions: Sequence[Sanction]) -> None:
    for sanction in sanctions:
        session.send(Op.SANCTION, sanction)
