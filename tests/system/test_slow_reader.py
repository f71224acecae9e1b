"""A socket that never reads, among others: it costs the edge little, and nobody else notices."""

import asyncio
import socket
import time
from collections.abc import Sequence
from typing import Any

import pytest

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.memory import Memory
from tests.support.system import System
from tests.support.waiting import PATIENCE
from tests.system.conftest import Connect

_OUTBOX_BYTES = 1_000_000
_TEXT = "x" * 40_000
# What an allocator keeps and a garbage collector has not collected yet.
_NOISE_BYTES = 6_000_000


@pytest.fixture
def system(own_system: System) -> System:
    """Started, with an outbox that a few messages fill."""
    own_system.settings["messaging"] |= {"text_limit": len(_TEXT), "messages_bytes": 1 << 30}
    own_system.start("messaging", outbox_bytes=_OUTBOX_BYTES, close_timeout_seconds=1)
    return own_system


async def open_deaf(system: System, user: str) -> Client:
    """A socket that reads HELLO and nothing after it. The kernel keeps little for it."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", system.edge_port))
    client = await Client.open(system.url, system.token(user), sock=narrow)
    client.connection.transport.pause_reading()
    return client


async def write_all(writers: Sequence[Client], to: str, count: int) -> None:
    """Each writes `count` messages, each when the one before is stored."""

    async def write(writer: Client) -> None:
        for number in range(1, count + 1):
            assert (await writer.write(to, _TEXT))["seq"] == number

    await asyncio.gather(*(write(writer) for writer in writers))


async def hear_all(reader: Client, count: int) -> None:
    """Alerts of `count` messages of each writer, in order."""
    seqs: dict[str, list[int]] = {}
    for _ in range(4 * count):
        message = (await reader.expect(Op.ALERT_NEW_MSG))["d"]["message"]
        seqs.setdefault(message["sender"], []).append(message["seq"])
    assert list(seqs.values()) == [list(range(1, count + 1))] * 4


async def until_closed_as_slow(system: System) -> None:
    deadline = time.monotonic() + PATIENCE
    while b'parley_edge_closes_total{code="4101"} 1.0' not in system.get("/metrics")[2]:
        assert time.monotonic() < deadline, "the socket is not closed"
        # The socket can not say so itself, for nobody reads it.
        await asyncio.sleep(0.05)


async def test_a_reader_that_reads_nothing_costs_no_more_than_its_outbox(
    system: System, connect: Connect
) -> None:
    """40 MB for one socket that never reads: the edge grows by its bound and closes that socket
    with 4101. Meanwhile the others are told of everything, also on the same user's other socket;
    and a resume brings the slow one all it missed.
    """
    memory = Memory(system.parts[-1])
    count = 250
    writers: list[Client] = [await connect(system, f"writer{number}") for number in range(4)]
    erin = await connect(system, "erin")
    memory.begin()
    await asyncio.gather(write_all(writers, "erin", count), hear_all(erin, count))
    read_by_all = memory.peak()

    deaf = await open_deaf(system, "bob")
    bob = await connect(system, "bob")
    carol = await connect(system, "carol")
    dave = await connect(system, "dave")

    async def chat() -> None:
        for number in range(100):
            await carol.write("dave", str(number))
            alert = (await dave.expect(Op.ALERT_NEW_MSG))["d"]
            assert (alert["message"]["text"], alert["unread"]) == (str(number), number + 1)

    memory.begin()
    await asyncio.gather(write_all(writers, "bob", count), hear_all(bob, count), chat())
    assert memory.peak() - read_by_all < _OUTBOX_BYTES + _NOISE_BYTES
    await until_closed_as_slow(system)
    closes = system.get("/metrics")[2].decode().count("parley_edge_closes_total{")
    assert closes == 1, "others were closed as well"

    await deaf.drop()
    back = await connect(system, "bob", resume=deaf.hello["d"]["cur"])
    assert (await back.expect(Op.RESUMED))["d"]["complete"] is True
    await hear_all(back, count)


async def test_an_asker_that_reads_nothing_costs_no_more_than_its_outbox(
    system: System, connect: Connect
) -> None:
    """Pages of 2 MB, asked for without a pause by a socket that never reads: the edge holds one in
    its outbox, one on its way there and one in the transport, and asks for no more of the 20.
    """
    memory = Memory(system.parts[-1])
    page_bytes = 50 * len(_TEXT)
    writer = await connect(system, "alice", max_size=None)
    await write_all([writer], "bob", 50)
    conversation = (await writer.write("bob", "last"))["conversation"]
    question: dict[str, Any] = {"conversation": conversation, "limit": 50}
    memory.begin()
    for _ in range(20):
        assert (await writer.ask(Op.ASK_MESSAGES, question))["op"] == Op.RETURN_MESSAGES
    read = memory.peak()

    deaf = await open_deaf(system, "alice")
    assert deaf.hello["op"] == Op.HELLO
    memory.begin()
    for number in range(20):
        await deaf.send(Op.ASK_MESSAGES, question, id=number)
    await until_closed_as_slow(system)
    # The one on its way is there as it came and as it goes.
    assert memory.peak() - read < 4 * page_bytes + _NOISE_BYTES
    assert (await writer.ask(Op.ASK_MESSAGES, question))["op"] == Op.RETURN_MESSAGES
    await deaf.drop()
