"""Leaving without a loss: what happens between SIGTERM and the end of the process."""

import asyncio
import random
from collections.abc import Sequence

import structlog

from edge.backend import Backend
from edge.failures import CloseCode
from edge.hub import Hub
from edge.packets import Op
from edge.payloads import Reconnect
from edge.settings import Settings

_logger = structlog.get_logger(__name__)


class Drain:
    """uvicorn would close every socket with 1012 and no warning, so this comes before it."""

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
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                # Spread, so that the other edges are not all reached in the same instant.
                spread = self._settings.reconnect_spread_seconds * 1000
                for session in self._hub:
                    delay = random.randint(0, round(spread))  # noqa: S311 - no secret
                    session.send(Op.RECONNECT, Reconnect(delay, "draining"))
                await asyncio.gather(*(backend.flush() for backend in self._backends))
                for session in self._hub:
                    session.close(CloseCode.DRAINING, "draining")
                await self._hub.empty()
        except TimeoutError:
            _logger.warning("some sockets did not close in time", sockets=len(self._hub))
