"""Delivery of a backend's events to the sessions of their recipients, with the right cursors."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from edge.backends.backend import Event
from edge.cursors import Cursor, Position
from edge.metrics import Metrics
from edge.push.hub import Hub
from edge.push.origins import Own
from edge.push.render import RENDERERS, note_untold, render
from parley_protocol.packets import Op
from parley_protocol.payloads.connection import Resumed
from service_kit.tracing.requests import pushing
from service_kit.tracing.spans import Tracing


class Deliverer:
    """Pushes what one backend tells to the sessions of a hub.

    `own` are called with each event of those whom the edge follows for itself.
    """

    def __init__(
        self,
        hub: Hub,
        backend: str,
        metrics: Metrics,
        tracing: Tracing | None = None,
        own: Mapping[str, Callable[[Any], None]] | None = None,
    ) -> None:
        self._own = own or {}
        self._hub = hub
        self._tracing = tracing
        self._backend = backend
        self._metrics = metrics
        self._renderer = RENDERERS[backend]

    def deliver(
        self, revision: int, events: Sequence[Event], only: Collection[str] | None = None
    ) -> None:
        """Push the events of one revision to their recipients here: what is stored to all, or to
        `only` these. Who could not be told of one starts over, for the cursor moves on.
        """
        backend, users = self._backend, self._hub.users
        is_stored, origin_of = self._renderer.is_stored, self._renderer.origin
        # A cursor moves to the revision with the last of its events for that user. Whoever drops
        # off before it gets all of the revision again.
        last: dict[str, int] = {}
        for index, event in enumerate(events):
            if is_stored(event):
                for user in event.recipients:
                    last[user] = index
        for name, hear in self._own.items():
            if name in last and (only is None or name in only):
                for event in events:
                    if name in event.recipients:
                        hear(event)
        positions = self._hub.positions
        cursors = self._hub.cursors
        epoch = positions[backend].epoch
        after = Cursor(cursors, {**positions, backend: Position(epoch, revision)})
        before = Cursor(cursors, {**positions, backend: Position(epoch, revision - 1)})
        lost: set[str] = set()
        for index, event in enumerate(events):
            stored, origin = is_stored(event), origin_of(event)
            own = Own(backend, revision, event)
            span = None
            if self._tracing is not None and event.traceparent:
                span = pushing(self._tracing, event.traceparent, f"push {backend}")
            for user in event.recipients:
                if only is not None and stored and user not in only:
                    continue
                sessions = users.get(user, ())
                if origin:
                    sessions = [one for one in sessions if one.lacks_answer(origin, own)]
                try:
                    alert = render(backend, event, user) if sessions else None
                    if alert is None:
                        continue
                    if stored:
                        alert.cursor = after if last[user] == index else before
                        for session in sessions:
                            session.push(backend, revision, alert)
                    else:
                        for session in sessions:
                            session.push_passing(alert)
                except Exception:  # noqa: BLE001 - whatever it is, it harms this event alone
                    note_untold(self._metrics, backend)
                    if stored:
                        lost.add(user)
            if span is not None:
                span.end()
        # The stream goes on from before this, and other streams have cursors meanwhile.
        for user in only or ():
            for session in users.get(user, ()):
                session.note_told(backend, Position(epoch, revision))
        if lost:
            self.start_over(lost, Position(epoch, revision), everyone=True)

    def start_over(self, users: Iterable[str], position: Position, *, everyone: bool) -> None:
        """Tell sessions that nobody can say what they missed."""
        for user in users:
            for session in self._hub.of(user):
                if session.start_over(self._backend, position.revision, everyone=everyone):
                    positions = {**self._hub.positions, self._backend: position}
                    cursor = session.cursor(Cursor(self._hub.cursors, positions))
                    resumed = Resumed(replayed=0, complete=False, cur=cursor)
                    session.send(Op.RESUMED, resumed, cur=cursor)

    def let_go(self, users: Iterable[str]) -> None:
        """Keep nothing of users who have left: there is no session of theirs."""
