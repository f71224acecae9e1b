"""Questions and what is sent without an answer."""

import asyncio

import pytest

from parley_client.errors import (
    ProtocolError,
    RejectedError,
)
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import (
    AskBlocks,
    SendTyping,
)
from tests.parley_client.scripted import (
    CONVERSATION,
    Packet,
    Server,
    client,
    fast,
    message,
    nothing_more,
    take_failure,
)


async def test_an_answer_of_another_kind_is_nonsense_and_the_command_goes_again(
    server: Server,
) -> None:
    """The caller is not given what it did not ask for."""
    async with client(server) as ann:
        events = ann.events()
        command = ann.submit(message("Hello"))
        for op, data in ((Op.RETURN_BLOCKS, {"blocks": []}), (Op.STATUS_MSG, {"seq": "first"})):
            peer = await server.greeted()
            asked = await peer.expect(Op.CREATE_MSG)
            await peer.send(op, data, re=asked["id"])
            await take_failure(events, ProtocolError)
        peer = await server.greeted()
        await peer.store(1)
        await command


async def test_answers_that_nobody_waits_for_are_passed_over(server: Server) -> None:
    """Such as one that comes twice, or to a packet that never was."""
    async with client(server) as ann:
        peer = await server.greeted()
        command = ann.submit(message("Hello"))
        asked = await peer.store(1)
        await peer.answer_stored(asked, 1)
        await peer.answer_stored({"id": 99_999, "d": {}}, 7)
        await peer.answer_stored({"id": "text", "d": {}}, 7)
        await command
        await nothing_more(peer)
        assert ann.state == "live"


async def test_questions_are_asked_over_any_number_of_sockets(server: Server) -> None:
    """Until they are answered, refused for good, or cancelled."""
    async with client(server, options=fast(answer_timeout_seconds=0.2)) as ann:
        asking = asyncio.create_task(ann.ask(AskBlocks()))
        for _ in range(2):
            peer = await server.greeted()
            await peer.expect(Op.ASK_BLOCKS)
            await peer.cut()
        peer = await server.greeted()
        await peer.expect(Op.ASK_BLOCKS)
        asked = await peer.expect(Op.ASK_BLOCKS)
        await peer.refuse(asked, "UNAVAILABLE", retryable=True)
        asked = await peer.expect(Op.ASK_BLOCKS)
        await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=asked["id"])
        assert (await asking).data == {"blocks": []}
        refused = asyncio.create_task(ann.ask(AskBlocks()))
        await peer.refuse(await peer.expect(Op.ASK_BLOCKS), "PERMISSION_DENIED")
        with pytest.raises(RejectedError):
            await refused
        cancelled = asyncio.create_task(ann.ask(AskBlocks()))
        await peer.expect(Op.ASK_BLOCKS)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await nothing_more(peer)


async def test_questions_are_not_more_at_once_than_the_options_say(server: Server) -> None:
    """The rest waits for a turn."""
    async with client(server, options=fast(max_in_flight=2)) as ann:
        peer = await server.greeted()
        asking = [asyncio.create_task(ann.ask(AskBlocks())) for _ in range(3)]
        asked: list[Packet] = [await peer.expect(Op.ASK_BLOCKS) for _ in range(2)]
        await nothing_more(peer)
        await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=asked[0]["id"])
        asked.append(await peer.expect(Op.ASK_BLOCKS))
        for one in asked[1:]:
            await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=one["id"])
        await asyncio.gather(*asking)


async def test_typing_is_sent_if_it_can_be_and_forgotten(server: Server) -> None:
    """Nobody waits for it, and nothing of it is kept for later."""
    async with client(server) as ann:
        assert not ann.tell(SendTyping(CONVERSATION, typing=True))
        peer = await server.greeted()
        await ann.wait_for("live")
        assert ann.tell(SendTyping(CONVERSATION, typing=True))
        assert "id" not in await peer.expect(Op.TYPING)
        told = sum(ann.tell(SendTyping(CONVERSATION, typing=True)) for _ in range(1000))
        assert told < 100
        for _ in range(told):
            await peer.expect(Op.TYPING)
