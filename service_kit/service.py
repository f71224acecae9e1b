"""The composition root of every service: `python -m <name>_service serve|migrate|health|...`.

Everything is built here, from what a service says of itself, and handed down; nothing at import.
"""

import argparse
import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic

import grpc
import structlog
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from service_kit.authentication.callers import Methods
from service_kit.authentication.credentials import AcceptedCredentials
from service_kit.bus.batches import Batches
from service_kit.bus.engine import BusNotThere
from service_kit.bus.opening import bus_of, opened_bus
from service_kit.channels.connections import connections
from service_kit.leases.leases import Leases
from service_kit.process import garbage, logs
from service_kit.process.about import show_process
from service_kit.process.health import Health
from service_kit.process.limit_counters import ReachedLimits
from service_kit.process.metrics_server import serve_metrics
from service_kit.process.settings import KIT_LIMITS, ServiceSettings, load, stop
from service_kit.process.unknown_words import UnknownWords
from service_kit.resources import Resources, SettingsType
from service_kit.rpc.failures import Failures
from service_kit.rpc.instruments import CallInstruments
from service_kit.rpc.server import Server, probe_health, wait_for_signal
from service_kit.storage import migrations
from service_kit.storage.checkpoints import checkpoints
from service_kit.storage.clock import begin_epoch
from service_kit.storage.engines import (
    DatabaseInUse,
    ReadOnlyDatabase,
    UnsupportedDatabase,
    address_of,
    check_writable,
    open_engine,
)
from service_kit.storage.fence import Fence
from service_kit.storage.health import DatabaseHealth
from service_kit.storage.ownership import owned
from service_kit.storage.readers import Readers
from service_kit.storage.writer import Writer
from service_kit.tls.own_files import open_files
from service_kit.tls.server import certificate_names, probe_channel, server_credentials
from service_kit.tracing.export import open_tracing
from service_kit.tracing.transactions import encoding
from service_kit.watch.hub import Encode, WatchHub

_COMMANDS = ("serve", "migrate", "health", "new-epoch")
# Beyond the grace, for what still waits to be written.
_LAST_WRITES_SECONDS = 5.0


