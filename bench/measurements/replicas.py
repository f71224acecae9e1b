"""Systems that have several of each part, and the buses between their replicas."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from bench.systems.parley import parley
from bench.systems.processes import SERVER_CORE, on_core
from bench.systems.system import Database, System
from tests.support.nats import Nats
from tests.support.system import SERVICES

# Edges, and replicas of each service.
GROWING: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "one of each": (1, 1),
        "2 replicas": (1, 2),
        "3 replicas": (1, 3),
        "2 edges": (2, 1),
        "3 edges": (3, 1),
        "3 and 3": (3, 3),
    }
)
"""Systems with a second and a third part, by the name of the column."""

WATCHING: Mapping[str, str] = MappingProxyType(
    {
        "the same replica": "",
        "another one, PostgreSQL": "postgresql",
        "another one, NATS": "nats",
    }
)
"""By which bus the replica of a watcher hears of a message, by the name of the column."""


@contextmanager
def watching(running: Database, folder: Path, bus: str) -> Iterator[System]:
    """Two edges, each on a replica of its own that hears of the other by a bus; without, on one."""
    with _environment(bus) as environment:
        of_each = 2 if bus else 1
        with parley(
            running, folder, edges=2, replicas=of_each, apart=bool(bus), environment=environment
        ) as system:
            yield system


@contextmanager
def _environment(bus: str) -> Iterator[Mapping[str, str]]:
    """Run what a bus needs; gives the environment of the services."""
    if bus != "nats":
        yield {}
        return
    with on_core(SERVER_CORE):
        server = Nats()
    try:
        given = {"BUS": "nats", "BUS_URL": server.url}
        yield {
            f"PARLEY_{name.upper()}_{setting}": value
            for name in SERVICES
            for setting, value in given.items()
        }
    finally:
        server.stop()
