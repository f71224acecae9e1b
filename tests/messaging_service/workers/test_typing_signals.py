"""Typing: whoever was told that it began is told that it ended, and nobody else is."""

from typing import Any

import pytest
from parley.messaging.v1 import messaging_pb2 as pb


async def signal(client: Any, conversation: str, *, typing: bool = True, actor: str = "a") -> None:
    one = pb.TypingSignal(actor=actor, conversation_id=conversation, typing=typing)
    (result,) = (await client.call("SendTyping", signals=[one])).results
    assert not result.HasField("status")


async def heard(stream: Any, count: int) -> list[bool]:
    """The next signals that b is told of a, whatever else is."""
    found: list[bool] = []
    while len(found) < count:
        for _, event in await stream.events(1):
            if event.HasField("typing") and event.typing.user == "a":
                found.append(event.typing.typing)
                assert (event.typing.lifetime_ms > 0) == event.typing.typing
    return found


@pytest.mark.parametrize("end", ["signal", "message", "single message", "block", "blocked"])
async def test_typing_ends(serve: Any, end: str) -> None:
    """With its signal, with a message of that person, with a block by either of the two."""
    async with serve(typing_seconds=600) as client:
        conversation = (await client.say("a", to="b")).conversation_id
        stream = await client.watch(["b"])
        await signal(client, conversation)
        assert await heard(stream, 1) == [True]
        match end:
            case "signal":
                await signal(client, conversation, typing=False)
            case "message":
                request = pb.CreateMessageRequest(actor="a", text="x", conversation_id=conversation)
                await client.call("BatchCreateMessages", requests=[request])
            case "single message":
                await client.say("a", conversation_id=conversation)
            case "block":
                await client.call("SetBlock", actor="b", user="a", blocked=True)
            case "blocked":
                await client.call("SetBlock", actor="a", user="b", blocked=True)
        assert await heard(stream, 1) == [False]


async def test_typing_ends_by_itself(serve: Any) -> None:
    """As long after the last signal as that says."""
    async with serve(typing_seconds=0.05) as client:
        conversation = (await client.say("a", to="b")).conversation_id
        stream = await client.watch(["b"])
        await signal(client, conversation)
        assert await heard(stream, 2) == [True, False]


async def test_an_end_without_a_beginning_is_not_told(serve: Any) -> None:
    """It would tell across a block that somebody is there. So the first that b hears is the
    beginning that comes after it.
    """
    async with serve() as client:
        conversation = (await client.say("a", to="b")).conversation_id
        stream = await client.watch(["b"])
        await signal(client, conversation, typing=False)
        await client.call("SetBlock", actor="b", user="a", blocked=True)
        for typing in (True, False):
            await signal(client, conversation, typing=typing)
        await client.call("SetBlock", actor="b", user="a", blocked=False)
        await signal(client, conversation)
        assert await heard(stream, 1) == [True]
