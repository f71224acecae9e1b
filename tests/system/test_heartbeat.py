"""Signs of life, and tokens that end while connected; with times shortened by settings."""

import asyncio
from collections.abc import Iterator

import pytest

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.system import System
from tests.system.conftest import Connect


@pytest.fixture(scope="module")
def quick_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """An edge that pings every 0.2 s, gives up after 1 s of silence and grants no leeway."""
    quick = {"ping_interval_seconds": 0.2, "pong_timeout_seconds": 1, "token_leeway_seconds": 0}
    with System(tmp_path_factory.mktemp("quick")) as system:
        system.start("messaging", **quick)
        yield system


async def test_silence_is_closed_with_4102_after_several_pings(
    quick_system: System, connect: Connect
) -> None:
    """The edge pings at its interval, and closes who sends no frame at all."""
    client = await connect(quick_system, "silent")
    loop = asyncio.get_running_loop()
    start = loop.time()
    assert await client.closed() == 4102
    assert loop.time() - start >= 0.9
    assert len(client.pings) >= 3
    assert all(ping["d"] == {} for ping in client.pings)


async def test_frames_of_websocket_prove_nothing(quick_system: System, connect: Connect) -> None:
    """Libraries and proxies send them while the client hangs. They are answered, and no more."""
    client = await connect(quick_system, "hanging")

    async def ping() -> None:
        while True:
            await client.take_ping()
            await (await client.connection.ping())
            await client.connection.pong()

    pinging = asyncio.create_task(ping())
    assert await client.closed() == 4102
    assert len(client.pings) >= 3
    pinging.cancel()


async def test_any_packet_proves_life(quick_system: System, connect: Connect) -> None:
    """PONG, any other packet, and even a bad one keep the socket; PING bears the cursor."""
    client = await connect(quick_system, "lively")
    for number in range(8):
        await client.take_ping()
        match number % 3:
            case 0:
                await client.send(Op.PONG)
            case 1:
                await client.send(Op.PONG, {"cur": client.pings[-1]["cur"]})
            case _:
                await client.send_raw("not a packet")
    await client.settle()
    assert client.connection.close_code is None


async def test_an_expired_token_closes_with_4300(quick_system: System, connect: Connect) -> None:
    """A socket does not outlive its token, however lively it is."""
    client = await connect(quick_system, "late", token=quick_system.token("late", expires_in=2))
    keeping = asyncio.create_task(keep_alive(client))
    assert await client.closed() == 4300
    keeping.cancel()


async def keep_alive(client: Client) -> None:
    while True:
        await client.take_ping()
        await client.send(Op.PONG)


async def test_a_renewed_token_keeps_the_socket(quick_system: System, connect: Connect) -> None:
    """RENEW TOKEN is answered by HELLO with the later end, and the socket lives past the first."""
    token = quick_system.token("renewer", expires_in=2)
    client = await connect(quick_system, "renewer", token=token)
    reply = await client.ask(Op.RENEW_TOKEN, {"token": quick_system.token("renewer")})
    assert reply["op"] == Op.HELLO
    assert reply["d"]["session"] == client.hello["d"]["session"]
    assert reply["d"]["token_expires_at"] > client.hello["d"]["token_expires_at"]
    # Twelve intervals of 0.2 s are longer than the first token had left.
    for _ in range(12):
        await client.take_ping()
        await client.send(Op.PONG)
    await client.settle()


async def test_a_token_of_someone_else_or_a_bad_one_does_not_renew(
    quick_system: System, connect: Connect
) -> None:
    """Another user's token is PERMISSION_DENIED, a bad one INVALID_ARGUMENT of `token`."""
    client = await connect(quick_system, "honest")
    reply = await client.ask(Op.RENEW_TOKEN, {"token": quick_system.token("mallory")})
    assert (reply["op"], reply["d"]["code"]) == (Op.ERROR, "PERMISSION_DENIED")
    for bad in (quick_system.token("honest", expires_in=-60), "x", ""):
        reply = await client.ask(Op.RENEW_TOKEN, {"token": bad})
        assert (reply["op"], reply["d"]["code"]) == (Op.ERROR, "INVALID_ARGUMENT")
        assert reply["d"]["fields"][0]["field"] == "token"
