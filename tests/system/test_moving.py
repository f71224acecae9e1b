"""An edge over two replicas of messaging: one goes, connections grow old, and nobody is told."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress

import pytest

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.metrics import read_sample
from tests.support.postgresql import Postgresql
from tests.support.system import Part, System, free_port
from tests.support.waiting import eventually


class Replicated(System):
    """A system with a second replica of messaging."""

    second: Part
    metrics_port: int

    def start_second(self) -> str:
        """Start it; gives the target of both."""
        port = free_port()
        environment = {
            **self.environment_of("messaging"),
            "PARLEY_MESSAGING_LISTEN": f"127.0.0.1:{port}",
            "PARLEY_MESSAGING_METRICS_PORT": "0",
        }
        log = self.folder / "messaging-2.log"
        self.second = Part("messaging", ["messaging_service", "serve"], environment, log, port)
        self.parts.append(self.second)
        return f"ipv4:{self.target('messaging')},127.0.0.1:{port}"


@pytest.fixture
def system(
    tmp_path_factory: pytest.TempPathFactory, postgresql: Postgresql
) -> Iterator[Replicated]:
    """Two replicas whose connections grow old within a second, and an edge."""
    with (
        ExitStack() as stack,
        Replicated(tmp_path_factory.mktemp("moving"), openings_per_hour=10_000) as made,
    ):
        made.metrics_port = free_port()
        made.settings["messaging"] |= {
            "metrics_port": made.metrics_port,
            "database_url": postgresql.url(stack.enter_context(postgresql.database())),
            "max_connection_age_seconds": 0.8,
            "watch_progress_seconds": 0.2,
        }
        made.start_services("messaging")
        made.start_edge(messaging_target=made.start_second())
        until_answered(made.second)
        yield made


def until_answered(part: Part) -> None:
    """Return when a part listens."""
    while not answers(part.port):
        assert part.process.poll() is None, part.end_of_log()
        time.sleep(0.02)


@pytest.fixture
async def reader(system: Replicated) -> AsyncIterator[Client]:
    client = await Client.open(system.url, system.token("bob"))
    yield client
    await client.close()


async def test_replicas_go_and_connections_grow_old_and_nobody_is_told(
    system: Replicated, reader: Client
) -> None:
    """Each message with a key is stored without an error, and comes once and in order."""
    writer = await Client.open(system.url, system.token("alice"))
    statuses = []
    watched: list[int] = []

    async def readiness() -> int:
        return (await asyncio.to_thread(system.get, "/readyz"))[0]

    first = system.services["messaging"]

    async def is_called() -> bool:
        """Whether the first replica has its share of the calls again."""
        await writer.ask(Op.ASK_CONVERSATIONS, {})
        with suppress(OSError):
            method = "/parley.messaging.v1.MessagingService/ListConversations"
            return bool(
                await read_sample(system.metrics_port, "calls_total", method=method, code="OK")
            )
        return False

    for number in range(60):
        answer = await writer.ask(
            Op.CREATE_MSG, {"to": "bob", "text": str(number), "idempotency_key": f"k-{number}"}
        )
        statuses.append(answer["op"])
        if number in {15, 35}:
            part = first if number == 15 else system.second
            part.process.send_signal(signal.SIGKILL)
            part.process.wait()
        if number == 28:
            first.start()
            await eventually(is_called)
        watched.append(await readiness())
        # So that connections grow old meanwhile.
        await asyncio.sleep(0.08)
    assert statuses == [Op.STATUS_MSG] * 60
    assert set(watched) == {200}
    heard = [await reader.expect(Op.ALERT_NEW_MSG) for _ in range(60)]
    assert [one["d"]["message"]["text"] for one in heard] == [str(n) for n in range(60)]
    # Nobody was told to begin anew.
    await reader.settle()
    assert not [one for one in reader.packets if one["op"] == Op.RESUMED]
    await writer.close()
    assert "the stream was open long enough" in system.logs()


def answers(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
