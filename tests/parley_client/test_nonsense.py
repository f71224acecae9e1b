"""Servers that say anything: whatever comes, it is told in a typed way, and the client goes on."""

import asyncio
import json
import logging
import random
from collections.abc import Sequence
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from parley_client import Client
from parley_client.errors import ParleyError
from parley_client.packets import Packet
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import AskBlocks, CreateMsg
from tests.parley_client.scripted import CONVERSATION, Peer, Server, fast
from tests.support.waiting import PATIENCE

_NAMES = (
    *("conversation", "message", "service", "dispute", "sanction", "report", "appeal", "user"),
    *("seq", "version", "status", "reader", "statement", "cur", "complete", "delay_ms", "code"),
    *("text", "event", "participants", "kind", "until", "typing", "lifetime_ms", "retryable"),
    *("retry_after_ms", "current", "fields", "cause", "at", "created_at", "presence", "block"),
)
_VALUES: Sequence[Any] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 1.5, "", "x", "m1", CONVERSATION),
    *("2026-01-01T00:00:00Z", "delivered", "stored", "ann", [], {}, [1], ["a"], [[]]),
)


def anything(chance: random.Random, depth: int = 0) -> Any:
    """A value that a packet may hold, good or bad."""
    if depth < 3 and chance.random() < 0.3:
        return {name: anything(chance, depth + 1) for name in chance.sample(_NAMES, 5)}
    if depth < 3 and chance.random() < 0.1:
        return [anything(chance, depth + 1) for _ in range(2)]
    return chance.choice(_VALUES)


def packet(chance: random.Random) -> str:
    """A frame: mostly a packet that there is, with fields that there are, and any values."""
    if chance.random() < 0.05:
        return chance.choice(["", "[]", "nonsense", '{"op": 1', '{"d": {}}', "[" * 1000])
    op = chance.choice([*(int(op) for op in Op if op.to_client is not None), 0x7F])
    frame: dict[str, Any] = {"op": op}
    if chance.random() < 0.9:
        structure = Op(op).to_client if op != 0x7F else None  # type: ignore[call-arg]  # by value
        names = structure.__struct_fields__ if structure is not None else _NAMES[:4]
        frame["d"] = {name: anything(chance) for name in names if chance.random() < 0.9}
    if chance.random() < 0.3:
        frame["re"] = chance.choice([1, 2, 3, "x", -5])
    if chance.random() < 0.3:
        frame["cur"] = chance.choice(["c1", "", "c2"])
    return json.dumps(frame)


async def serve(server: Server, chance: random.Random, sockets: int) -> None:
    """Greet some sockets and tell them anything."""
    for _ in range(sockets):
        peer = await server.accept()
        try:
            await peer.hello("c0", resumed=peer.resumes_from is not None)
            if chance.random() < 0.7:
                await peer.resumed("c0")
            for _ in range(chance.randrange(1, 30)):
                await peer.socket.send(packet(chance))
            await peer.cut()
        except ConnectionClosed:
            continue


async def answer(peer: Peer) -> None:
    """Answer whatever a client asks, as a good server does."""
    while True:
        try:
            asked = json.loads(await peer.socket.recv())
        except ConnectionClosed:
            return
        match asked["op"]:
            case Op.CREATE_MSG:
                await peer.answer_stored(asked, 1)
            case Op.ASK_BLOCKS:
                await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=asked["id"])
            case Op.RESUME:
                await peer.resumed("c9", re=asked["id"])


@pytest.mark.parametrize("seed", [*range(8), 1097, 2076, 2138])
async def test_after_any_nonsense_a_good_server_is_gone_on_with(
    server: Server, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What waits is answered in the end; nothing fails but by a typed error, which is told."""
    chance = random.Random(seed)
    broken: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: broken.append(what))
    options = fast(longest_delay_seconds=0.01, backoff_base_seconds=0.001)
    with caplog.at_level(logging.ERROR):
        async with Client(server.url, token="t", options=options) as ann:
            events = ann.events()
            command = ann.submit(CreateMsg("precious", to="bob"))
            asking = asyncio.create_task(ann.ask(AskBlocks()))
            serving = asyncio.create_task(serve(server, chance, 15))
            while not serving.done():
                # Nothing that a server says is final here, but its sanctions may be.
                if ann.state in {"refused", "unauthorized"}:
                    await ann.connect()
                await asyncio.wait({serving}, timeout=0.01)
            await serving
            await ann.connect()
            peer = await server.greeted("c8")
            answering = asyncio.create_task(answer(peer))
            async with asyncio.timeout(PATIENCE):
                await ann.wait_for("live")
                outcomes = await asyncio.gather(command, asking, return_exceptions=True)
                assert all(isinstance(one, Packet | ParleyError) for one in outcomes), outcomes
            assert events is not None
        await answering
    assert broken == []
    assert [record.message for record in caplog.records] == []
