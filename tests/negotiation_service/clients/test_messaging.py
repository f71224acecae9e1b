"""The questions to messaging, and proposals when it does not answer well."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from google.rpc import status_pb2
from parley.messaging.v1 import messaging_pb2, messaging_pb2_grpc
from parley.negotiation.v1 import negotiation_pb2 as pb

from negotiation_service.settings import NegotiationSettings
from service_kit.authentication.callers import Caller
from tests.support.callers import secret_of
from tests.support.serving import METADATA
from tests.support.system import free_port

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
NOT_FOUND = grpc.StatusCode.NOT_FOUND

Answer = Callable[[Any, Any], Awaitable[Any]]


class ScriptedMessaging(messaging_pb2_grpc.MessagingServiceServicer):
    """Answers as the test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.participants: list[str] = ["ann", "bob"]
        self.blocked = False
        # Of the whole call, and of each conversation.
        self.code: grpc.StatusCode | None = None
        self.status: grpc.StatusCode | None = None
        self.hangs = False
        self.asked: list[tuple[Any, dict[str, str], float]] = []
        self.target = ""

    async def BatchGetParties(self, request: Any, context: Any) -> Any:  # noqa: N802, the contract's
        metadata = dict(context.invocation_metadata())
        self.asked.append((request, metadata, context.time_remaining()))
        if self.hangs:
            await asyncio.Event().wait()
        if self.code is not None:
            await context.abort(self.code, "as the test says")
        response = messaging_pb2.BatchGetPartiesResponse
        result = response.Result(
            parties=response.Parties(
                participants=self.participants, blockers=["bob"] if self.blocked else []
            )
        )
        if self.status is not None:
            result = response.Result(status=status_pb2.Status(code=self.status.value[0]))
        return response(results=[result] * len(request.wanted))


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedMessaging]:
    server = grpc.aio.server()
    made = ScriptedMessaging()  # type: ignore[abstract]  # nothing else is asked of it
    messaging_pb2_grpc.add_MessagingServiceServicer_to_server(made, server)
    made.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield made
    await server.stop(None)


@pytest.fixture
def kind() -> str:
    """The database plays no part in this."""
    return "sqlite"


@pytest.fixture
async def client(serve: Any, scripted: ScriptedMessaging) -> AsyncIterator[Any]:
    """A service that asks the scripted messaging."""
    async with serve(messaging_target=scripted.target, messaging_timeout_seconds=5) as started:
        yield started


async def test_it_is_asked_as_the_actor_with_the_credential_and_a_deadline(
    client: Any, scripted: ScriptedMessaging
) -> None:
    """One question for each proposal, on behalf of who proposes."""
    await client.create(conversation="c")
    ((request, metadata, remaining),) = scripted.asked
    assert [(one.actor, one.conversation_id) for one in request.wanted] == [("ann", "c")]
    assert metadata["authorization"] == f"Bearer {secret_of(Caller.NEGOTIATION)}"
    assert 0 < remaining < 6


async def test_it_has_no_longer_than_the_caller_waits(
    client: Any, scripted: ScriptedMessaging
) -> None:
    """A call on behalf of another gets what remains of its time."""
    call = client.stub.CreateService(
        client.creation(conversation_id="c"),
        metadata=METADATA,
        timeout=3,
    )
    await call
    assert 0 < scripted.asked[0][2] < 4


async def test_a_bad_proposal_is_not_asked_about(
    client: Any, refused: Any, scripted: ScriptedMessaging
) -> None:
    request = client.creation(conversation_id="c", title="")
    code = grpc.StatusCode.INVALID_ARGUMENT
    await refused(client.call("CreateService", request), code, "INVALID_ARGUMENT", "title")
    assert scripted.asked == []


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNIMPLEMENTED,
    ],
)
async def test_its_failures_are_unavailable_and_can_be_tried_again(
    client: Any, refused: Any, scripted: ScriptedMessaging, code: grpc.StatusCode
) -> None:
    """After any failure nothing is stored, the reason is named, and a resend works."""
    scripted.code = code
    request = client.creation(conversation_id="c", idempotency_key="k")
    found = await refused(
        client.call("CreateService", request), UNAVAILABLE, "MESSAGING_UNAVAILABLE"
    )
    assert found["RetryInfo"].retry_delay.ToSeconds() == 1
    scripted.code = None
    answer = await client.call("CreateService", request)
    assert not answer.duplicate


async def test_its_silence_ends_with_the_deadline(
    serve: Any, refused: Any, scripted: ScriptedMessaging
) -> None:
    scripted.hangs = True
    async with serve(messaging_target=scripted.target, messaging_timeout_seconds=0.1) as client:
        await refused(client.create(conversation="c"), UNAVAILABLE, "MESSAGING_UNAVAILABLE")
    assert scripted.asked


