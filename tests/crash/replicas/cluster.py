"""Several processes of each service on one PostgreSQL, as System has one of each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import make_url

from tests.crash.replicas import old
from tests.support.system import Part, System, free_port

REPLICAS = 3
OLD = "tests.crash.replicas.old"


class Cluster(System):
    """The services with `REPLICAS` processes each, and edges.

    Of each the last is an earlier version, if there are sources of one.

    `addresses` are those of the databases, by service, and `buses` more settings of each service.
    """

    def __init__(
        self,
        folder: Path,
        addresses: Mapping[str, str],
        buses: Mapping[str, Mapping[str, object]],
        old_sources: Path | None = None,
    ) -> None:
        super().__init__(folder, openings_per_hour=10_000)
        self._listening = {name: [free_port() for _ in range(REPLICAS)] for name in addresses}
        self._old = old_sources
        for name, address in addresses.items():
            self.settings.setdefault(name, {}).update(database_url=address, **buses[name])

    def target(self, name: str) -> str:
        """The addresses of all replicas of a service."""
        return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in self._listening[name])

    def environment_of(self, name: str, replica: int = 0) -> dict[str, str]:
        """The environment of a replica of a service."""
        address = f"127.0.0.1:{self._listening[name][replica]}"
        return {**super().environment_of(name), f"PARLEY_{name.upper()}_LISTEN": address}

    def start_services(self, *names: str, replicas: int = REPLICAS) -> None:
        """Migrate and start services."""
        for name in names:
            self._migrate(name, self.environment_of(name))
        for name in names:
            for number in range(replicas):
                self._start_replica(name, number)

    def start_edge(self, **settings: object) -> Part:
        """Start an edge; the second one is an earlier version."""
        if self._old is None or not self.edges:
            return super().start_edge(**settings)
        self.launcher, self.environment = self._earlier()
        try:
            return super().start_edge(**settings)
        finally:
            self.launcher, self.environment = (), {}

    def application(self, part: Part) -> str:
        """The name of a replica at the server of the databases."""
        return f"{part.name} {part.port}"

    def _earlier(self) -> tuple[Sequence[str], Mapping[str, str]]:
        return (OLD,), {old.SOURCES: str(self._old)}

    def _start_replica(self, name: str, number: int) -> None:
        port = self._listening[name][number]
        url = make_url(self.database(name)).update_query_dict(
            {"application_name": f"{name} {port}"}
        )
        prefix = f"PARLEY_{name.upper()}_"
        environment = self.environment_of(name) | {
            f"{prefix}LISTEN": f"127.0.0.1:{port}",
            f"{prefix}DATABASE_URL": url.render_as_string(hide_password=False),
        }
        command = [f"{name}_service", "serve"]
        if self._old is not None and number == REPLICAS - 1:
            launcher, more = self._earlier()
            command, environment = [*launcher, *command], environment | dict(more)
        log = self.folder / f"{name}-{number}.log"
        part = Part(name, command, environment, log, port)
        self.parts.append(part)
        self.services[name] = part
