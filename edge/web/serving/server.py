"""The HTTP and WebSocket server: uvicorn, configured, on connections of our own."""

import socket
import sys
from typing import Any, cast

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

from edge.settings import Settings
from edge.web.serving.connection import Connection, Connections
from edge.web.serving.listener import Listener, bind
from edge.web.serving.requests import RequestProtocol
from service_kit.web import server

_logger = structlog.get_logger(__name__)


class Server(server.Server):
    """Listens at a bounded pace; the composition root drains first, and then ends it."""

    def __init__(self, app: ASGIApp, settings: Settings, connections: Connections) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                ws_max_size=settings.max_packet_bytes,
                # The PING packet replaces WebSocket's ping, which scripts in browsers can't see.
                ws_ping_interval=None,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # Nothing asks who the client is, so nobody has to be believed about it.
                proxy_headers=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._connections = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen where the settings say, or on sockets that are bound already."""
        config, connections = self.config, self._connections
        try:
            sockets = sockets or await bind(config.host, config.port)
            listener = Listener(
                sockets, self._connection, connections.settings, connections.metrics
            )
            listener.start(config.backlog)
        except OSError as error:
            _logger.error("cannot listen", cause=str(error))  # noqa: TRY400 - no trace needed
            sys.exit(STARTUP_FAILURE)
        self.servers = [cast("Any", listener)]
        addresses = [one.getsockname()[:2] for one in sockets]
        _logger.info("listening", addresses=addresses)
        self.started = True

    def _connection(self) -> Connection:
        return Connection(
            self._connections,
            lambda connection: RequestProtocol(self.config, self.server_state, connection),
        )
