"""Sanctions take effect, and then they are told: on every socket of the user, in one turn."""

from collections.abc import Iterable, Sequence

from edge.activities import Activity
from edge.alerts import Alerts
from edge.backend import Event
from edge.backends import MessagingBackend
from edge.cursors import MODERATION, Position
from edge.failures import CloseCode
from edge.hub import Hub
from edge.moderation_payloads import Sanction
from edge.packets import Op
from edge.standings import Standings


class Enforcement(Alerts):
    """The alerts of moderation. When SANCTION is queued, nothing that it forbids is taken from any
    socket here, and what still waits to be sent to a service is refused.
    """

    def __init__(self, hub: Hub, standings: Standings, messaging: MessagingBackend) -> None:
        super().__init__(hub, MODERATION)
        self._standings = standings
        self._messaging = messaging
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
        excluding = self._standings.excluding(user)
        for session in list(self._hub.of(user)):
            # Who is only being greeted has sent nothing yet, and is told then.
            if session.greeted and not session.closing:
                for sanction in excluding or news:
                    session.send(Op.SANCTION, sanction)
                if excluding:
                    session.close(CloseCode.BANNED, excluding[0].kind)
        self._messaging.refuse_waiting(
            lambda actor, conversation: (
                self._standings.check(user, Activity.WRITE, conversation) if actor == user else None
            )
        )
