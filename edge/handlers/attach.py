"""Following a user at all backends at once, as long as each may be waited for."""

import asyncio
from collections.abc import Mapping

from edge.backends.backend import NotLiveError
from edge.protocol.cursors import MODERATION, Position
from edge.sessions.session import Session


async def follow_backends(
    session: Session, told: Mapping[str, Position], moderation_deadline: float
) -> dict[str, Position]:
    """Follow the session's user at each backend that delivers; the positions from which on, which
    cover what the client was `told`.

    Moderation, which nobody shall wait for, is left out when it has not answered by its deadline.
    Unless it is, nothing that restricts the user is missing from then on.
    """
    feeds, reader = session.edge.feeds, session.edge.sanctions_reader
    late: set[str] = set()

    async def follow(backend: str) -> Position | None:
        deadline = moderation_deadline if backend == MODERATION else None
        try:
            async with asyncio.timeout_at(deadline):
                position = await feeds[backend].users.follow(session.user, told.get(backend))
        except NotLiveError:
            return None
        except TimeoutError:
            late.add(backend)
            session.edge.metrics.limits.reached("moderation_timeout_seconds")
            return None
        if backend == MODERATION:
            await reader.settle(session.user, position, moderation_deadline)
        return position

    found: dict[str, Position] = {}
    # One that came back while another was waited for has passed this session over.
    while missing := [
        one
        for one in feeds
        if one not in found and one not in late and (not found or feeds[one].live)
    ]:
        positions = await asyncio.gather(*map(follow, missing))
        found |= {one: at for one, at in zip(missing, positions, strict=True) if at is not None}
        if not found:
            break
    for backend in late:
        # It may have answered while another was waited for.
        if (position := feeds[backend].users.followed(session.user)) is not None:
            found[backend] = position
            reader.settle_later(session.user, position)
    return found
