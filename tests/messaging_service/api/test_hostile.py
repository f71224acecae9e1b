"""Hostile values in every field of every RPC, on both databases."""

from typing import Any

import grpc
from parley.messaging.v1 import messaging_pb2 as pb

from tests.support import hostile

CONTRACT = pb.DESCRIPTOR.services_by_name["MessagingService"]
DEFECTS = {one.value[0] for one in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)}


async def test_no_value_of_any_field_is_a_defect(client: Any) -> None:
    """It is refused by a name or carried out, and what stands beside it in a batch is as well."""
    said = await client.say("ann", to="bob")
    sound = {
        "actor": "ann",
        "user": "bob",
        "conversation_id": said.conversation_id,
        "message_id": said.id,
        "participants": ["ann", "bob"],
    }
    tried = 0
    for rpc, field, request in hostile.requests(CONTRACT, sound):
        tried += 1
        try:
            response = await client.call(rpc, request)
        except grpc.aio.AioRpcError as error:
            codes = {error.code().value[0]}
        else:
            codes = {one.status.code for one in getattr(response, "results", ())}
        assert not codes & DEFECTS, (rpc, field, request)
    assert tried > 500


async def test_a_hostile_item_of_a_batch_fails_alone(client: Any) -> None:
    """Of typing signals and marks; the good ones beside it are carried out."""
    said = await client.say("ann", to="bob")
    stream = await client.watch(["ann"])
    conversation = said.conversation_id
    hostile_ids = ("\0", "\0" * 64, "x" * 100_000, conversation + "\0")
    for bad in hostile_ids:
        signals = [
            pb.TypingSignal(actor="bob", conversation_id=bad, typing=True),
            pb.TypingSignal(actor="bob\0", conversation_id=conversation, typing=True),
            pb.TypingSignal(actor="bob", conversation_id=conversation, typing=True),
        ]
        results = (await client.call("SendTyping", signals=signals)).results
        codes = [one.status.code for one in results]
        assert codes == [
            grpc.StatusCode.NOT_FOUND.value[0],
            grpc.StatusCode.INVALID_ARGUMENT.value[0],
            0,
        ]
        ((_, event),) = await stream.events(1)
        assert event.typing.user == "bob"
    for bad in hostile_ids:
        marks = [pb.Mark(actor="bob", conversation_id=one) for one in (bad, conversation)]
        for rpc in ("MarkRead", "MarkDelivered"):
            first, second = (await client.call(rpc, marks=marks)).results
            assert first.status.code == grpc.StatusCode.NOT_FOUND.value[0]
            assert second.watermark.seq == 1
