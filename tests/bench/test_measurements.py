"""Each measurement is made on both databases, shortly: everything arrives, and is counted once.

How fast it was on a busy machine says nothing, so that nothing is expected of it.
"""

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.driver import Crowd, Person
from bench.measurements import (
    alone,
    ban,
    deals,
    floods,
    growth,
    hops,
    idle,
    load,
    logins,
    offered,
    recovery,
    replicas,
    storm,
)
from bench.measurements.slow_readers import Beside, Second
from bench.report.figures import Figure
from bench.systems import traced
from bench.systems.parley import DEFAULT_LIMITS, parley
from bench.systems.system import Database, System
from tests.bench.conftest import ON_ALL_SYSTEMS, Run
from tests.support.postgresql import Postgresql

_SECONDS = 0.3
_numbers = count(1)


@pytest.fixture
def name() -> str:
    """A name by which the people of a test are told from those of others."""
    return f"t{next(_numbers)}"


@pytest.fixture
def parley_system(bench_system: Callable[[str], System]) -> System:
    """Parley on each database."""
    return bench_system("parley")


def values(figures: list[Figure]) -> dict[str, float]:
    assert len({one.name for one in figures}) == len(figures), "each figure has a name of its own"
    return {one.name: one.value for one in figures}


def check_cpu(found: dict[str, float], of_what: str, system: System) -> None:
    """All processes, the database's among them, are named, and add up."""
    parts = sum(found[f"CPU {of_what}, {name}"] for name in system.processes)
    assert found[f"CPU {of_what}, all processes"] == pytest.approx(parts)


@ON_ALL_SYSTEMS
def test_load(system: System, name: str, bench_runner: Run) -> None:
    """A closed loop of a few pairs, which lasts until a message was counted."""
    options: dict[str, Any] = {"pairs": 2, "window": 4, "seconds": 0, "text": 40}
    found = values(bench_runner(load.measure(system, name, **options)))
    assert found["messages stored"] > 0
    assert found["send to alert, p50"] > 0
    check_cpu(found, "a message", system)


@ON_ALL_SYSTEMS
def test_offered(system: System, name: str, bench_runner: Run) -> None:
    """At a rate at which each system keeps up, of which each message counts."""
    options: dict[str, Any] = {"rate": 40, "pairs": 2, "seconds": 1.0, "text": 40}
    figures = bench_runner(offered.measure(system, name, **options))
    found = values(figures)
    assert found["stored and told"] > 0
    check_cpu(found, "a message", system)
    if offered.kept_up(figures):
        assert found["due to alert, p50"] > 0
        assert found["due to stored, p99"] > 0


def test_offered_more_than_a_system_can_do(
    bench_system: Callable[[str], System], name: str, bench_runner: Run
) -> None:
    """Ends before its time, when all is told that was offered, and tells no latency."""
    options: dict[str, Any] = {"rate": 1e6, "pairs": 2, "seconds": 60, "text": 40}
    # So that it is over soon: with the messages of a second in flight it would take minutes.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(offered, "_BEHIND_SECONDS", 1e-4)
        figures = bench_runner(offered.measure(bench_system("baseline"), name, **options))
    found = values(figures)
    assert not offered.kept_up(figures)
    assert 0 < found["kept up"] < 100
    assert "due to alert, p50" not in found


@ON_ALL_SYSTEMS
def test_alone(system: System, name: str, bench_runner: Run) -> None:
    """One message at a time, with all that it brings."""
    found = values(bench_runner(alone.measure(system, name, seconds=_SECONDS, text=40)))
    assert found["send to stored, p50"] > 0
    check_cpu(found, "a message", system)


@ON_ALL_SYSTEMS
def test_logins(system: System, bench_runner: Run) -> None:
    """People who have conversations come and go."""
    bench_runner(logins.acquaint(system, people=9, acquaintances=3))
    options: dict[str, Any] = {"people": 9, "concurrency": 2, "seconds": _SECONDS}
    found = values(bench_runner(logins.measure(system, **options)))
    assert found["logins"] > 0
    check_cpu(found, "a login", system)


@ON_ALL_SYSTEMS
def test_idle(system: System, name: str, bench_runner: Run) -> None:
    """Memory of all processes, and of each that is not the database's."""
    found = values(bench_runner(idle.measure(system, name, sockets=20, seconds=_SECONDS)))
    own = [one for one in system.processes if one != "postgresql"]
    parts = sum(found[f"memory a socket, {one}"] for one in own)
    assert found["memory a socket, all processes"] == pytest.approx(parts)
    check_cpu(found, "a socket and second", system)


def test_deals(parley_system: System, name: str, bench_runner: Run) -> None:
    """Pairs bargain from the proposal to the notes, until a command was counted."""
    found = values(bench_runner(deals.measure(parley_system, name, pairs=2, seconds=0)))
    assert found["commands"] > 0
    check_cpu(found, "a command", parley_system)


