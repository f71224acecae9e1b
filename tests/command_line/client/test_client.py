"""The client's cursor and what a close code tells it."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve

from command_line.client.client import (
    Client,
    DisconnectedError,
    RejectedError,
    Return,
    how_to_return,
)
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import AskConversations, AskMessages

Handler = Callable[[ServerConnection], Awaitable[None]]


async def with_server(
    handler: Handler, use: Callable[[Client], Awaitable[None]], cursor: str | None = None
) -> None:
    """Connects a client to this handler and uses it."""
    async with serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        client = await Client.open(f"ws://127.0.0.1:{port}/ws", "a-token", cursor)
        async with asyncio.timeout(20):
            await use(client)
        await client.close()


def packet(opcode: Op, cursor: str | None = None, **data: object) -> str:
    fields = {"op": int(opcode), "d": data}
    return json.dumps(fields if cursor is None else {**fields, "cur": cursor})


async def test_the_cursor_follows_what_was_received() -> None:
    """HELLO gives the first one, each packet that bears one moves it."""

    async def handler(socket: ServerConnection) -> None:
        await socket.send(packet(Op.HELLO, cur="one"))
        await socket.send(packet(Op.MSG_SEEN, cursor="two"))
        await socket.send(packet(Op.TYPING))
        await socket.wait_closed()

    async def use(client: Client) -> None:
        for _ in range(3):
            await client.next_push()
        assert client.cursor == "two"

    await with_server(handler, use)


async def test_a_client_that_lags_keeps_its_cursor_until_it_has_resumed() -> None:
    """Neither HELLO nor PING nor a live packet may hide what was missed; PONG does not either."""
    pongs: list[object] = []

    async def handler(socket: ServerConnection) -> None:
        await socket.send(packet(Op.HELLO, cur="live"))
        await socket.send(packet(Op.PING, cursor="live"))
        pongs.append(json.loads(await socket.recv())["d"])
        await socket.send(packet(Op.RESUMED, cur="caught up"))
        await socket.wait_closed()

    async def use(client: Client) -> None:
        await client.next_push()
        assert client.cursor == "old"
        await client.next_push()
        assert client.cursor == "caught up"

    await with_server(handler, use, cursor="old")
    assert pongs == [{"cur": "old"}]


async def test_replies_find_who_asked_in_any_order() -> None:
    """Two questions, answered the other way round, and one of them with ERROR."""

    async def handler(socket: ServerConnection) -> None:
        first, second = [json.loads(await socket.recv())["id"] for _ in range(2)]
        error = {"code": "NOT_FOUND", "message": "there is none", "retryable": False}
        await socket.send(json.dumps({"op": int(Op.ERROR), "d": error, "re": second}))
        answer = {"op": int(Op.RETURN_CONVERSATIONS), "d": {}, "re": first}
        await socket.send(json.dumps(answer))
        await socket.wait_closed()

    async def use(client: Client) -> None:
        listed, messages = await asyncio.gather(
            client.ask(AskConversations()),
            client.ask(AskMessages("k1")),
            return_exceptions=True,
        )
        assert not isinstance(listed, BaseException)
        assert listed.opcode == Op.RETURN_CONVERSATIONS
        assert isinstance(messages, RejectedError)
        assert str(messages) == "NOT_FOUND: there is none"

    await with_server(handler, use)


async def test_whoever_waits_is_told_of_the_end() -> None:
    """A question without an answer, and the next push, both end with the close code."""

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(4100, "draining")

    async def use(client: Client) -> None:
        with pytest.raises(DisconnectedError, match="4100 \\(draining\\)"):
            await client.ask(AskConversations())
        with pytest.raises(DisconnectedError, match="4100"):
            await client.next_push()

    await with_server(handler, use)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (4100, Return.AT_ONCE),
        (4102, Return.AT_ONCE),
        (4200, Return.LATER),
        (4300, Return.NEW_TOKEN),
        (4413, Return.NEVER),
        (1006, Return.LATER),
        (1012, Return.LATER),
    ],
)
def test_the_hundreds_of_a_close_code_say_what_to_do(code: int, expected: Return) -> None:
    """As documented; anything else may come back later."""
    assert how_to_return(code) is expected
