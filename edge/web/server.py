"""The HTTP and WebSocket server: uvicorn, configured."""

import contextlib
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from edge.settings import Settings
from edge.web.transport import PacketProtocol


class Server(uvicorn.Server):
    """Leaves signals to the composition root, which drains first and then ends with status 0."""

    def __init__(self, app: Starlette, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                ws=PacketProtocol,
                ws_max_size=settings.max_packet_bytes,
                ws_per_message_deflate=False,
                # The PING packet replaces WebSocket's ping, which scripts in browsers can't see.
                ws_ping_interval=None,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
