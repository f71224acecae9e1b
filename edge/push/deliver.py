"""From events of a Watch stream to the outboxes of those concerned, each with the right cursor."""

from collections.abc import Iterable, Sequence

from edge.backends.backend import Event
from edge.protocol.cursors import Cursor, Position
from edge.protocol.packets import Encoding, Frame, Op
from edge.protocol.payloads.connection import Resumed
from edge.push.hub import Hub
from edge.push.render import TELLINGS, Push, push_of


class Alert:
    """A push for one user, encoded once for all of the user's sockets that are alike.

    Without a cursor it moves none, as what is never stored.
    """

    __slots__ = ("_cursor", "_frames", "confirms", "push")

    def __init__(self, push: Push, cursor: Cursor | None) -> None:
        self.push = push
        self.confirms = push.confirms
        self._cursor = cursor
        self._frames: dict[Encoding, Frame] = {}

    def frame(self, encoding: Encoding) -> Frame:
        """The frame for sessions of this encoding."""
        frame = self._frames.get(encoding)
        if frame is None:
            cur = None if self._cursor is None else self._cursor.of(encoding.attached)
            frame = encoding.format.encode(self.push.op, self.push.payload, cur=cur)
            self._frames[encoding] = frame
        return frame


class Alerts:
    """Pushes what one service tells."""

    def __init__(self, hub: Hub, service: str) -> None:
        self._hub = hub
        self._service = service
        self._telling = TELLINGS[service]

    def deliver(self, revision: int, events: Sequence[Event], only: str | None = None) -> None:
        """Push the events of one revision to all their recipients here, or to `only` one."""
        service, users = self._service, self._hub.users
        # A cursor moves to the revision with the last of its events for that user. Whoever drops
        # off before it gets all of the revision again.
        last: dict[str, int] = {}
        for index, event in enumerate(events):
            if self._telling.is_stored(event):
                for user in event.recipients:
                    last[user] = index
        epoch = self._hub.positions[service].epoch
        positions = self._hub.positions
        cursors = self._hub.cursors
        after = Cursor(cursors, {**positions, service: Position(epoch, revision)})
        before = Cursor(cursors, {**positions, service: Position(epoch, revision - 1)})
        for index, event in enumerate(events):
            origin = self._telling.origin_of(event)
            for user in event.recipients:
                if only is not None and user != only:
                    continue
                sessions = [one for one in users.get(user, ()) if one.id != origin]
                push = push_of(service, event, user) if sessions else None
                if push is None:
                    continue
                if push.stored:
                    alert = Alert(push, after if last[user] == index else before)
                    for session in sessions:
                        session.push(service, revision, alert)
                else:
                    alert = Alert(push, None)
                    for session in sessions:
                        session.push_passing(alert)

    def start_over(self, users: Iterable[str], position: Position, *, everyone: bool) -> None:
        """Tell sessions that nobody can say what they missed."""
        for user in users:
            for session in self._hub.of(user):
                if session.start_over(self._service, position.revision, everyone=everyone):
                    positions = {**self._hub.positions, self._service: position}
                    cursor = Cursor(self._hub.cursors, positions).of(session.attached)
                    resumed = Resumed(replayed=0, complete=False, cur=cursor)
                    session.send(Op.RESUMED, resumed, cur=cursor)
