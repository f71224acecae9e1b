"""The bus that the settings of a service ask for."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal
from uuid import uuid4

from prometheus_client import CollectorRegistry
from sqlalchemy.engine import make_url

from service_kit.bus.batches import Batches
from service_kit.bus.bus import Bus
from service_kit.bus.engine import Engine
from service_kit.bus.nats import NatsBus
from service_kit.bus.postgresql import PostgresqlBus
from service_kit.process.limit_counters import ReachedLimits
from service_kit.process.settings import ServiceSettings
from service_kit.rules import Position
from service_kit.storage.engines import address_of, open_engine
from service_kit.storage.readers import Readers
from service_kit.watch.hub import WatchHub

Kind = Literal["none", "postgresql", "nats"]


def bus_of(settings: ServiceSettings) -> Kind:
    """Tell which bus the settings ask for. Raises ValueError where they contradict one another."""
    on_postgresql = make_url(settings.database_url).get_backend_name() == "postgresql"
    kind = settings.bus or ("postgresql" if on_postgresql else "none")
    prefix = settings.model_config.get("env_prefix", "")
    if kind != "none" and not on_postgresql:
        raise ValueError(f"{prefix}BUS: {kind} goes with a database of PostgreSQL alone")
    if (kind == "nats") != (settings.bus_url is not None):
        raise ValueError(f"{prefix}BUS_URL: goes with {prefix}BUS=nats, and that with it")
    if settings.bus_password_file is not None and kind != "nats":
        raise ValueError(f"{prefix}BUS_PASSWORD_FILE: goes with {prefix}BUS=nats alone")
    return kind


@asynccontextmanager
async def opened_bus(
    name: str,
    batches: Batches,
    settings: ServiceSettings,
    hub: WatchHub,
    learn: Callable[[Position], None],
    registry: CollectorRegistry,
    limits: ReachedLimits,
) -> AsyncIterator[Bus | None]:
    """Join the bus of the service `name` while the context lasts; None where there is none.
    `learn` is told of positions that are heard of, in any thread.

    Raises BusNotThere, and what a database raises.
    """
    kind = bus_of(settings)
    if kind == "none":
        yield None
        return
    async with AsyncExitStack() as stack:
        opened = open_engine(address_of(settings), "bus", timeouts=settings.timeouts())
        stack.callback(opened.dispose)
        readers = Readers(opened, 1)
        stack.push_async_callback(readers.close)
        replica = uuid4().hex
        engine: Engine = (
            PostgresqlBus(opened, readers, replica)
            if kind == "postgresql"
            else NatsBus(name, settings, replica)
        )
        bus = Bus(hub, engine, replica, readers, batches, settings, learn, registry, limits)
        async with bus.listening():
            yield bus
