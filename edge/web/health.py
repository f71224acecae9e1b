"""Health of an edge: what has to be right so that it is ready."""

from collections.abc import Awaitable, Callable

from edge.cursors import MESSAGING
from edge.push.canary import Canary
from edge.push.feed import Feed
from edge.sessions.context import Edge
from edge.sessions.drain import Drain
from service_kit.process.health import Health


def edge_health(edge: Edge, drain: Drain, canary: Canary | None = None) -> Health:
    """Make the checks: ready is who can serve new people. Without another service than messaging
    its features alone fail.
    """
    health = Health(lambda: drain.begun)
    for name, feed in edge.feeds.items():
        health.ready_if(name, _look_at(feed), needed=name == MESSAGING)
    if canary is not None:

        async def look_at_canary() -> str | None:
            return canary.problem()

        health.ready_if("canary", look_at_canary)
    return health


def _look_at(feed: Feed) -> Callable[[], Awaitable[str | None]]:
    async def look() -> str | None:
        return None if feed.live else "no stream of events is open"

    return look
