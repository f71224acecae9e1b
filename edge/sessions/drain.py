"""The drain of an edge: from SIGTERM to the end of the process without a loss."""

import asyncio
import random
from collections.abc import Sequence

import structlog

from edge.backends.backend import Backend
from edge.push.hub import Hub
from edge.settings import Settings
from parley_protocol.errors import CloseCode
from parley_protocol.packets import Op
from parley_protocol.payloads.connection import Reconnect

_logger = structlog.get_logger(__name__)


class Drain:
    """Warns, answers and closes all sockets; uvicorn would close each with 1012 and no warning."""

    def __init__(self, settings: Settings, hub: Hub, backends: Sequence[Backend]) -> None:
        self._settings = settings
        self._hub = hub
        self._backends = backends
        # From now on handshakes are refused and /readyz says so.
        self.begun = False

    async def run(self) -> None:
        """Tell clients to reconnect, answer what is under way, close; bounded in time."""
        self.begun = True
        _logger.info("draining", sockets=len(self._hub))
        seconds = self._settings.drain_seconds
        end = asyncio.get_running_loop().time() + seconds
        # Spread, so that the other edges are not all reached in the same instant.
        spread = self._settings.reconnect_spread_seconds * 1000
        for session in self._hub:
            if session.reachable:
                delay = random.randint(0, round(spread))  # noqa: S311 - no secret
                session.send(Op.RECONNECT, Reconnect(delay, "draining"))
            session.stop_typing()
        try:
            # Half of the time, so that an answer that does not come, or that nobody reads, leaves
            # the others the time for their close.
            async with asyncio.timeout(seconds / 2):
                await self._answered()
        except TimeoutError:
            _logger.warning("some questions were not answered in time")
        for session in self._hub:
            session.close(CloseCode.DRAINING, "draining")
        try:
            async with asyncio.timeout_at(end):
                await self._hub.empty()
        except TimeoutError:
            _logger.warning("some sockets did not close in time", sockets=len(self._hub))

    async def _answered(self) -> None:
        """Return when what was asked until now is answered, whatever comes later."""
        requests = [request for session in self._hub for request in session.requests]
        await asyncio.gather(*(backend.flush() for backend in self._backends))
        if requests:
            await asyncio.wait(requests)
