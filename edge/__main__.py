"""The process of the edge: wires its objects, serves, drains. Nothing is built at import."""

import asyncio
import logging
import os
import resource
import signal
import socket
import sys

import structlog
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from edge.backends.backend import Backend
from edge.backends.messaging import MessagingBackend
from edge.backends.moderation import ModerationBackend
from edge.backends.negotiation import NegotiationBackend
from edge.cursors import MESSAGING, MODERATION, NEGOTIATION, Cursors
from edge.metrics import Metrics
from edge.opcodes import routes
from edge.push.canary import Canary
from edge.push.deliver import Deliverer
from edge.push.feed import Feed
from edge.push.followed_users import EventSink
from edge.push.hub import Hub
from edge.sanctions.cache import SanctionsCache
from edge.sanctions.reader import SanctionsReader
from edge.sessions.context import Edge
from edge.sessions.drain import Drain
from edge.sessions.enforcement import Enforcement, ModerationDeliverer
from edge.sessions.fair_share import FairShare
from edge.sessions.metrics import SessionMetrics
from edge.sessions.people import People
from edge.settings import Settings
from edge.web.app import build_app
from edge.web.health import edge_health
from edge.web.serving.connection import Connections
from edge.web.serving.server import Server
from service_kit.authentication.authenticator import Authenticator
from service_kit.authentication.credentials import presented, read_credential
from service_kit.authentication.settings import open_authenticator
from service_kit.channels.connections import connections
from service_kit.names import CANARY_TO
from service_kit.process import garbage, logs
from service_kit.process.about import show_process
from service_kit.process.metrics_server import serve_metrics
from service_kit.process.settings import problems_of
from service_kit.tls.own_files import open_files
from service_kit.tracing.export import open_tracing
from service_kit.tracing.spans import Tracing

_logger = structlog.get_logger(__name__)

