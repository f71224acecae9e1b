"""Replays to a session what it missed since a cursor, and ends that with RESUMED."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET

from edge.backends.backend import Event
from edge.backends.errors import NotLiveError
from edge.cursors import HISTORY, MODERATION, BadCursorError, Position
from edge.push.render import note_untold, render
from edge.sessions.requests import Request
from edge.sessions.session import Session
from parley_protocol.packets import InvalidPayloadError, Op
from parley_protocol.payloads.connection import Resumed


def positions_of(session: Session, cursor: str) -> Mapping[str, Position]:
    try:
        return session.edge.hub.cursors.decode(cursor)
    except BadCursorError as error:
        raise InvalidPayloadError("cur", "is not a cursor of this server") from error


async def replay_missed(
    session: Session,
    re: Request,
    after: Mapping[str, Position],
    until: Mapping[str, Position],
) -> None:
    """Replay each backend to `until`, then say so, while the session holds its alerts.

    A backend that does not deliver is named as missing; when it is back, RESUMED with
    complete=false tells. Raises NotLiveError for one that fails in the middle.
    """
    replay = _Replay(session, after)
    complete = True
    for backend, position in until.items():
        complete &= await replay.run(backend, position)
    tell_resumed(session, re, replay.count, until, complete=complete)


class _Replay:
    """Packets for what a session missed, each with the cursor as it is with that packet."""

    def __init__(self, session: Session, after: Mapping[str, Position]) -> None:
        self.count = 0
        self._session = session
        # The pages that another socket was shown are of no matter.
        self._positions = {one: at for one, at in after.items() if one != HISTORY}

    async def run(self, backend: str, until: Position) -> bool:
        """Replay one backend. Returns whether that was all. Raises NotLiveError."""
        session = self._session
        after = self._positions.get(backend)
        if after is None or after.epoch != until.epoch:
            return False
        if after.revision > until.revision:
            # If the database of the backend went back it learns that from this, for others as well.
            try:
                source = session.edge.feeds[backend].backend
                await source.changed_users((session.user,), after, until)
            except NotLiveError:
                if backend != MODERATION:
                    raise
            return False

        told = True

        async def deliver(revision: int, events: Sequence[Event]) -> None:
            before = self._cursor(backend, Position(until.epoch, revision - 1))
            cursor = self._cursor(backend, Position(until.epoch, revision))
            nonlocal told
            for index, event in enumerate(events):
                try:
                    alert = render(backend, event, session.user)
                    if alert is None:
                        continue
                    cur = cursor if index == len(events) - 1 else before
                    frame = session.format.encode(alert.op, alert.payload, cur=cur)
                except Exception:  # noqa: BLE001 - whatever it is, it harms this event alone
                    note_untold(session.edge.metrics, backend)
                    told = False
                else:
                    await session.replay(revision, frame, alert.confirms)
                    self.count += 1

        async def read(limit: int, seconds: float | None = None) -> bool:
            absences = feed.backend.absences
            if not await absences.may_have_missed(session.user, after, until, seconds):
                return True
            return await feed.backend.replay(
                session.user,
                after,
                until,
                deliver,
                limit,
                seconds,
                turn=lambda: session.page(Op.RESUME),
                holding=session.person.holding,
            )

        settings = session.edge.settings
        limit = settings.resume_changes - self.count
        feed = session.edge.feeds[backend]
        if backend != MODERATION:
            complete = await read(limit)
        else:
            try:
                complete = await read(limit, settings.moderation_timeout_seconds)
            except NotLiveError:
                # It makes nothing else fail: what was missed of it is not told.
                complete = False
        self._positions[backend] = until
        return complete and told

    def _cursor(self, backend: str, position: Position) -> str:
        cursors = self._session.edge.hub.cursors
        return cursors.encode({**self._positions, backend: position})


def tell_resumed(
    session: Session,
    re: Request,
    replayed: int,
    until: Mapping[str, Position],
    *,
    complete: bool,
) -> None:
    positions = dict(until)
    for backend, now in session.edge.hub.positions.items():
        if backend in positions and now.epoch != positions[backend].epoch:
            # Another database has taken the place of the one that was replayed.
            positions[backend], complete = now, False
        elif backend in session.floors and backend not in positions:
            # It has been attached meanwhile, which was told; nothing of before was replayed.
            positions[backend] = Position(now.epoch, session.floors[backend])
            complete = False
    cursor = session.edge.hub.cursors.encode(positions)
    missing = [backend for backend in session.edge.feeds if backend not in positions]
    re.done()
    # Also to whoever gave no id: it ends the replay.
    resumed = Resumed(replayed, complete, cursor, missing or UNSET)
    session.send(Op.RESUMED, resumed, re=re.id, cur=cursor)
