"""Attaches a new session: its user is followed at all backends, it is greeted and resumed."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from edge.backends.errors import NotLiveError
from edge.cursors import MESSAGING, MODERATION, Position
from edge.handlers.replay import positions_of, replay_missed, tell_resumed
from edge.sessions.requests import Request
from edge.sessions.session import Session
from edge.translation.status import UNAVAILABLE
from parley_protocol.errors import CloseCode, Error, invalid_argument
from parley_protocol.packets import InvalidPayloadError, Op
from parley_protocol.payloads.connection import Hello


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
            after = positions_of(session, cursor)
        except InvalidPayloadError as error:
            failure = invalid_argument(error.field, error.problem)
    until = await follow_backends(session, after, moderation_deadline)
    session.attach(until)
    if cursor is not None and failure is None and MESSAGING not in until:
        failure = UNAVAILABLE
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


async def _resume_attached(
    session: Session,
    re: Request,
    after: Mapping[str, Position],
    until: Mapping[str, Position],
) -> None:
    try:
        await replay_missed(session, re, after, until)
    except NotLiveError:
        # Nobody asked in a packet, so nobody would ask again: from now on the cursor moves past
        # what was missed.
        tell_resumed(session, re, 0, until, complete=False)
    finally:
        session.release()


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
    if sanctions.is_revoked(session.principal):
        session.close(CloseCode.TOKEN_REVOKED, "token revoked")
        return
    for sanction in sanctions.in_force(session.user):
        session.send(Op.SANCTION, sanction)
    if excluding := sanctions.excluding(session.user):
        session.close(CloseCode.BANNED, excluding[0].kind)


async def follow_backends(
    session: Session, told: Mapping[str, Position], moderation_deadline: float
) -> dict[str, Position]:
    """Follow the session's user at each backend that delivers; the positions from which on, which
    cover what the client was `told`.

    One that has not answered by its deadline is left out: moderation's is given, for nobody shall
    wait for it. When it answers, RESUMED with complete=false will tell. Unless moderation is left
    out, nothing that restricts the user is missing from then on.
    """
    edge = session.edge
    feeds, reader = edge.feeds, edge.sanctions_reader
    call_deadline = asyncio.get_running_loop().time() + edge.settings.call_timeout_seconds
    late: set[str] = set()

    def followed_still(backend: str) -> Position | None:
        """Follow who was here a moment ago, without the task that waiting takes."""
        try:
            position = feeds[backend].users.follow_again(session.user, told.get(backend))
        except NotLiveError:
            return None
        if (
            position is not None
            and backend == MODERATION
            and not reader.settled(session.user, position)
        ):
            return None
        return position

    async def follow(backend: str) -> Position | None:
        is_moderation = backend == MODERATION
        try:
            async with asyncio.timeout_at(moderation_deadline if is_moderation else call_deadline):
                position = await feeds[backend].users.follow(session.user, told.get(backend))
        except NotLiveError:
            return None
        except TimeoutError:
            late.add(backend)
            edge.metrics.limits.reached(
                "moderation_timeout_seconds" if is_moderation else "call_timeout_seconds"
            )
            return None
        if is_moderation:
            await reader.settle(session.user, position, moderation_deadline)
        return position

    found: dict[str, Position] = {}
    # One that came back while another was waited for has passed this session over.
    while missing := [
        one
        for one in feeds
        if one not in found and one not in late and (not found or feeds[one].live)
    ]:
        found |= {one: at for one in missing if (at := followed_still(one)) is not None}
        asked = [one for one in missing if one not in found]
        # Mostly it is messaging alone, for others follow who has left for a while.
        if len(asked) < 2:
            positions = [await follow(one) for one in asked]
        else:
            positions = await asyncio.gather(*map(follow, asked))
        found |= {one: at for one, at in zip(asked, positions, strict=True) if at is not None}
        if not found:
            break
    for backend in late:
        # It may have answered while another was waited for.
        if (position := feeds[backend].users.followed(session.user)) is not None:
            found[backend] = position
            if backend == MODERATION:
                reader.settle_later(session.user, position)
    return found
