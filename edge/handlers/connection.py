"""Packets about the connection itself: PONG, RESUME, RENEW TOKEN, and the greeting."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import UNSET
from parley.messaging.v1 import messaging_pb2 as pb

from edge.authentication.errors import AuthenticationError
from edge.backends.backend import Event, NotLiveError
from edge.handlers.attach import follow_backends
from edge.protocol.cursors import MESSAGING, MODERATION, BadCursorError, Position
from edge.protocol.errors import CloseCode, Error, ErrorCode, invalid_argument, refusal
from edge.protocol.packets import InvalidPayloadError, Op
from edge.protocol.payloads.connection import (
    Hello,
    Pong,
    RenewToken,
    Resume,
    Resumed,
)
from edge.push.render import render
from edge.sessions.requests import Request
from edge.sessions.session import Session
from edge.sessions.state import State


def _positions(session: Session, cursor: str) -> Mapping[str, Position]:
    try:
        return session.edge.hub.cursors.decode(cursor)
    except BadCursorError as error:
        raise InvalidPayloadError("cur", "is not a cursor of this server") from error


def pong(session: Session, re: Request, payload: Pong) -> None:
    """Mark as delivered what the client says it has processed."""
    positions = {} if payload.cur is UNSET else _positions(session, payload.cur)
    re.done()
    position = positions.get(MESSAGING)
    now = session.edge.hub.positions.get(MESSAGING)
    if position is None or now is None or position.epoch != now.epoch:
        return
    latest: dict[str, tuple[int, int]] = {}
    unconfirmed = session.unconfirmed
    while unconfirmed and unconfirmed[0][0] <= position.revision:
        revision, conversation, seq = unconfirmed.popleft()
        latest[conversation] = (revision, max(seq, latest.get(conversation, (0, 0))[1]))
    for conversation, (revision, seq) in latest.items():

        def done(
            result: pb.Watermark | Error,
            entry: tuple[int, str, int] = (revision, conversation, seq),
        ) -> None:
            full = len(unconfirmed) == unconfirmed.maxlen
            if isinstance(result, Error) and result.retryable and not full:
                # PONG has no answer: the next one tries again.
                unconfirmed.appendleft(entry)

        session.edge.messaging.mark_delivered.submit(
            pb.Mark(actor=session.user, conversation_id=conversation, seq=seq, origin=session.id),
            done,
        )


def greet(session: Session, cur: str, *, resumed: bool, re: int | str | None = None) -> None:
    """Send HELLO."""
    settings = session.edge.settings
    expires_at = datetime.fromtimestamp(session.principal.expires_at, UTC)
    hello = Hello(
        user=session.user,
        session=session.id,
        ping_interval_ms=round(settings.ping_interval_seconds * 1000),
        pong_timeout_ms=round(settings.pong_timeout_seconds * 1000),
        max_packet_bytes=settings.max_packet_bytes,
        token_expires_at=expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        resumed=resumed,
        cur=cur,
    )
    session.send(Op.HELLO, hello, re=re)


def tell_sanctions(session: Session) -> None:
    """Tell what restricts whoever has just been greeted; close if it keeps them from being here."""
    sanctions = session.edge.sanctions
    for sanction in sanctions.in_force(session.user):
        session.send(Op.SANCTION, sanction)
    if excluding := sanctions.excluding(session.user):
        session.close(CloseCode.BANNED, excluding[0].kind)


async def attach(session: Session, cursor: str | None, moderation_deadline: float) -> None:
    """Connect a new session to the feeds and greet it; resume when it brought a cursor.

    Where a backend does not deliver, the others go on; RESUMED with complete=false will tell when
    it is back. Moderation is waited for until its deadline, on the clock of the loop.
    """
    # A cursor in the address is the RESUME of whoever has yet to send packets.
    re = Request(None, session.edge.routes[Op.RESUME].outcomes)
    after: Mapping[str, Position] = {}
    failure: Error | None = None
    if cursor is not None:
        try:
            after = _positions(session, cursor)
        except InvalidPayloadError as error:
            failure = invalid_argument(error.field, error.problem)
    until = await follow_backends(session, after, moderation_deadline)
    session.attach(until)
    if cursor is not None and failure is None and MESSAGING not in until:
        failure = _NOT_LIVE
    if cursor is None or failure is not None:
        greet(session, session.edge.hub.cursors.encode(until), resumed=False)
        tell_sanctions(session)
        session.release()
        if failure is not None:
            session.fail(re, failure)
        return
    greet(session, cursor, resumed=True)
    tell_sanctions(session)
    session.start(re, _resume_attached(session, re, after, until))


_NOT_LIVE = refusal(ErrorCode.UNAVAILABLE, "The service is not available now.")


async def _resume_attached(
    session: Session,
    re: Request,
    after: Mapping[str, Position],
    until: Mapping[str, Position],
) -> None:
    try:
        await _resume(session, re, after, until)
    except NotLiveError:
        # Nobody asked in a packet, so nobody would ask again: from now on the cursor moves past
        # what was missed.
        _resumed(session, re, 0, until, complete=False)
    finally:
        session.release()


async def resume(session: Session, re: Request, payload: Resume) -> None:
    """Replay what was missed since a cursor."""
    after = _positions(session, payload.cur)
    if not session.reattach():
        session.fail(re, refusal(ErrorCode.INVALID_STATE, "A resume is under way.", retryable=True))
        return
    try:
        settings = session.edge.settings
        deadline = asyncio.get_running_loop().time() + settings.moderation_timeout_seconds
        until = await follow_backends(session, after, deadline)
        if MESSAGING in until:
            session.attach(until)
            await _resume(session, re, after, until)
        else:
            session.fail(re, _NOT_LIVE)
    except NotLiveError:
        session.fail(re, _NOT_LIVE)
    finally:
        session.release()


async def _resume(
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
    _resumed(session, re, replay.count, until, complete=complete)


class _Replay:
    """Packets for what a session missed, each with the cursor as it is with that packet."""

    def __init__(self, session: Session, after: Mapping[str, Position]) -> None:
        self.count = 0
        self._session = session
        self._positions = dict(after)

    async def run(self, backend: str, until: Position) -> bool:
        """Replay one backend. Returns whether that was all. Raises NotLiveError."""
        session = self._session
        after = self._positions.get(backend)
        if after is None or after.epoch != until.epoch or after.revision > until.revision:
            return False

        async def deliver(revision: int, events: Sequence[Event]) -> None:
            before = self._cursor(backend, Position(until.epoch, revision - 1))
            cursor = self._cursor(backend, Position(until.epoch, revision))
            for index, event in enumerate(events):
                alert = render(backend, event, session.user)
                if alert is not None:
                    cur = cursor if index == len(events) - 1 else before
                    frame = session.format.encode(alert.op, alert.payload, cur=cur)
                    await session.replay(revision, frame, alert.confirms)
                    self.count += 1

        settings = session.edge.settings
        limit = settings.resume_changes - self.count
        feed = session.edge.feeds[backend]
        if backend != MODERATION:
            complete = await feed.backend.replay(session.user, after, until, deliver, limit)
        else:
            seconds = settings.moderation_timeout_seconds
            try:
                complete = await feed.backend.replay(
                    session.user, after, until, deliver, limit, seconds
                )
            except NotLiveError:
                # It makes nothing else fail: what was missed of it is not told.
                complete = False
        self._positions[backend] = until
        return complete

    def _cursor(self, backend: str, position: Position) -> str:
        cursors = self._session.edge.hub.cursors
        return cursors.encode({**self._positions, backend: position})


def _resumed(
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
    cursor = session.edge.hub.cursors.encode(positions)
    missing = [backend for backend in session.edge.feeds if backend not in positions]
    re.done()
    # Also to whoever gave no id: it ends the replay.
    resumed = Resumed(replayed, complete, cursor, missing or UNSET)
    session.send(Op.RESUMED, resumed, re=re.id, cur=cursor)


async def renew_token(session: Session, re: Request, payload: RenewToken) -> None:
    """Replace the token of a session by a later one of the same user."""
    try:
        principal = await session.edge.authenticator.authenticate(payload.token)
    except AuthenticationError as error:
        raise InvalidPayloadError("token", str(error)) from None
    if principal.user != session.user:
        session.fail(re, refusal(ErrorCode.PERMISSION_DENIED, "The token is another user's."))
        return
    session.principal = principal
    # It may be invisible where the one before was not, or the other way round.
    for feed in session.edge.feeds.values():
        feed.users.review(session.user)
    # A cursor would skip what a replay has yet to bring.
    cursor = (
        session.edge.hub.cursor().of(session.encoding.attached)
        if session.state is State.LIVE
        else ""
    )
    re.done()
    greet(session, cursor, resumed=False, re=re.id)