async def test_nobody_listening_is_unavailable(
    serve: Any, refused: Any, settings: NegotiationSettings
) -> None:
    async with serve(messaging_target=f"127.0.0.1:{free_port()}") as client:
        await refused(client.create(conversation="c"), UNAVAILABLE, "MESSAGING_UNAVAILABLE")


@pytest.mark.parametrize(
    "participants", [[], ["ann"], ["bob", "eve"], ["ann", "ann"], ["ann", "bob", "eve"]]
)
async def test_only_two_of_whom_one_proposes_make_a_deal(
    client: Any, refused: Any, scripted: ScriptedMessaging, participants: list[str]
) -> None:
    scripted.participants = participants
    await refused(client.create(conversation="c"), NOT_FOUND, "CONVERSATION_NOT_FOUND")


async def test_what_is_not_found_there_is_not_found_here(
    client: Any, refused: Any, scripted: ScriptedMessaging
) -> None:
    """In the same words, whether it does not exist or is none of the actor's."""
    scripted.status = NOT_FOUND
    await refused(client.create(conversation="c"), NOT_FOUND, "CONVERSATION_NOT_FOUND")


async def test_what_it_can_not_tell_of_a_conversation_is_unavailable(
    client: Any, refused: Any, scripted: ScriptedMessaging
) -> None:
    scripted.status = grpc.StatusCode.INTERNAL
    await refused(client.create(conversation="c"), UNAVAILABLE, "MESSAGING_UNAVAILABLE")


async def test_a_list_of_commands_asks_once(client: Any, scripted: ScriptedMessaging) -> None:
    """About all of its conversations, and not again for a resend."""
    creations = [
        pb.Command(
            create_service=client.creation(
                actor=actor, conversation_id=conversation, idempotency_key="k"
            )
        )
        for actor, conversation in (("ann", "c"), ("bob", "d"))
    ]
    stream = client.stub.StreamCommands(metadata=METADATA)
    for duplicate in (False, True):
        await stream.write(pb.StreamCommandsRequest(commands=creations))
        answers = [one.answer for one in (await stream.read()).results]
        assert [one.duplicate for one in answers] == [duplicate] * 2
    assert [one.service.conversation_id for one in answers] == ["c", "d"]
    ((request, _, remaining),) = scripted.asked
    assert [(one.actor, one.conversation_id) for one in request.wanted] == [
        ("ann", "c"),
        ("bob", "d"),
    ]
    assert 0 < remaining < 6
    stream.cancel()


@pytest.mark.parametrize("actor", ["ann", "bob"])
async def test_where_somebody_is_blocked_no_deal_begins(
    client: Any, refused: Any, scripted: ScriptedMessaging, actor: str
) -> None:
    """Either is refused as in a locked conversation, in the words of one. A resend of what was
    created before is answered, and what is under way goes on.
    """
    creation = client.creation(conversation_id="c", idempotency_key="k")
    created = await client.call("CreateService", creation)
    scripted.blocked = True
    again = await client.call("CreateService", creation)
    assert (again.duplicate, again.service) == (True, created.service)
    another = client.creation(actor=actor, conversation_id="another")
    code = grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.aio.AioRpcError, match="the conversation is locked"):
        await client.call("CreateService", another)
    await refused(client.call("CreateService", another), code, "SANCTIONED")
    edited = await client.edit("ann", created.service.id, 9_000, 1)
    await client.accept("bob", edited)


async def test_a_deal_goes_on_without_messaging(
    client: Any, refused: Any, scripted: ScriptedMessaging
) -> None:
    """After the creation every read works although messaging answers nothing, every command
    without words, and a resend of the creation.
    """
    creation = client.creation(conversation_id="c", idempotency_key="k")
    created = await client.call("CreateService", creation)
    shown = created.service
    scripted.hangs = True
    again = await client.call("CreateService", creation)
    assert (again.duplicate, again.service) == (True, shown)
    agreed = await client.accept("bob", await client.edit("ann", shown.id, 9_000, 1))
    await client.terminate("ann", agreed.id, "DELIVERED")
    await client.terminate("bob", agreed.id, "COMPLETED")
    said = client.note("ann", agreed.id, "good")
    await refused(said, grpc.StatusCode.UNAVAILABLE, "MESSAGING_UNAVAILABLE")
    await client.note("ann", agreed.id, "")
    listed = await client.call("ListServices", actor="bob")
    assert [one.state for one in listed.services] == [pb.STATE_COMPLETED]
    assert len(scripted.asked) == 2
