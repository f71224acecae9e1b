"""The operator chooses who may open a conversation."""

import grpc
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc

from parley_protocol.packets import Op
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import present
from tests.support.system import System
from tests.system.conftest import Connect


async def introduce(system: System, *people: str) -> str:
    """As in a marketplace that introduces people itself."""
    metadata = present(system.credentials[Caller.BACKEND])
    async with grpc.aio.insecure_channel(system.target("messaging")) as channel:
        stub = messaging_pb2_grpc.MessagingServiceStub(channel)
        request = pb.CreateConversationRequest(participants=people, subject="roof")
        response = await stub.CreateConversation(request, metadata=metadata)
        return response.conversation.id


async def test_only_internal_services_open_when_so_set(
    own_system: System, connect: Connect
) -> None:
    """A stranger is refused; whoever was introduced writes, by the conversation or by `to`."""
    own_system.settings["messaging"]["opening"] = "internal"
    own_system.start("messaging")
    alice = await connect(own_system, "alice")
    bob = await connect(own_system, "bob")
    refused = await alice.ask(Op.CREATE_MSG, {"to": "bob", "text": "x"})
    assert (refused["op"], refused["d"]["code"]) == (Op.ERROR, "PERMISSION_DENIED")
    conversation = await introduce(own_system, "bob", "alice")
    assert conversation == await introduce(own_system, "alice", "bob")
    await alice.ask(Op.CREATE_MSG, {"conversation": conversation, "text": "by conversation"})
    stored = await alice.write("bob", "by name", subject="roof")
    assert (stored["conversation"], stored["seq"]) == (conversation, 2)
    assert (await bob.expect(Op.ALERT_NEW_MSG))["d"]["message"]["text"] == "by conversation"
    assert (await alice.ask(Op.CREATE_MSG, {"to": "carol", "text": "x"}))["op"] == Op.ERROR


async def test_a_user_opens_a_limited_number_an_hour(own_system: System, connect: Connect) -> None:
    """Beyond it RATE_LIMITED says when to come back; conversations that stand go on."""
    own_system.settings["messaging"]["openings_per_hour"] = 2
    own_system.start("messaging")
    alice = await connect(own_system, "alice")
    await alice.write("bob", "one")
    await alice.write("carol", "two")
    refused = await alice.ask(Op.CREATE_MSG, {"to": "dave", "text": "three"})
    error = refused["d"]
    assert (error["code"], error["retryable"]) == ("RATE_LIMITED", True)
    assert 0 < error["retry_after_ms"] <= 3_600_000
    assert (await alice.write("bob", "four"))["seq"] == 2
    dave = await connect(own_system, "dave")
    assert (await dave.write("alice", "mine to open"))["seq"] == 1