@dataclass(frozen=True)
class Service(Generic[SettingsType]):
    """The description of a service, from which its process is made.

    `contract` names it to callers, and `encode(recipients, event)` makes the contract's message of
    an event, another one for watchers of everything if there is an `encode_for_everything`.
    `servicer` gives what serves the calls and keeps what lives beside it: it is entered
    before the first call and left after the last, while the writer still writes. `add_servicer` is
    the function that was generated with the contract. `callers` is its part of the table of who may
    call which method. `limits` are the settings of its own that are
    counted when they are reached. `commands` are what it can do besides serving, by the word that
    asks for it; each gives its exit code. With `one_plan` no condition of its queries depends on
    what is asked for, so that each can be planned once (record 128).
    """

    name: str
    settings: type[SettingsType]
    contract: ServiceDescriptor
    migrations: Path
    failures: Failures
    encode: Encode
    servicer: Callable[[Resources[SettingsType]], AbstractAsyncContextManager[Any]]
    add_servicer: Callable[[Any, grpc.aio.Server], None]
    callers: Methods
    limits: Sequence[str] = ()
    encode_for_everything: Encode | None = None
    one_plan: bool = False
    commands: Mapping[str, Callable[[SettingsType], int]] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The package of the service."""
        return f"{self.name}_service"


def migrate(service: Service[SettingsType], settings: SettingsType) -> int:
    """Bring the database to the newest migration."""
    engine = open_engine(address_of(settings), "migrator", timeouts=settings.timeouts())
    try:
        check_writable(engine)
        migrations.upgrade(engine, service.migrations, settings.database_handover_seconds)
    finally:
        engine.dispose()
    structlog.get_logger(service.module).info("the database is migrated")
    return 0


def new_epoch(service: Service[SettingsType], settings: SettingsType) -> int:
    """Give the database a new epoch, so that all who follow it start over."""
    engine = open_engine(address_of(settings), "migrator", timeouts=settings.timeouts())
    try:
        check_writable(engine)
        with engine.begin() as connection:
            epoch = begin_epoch(connection)
    finally:
        engine.dispose()
    structlog.get_logger(service.module).info("the database has a new epoch", epoch=epoch)
    return 0


@asynccontextmanager
async def running(
    service: Service[SettingsType],
    settings: SettingsType,
    lost: Callable[[], None] | None = None,
) -> AsyncIterator[int]:
    """Serve while the context lasts, then drain and stop in order; gives the port.

    With `lost` no other process serves the database meanwhile that does not hear this one over the
    same bus; it is called, in any thread, when one does after all. Raises DatabaseInUse when one
    does already.
    """
    together = bus_of(settings) != "none"
    url, timeouts = address_of(settings), settings.timeouts()
    writing = open_engine(url, "writer", timeouts=timeouts, log_bytes=settings.sqlite_log_bytes)
    reading = open_engine(
        url, "reader", settings.reader_threads, timeouts, one_plan=service.one_plan
    )
    leasing: Engine | None = None
    if writing.dialect.name == "postgresql":
        leasing = open_engine(url, "leases", timeouts=timeouts)
    right: AbstractContextManager[float | None] = nullcontext()
    if lost is not None:
        right = owned(
            writing,
            settings.database_handover_seconds,
            lost,
            together=together,
            fits=migrations.fitting(service.migrations),
        )
    try:
        check_writable(writing)
        with right as probe_seconds:
            async with _serving(
                service, settings, writing, reading, leasing, probe_seconds
            ) as port:
                yield port
    finally:
        writing.dispose()
        reading.dispose()
        if leasing is not None:
            leasing.dispose()


@asynccontextmanager
async def _serving(
    service: Service[SettingsType],
    settings: SettingsType,
    writing: Engine,
    reading: Engine,
    leasing: Engine | None,
    probe_seconds: float | None,
) -> AsyncIterator[int]:
    log = structlog.get_logger(service.module)
    refresh = settings.credentials_refresh_seconds
    credentials = None
    if settings.credentials_file is not None:
        credentials = AcceptedCredentials(settings.credentials_file, refresh)
    registry = CollectorRegistry()
    files = open_files(settings, registry, refresh, serves=True)
    transport = server_credentials(settings, files, refresh)
    migrations.check(reading, service.migrations)

    readers, bus = Readers(reading, settings.reader_threads), None

    def move() -> None:
        """Have all but the writer connect anew."""
        readers.move()
        if bus is not None:
            bus.move()
        if leasing is not None:
            leasing.dispose()

    fence = Fence(
        synchronous=settings.database_replication == "synchronous",
        registry=registry,
        moved=move,
    )
    with writing.connect() as connection:
        position = fence.enter(connection)
    limits = ReachedLimits((*KIT_LIMITS, *service.limits), registry)
    limits.show(settings)
    show_process(service.name, registry)
    tracing = open_tracing(settings, service.name, registry, reached=limits.reached)
    encode, encode_for_everything = service.encode, service.encode_for_everything
    if tracing is not None:
        encode = encoding(encode)
        if encode_for_everything is not None:
            encode_for_everything = encoding(encode_for_everything)
    failures = replace(service.failures, reached=limits.reached)
    instruments = CallInstruments(registry)
    server = Server(
        service.contract,
        service.callers,
        failures.domain,
        credentials,
        failures.translate,
        instruments,
        certificates=certificate_names(settings),
        transport=transport,
        max_connection_age_seconds=settings.connection_age_seconds,
        tracing=tracing,
    )
    hub = WatchHub(
        position,
        encode,
        encode_for_everything=encode_for_everything,
        queue_events=settings.watch_queue_events,
        early_revisions=settings.bus_early_revisions,
        progress_interval=settings.watch_progress_seconds,
        registry=registry,
        reached=limits.reached,
    )
    async with AsyncExitStack() as stack:
        if tracing is not None:
            stack.callback(tracing.close)
        bus = await stack.enter_async_context(
            opened_bus(
                service.name,
                Batches(service.contract, encode, encode_for_everything),
                settings,
                hub,
                fence.learn,
                registry,
                limits,
            )
        )
        stack.push_async_callback(readers.close)
        writer = Writer(
            writing,
            hub.publish if bus is None else bus.publish,
            hub.catch_up,
            fence=fence,
            max_transaction_items=settings.max_transaction_items,
            max_waiting_items=settings.max_waiting_items,
            registry=registry,
            reached=limits.reached,
            probe_seconds=probe_seconds,
            tracing=tracing,
            announce=None if bus is None else bus.announce,
        )
        # What waits is still written.
        stack.push_async_callback(writer.close)
        draining = asyncio.Event()
        health = Health(draining.is_set)
        DatabaseHealth(writer, readers, reading, service.migrations).join(health)
        if bus is not None:
            bus.join_health(health)
        leases = Leases(leasing, settings.lease_seconds, registry)
        stack.push_async_callback(leases.close)
        stack.callback(health.close)
        registry.register(UnknownWords())
        resources = Resources(
            settings,
            writer,
            readers,
            hub,
            registry,
            failures,
            limits,
            leases,
            tracing,
            connections(settings, files),
        )
        checkpointing = checkpoints(
            address_of(settings),
            settings.sqlite_log_bytes,
            registry,
            lambda: hub.position.revision,
            limits.reached,
        )
        async with checkpointing, service.servicer(resources) as servicer:
            service.add_servicer(servicer, server.grpc)
            if settings.reflection:
                server.add_reflection()
            try:
                if settings.metrics_port:
                    serve_metrics(settings.metrics_host, settings.metrics_port, registry, health)
                port = await server.start(settings.listen)
                garbage.settle()
                position = hub.position
                log.info("serving", port=port, epoch=position.epoch, revision=position.revision)
                yield port
                log.info("stopping")
                draining.set()
                await server.drain()
            finally:
                # Streams end after the calls, which still have something to tell.
                await server.stop(settings.grace_seconds, hub.close)
    log.info("stopped")


async def serve(service: Service[SettingsType], settings: SettingsType) -> int:
    """Serve until SIGTERM or SIGINT, or until another process serves the database."""
    loop, stopping, lost = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def lose() -> None:
        lost.set()
        loop.call_soon_threadsafe(stopping.set)

    async with running(service, settings, lose):
        await wait_for_signal(stopping)
        if lost.is_set():
            structlog.get_logger(service.module).error(
                "another process serves the database now, or a newer version, so this one ends"
            )
        seconds = settings.grace_seconds + _LAST_WRITES_SECONDS
        loop.call_later(seconds, _give_up, service.module)
    return 2 if lost.is_set() else 0


def _give_up(module: str) -> None:
    """End the process at once.

    A thread that waits for a hanging database can not be ended, and nobody was told that its work
    is stored.
    """
    structlog.get_logger(module).error("the database did not let the service end in time")
    os._exit(1)


async def health(settings: ServiceSettings) -> int:
    """Exit with 0 when the service that these settings describe says SERVING."""
    files = open_files(settings, CollectorRegistry(), settings.credentials_refresh_seconds)
    channel = probe_channel(settings, files, settings.listen)
    return 0 if await probe_health(settings.listen, channel=channel) else 1


def main(service: Service[SettingsType]) -> int:
    """Run one command; a problem that the operator can solve is told in one line."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {service.module}",
        description=f"The {service.name} service. Settings come from"
        f" {service.settings.model_config.get('env_prefix')}* variables.",
    )
    parser.add_argument("command", choices=(*_COMMANDS, *service.commands))
    command = parser.parse_args().command
    settings = load(service.settings)
    logs.configure(settings.log_level, service.name)
    try:
        if command == "migrate":
            return migrate(service, settings)
        if command == "new-epoch":
            return new_epoch(service, settings)
        if command in service.commands:
            return service.commands[command](settings)
        return uvloop.run(serve(service, settings) if command == "serve" else health(settings))
    except (ValueError, ArgumentError, UnsupportedDatabase) as error:
        stop(str(error))
    except DatabaseInUse as error:
        prefix = service.settings.model_config.get("env_prefix")
        sys.stderr.write(
            f"the database is in use by {error}: stop that first; how long a start waits for it is"
            f" {prefix}DATABASE_HANDOVER_SECONDS\n"
        )
        return 2
    except BusNotThere as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (OSError, migrations.NotMigrated) as error:
        sys.stderr.write(f"{error}\n")
    except ReadOnlyDatabase as error:
        prefix = service.settings.model_config.get("env_prefix")
        sys.stderr.write(
            f"the server of the database is {error}: {prefix}DATABASE_URL has to name the primary,"
            " or all hosts\n"
        )
        return 2
    except SQLAlchemyError as error:
        sys.stderr.write(f"the database can not be used: {error.__class__.__name__}: {error}\n")
    return 1
