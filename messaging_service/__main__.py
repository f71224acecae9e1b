"""The messaging service: `python -m messaging_service serve|migrate|health`.

The composition root: everything is built here and handed down, and nothing at import.
"""

import argparse
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
import uvloop
from parley.messaging.v1 import messaging_pb2, messaging_pb2_grpc
from prometheus_client import CollectorRegistry, start_http_server
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from messaging_service import failures, translation
from messaging_service.presence import PresenceKeeper
from messaging_service.servicer import MessagingServicer
from messaging_service.settings import MessagingSettings
from service_kit import garbage, logs, migrations
from service_kit.clock import read_position
from service_kit.database import UnsupportedDatabase, open_engine
from service_kit.interceptors import read_credentials
from service_kit.readers import Readers
from service_kit.server import Server, probe_health, wait_for_signal
from service_kit.settings import load, stop
from service_kit.watch import WatchHub
from service_kit.writer import Writer

MIGRATIONS = Path(__file__).parent / "migrations"
SERVICE_NAME = messaging_pb2.DESCRIPTOR.services_by_name["MessagingService"].full_name


def migrate(settings: MessagingSettings) -> int:
    """Bring the database to the newest migration."""
    engine = open_engine(settings.database_url, "migrator", timeouts=settings.timeouts())
    try:
        migrations.upgrade(engine, MIGRATIONS)
    finally:
        engine.dispose()
    structlog.get_logger("messaging_service").info("the database is migrated")
    return 0


@asynccontextmanager
async def running(settings: MessagingSettings) -> AsyncIterator[int]:
    """Serve while the context lasts, then drain and stop in order; gives the port."""
    log = structlog.get_logger("messaging_service")
    secrets = read_credentials(settings.credentials_file)
    url, timeouts = settings.database_url, settings.timeouts()
    writing = open_engine(url, "writer", timeouts=timeouts)
    reading = open_engine(url, "reader", settings.reader_threads, timeouts)
    migrations.check(reading, MIGRATIONS)
    with reading.connect() as connection:
        position = read_position(connection)
    registry = CollectorRegistry()
    server = Server(SERVICE_NAME, failures.DOMAIN, secrets, failures.translate)
    hub = WatchHub(
        position,
        translation.event,
        queue_events=settings.watch_queue_events,
        progress_interval=settings.watch_progress_seconds,
        registry=registry,
    )
    writer = Writer(
        writing,
        hub.publish,
        hub.catch_up,
        max_transaction_items=settings.max_transaction_items,
        max_waiting_items=settings.max_waiting_items,
        registry=registry,
    )
    readers = Readers(reading, settings.reader_threads)
    presence = PresenceKeeper(settings, writer, readers, registry)
    hub.observe(presence.observe)
    messaging_pb2_grpc.add_MessagingServiceServicer_to_server(
        MessagingServicer(settings, writer, readers, hub, presence), server.grpc
    )
    if settings.reflection:
        server.add_reflection()
    try:
        if settings.metrics_port:
            start_http_server(settings.metrics_port, addr="127.0.0.1", registry=registry)
        await presence.start()
        port = await server.start(settings.listen)
        garbage.settle()
        log.info("serving", port=port, epoch=position.epoch, revision=position.revision)
        yield port
        log.info("stopping")
        await server.drain()
    finally:
        # Streams end first, so that the grace is left to calls; what waits is still written.
        hub.close()
        await server.stop(settings.grace_seconds)
        await presence.close()
        await writer.close()
        await readers.close()
        writing.dispose()
        reading.dispose()
    log.info("stopped")


async def serve(settings: MessagingSettings) -> int:
    """Serve until SIGTERM or SIGINT."""
    async with running(settings):
        await wait_for_signal()
    return 0


async def health(settings: MessagingSettings) -> int:
    """Exit with 0 when the service that these settings describe says SERVING."""
    secret = read_credentials(settings.credentials_file)[0]
    return 0 if await probe_health(settings.listen, secret) else 1


def main() -> int:
    """Run one command; a problem that whoever runs it can solve is one line."""
    parser = argparse.ArgumentParser(
        prog="python -m messaging_service",
        description="The messaging service. Settings come from PARLEY_MESSAGING_* variables.",
    )
    parser.add_argument("command", choices=("serve", "migrate", "health"))
    command = parser.parse_args().command
    settings = load(MessagingSettings)
    logs.configure(settings.log_level, "messaging")
    try:
        if command == "migrate":
            return migrate(settings)
        return uvloop.run(serve(settings) if command == "serve" else health(settings))
    except (ValueError, ArgumentError, UnsupportedDatabase) as error:
        stop(str(error))
    except (OSError, migrations.NotMigrated) as error:
        sys.stderr.write(f"{error}\n")
    except SQLAlchemyError as error:
        sys.stderr.write(f"the database can not be used: {error.__class__.__name__}: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
