"""Parley, with all of its parts unless a measurement wants fewer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

import tests.support.system
from bench.systems.processes import SERVER_CORE, on_core
from bench.systems.system import Database, System, telling
from edge.settings import Settings
from tests.support.system import SERVICES

# What people are kept from who do more than a person does; these people write as fast as they are
# answered, so that all measurements but a few lift it.
_LIMITS = ("packets_burst", "packets_per_second", "page_bytes_per_second", "accepts_per_second")
DEFAULT_LIMITS: Mapping[str, str] = {
    f"PARLEY_EDGE_{name.upper()}": str(Settings.model_fields[name].default) for name in _LIMITS
}
"""Environment of an edge whose limits are those by default."""


@contextmanager
def databases(running: Database, folder: Path, services: Sequence[str]) -> Iterator[dict[str, str]]:
    """A new database for each service; gives their addresses."""
    with ExitStack() as stack:
        addresses = {}
        for name in services:
            (folder / name).mkdir()
            addresses[name] = stack.enter_context(running.create(folder / name, "sqlite"))
        yield addresses


@contextmanager
def parley(
    running: Database,
    folder: Path,
    launcher: Sequence[str] = (),
    *,
    edges: int = 1,
    replicas: int = 1,
    apart: bool = False,
    addresses: Mapping[str, str] | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[System]:
    """The services, which know one another, and edges; in this order, so that who follows another
    finds it there.

    `launcher` is a module that runs them, if not they themselves; `environment` is for all. Their
    databases are new, or those at `addresses`. Of several `replicas` of each service, all edges use
    all, or with `apart` each edge those of its number.
    """
    with ExitStack() as stack:
        if addresses is None:
            addresses = stack.enter_context(databases(running, folder, SERVICES))
        started = stack.enter_context(tests.support.system.System(folder))
        started.launcher, started.environment = launcher, environment
        for name, address in addresses.items():
            started.settings.setdefault(name, {})["database_url"] = address
        with on_core(SERVER_CORE):
            started.start_services(*SERVICES, replicas=replicas)
            for number in range(edges):
                own = {
                    f"{name}_target": started.addresses(name)[number] for name in SERVICES if apart
                }
                started.start_edge(**own)
        parts = {
            name if replicas == 1 else f"{name} {number}": part
            for name in SERVICES
            for number, part in enumerate(started.replicas[name], start=1)
        }
        for number, edge in enumerate(started.edges, start=1):
            parts["edge" if edges == 1 else f"edge {number}"] = edge
        with telling(*parts.values()):
            yield System(
                "parley",
                tuple(started.urls),
                started.token_key,
                parts,
                running.processes,
                tells_delivered=True,
                targets={name: started.target(name) for name in SERVICES},
                credentials=started.credentials,
            )