def test_slow(parley_system: System, bench_runner: Run) -> None:
    """A load beside sockets that never read."""
    beside = Beside(parley_system, Second.DEAF, 2)
    bench_runner(beside.open())
    options: dict[str, Any] = {"pairs": 2, "window": 4, "seconds": _SECONDS, "text": 40}
    found = values(bench_runner(beside.measure(**options)))
    bench_runner(beside.close())
    assert found["messages delivered"] > 0


async def write_as_a_copy(system: System) -> int:
    """The number in its conversation of what a copied person writes to another one."""

    class Copied(Person):
        async def write_and_wait(self, to: str) -> int:
            self.answered = asyncio.get_running_loop().create_future()
            self.write(to, "Hello")
            return int(await self.answered)

        def on_answer(self, re: int, d: msgspec.Raw) -> None:  # noqa: ARG002
            self.answered.set_result(msgspec.json.decode(d)["seq"])

    async with Crowd(system) as crowd:
        person = Copied(growth.user_of(2, copy=2))
        await crowd.join([person])
        return await person.write_and_wait(growth.user_of(3, copy=2))


def test_growth(bench_database: Database, bench_folder: Path, name: str, bench_runner: Run) -> None:
    """The rows of people who exist are copied to others, who are shown as much and go on there."""
    with growth.grown(bench_database, bench_folder, bench_runner, copies=3) as system:
        options: dict[str, Any] = {
            "pairs": 2,
            "window": 4,
            "seconds": _SECONDS,
            "text": 40,
        }
        found = values(bench_runner(growth.measure(system, name, copies=3, **options)))
        assert found["pages of history, one at a time"] > 0
        assert found["pages of conversations, one at a time"] > 0

        assert bench_runner(write_as_a_copy(system)) == growth.MESSAGES + 1


def test_storm(bench_database: Database, bench_folder: Path, bench_runner: Run) -> None:
    """Clients come back to an edge that was killed; each is told of all that it missed."""
    with parley(bench_database, bench_folder, environment=DEFAULT_LIMITS) as system:
        found = values(bench_runner(storm.measure(system, "storm", clients=20, missed=2)))
    assert found["all are back and told"] > 0
    assert found["memory of the edge at most"] > 0
    assert found["attempts a client"] >= 1


def test_recovery(bench_database: Database, bench_folder: Path, bench_runner: Run) -> None:
    """Alerts come again after the messaging service was killed."""
    with recovery.messaging(bench_database, bench_folder) as system:
        for share in recovery.SHARES:
            measured = recovery.measure(system, "recovery", sockets=20, share=share)
            ((_, unit, value),) = bench_runner(measured)
            assert (unit, value > 0) == ("ms", True)


def test_ban(bench_database: Database, bench_folder: Path, bench_runner: Run) -> None:
    """From a decision to the sockets at two edges."""
    with parley(bench_database, bench_folder, edges=2) as system:
        options: dict[str, Any] = {"sockets": 2, "bystanders": 2, "seconds": _SECONDS}
        found = values(bench_runner(ban.measure(system, "ban", **options)))
    assert found["ban: decision to 4403, last socket, p99"] > 0


def test_floods(bench_database: Database, bench_folder: Path, bench_runner: Run) -> None:
    """Messages are stored while somebody floods the edge."""
    with parley(bench_database, bench_folder, environment=DEFAULT_LIMITS) as system:
        options: dict[str, Any] = {"kind": "pings", "pairs": 1, "seconds": _SECONDS, "text": 40}
        found = values(bench_runner(floods.measure(system, "floods", **options)))
    assert found["send to stored, with it, p50"] > 0


def test_hops(bench_database: Database, bench_folder: Path, bench_runner: Run) -> None:
    """The parts note when a message passes each place."""
    notes = {"BENCH_NOTES": str(bench_folder)}
    launcher = ["bench.systems.traced"]
    with parley(bench_database, bench_folder, launcher, environment=notes) as system:
        moments = bench_runner(hops.write(system, "hops", _SECONDS, 40))
    found = values(hops.figures(moments, traced.read(bench_folder)))
    assert found["writer: COMMIT, to the disk"] > 0


def test_a_watcher_of_another_replica(
    bench_folder: Path, bench_runner: Run, postgresql: Postgresql
) -> None:
    """Two edges on a replica each; by NATS, which needs a server of its own."""
    database = Database("postgresql", "PostgreSQL", postgresql)
    with replicas.watching(database, bench_folder, "nats") as system:
        assert {"messaging 1", "messaging 2", "edge 1", "edge 2"} <= system.parts.keys()
        found = values(bench_runner(alone.measure(system, "r", seconds=_SECONDS, text=40)))
    assert found["send to alert, p50"] > 0
