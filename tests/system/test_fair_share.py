"""Edges that hear themselves and one another, and even out their sockets without a loss."""

import asyncio
import json
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from parley_client import Client
from parley_client.events import Reset
from parley_client.pushes import NewMessage
from tests.support.freezing import freeze
from tests.support.metrics import read_sample
from tests.support.system import System, free_port
from tests.support.waiting import eventually

PEOPLE = 40
SETTINGS: dict[str, Any] = {
    "canary_interval_seconds": 0.25,
    "canary_limit_seconds": 1.5,
    "given_away_per_second": 40,
}
# As many as it takes until few can be left on an edge beyond its share.
MOST = 33


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("share"), openings_per_hour=10_000) as made:
        yield made


def start_edge(system: System, *services: str) -> Any:
    settings = {**SETTINGS, "metrics_port": free_port()}
    edge: Any = system.start(*services, **settings) if services else system.start_edge(**settings)
    edge.metrics_port = settings["metrics_port"]
    return edge


async def health(system: System, edge: Any, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
    """What an edge says on its port for metrics."""
    status, _, body = await asyncio.to_thread(system.get, f"{path}?verbose", edge.metrics_port)
    return status, json.loads(body)


async def value(edge: Any, name: str) -> float:
    """A metric of an edge, on its port for metrics."""
    return await read_sample(edge.metrics_port, f"parley_edge_{name}") or 0.0


class Proxy:
    """What stands in front of the edges, and takes each connection to any of them."""

    def __init__(self) -> None:
        self.ports: list[int] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = random.choice(self.ports)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self.take, "127.0.0.1", 0)
        async with server:
            yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        """The other side has gone."""
    finally:
        writer.close()


async def test_a_new_edge_gets_its_share_and_nobody_loses_anything(system: System) -> None:
    """All were on the first; each gets every message once, and starts over never."""
    first = start_edge(system, "messaging")
    proxy = Proxy()
    proxy.ports = [first.port]
    heard: Counter[tuple[str, str]] = Counter()
    resets: list[str] = []

    async def listen(user: str, client: Client) -> None:
        async for event in client.events():
            if isinstance(event, NewMessage):
                heard[user, event.message.text or ""] += 1
            elif isinstance(event, Reset):
                resets.append(user)

    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(proxy.listening())
        people = [f"person-{number}" for number in range(PEOPLE)]
        listening = []
        for user in people:
            client = await stack.enter_async_context(Client(url, token=system.token(user)))
            listening.append(asyncio.create_task(listen(user, client)))
        writer = await stack.enter_async_context(Client(url, token=system.token("writer")))
        await eventually(lambda: value(first, "sockets"), lambda count: count == PEOPLE + 1)
        resets.clear()
        second = start_edge(system)
        proxy.ports.append(second.port)
        written = 0

        async def write_and_count() -> tuple[float, float]:
            nonlocal written
            for user in people[:10]:
                await writer.conversation_with(user).send(f"message {written}")
            written += 1
            return await value(first, "sockets"), await value(second, "sockets")

        await eventually(
            write_and_count, lambda found: sum(found) >= PEOPLE + 1 and found[0] <= MOST
        )
        told = {(user, f"message {n}"): 1 for user in people[:10] for n in range(written)}
        await eventually(lambda: dict(heard), lambda found: found == told)
        assert resets == []
        for task in listening:
            task.cancel()
        assert await value(first, "given_away_total") >= PEOPLE + 1 - MOST
        assert await value(first, "edges") == 2


async def test_an_edge_that_does_not_hear_itself_is_not_ready(system: System) -> None:
    """Both ports say so, and that it is alive; when it hears itself again it is ready."""
    edge = start_edge(system, "messaging")
    await eventually(lambda: value(edge, "canary_seconds_count"), lambda count: count > 1)
    assert await value(edge, "canary_deaf") == 0
    status, told = await health(system, edge)
    assert (status, told["canary"], told["messaging"]) == (200, True, True)
    messaging = system.services["messaging"].process
    freeze(messaging.pid)
    try:
        _, told = await eventually(lambda: health(system, edge), lambda found: found[0] == 503)
        assert "has not come back" in told["problems"]["canary"]
        assert json.loads(system.get("/readyz", edge.port)[2])["canary"] is False
        assert (await health(system, edge, "/livez"))[0] == 200
    finally:
        messaging.send_signal(signal.SIGCONT)
    await eventually(lambda: health(system, edge), lambda found: found[0] == 200)
    assert "the canary is heard again" in edge.read_log()
