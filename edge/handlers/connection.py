"""Handlers of the packets about the connection itself."""

import asyncio

from msgspec import UNSET
from msgspec.structs import replace
from parley.messaging.v1 import messaging_pb2 as pb

from edge.backends.errors import NotLiveError
from edge.cursors import MESSAGING
from edge.handlers.attach import follow_backends, greet
from edge.handlers.replay import positions_of, replay_missed
from edge.sanctions.reader import StandingUnknownError
from edge.sessions.requests import Request
from edge.sessions.session import Session
from edge.sessions.state import State
from edge.sessions.unconfirmed import Unconfirmed
from edge.translation.status import UNAVAILABLE
from parley_protocol.errors import Error, ErrorCode, refusal
from parley_protocol.packets import InvalidPayloadError
from parley_protocol.payloads.connection import Pong, RenewToken, Resume
from service_kit.authentication.errors import AuthenticationError


def pong(session: Session, re: Request, payload: Pong) -> None:
    """Mark as delivered what the client says it has processed."""
    positions = {} if payload.cur is UNSET else positions_of(session, payload.cur)
    re.done()
    position = positions.get(MESSAGING)
    now = session.edge.hub.positions.get(MESSAGING)
    if position is None or now is None or position.epoch != now.epoch:
        return
    for shown in session.confirm(positions):

        def done(result: pb.Watermark | Error, shown: Unconfirmed = shown) -> None:
            there = session.edge.hub.positions[MESSAGING]
            if isinstance(result, Error) and result.retryable and there.epoch == position.epoch:
                # PONG has no answer: the next one tries again. On another clock it says nothing.
                session.unconfirm(shown)

        mark = pb.Mark(
            actor=session.user,
            conversation_id=shown.conversation,
            seq=shown.seq,
            origin=session.id,
        )
        session.edge.messaging.mark_delivered.submit(mark, done)


async def resume(session: Session, re: Request, payload: Resume) -> None:
    """Replay what was missed since a cursor."""
    after = positions_of(session, payload.cur)
    if not session.reattach():
        session.fail(re, refusal(ErrorCode.INVALID_STATE, "A resume is under way.", retryable=True))
        return
    try:
        settings = session.edge.settings
        deadline = asyncio.get_running_loop().time() + settings.moderation_timeout_seconds
        until = await follow_backends(session, after, deadline)
        if MESSAGING in until:
            session.attach(until)
            await replay_missed(session, re, after, until)
        else:
            session.fail(re, UNAVAILABLE)
    except NotLiveError:
        session.fail(re, UNAVAILABLE)
    finally:
        session.release()


async def renew_token(session: Session, re: Request, payload: RenewToken) -> None:
    """Replace the token of a session by a later one of the same user."""
    edge = session.edge
    try:
        principal = await edge.authenticator.authenticate(payload.token)
        if principal.user != session.user:
            session.fail(re, refusal(ErrorCode.PERMISSION_DENIED, "The token is another user's."))
            return
        seconds = edge.settings.moderation_timeout_seconds
        deadline = asyncio.get_running_loop().time() + seconds
        await edge.sanctions_reader.check_token(principal, deadline)
    except AuthenticationError as error:
        raise InvalidPayloadError("token", str(error)) from None
    except StandingUnknownError:
        unknown = "The moderation service cannot be reached; try again."
        session.fail(re, replace(UNAVAILABLE, message=unknown))
        return
    # Nothing was waited for since the check, and what is revoked from now on closes the session.
    session.principal = principal
    edge.hub.watch(session)
    # It may be invisible where the one before was not, or the other way round.
    for feed in edge.feeds.values():
        feed.users.review(session.user)
    # A cursor would skip what a replay has yet to bring.
    cursor = session.cursor(session.edge.hub.cursor()) if session.state is State.LIVE else ""
    re.done()
    greet(session, cursor, resumed=False, re=re.id)
