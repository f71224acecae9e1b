"""The configuration of the desk's HTTP server, which waits for no head of a request longer than a
setting says.
"""

import asyncio

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from desk.settings import Settings

_IDLE_CONNECTIONS = 1000


def configure(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Give the configuration of a server of this application."""
    return uvicorn.Config(
        app,
        http=_protocol(settings.head_timeout_seconds),
        h11_max_incomplete_event_size=settings.max_head_bytes,
        ws="none",
        lifespan="off",
        # Those that ask nothing are connections as well.
        limit_concurrency=settings.open_requests + _IDLE_CONNECTIONS,
        timeout_graceful_shutdown=settings.drain_seconds,
        access_log=False,
        log_config=None,
        # The session alone says who asks.
        proxy_headers=False,
        server_header=False,
    )


def _protocol(seconds: float) -> type[asyncio.Protocol]:
    class Protocol(H11Protocol):
        """A connection that is cut off when the head of a request does not end."""

        late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As uvicorn's own.
            super().connection_made(transport)
            self._expect_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is h11.IDLE:
                # More of it has to come.
                self._expect_head()
            else:
                self._expect_nothing()

        def connection_lost(self, exc: Exception | None) -> None:
            self._expect_nothing()
            super().connection_lost(exc)

        def _expect_head(self) -> None:
            if self.late is None:
                self.late = self.loop.call_later(seconds, self.transport.abort)

        def _expect_nothing(self) -> None:
            if self.late is not None:
                self.late.cancel()
                self.late = None

    return Protocol