# Beside those of its sockets, with room to spare.
_OTHER_FILES = 100


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ValueError or OSError for what cannot be used."""
    metrics = Metrics(CollectorRegistry())
    metrics.limits.show(settings)
    show_process("edge", metrics.registry)
    authenticator, keys = open_authenticator(
        settings, metrics.registry, metrics_prefix="parley_edge_"
    )
    tracing = open_tracing(
        settings,
        "edge",
        metrics.registry,
        prefix="parley_edge_",
        reached=metrics.limits.reached,
    )
    edge, backends, canary = _wire(settings, metrics, authenticator, tracing)
    drain = Drain(settings, edge.hub, backends)
    connections = Connections(settings, metrics)
    health = edge_health(edge, drain, canary)
    server = Server(build_app(edge, drain, connections, health), settings, connections)
    if settings.metrics_port:
        serve_metrics(
            settings.metrics_host,
            settings.metrics_port,
            metrics.registry,
            health,
            loop=asyncio.get_running_loop(),
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
            background = [group.create_task(feed.run()) for feed in edge.feeds.values()]
            background.append(group.create_task(edge.hub.beat()))
            if canary is not None:
                background.append(group.create_task(canary.run()))
                if settings.given_away_per_second:
                    share = FairShare(edge.hub, canary, drain, settings, metrics)
                    background.append(group.create_task(share.run()))
            serving = group.create_task(server.serve())
            stopping = group.create_task(stop.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                await drain.run()
                server.end()
            await serving
            stopping.cancel()
            for task in background:
                task.cancel()
    finally:
        health.close()
        await keys.close()
        for backend in backends:
            await backend.close()
        if tracing is not None:
            tracing.close()
    _logger.info("stopped")


def _wire(
    settings: Settings, metrics: Metrics, authenticator: Authenticator, tracing: Tracing | None
) -> tuple[Edge, list[Backend], Canary | None]:
    """Make the objects that sessions share, each with those below it, and the backends."""
    file, refresh_seconds = settings.credential_file, settings.credentials_refresh_seconds
    present = presented(file, refresh_seconds)
    # Edges show the services the same credential, so they read each other's cursors.
    cursors = Cursors(read_credential(file))
    hub = Hub(settings.ping_interval_seconds, settings.pong_timeout_seconds, cursors)
    metrics.sockets.set_function(lambda: hub.sockets)
    people = People(hub, settings, metrics, asyncio.get_running_loop().time)
    metrics.registry.register(SessionMetrics(hub, people))

    files = open_files(settings, metrics.registry, refresh_seconds, prefix="parley_edge_")
    shared = (settings, present, metrics, tracing, connections(settings, files))
    messaging = MessagingBackend(settings.messaging_target, *shared)
    negotiation = moderation = None
    if settings.negotiation_target is not None:
        negotiation = NegotiationBackend(settings.negotiation_target, *shared)
    if settings.moderation_target is not None:
        moderation = ModerationBackend(settings.moderation_target, *shared)
    sanctions = SanctionsCache(hub, settings, metrics)
    enforcement = Enforcement(hub, sanctions, messaging, negotiation)
    reader = SanctionsReader(moderation, sanctions, hub, settings, metrics, enforcement.enforce)
    canary = None
    if settings.canary_interval_seconds:
        canary = Canary(messaging.create_message, lambda: len(hub), settings, metrics)
    deliverers: dict[str, EventSink] = {
        MESSAGING: Deliverer(
            hub, MESSAGING, metrics, tracing, {CANARY_TO: canary.hear} if canary else None
        ),
        NEGOTIATION: Deliverer(hub, NEGOTIATION, metrics, tracing),
        MODERATION: ModerationDeliverer(hub, sanctions, reader, enforcement, metrics, tracing),
    }
    backends: list[Backend] = [one for one in (messaging, negotiation, moderation) if one]
    feeds = {
        backend.name: Feed(
            backend,
            hub,
            deliverers[backend.name],
            watcher_name=f"edge {socket.gethostname()} {os.getpid()}",
            timeout_seconds=settings.watch_timeout_seconds,
            batch_items=settings.batch_items,
            metrics=metrics,
            linger_seconds=settings.follow_linger_seconds,
            most_lingering=settings.known_standings,
            own=(CANARY_TO,) if canary is not None and backend is messaging else (),
        )
        for backend in backends
    }
    edge = Edge(
        settings,
        hub,
        people,
        feeds,
        messaging,
        negotiation,
        moderation,
        sanctions,
        reader,
        authenticator,
        metrics,
        routes(metrics),
        tracing,
    )
    return edge, backends, canary


def _permit_connections(settings: Settings) -> None:
    """Raise the number of files that may be open as far as the system lets us, and say when that
    is not far enough.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most != resource.RLIM_INFINITY and most < settings.sockets_per_edge + _OTHER_FILES:
        _logger.warning("too few files may be open", most=most, sockets=settings.sockets_per_edge)


def main() -> int:
    """Run the edge; its exit status: 0 after a signal, 1 after a defect, 2 for unusable settings.

    An address that is taken ends the process with 3, as uvicorn does.
    """
    try:
        settings = Settings.from_environment()
        logs.configure(settings.log_level, "edge")
        # Three lines for each handshake cost a third of a refused one, and anybody may write them.
        # At its lowest level the server writes every packet, and so what people say.
        debugging = logging.getLogger().level < logging.INFO
        server_level = logging.INFO if debugging else logging.WARNING
        logging.getLogger("uvicorn.error").setLevel(server_level)
    except (ValidationError, ValueError) as error:
        told = str(error)
        if isinstance(error, ValidationError):
            told = problems_of(error, "PARLEY_EDGE_")
        print(f"edge: {told}", file=sys.stderr)  # noqa: T201 - there is no log yet
        return 2
    _permit_connections(settings)
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


if __name__ == "__main__":
    sys.exit(main())
