"""Health of an edge: what has to be right so that it is ready."""

from collections.abc import Awaitable, Callable

from edge.cursors import MESSAGING
from edge.push.feed import Feed
from edge.sessions.context import Edge
from edge.sessions.drain import Drain
from service_kit.process.health import Health


def edge_health(edge: Edge, drain: Drain) -> Health:
    """Make the checks: ready is who can serve new people. Without another service than messaging
    its features alone fail.
    """
    health = Health(lambda: drain.begun)
    for name, feed in edge.feeds.items():
        health.ready_if(name, _look_at(feed), needed=name == MESSAGING)
    return health


def _look_at(feed: Feed) -> Callable[[], Awaitable[str | None]]:
    async def look() -> str | None:
        return None if feed.live else "no stream of events is open"

    return look
