"""Packets about the connection itself: PONG, RESUME, RENEW TOKEN, and the greeting."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import UNSET
from parley.messaging.v1 import messaging_pb2 as pb

from edge import cursors
from edge.alerts import around, push_of
from edge.authentication import AuthenticationError
from edge.backends import NotLiveError
from edge.failures import invalid_argument, refusal
from edge.feed import SERVICE
from edge.packets import InvalidPayloadError, Op
from edge.payloads import Error, Hello, Pong, RenewToken, Resume, Resumed

if TYPE_CHECKING:
    from edge.session import Session


def _positions(cursor: str) -> Mapping[str, cursors.Position]:
    try:
        return cursors.decode(cursor)
    except cursors.BadCursorError as error:
        raise InvalidPayloadError("cur", "is not a cursor of this server") from error


def pong(session: "Session", _re: int | str | None, payload: Pong) -> None:
    """Mark as delivered what the client says it has processed."""
    if payload.cur is UNSET:
        return
    position = _positions(payload.cur).get(SERVICE)
    now = session.edge.hub.positions.get(SERVICE)
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


def greet(session: "Session", cur: str, *, resumed: bool, re: int | str | None = None) -> None:
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


async def attach(session: "Session", cursor: str | None) -> None:
    """Connect a new session to the feed and greet it; resume when it brought a cursor."""
    hub = session.edge.hub
    try:
        position = await session.edge.feed.follow(session.user)
    except NotLiveError:
        # The rest of the edge goes on; RESUMED with complete=false will tell when it is back.
        greet(session, "", resumed=False)
        session.release()
        if cursor is not None:
            session.fail(None, _NOT_LIVE)
        return
    session.floor = position.revision
    if cursor is None:
        greet(session, hub.cursor(SERVICE, position), resumed=False)
        session.release()
        return
    try:
        after = _positions(cursor)
    except InvalidPayloadError as error:
        greet(session, hub.cursor(SERVICE, position), resumed=False)
        session.release()
        session.fail(None, invalid_argument(error.field, error.problem))
        return
    greet(session, cursor, resumed=True)
    session.start(_resume_attached(session, after, position), "RESUME")


_NOT_LIVE = refusal("UNAVAILABLE", "The service is not available now.", retryable=True)


async def _resume_attached(
    session: "Session", after: Mapping[str, cursors.Position], until: cursors.Position
) -> None:
    try:
        await _resume(session, None, after, until)
    except NotLiveError:
        # Nobody asked in a packet, so nobody would ask again: from now on the cursor moves past
        # what was missed.
        _resumed(session, None, 0, until, complete=False)
    finally:
        session.release()


async def resume(session: "Session", re: int | str | None, payload: Resume) -> None:
    """Replay what was missed since a cursor."""
    after = _positions(payload.cur)
    if not session.hold():
        session.fail(re, refusal("INVALID_STATE", "A resume is under way.", retryable=True))
        return
    try:
        until = await session.edge.feed.follow(session.user)
        session.floor = until.revision
        await _resume(session, re, after, until)
    except NotLiveError:
        session.fail(re, _NOT_LIVE)
    finally:
        session.release()


async def _resume(
    session: "Session",
    re: int | str | None,
    after: Mapping[str, cursors.Position],
    until: cursors.Position,
) -> None:
    """Replay to `until` and say so, while the session holds its alerts. Raises NotLiveError."""
    hub = session.edge.hub
    replayed = 0

    async def deliver(revision: int, events: Sequence[pb.Event]) -> None:
        nonlocal replayed
        cursor_after, cursor_before = around(hub, until.epoch, revision)
        for index, event in enumerate(events):
            push = push_of(event, session.user)
            if push is not None:
                cur = cursor_after if index == len(events) - 1 else cursor_before
                frame = session.format.encode(push.op, push.payload, cur=cur)
                await session.replay(revision, frame, push.confirms)
                replayed += 1

    position = after.get(SERVICE)
    complete = (
        position is not None
        and position.epoch == until.epoch
        and position.revision <= until.revision
        and await session.edge.messaging.replay(
            session.user,
            position,
            until,
            deliver,
            session.edge.settings.resume_changes,
        )
    )
    _resumed(session, re, replayed, until, complete=complete)


def _resumed(
    session: "Session",
    re: int | str | None,
    replayed: int,
    until: cursors.Position,
    *,
    complete: bool,
) -> None:
    hub = session.edge.hub
    now = hub.positions[SERVICE]
    if now.epoch != until.epoch:
        # Another database has taken the place of the one that was replayed.
        until, complete = now, False
    cursor = hub.cursor(SERVICE, until)
    session.send(Op.RESUMED, Resumed(replayed, complete, cursor), re=re, cur=cursor)


async def renew_token(session: "Session", re: int | str | None, payload: RenewToken) -> None:
    """Replace the token of a session by a later one of the same user."""
    try:
        principal = await session.edge.authenticator.authenticate(payload.token)
    except AuthenticationError as error:
        raise InvalidPayloadError("token", str(error)) from None
    if principal.user != session.user:
        session.fail(re, refusal("PERMISSION_DENIED", "The token is another user's."))
        return
    session.principal = principal
    # It may be invisible where the one before was not, or the other way round.
    session.edge.feed.review(session.user)
    # A cursor would skip what a replay has yet to bring.
    cursor = session.edge.hub.cursor() if session.settled else ""
    greet(session, cursor, resumed=False, re=re)
