"""Changes in their order, and pages in their turn."""

import asyncio
from dataclasses import replace

import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.backends.negotiation import NegotiationBackend
from edge.cursors import MESSAGING
from edge.sessions.context import Edge
from edge.sessions.session import Session
from edge.translation.status import TIMED_OUT
from parley_protocol.errors import Error
from parley_protocol.packets import Op
from tests.edge.scripted import Service, Start, Stream, Wire, given, message_event, with_settings
from tests.support.waiting import until


async def test_changes_of_one_socket_are_made_in_their_order(
    greeted: tuple[Session, Wire], service: Service
) -> None:
    """An edit that was sent after another one must not overtake it, nor a deletion the edits."""
    _, wire = greeted
    service.hold_changes = True
    for number in range(5):
        wire.say(Op.EDIT_MSG, {"message": "m", "text": str(number)}, number)
    wire.say(Op.DELETE_MSG, {"message": "m"}, 5)
    wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "meanwhile"}, 6)
    assert (await wire.hear())["re"] == 6
    asked = []
    for number in range(6):
        asked.append(await service.changed.get())
        assert service.changed.empty()
        service.let_change.release()
        answer = await wire.hear()
        assert (answer["op"], answer["re"]) == (Op.MSG_CHANGED, number)
    assert [getattr(one, "text", "gone") for one in asked] == [*"01234", "gone"]
    session = greeted[0].id
    assert [one.origin for one in asked] == [f"{session}:{number}" for number in range(1, 7)]


async def test_a_block_is_answered_by_how_it_is_then(
    greeted: tuple[Session, Wire], service: Service
) -> None:
    """In the order of what changes, on behalf of the session's user."""
    session, wire = greeted
    for number, blocked in enumerate((True, False, True)):
        wire.say(Op.BLOCK_USER, {"user": "bob", "blocked": blocked}, number)
    for number, blocked in enumerate((True, False, True)):
        answer = await wire.hear()
        assert (answer["op"], answer["re"]) == (Op.BLOCK_USER, number)
        assert answer["d"] == {"user": "bob", "blocked": blocked, "version": 0}
        asked = await service.changed.get()
        assert (asked.actor, asked.origin) == (session.user, f"{session.id}:{number + 1}")


async def test_changes_that_wait_are_answered_within_the_time_for_one(
    edge: Edge, enter: Start, service: Service, live: Stream
) -> None:
    """However many wait behind one that the service does not answer."""
    impatient = with_settings(edge, call_timeout_seconds=0.3)
    _, wire = await enter(on=impatient)
    service.hold_changes = True
    began = asyncio.get_running_loop().time()
    for number in range(10):
        wire.say(Op.EDIT_MSG, {"message": "m", "text": "x"}, number)
    answers = [await wire.hear() for _ in range(10)]
    assert {answer["d"]["code"] for answer in answers} == {"DEADLINE_EXCEEDED"}
    # Ten times the time for one would be three seconds.
    assert asyncio.get_running_loop().time() - began < 2


class HangingNegotiation(NegotiationBackend):
    """A negotiation service that does not answer until the test lets the time run out."""

    def __init__(self) -> None:
        self.asked = 0
        self.time_out = asyncio.Event()

    async def services(self, *_: object) -> Error:
        self.asked += 1
        await self.time_out.wait()
        return TIMED_OUT


async def test_pages_that_wait_behind_one_that_is_given_up_are_given_up_with_it(
    edge: Edge, enter: Start, service: Service, live: Stream
) -> None:
    """A service that hangs costs the whole of what was asked one time-out, not one each."""
    edge.messaging._settings = edge.settings.model_copy(update={"call_timeout_seconds": 0.1})
    asked: list[int] = []

    async def list_messages(request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        asked.append(request.after_seq)
        if request.after_seq < 10:
            await asyncio.Event().wait()
        return pb.ListMessagesResponse()

    service.list_messages = list_messages
    _, wire = await enter()
    for number in range(5):
        wire.say(Op.ASK_MESSAGES, {"conversation": "c", "after": number}, number)
    for number in range(5):
        reply = await wire.hear()
        assert (reply["re"], reply["d"]["code"]) == (number, "DEADLINE_EXCEEDED")
    assert asked == [0]
    wire.say(Op.ASK_MESSAGES, {"conversation": "c", "after": 10}, 10)
    assert (await wire.hear())["op"] == Op.RETURN_MESSAGES


async def test_a_service_that_hangs_costs_pages_of_another_nothing(
    edge: Edge, enter: Start, service: Service, live: Stream
) -> None:
    """Conversations wait for their deals once, however many ask; messages have none to wait for."""
    negotiation = HangingNegotiation()
    service.conversations = [pb.Conversation(id="c", participants=["alice", "bob"])]
    _, wire = await enter(on=replace(edge, negotiation=negotiation))
    for number in range(5):
        wire.say(Op.ASK_CONVERSATIONS, {}, number)
    wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, "messages")
    assert (await wire.hear())["re"] == "messages"
    negotiation.time_out.set()
    for number in range(5):
        reply = await wire.hear()
        assert (reply["re"], reply["d"]["missing"]) == (number, ["negotiation"])
    assert negotiation.asked == 1
    wire.say(Op.ASK_CONVERSATIONS, {}, "later")
    await wire.hear()
    assert negotiation.asked == 2


