"""Several replicas of each service on one PostgreSQL, in the place of one."""

from pathlib import Path

from tests.support.system import Part, System, _run_migration, free_port

_REPLICAS = 2


class Replicas(System):
    """A system with two of each service, under one list of addresses."""

    def target(self, name: str) -> str:
        """The addresses of all replicas of a service."""
        ports = self._replica_ports.setdefault(name, [free_port() for _ in range(_REPLICAS)])
        return f"ipv4:{','.join(f'127.0.0.1:{port}' for port in ports)}"

    def __init__(self, folder: Path, **messaging_settings: object) -> None:
        super().__init__(folder, **messaging_settings)
        self._replica_ports: dict[str, list[int]] = {}

    def environment_of(self, name: str, replica: int = 0) -> dict[str, str]:
        """The environment of a replica of a service."""
        first = (
            f"127.0.0.1:{self._replica_ports[name][replica]}" if name in self._replica_ports else ""
        )
        return {**super().environment_of(name), **({_listen(name): first} if first else {})}

    def start_services(self, *names: str, replicas: int = _REPLICAS) -> None:  # noqa: ARG002 - always so many
        for name in names:
            self.settings.setdefault(name, {})
        for name in names:
            self.target(name)
            environment = self.environment_of(name)
            _run_migration(name, environment, self._log(name))
            for number, port in enumerate(self._replica_ports[name]):
                own = {**environment, _listen(name): f"127.0.0.1:{port}"}
                log = self.folder / f"{name}-{number}.log"
                part = Part(name, [f"{name}_service", "serve"], own, log, port)
                self.services.setdefault(name, part)
                self.parts.append(part)


def _listen(name: str) -> str:
    return f"PARLEY_{name.upper()}_LISTEN"
