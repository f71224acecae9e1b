"""The parts that the kit makes for a service from its settings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry

from service_kit.channels.connections import Connections
from service_kit.leases.leases import Leases
from service_kit.process.limit_counters import ReachedLimits
from service_kit.process.settings import ServiceSettings
from service_kit.rpc.failures import Failures
from service_kit.storage.readers import Readers
from service_kit.storage.writer import Writer
from service_kit.tracing.spans import Tracing
from service_kit.watch.hub import WatchHub

SettingsType = TypeVar("SettingsType", bound=ServiceSettings)


@dataclass(frozen=True)
class Resources(Generic[SettingsType]):
    """The database, the hub, leases, metrics, limits of one service, and its calls of others."""

    settings: SettingsType
    writer: Writer
    readers: Readers
    hub: WatchHub
    registry: CollectorRegistry
    failures: Failures
    limits: ReachedLimits
    leases: Leases
    # None: no spans are made.
    tracing: Tracing | None = None
    connections: Connections = field(default_factory=Connections)

    @property
    def elsewhere(self) -> Callable[[], int] | None:
        """Gives the newest revision, for those who may miss what another process did; None if none
        can have done anything.
        """
        return None if self.leases.alone else lambda: self.hub.position.revision
