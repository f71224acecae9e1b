"""A rolling deployment: every process of a system under load is replaced by one of a newer build,
one after the other, and what people were told meanwhile is compared with what they said.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.crash.bargaining import bargain
from tests.crash.books import quiet, read_books
from tests.crash.checker import check
from tests.crash.complaining import complain
from tests.crash.findings import Findings, Violation
from tests.crash.history import read_history
from tests.crash.moderating import moderators
from tests.crash.recording import Forgot, Recording, Refused, Resumed
from tests.crash.talker import Talker
from tests.crash.talkers import join_talkers, listen, write
from tests.crash.trial import settle
from tests.support.system import SERVICES, Part, System, start_anew
from tests.support.waiting import PATIENCE

# What says of a service, and not of what was asked, that something did not go.
FAILURES = frozenset(
    {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "RATE_LIMITED"}
)
# Services before those who call them, as docs/operations.md has it.
ORDER = ("messaging", "negotiation", "moderation", "edge")
_ESTABLISHED = "01"
_MODERATORS = ("moderator1", "moderator2")


@dataclass(frozen=True)
class Rollout:
    """What came of it. `noticed` are errors and gaps that a client was told of."""

    replaced: Sequence[tuple[str, int, float]]
    recording: Recording
    violations: Sequence[Violation]
    noticed: Sequence[object]
    stored: int
    newer_edges: int

    def summary(self) -> str:
        told = Counter(map(repr, self.noticed))
        return f"{self.replaced}\n{told}\n{self.violations}"


async def roll(system: System, newer: Mapping[str, str], people: int, seed: int) -> Rollout:
    """Talk through a system that runs, and meanwhile replace each of its parts by `newer`, the
    environment of a build.
    """
    replaced: list[tuple[str, int, float]] = []
    async with AsyncExitStack() as stack:
        talkers = await join_talkers(system, people, seed, asyncio.Event())
        for talker in talkers:
            stack.push_async_callback(talker.device.close)
        deciding = await stack.enter_async_context(moderators(system, _MODERATORS, seed))
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            listening = [group.create_task(listen(talker)) for talker in talkers]
            talking = [
                group.create_task(talk(talker, enough))
                for talk in (write, bargain, complain)
                for talker in talkers
            ]
            talking += [group.create_task(one.moderate(enough)) for one in deciding]
            for name in ORDER:
                if name in SERVICES:
                    await asyncio.to_thread(_migrate, system, name, newer)
                for part in [one for one in system.parts if one.name == name]:
                    before = time.monotonic()
                    status = await asyncio.to_thread(_replace, system, part, newer)
                    replaced.append((name, status, time.monotonic() - before))
            enough.set()
            await asyncio.wait(talking)
            await quiet(system)
            history = await read_history(system, sorted({one.record.user for one in talkers}))
            books = await asyncio.to_thread(read_books, system)
            recording = {talker.name: talker.record for talker in talkers}
            recording |= {moderator.name: moderator.record for moderator in deciding}
            await settle(talkers, Findings(recording, history, books))
            for task in listening:
                task.cancel()
    return Rollout(
        replaced,
        recording,
        check(recording, history, books, 0),
        [one for talker in talkers for one in _noticed(talker)],
        sum(len(next(iter(views.values()))) for views in history.values()),
        sum("newer" in (talker.device.hello or {}).get("d", {}) for talker in talkers),
    )


def _noticed(talker: Talker) -> list[object]:
    """What a device was told that is neither an answer nor news."""
    refused = [one for one in talker.record.events if isinstance(one, Refused)]
    resumed = [one for one in talker.record.events if isinstance(one, Resumed)]
    return [
        *(one for one in refused if one.code in FAILURES),
        *(one for one in resumed if not one.complete or one.missing),
        *(one for one in talker.record.told or () if isinstance(one, Forgot)),
    ]


def _migrate(system: System, name: str, newer: Mapping[str, str]) -> None:
    """Migrate as the newer build does, while the older one serves."""
    environment = {**system.environment_of(name), **newer}
    process = start_anew([f"{name}_service", "migrate"], environment, system.folder / "migrate.log")
    assert process.wait(PATIENCE) == 0, (system.folder / "migrate.log").read_text()


def _replace(system: System, part: Part, newer: Mapping[str, str]) -> int:
    """Stop a part as a deployment does, and start the newer one; returns when that is in use."""
    replicas = [one.port for one in system.parts if one.name == part.name]
    callers = [
        one
        for one in system.parts
        if one.name != part.name and all(connected(one.process.pid, port) for port in replicas)
    ]
    status = part.stop()
    # From nothing: those that are forked have the modules of this build.
    part.process = start_anew(part._command, {**part._environment, **newer}, part.log)
    if part.name == "edge":
        system.wait_ready(part)
        return status
    _wait_serving(part)
    # Those whose calls go to all replicas have found it, for which a cluster gives it some seconds.
    deadline = time.monotonic() + PATIENCE
    while not all(connected(one.process.pid, part.port) for one in callers):
        assert time.monotonic() < deadline, f"{part.name} is not found by those who call it"
        # Nobody tells of it.
        time.sleep(0.05)
    return status


def connected(process: int, port: int) -> bool:
    """Whether a process has a connection to a port of the loopback, as /proc says."""
    ours = set()
    for number in Path(f"/proc/{process}/fd").iterdir():
        # It may be closed meanwhile.
        with suppress(OSError):
            ours.add(number.readlink().name)
    # gRPC's sockets speak both versions of the protocol.
    rows = [row for name in ("tcp", "tcp6") for row in _read_lines(f"/proc/net/{name}")[1:]]
    for row in rows:
        _, _, remote, state, *_, inode = row.split()[:10]
        there = state == _ESTABLISHED and int(remote.rpartition(":")[2], 16) == port
        if there and f"socket:[{inode}]" in ours:
            return True
    return False


def _read_lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _wait_serving(part: Part) -> None:
    """Return when a service says that it serves."""
    with grpc.insecure_channel(f"127.0.0.1:{part.port}") as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest()
        health.Check(request, wait_for_ready=True, timeout=PATIENCE)