async def test_large_answers_together_are_no_slow_reader(
    edge: Edge, enter: Start, service: Service, live: Stream
) -> None:
    """A client that asks for many pages at once gets them all, one after the other."""
    large = pb.Message(id="m", text="x" * 50_000)
    service.list_messages = given(pb.ListMessagesResponse(messages=[large]))
    _, wire = await enter(on=with_settings(edge, outbox_bytes=40_000))
    for number in range(10):
        wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, number)
    answers = [await wire.hear() for _ in range(10)]
    assert {answer.get("op") for answer in answers} == {Op.RETURN_MESSAGES}


async def test_pages_wait_unasked_until_the_client_has_read(
    edge: Edge, enter: Start, service: Service, live: Stream
) -> None:
    """Whoever asks for many and reads none makes the edge hold one; others are served."""
    asked: asyncio.Queue[int] = asyncio.Queue()

    async def list_messages(request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        asked.put_nowait(request.after_seq)
        return pb.ListMessagesResponse(messages=[pb.Message(id="m", text="x" * 50_000)])

    service.list_messages = list_messages
    small = with_settings(edge, outbox_bytes=40_000)
    session, wire = await enter(on=small)
    wire.reads.clear()
    for number in range(10):
        wire.say(Op.ASK_MESSAGES, {"conversation": "c", "after": number}, number)
    assert await asked.get() == 0
    # It is on its way to the client, and so no other is asked for.
    await until(lambda: session.waiting_bytes > 50_000)
    _, other = await enter(on=small, user="bob")
    other.say(Op.ASK_MESSAGES, {"conversation": "c", "after": 99}, 99)
    assert (await other.hear())["re"] == 99
    assert (asked.get_nowait(), asked.empty()) == (99, True)
    wire.reads.set()
    assert [(await wire.hear())["re"] for _ in range(10)] == list(range(10))


@pytest.mark.parametrize("early", [True, False], ids=["before", "after"])
async def test_a_message_whose_answer_is_lost_is_told_as_to_others(
    edge: Edge, enter: Start, service: Service, live: Stream, early: bool
) -> None:
    """Whether it was stored before or after that: sent again it may be refused, by a sanction."""
    edge.messaging.create_message._budget = 0.2
    service.let_create.clear()
    session, wire = await enter()
    stored = message_event(1, sender="alice", origin=f"{session.id}:1")
    wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "hi"}, 1)
    if early:
        live.say(11, stored)
    error = await wire.hear()
    assert (error["re"], error["d"]["code"]) == (1, "DEADLINE_EXCEEDED")
    if not early:
        live.say(11, stored)
    alert = await wire.hear()
    assert (alert["op"], alert["d"]["message"]["seq"]) == (Op.ALERT_NEW_MSG, 1)


async def test_what_is_answered_is_not_alerted(
    enter: Start, service: Service, live: Stream
) -> None:
    """Whichever comes first, and also when another one is refused."""
    session, wire = await enter()
    service.let_create.clear()
    for number in (1, 2):
        wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "hi"}, number)
    live.say(11, message_event(1, sender="alice", origin=f"{session.id}:1"))
    await until(lambda: session.edge.hub.positions[MESSAGING].revision == 11)
    service.let_create.set()
    assert [(await wire.hear())["re"] for _ in range(2)] == [1, 2]
    wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "hi", "to": "bob"}, 3)
    assert (await wire.hear())["d"]["code"] == "INVALID_ARGUMENT"
    live.say(12, message_event(2, sender="alice", origin=f"{session.id}:2"))
    live.say(13, message_event(3))
    assert (await wire.hear())["d"]["message"]["seq"] == 3
