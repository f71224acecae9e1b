"""The versions that are written by hand: Python with SQLAlchemy or asyncpg, and Node."""

import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import make_url

from bench.systems.processes import SERVER_CORE, on_core
from bench.systems.system import Database, System, telling, wait_ready
from tests.support.node import ROOT, check_installed, environment, node_program
from tests.support.system import Part, free_port

_NODE_SERVER = ROOT / "bench" / "node" / "server.ts"


class _NodePart(Part):
    """A process of Node."""

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [node_program(), *self._command],
                env=environment(self._environment),
                stdout=output,
                stderr=output,
            )


def _postgresql_environment(address: str) -> dict[str, str]:
    """The variables by which PostgreSQL's own programs and drivers find a database."""
    url = make_url(address)
    found = {
        "PGHOST": url.host or url.query.get("host"),
        "PGPORT": url.port or url.query.get("port"),
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    return {name: str(value) for name, value in found.items() if value}


@contextmanager
def _serving(
    name: str,
    running: Database,
    folder: Path,
    program: Callable[[Mapping[str, str], Path], Part],
) -> Iterator[System]:
    """One of them, on a database of its own; `program` starts it with an environment and a log."""
    key, port = secrets.token_urlsafe(32), free_port()
    with ExitStack() as stack:
        address = stack.enter_context(running.create(folder, "sqlite+aiosqlite"))
        settings = {
            "BASELINE_PORT": str(port),
            "BASELINE_DATABASE": address,
            "BASELINE_KEY": key,
            **(_postgresql_environment(address) if running.postgresql else {}),
        }
        with on_core(SERVER_CORE):
            part = program(settings, folder / f"{name}.log")
        stack.callback(part.end)
        wait_ready(f"http://127.0.0.1:{port}/healthz", part)
        with telling(part):
            url = f"ws://127.0.0.1:{port}/ws"
            yield System(name, (url,), key, {name: part}, running.processes)


def baseline(running: Database, folder: Path) -> AbstractContextManager[System]:
    """Python with SQLAlchemy, on either database."""

    def program(settings: Mapping[str, str], log: Path) -> Part:
        return Part("baseline", ["bench.baselines.with_sqlalchemy"], settings, log)

    return _serving("baseline", running, folder, program)


def asyncpg(running: Database, folder: Path) -> AbstractContextManager[System]:
    """Python with asyncpg."""

    def program(settings: Mapping[str, str], log: Path) -> Part:
        return Part("asyncpg", ["bench.baselines.with_asyncpg"], settings, log)

    return _serving("asyncpg", running, folder, program)


def node(running: Database, folder: Path) -> AbstractContextManager[System]:
    """Node with ws and pg. Raises RuntimeError when npm's packages are not installed."""
    check_installed()

    def program(settings: Mapping[str, str], log: Path) -> Part:
        return _NodePart("node", [str(_NODE_SERVER)], settings, log)

    return _serving("node", running, folder, program)


Start = Callable[[Database, Path], AbstractContextManager[System]]
ON_EITHER: Mapping[str, Start] = MappingProxyType({"baseline": baseline})
ON_POSTGRESQL: Mapping[str, Start] = MappingProxyType({"asyncpg": asyncpg, "node": node})
"""Those that stand on PostgreSQL alone, with the drivers that make it fast."""
