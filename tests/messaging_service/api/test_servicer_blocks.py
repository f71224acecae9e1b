"""Blocks over real gRPC: what each of two people is answered and told."""

from typing import Any

import grpc
from parley.messaging.v1 import messaging_pb2 as pb


async def test_set_block_stands_between_two_and_shows_to_none_of_them(
    client: Any, refused: Any
) -> None:
    """The blocked one is answered as ever; the other is told neither what is said, nor of typing,
    and is refused. Services see it, and it ends. What was suppressed never comes.
    """
    first = await client.say("b", "one", to="a")
    place = {"conversation_id": first.conversation_id}
    stream = await client.watch(["a", "b"])

    async def block(*, blocked: bool) -> None:
        answer = await client.call("SetBlock", actor="a", user="b", blocked=blocked, origin="o")
        assert (answer.user, answer.blocked) == ("b", blocked)

    async def seen(actor: str) -> pb.GetConversationResponse:
        answer = await client.call("GetConversation", actor=actor, **place)
        assert isinstance(answer, pb.GetConversationResponse)
        return answer

    await block(blocked=True)
    await block(blocked=True)
    listed = await client.call("ListBlocks", actor="a")
    assert [one.user for one in listed.blocks] == ["b"]
    assert listed.blocks[0].block_time.seconds
    assert [(await seen(actor)).blocked for actor in ("a", "b", "")] == [True] * 3
    assert [(await seen(actor)).conversation.blocked for actor in ("a", "b", "")] == [
        True,
        False,
        False,
    ]
    code = grpc.StatusCode.FAILED_PRECONDITION
    await refused(client.say("a", "two", **place), code, "BLOCKED")
    await refused(client.say("a", "two", to="b", subject="another"), code, "BLOCKED")
    second = await client.say("b", "two", **place)
    assert second.seq == 2
    for actor in ("a", "b"):
        signal = pb.TypingSignal(actor=actor, typing=True, **place)
        typed = await client.call("SendTyping", signals=[signal])
        assert not typed.results[0].HasField("status")
    mark = pb.Mark(actor="a", **place)
    for name, request in (
        ("MarkDelivered", pb.MarkDeliveredRequest(marks=[mark])),
        ("MarkRead", pb.MarkReadRequest(marks=[mark])),
    ):
        answer = await client.call(name, request)
        assert answer.results[0].watermark.seq == (1 if name == "MarkRead" else 0)
    mine, theirs = (await seen("a")).conversation, (await seen("b")).conversation
    assert (mine.last_seq, mine.unread, mine.read_up_to) == (1, 0, 1)
    assert (theirs.last_seq, theirs.last_message.text, theirs.peer_read_up_to) == (2, "two", 0)
    evidence = await client.call("ListEvidence", before=9, **place)
    assert [(one.message.text, one.suppressed) for one in evidence.evidence] == [
        ("one", False),
        ("two", True),
    ]
    await block(blocked=False)
    third = await client.say("b", "three", **place)
    events = await stream.events(5)
    kinds = [(event.WhichOneof("event"), list(event.recipients)) for _, event in events]
    assert kinds == [
        ("block_changed", ["a"]),
        ("message_created", ["b"]),
        ("read", ["a"]),
        ("block_changed", ["a"]),
        ("message_created", ["a", "b"]),
    ]
    assert (events[0][1].block_changed.user, events[0][1].block_changed.origin) == ("b", "o")
    assert third.seq == 3
    history = await client.call("ListMessages", actor="a", **place)
    assert [one.text for one in history.messages] == ["one", "three"]
    listed = await client.call("ListBlocks", actor="a")
    assert list(listed.blocks) == []
    assert not (await seen("")).blocked


async def test_blocks_are_limited_by_a_setting(serve: Any, refused: Any) -> None:
    """One more than the setting says is refused by name; an end makes room."""
    async with serve(blocks_per_user=1) as client:
        await client.call("SetBlock", actor="a", user="b", blocked=True)
        more = pb.SetBlockRequest(actor="a", user="c", blocked=True)
        code = grpc.StatusCode.FAILED_PRECONDITION
        await refused(client.call("SetBlock", more), code, "TOO_MANY_BLOCKS")
        await client.call("SetBlock", actor="a", user="b")
        await client.call("SetBlock", more)
