"""The process of the desk: wires its objects, serves, drains. Nothing is built at import."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from desk.events.broadcast import Broadcast
from desk.events.watch import Watch
from desk.metrics import PREFIX, Metrics
from desk.moderation import dial
from desk.sessions import Rate, Sessions
from desk.settings import Settings
from desk.web.app import build_app
from desk.web.event_route import EventRoute
from desk.web.origins import read_origins
from desk.web.requests import Requests
from desk.web.server import configure
from desk.web.session_routes import SessionRoutes
from service_kit.authentication.credentials import presented
from service_kit.authentication.settings import open_authenticator
from service_kit.channels.connections import connections
from service_kit.process import garbage, logs
from service_kit.process.about import show_process
from service_kit.process.health import Health
from service_kit.process.metrics_server import serve_metrics
from service_kit.process.settings import problems_of
from service_kit.tls.own_files import open_files
from service_kit.tracing.export import open_tracing
from service_kit.web.server import Server

_logger = structlog.get_logger(__name__)


_BACKLOG = 2048


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[int]:
    """Serve while the context lasts, then drain; gives the port.

    Raises ValueError or OSError for what cannot be used.
    """
    metrics = Metrics(CollectorRegistry())
    metrics.limits.show(settings)
    show_process("desk", metrics.registry)
    authenticator, keys = open_authenticator(settings, metrics.registry, metrics_prefix=PREFIX)
    tracing = open_tracing(
        settings, "desk", metrics.registry, prefix=PREFIX, reached=metrics.limits.reached
    )
    refresh_seconds = settings.credentials_refresh_seconds
    present = presented(settings.credential_file, refresh_seconds)
    files = open_files(settings, metrics.registry, refresh_seconds, prefix=PREFIX)
    sessions = Sessions(settings, metrics, time.monotonic, time.time)
    broadcast = Broadcast(settings, metrics)
    draining = asyncio.Event()
    health = Health(draining.is_set)

    async def look_at_moderation() -> str | None:
        return None if broadcast.live else "no stream of events is open"

    # Without it pages still say that it is away.
    health.ready_if("moderation", look_at_moderation, needed=False)
    async with dial(settings, present, metrics, connections(settings, files)) as moderation:
        with _listening(settings.host, settings.port) as listener:
            port: int = listener.getsockname()[1]
            origins = read_origins(settings.origins, port)
            requests = Requests(
                settings, origins, sessions, moderation, authenticator, metrics, tracing
            )
            attempts = Rate(settings.sign_ins_per_second, settings.sign_ins_burst, time.monotonic())
            app = build_app(
                requests,
                SessionRoutes(requests, attempts),
                EventRoute(requests, broadcast),
                health,
            )
            server = Server(configure(app, settings))
            if settings.metrics_port:
                serve_metrics(
                    settings.metrics_host, settings.metrics_port, metrics.registry, health
                )
            watch = Watch(moderation, broadcast, sessions, settings.watch_timeout_seconds)
            await keys.start()
            watching = asyncio.create_task(watch.run())
            serving = asyncio.create_task(server.serve([listener]))
            try:
                garbage.settle()
                _logger.info("serving", port=port)
                yield port
                _logger.info("stopping")
            finally:
                draining.set()
                # Streams would not end by themselves.
                broadcast.close()
                server.end()
                await serving
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                await keys.close()
                health.close()
                if tracing is not None:
                    tracing.close()
    _logger.info("stopped")


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ValueError or OSError for what cannot be used."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings):
        await stop.wait()


def main() -> int:
    """Run the desk; its exit status: 0 after a signal, 1 after a defect, 2 for bad settings."""
    try:
        settings = Settings.model_validate({})
        logs.configure(settings.log_level, "desk")
    except (ValidationError, ValueError) as error:
        told = str(error)
        if isinstance(error, ValidationError):
            told = problems_of(error, "PARLEY_DESK_")
        print(f"desk: {told}", file=sys.stderr)  # noqa: T201 - there is no log yet
        return 2
    try:
        uvloop.run(serve(settings))
    except (ValueError, OSError) as error:
        _logger.error("the desk cannot start", cause=str(error))  # noqa: TRY400 - no trace needed
        return 2
    except Exception:
        # A defect in what runs for the life of the process; whoever keeps it starts it again.
        _logger.exception("the desk failed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
