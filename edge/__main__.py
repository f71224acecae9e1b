"""The edge's process: settings, backends, application, serve. Nothing is built at import."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import structlog
import uvicorn
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from edge.authentication.authenticator import Authenticator
from edge.authentication.keys import open_key_source
from edge.backends.backend import Backend
from edge.backends.messaging import MessagingBackend
from edge.backends.moderation import ModerationBackend
from edge.backends.negotiation import NegotiationBackend
from edge.metrics import Metrics
from edge.opcodes import routes
from edge.protocol.cursors import MODERATION, Cursors
from edge.push.deliver import Deliverer
from edge.push.feed import Feed
from edge.push.hub import Hub
from edge.sanctions.cache import Standings
from edge.sessions.context import Edge
from edge.sessions.drain import Drain
from edge.sessions.enforcement import Enforcement
from edge.sessions.metrics import SessionMetrics
from edge.settings import Settings
from edge.web.app import build_app
from edge.web.transport import PacketProtocol
from service_kit.process import garbage, logs

_logger = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Leaves signals to `serve`, which drains first and then ends with status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ValueError or OSError for what cannot be used."""
    credential = _read_credential(settings.credential_file)
    metrics = Metrics(CollectorRegistry())
    metrics.limits.show(settings)
    keys = open_key_source(
        secret_file=settings.token_secret_file,
        public_key_file=settings.token_public_key_file,
        jwks_url=settings.token_jwks_url,
        registry=metrics.registry,
    )
    authenticator = Authenticator(
        keys,
        algorithms=settings.token_algorithms,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        leeway_seconds=settings.token_leeway_seconds,
    )
    # Edges show the services the same credential, so they read each other's cursors.
    cursors = Cursors(credential)
    hub = Hub(settings.ping_interval_seconds, settings.pong_timeout_seconds, cursors)
    metrics.sockets.set_function(lambda: hub.sockets)
    metrics.registry.register(SessionMetrics(hub))
    messaging = MessagingBackend(settings.messaging_target, settings, credential, metrics)
    negotiation = None
    if settings.negotiation_target is not None:
        negotiation = NegotiationBackend(settings.negotiation_target, settings, credential, metrics)
    moderation = None
    if settings.moderation_target is not None:
        file = settings.moderation_credential_file or settings.credential_file
        moderation = ModerationBackend(
            settings.moderation_target, settings, _read_credential(file), metrics
        )
    standings = Standings(moderation, hub, settings, metrics)
    backends: list[Backend] = [
        one for one in (messaging, negotiation, moderation) if one is not None
    ]
    feeds = {
        backend.name: Feed(
            backend,
            hub,
            (
                Enforcement(hub, standings, messaging)
                if backend.name == MODERATION
                else Deliverer(hub, backend.name)
            ),
            watcher_name=f"edge {socket.gethostname()} {os.getpid()}",
            timeout_seconds=settings.watch_timeout_seconds,
            metrics=metrics,
        )
        for backend in backends
    }
    if moderation is not None:
        standings.live = lambda: feeds[MODERATION].live
    edge = Edge(
        settings,
        hub,
        feeds,
        messaging,
        negotiation,
        moderation,
        standings,
        authenticator,
        metrics,
        routes(metrics),
    )
    drain = Drain(settings, hub, backends)
    server = _Server(
        uvicorn.Config(
            build_app(edge, drain),
            host=settings.host,
            port=settings.port,
            ws=PacketProtocol,
            ws_max_size=settings.max_packet_bytes,
            ws_per_message_deflate=False,
            # PING of the protocol's own replaces WebSocket's, which scripts in browsers can't see.
            ws_ping_interval=None,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await keys.start()
    garbage.settle()
    try:
        async with asyncio.TaskGroup() as group:
            # If one of these ends, so does the process: it would be deaf or never hang up.
            background = [group.create_task(feed.run()) for feed in feeds.values()]
            background.append(group.create_task(hub.beat()))
            serving = group.create_task(server.serve())
            stopping = group.create_task(stop.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                await drain.run()
                server.should_exit = True
            await serving
            stopping.cancel()
            for task in background:
                task.cancel()
    finally:
        await keys.close()
        for backend in backends:
            await backend.close()
    _logger.info("stopped")


def _read_credential(file: Path) -> str:
    credential = file.read_text().strip()
    if not credential:
        raise ValueError(f"{file} holds no credential")
    return credential


def main() -> int:
    """Returns the exit status: 0 after a signal, 1 after a defect, 2 for unusable settings.

    An address that is taken ends the process with 3, as uvicorn does.
    """
    try:
        settings = Settings.from_environment()
        logs.configure(settings.log_level, "edge")
        if logging.getLogger().level < logging.INFO:
            # At its lowest level the server writes every packet, and so what people say.
            logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    except (ValidationError, ValueError) as error:
        print(f"edge: {_one_line(error)}", file=sys.stderr)  # noqa: T201 - there is no log yet
        return 2
    try:
        uvloop.run(serve(settings))
    except (ValueError, OSError) as error:
        _logger.error("the edge cannot start", cause=str(error))  # noqa: TRY400 - no trace needed
        return 2
    except Exception:
        # A defect in what runs for the life of the process; whoever keeps it starts it again.
        _logger.exception("the edge failed")
        return 1
    return 0


def _one_line(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"PARLEY_EDGE_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
        for problem in error.errors(include_input=False)
    )


if __name__ == "__main__":
    sys.exit(main())
