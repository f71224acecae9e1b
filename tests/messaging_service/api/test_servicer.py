"""The service over real gRPC: every method with good, bad and hostile requests."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from parley.messaging.v1 import messaging_pb2 as pb

from messaging_service.__main__ import SERVICE
from messaging_service.domain.limits import Opening
from messaging_service.settings import MessagingSettings
from service_kit.service import running
from service_kit.storage.clock import take_revision
from service_kit.storage.engines import open_engine

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
METHODS = pb.DESCRIPTOR.services_by_name["MessagingService"].methods
METADATA = (("authorization", "Bearer the-service-credential"),)


def reason(status: Any, unpacked: Callable[[Any], dict[str, Any]]) -> str:
    return str(unpacked(status)["ErrorInfo"].reason)


@pytest.fixture
def unpacked() -> Callable[[Any], dict[str, Any]]:
    """Unpack the details of the status of one item."""
    from google.rpc import error_details_pb2  # noqa: PLC0415, for this fixture alone

    def unpack(status: Any) -> dict[str, Any]:
        info = error_details_pb2.ErrorInfo()
        assert status.details[0].Unpack(info)
        return {"ErrorInfo": info}

    return unpack


@pytest.mark.parametrize("method", [one.name for one in METHODS])
@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", "Bearer wrong"),),
        (("authorization", "the-service-credential"),),
        (("authorization", "Bearer the-service-credential "), ("authorization", "Bearer x")),
    ],
)
async def test_every_method_wants_the_credential(
    client: Any, refused: Any, method: str, metadata: Any
) -> None:
    """Without it, with a wrong one or in a wrong form, every method is UNAUTHENTICATED."""
    request = getattr(pb, f"{method}Request")()
    given = (iter([request]),) if method == "StreamCreateMessages" else (request,)
    call = getattr(client.stub, method)(*given, metadata=metadata, timeout=5)
    awaitable = call.read() if method in {"Watch", "StreamCreateMessages"} else call
    await refused(awaitable, grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


def batch(*texts: str) -> pb.StreamCreateMessagesRequest:
    """A request to store texts of a to b."""
    requests = [pb.CreateMessageRequest(actor="a", to="b", text=text) for text in texts]
    return pb.StreamCreateMessagesRequest(batch=pb.BatchCreateMessagesRequest(requests=requests))


async def test_a_stream_of_batches_answers_each_and_outlives_a_refused_one(client: Any) -> None:
    """In order, each item with its own outcome; what is refused as a whole ends nothing."""
    stream = client.stub.StreamCreateMessages(metadata=METADATA)
    await stream.write(batch("one", "", "two"))
    first = (await stream.read()).batch.results
    assert [one.WhichOneof("result") for one in first] == ["stored", "status", "stored"]
    await stream.write(batch(*["x"] * 1_001))
    assert (await stream.read()).status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    await stream.write(batch("three"))
    assert (await stream.read()).batch.results[0].stored.seq == 3
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF
    assert await stream.code() is grpc.StatusCode.OK


async def test_health_and_reflection_want_it_too(serve: Any, refused: Any) -> None:
    """Nothing at all is told without the credential; with it, both answer."""
    async with serve(reflection=True) as client:
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        question = health_pb2.HealthCheckRequest(service="parley.messaging.v1.MessagingService")
        unauthenticated = (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
        await refused(health.Check(question, timeout=5), *unauthenticated)
        answer = await health.Check(question, metadata=METADATA, timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(client.channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        call = reflection.ServerReflectionInfo(iter([asked]), timeout=5)
        await refused(call.read(), *unauthenticated)
        call = reflection.ServerReflectionInfo(iter([asked]), metadata=METADATA, timeout=5)
        listed = (await call.read()).list_services_response.service
        assert question.service in {one.name for one in listed}


async def test_reflection_is_off_unless_set(client: Any) -> None:
    """Without the setting the reflection service does not exist."""
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    call = reflection.ServerReflectionInfo(iter([asked]), metadata=METADATA, timeout=5)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_second_credential_is_accepted_while_they_change(client: Any) -> None:
    """Every secret of the file is accepted, so that a credential can be changed while serving."""
    metadata = (("authorization", "Bearer the-next-credential"),)
    request = pb.GetMessagesRequest(message_ids=[])
    await client.stub.GetMessages(request, metadata=metadata, timeout=5)


HOSTILE = "x' OR '1'='1"
LARGE = 2**63 - 1


@pytest.mark.parametrize(
    ("method", "request_", "code", "why", "field"),
    [
        ("CreateConversation", pb.CreateConversationRequest(participants=["a"]), INVALID,
         "INVALID_ARGUMENT", "participants"),
        ("CreateConversation", pb.CreateConversationRequest(participants=["a", "b"], subject="\0"),
         INVALID, "INVALID_ARGUMENT", "subject"),
        ("CreateMessage", pb.CreateMessageRequest(actor="a", to="b", text="x" * 4001), INVALID,
         "INVALID_ARGUMENT", "text"),
        ("CreateMessage", pb.CreateMessageRequest(actor="a", conversation_id=HOSTILE, text="x"),
         NOT_FOUND, "CONVERSATION_NOT_FOUND", ""),
        ("BatchCreateMessages",
         pb.BatchCreateMessagesRequest(requests=[pb.CreateMessageRequest()] * 1001), INVALID,
         "BATCH_TOO_LARGE", "requests"),
        ("EditMessage", pb.EditMessageRequest(actor="a", text="x"), INVALID, "INVALID_ARGUMENT",
         "message_id"),
        ("EditMessage", pb.EditMessageRequest(actor="a", message_id="m", text=" "), INVALID,
         "INVALID_ARGUMENT", "text"),
        ("EditMessage", pb.EditMessageRequest(message_id="m", text="x"), INVALID,
         "INVALID_ARGUMENT", "actor"),
        ("EditMessage", pb.EditMessageRequest(actor="a", message_id=HOSTILE, text="x"), NOT_FOUND,
         "MESSAGE_NOT_FOUND", ""),
        ("DeleteMessage", pb.DeleteMessageRequest(actor="a"), INVALID, "INVALID_ARGUMENT",
         "message_id"),
        ("DeleteMessage", pb.DeleteMessageRequest(actor="a", message_id="\0"), NOT_FOUND,
         "MESSAGE_NOT_FOUND", ""),
        ("DeleteMessage", pb.DeleteMessageRequest(actor="a", message_id="m", idempotency_key="\n"),
         INVALID, "INVALID_ARGUMENT", "idempotency_key"),
        ("ListEvidence", pb.ListEvidenceRequest(), INVALID, "INVALID_ARGUMENT", "message_id"),
        ("ListEvidence", pb.ListEvidenceRequest(message_id="m", before=-1), INVALID,
         "INVALID_ARGUMENT", "before"),
        ("ListEvidence", pb.ListEvidenceRequest(message_id=HOSTILE), NOT_FOUND,
         "MESSAGE_NOT_FOUND", ""),
        ("ListEvidence", pb.ListEvidenceRequest(message_id=HOSTILE, actor=HOSTILE), NOT_FOUND,
         "MESSAGE_NOT_FOUND", ""),
        ("ListEvidence", pb.ListEvidenceRequest(conversation_id=HOSTILE), NOT_FOUND,
         "CONVERSATION_NOT_FOUND", ""),
        ("ListConversations", pb.ListConversationsRequest(), INVALID, "INVALID_ARGUMENT", "actor"),
        ("ListConversations", pb.ListConversationsRequest(actor="a", page_size=-1), INVALID,
         "INVALID_ARGUMENT", "page_size"),
        ("ListConversations", pb.ListConversationsRequest(actor="a", page_token="A" * 999), INVALID,
         "INVALID_ARGUMENT", "page_token"),
        ("ListMessages", pb.ListMessagesRequest(actor="a"), INVALID, "INVALID_ARGUMENT",
         "conversation_id"),
        ("ListMessages", pb.ListMessagesRequest(conversation_id="c", before_seq=1, after_seq=1),
         INVALID, "INVALID_ARGUMENT", "after_seq"),
        ("ListMessages", pb.ListMessagesRequest(conversation_id="c", before_seq=-LARGE), INVALID,
         "INVALID_ARGUMENT", "before_seq"),
        ("ListMessages", pb.ListMessagesRequest(conversation_id=HOSTILE, after_seq=LARGE),
         NOT_FOUND, "CONVERSATION_NOT_FOUND", ""),
        ("GetConversation", pb.GetConversationRequest(actor="a"), INVALID, "INVALID_ARGUMENT",
         "conversation_id"),
        ("GetConversation", pb.GetConversationRequest(conversation_id="\0"), NOT_FOUND,
         "CONVERSATION_NOT_FOUND", ""),
        ("GetMessages", pb.GetMessagesRequest(message_ids=["m"] * 1001), INVALID,
         "BATCH_TOO_LARGE", "message_ids"),
        ("MarkRead", pb.MarkReadRequest(marks=[pb.Mark()] * 1001), INVALID, "BATCH_TOO_LARGE",
         "marks"),
        ("MarkDelivered", pb.MarkDeliveredRequest(marks=[pb.Mark()] * 1001), INVALID,
         "BATCH_TOO_LARGE", "marks"),
        ("SendTyping", pb.SendTypingRequest(signals=[pb.TypingSignal()] * 1001), INVALID,
         "BATCH_TOO_LARGE", "signals"),
        ("SetBlock", pb.SetBlockRequest(user="b", blocked=True), INVALID, "INVALID_ARGUMENT",
         "actor"),
        ("SetBlock", pb.SetBlockRequest(actor="a", blocked=True), INVALID, "INVALID_ARGUMENT",
         "user"),
        ("SetBlock", pb.SetBlockRequest(actor="a", user="a"), INVALID, "INVALID_ARGUMENT", "user"),
        ("ListBlocks", pb.ListBlocksRequest(), INVALID, "INVALID_ARGUMENT", "actor"),
        ("ListBlocks", pb.ListBlocksRequest(actor="a", page_size=-1), INVALID, "INVALID_ARGUMENT",
         "page_size"),
        ("ListBlocks", pb.ListBlocksRequest(actor="a", page_token="A" * 999), INVALID,
         "INVALID_ARGUMENT", "page_token"),
        ("UpdateWatch", pb.UpdateWatchRequest(watcher_id="unknown", add_users=["a"]), NOT_FOUND,
         "WATCHER_NOT_FOUND", ""),
        ("ListChanges", pb.ListChangesRequest(), INVALID, "INVALID_ARGUMENT", "user"),
        ("ListChanges", pb.ListChangesRequest(user="a", after=pb.Position(revision=-1)), INVALID,
         "INVALID_ARGUMENT", "after"),
    ],
)  # fmt: skip
async def test_bad_requests_are_refused_by_name(
    client: Any, refused: Any, method: str, request_: Message, code: Any, why: str, field: str
) -> None:
    """Each bad or hostile request ends with its code, its reason and the field at fault."""
    await refused(client.call(method, request_), code, why, field)


async def test_items_of_a_batch_stand_alone(client: Any, unpacked: Any) -> None:
    """Good and bad items of one call each have their own result, in order."""
    good = pb.CreateMessageRequest(actor="a", to="b", text="hello", idempotency_key="k")
    bad = pb.CreateMessageRequest(actor="a", to="b", text=" ")
    lost = pb.CreateMessageRequest(actor="c", conversation_id="nowhere", text="x")
    conflict = pb.CreateMessageRequest(actor="a", to="b", text="other", idempotency_key="k")
    request = pb.BatchCreateMessagesRequest(requests=[good, bad, lost, good, conflict, good])
    results = (await client.call("BatchCreateMessages", request)).results
    kinds = [one.WhichOneof("result") for one in results]
    assert kinds == ["stored", "status", "status", "stored", "status", "stored"]
    assert [results[i].stored.duplicate for i in (0, 3, 5)] == [False, True, True]
    assert [reason(results[i].status, unpacked) for i in (1, 2, 4)] == [
        "INVALID_ARGUMENT", "CONVERSATION_NOT_FOUND", "IDEMPOTENCY_KEY_CONFLICT",
    ]  # fmt: skip
    conversation = results[0].stored.conversation_id
    marks = [
        pb.Mark(actor="b", conversation_id=conversation),
        pb.Mark(actor="c", conversation_id=conversation),
        pb.Mark(actor="b", conversation_id=conversation, seq=-1),
    ]
    for method in ("MarkDelivered", "MarkRead"):
        answer = await client.call(method, getattr(pb, f"{method}Request")(marks=marks))
        moved, stranger, negative = answer.results
        assert (moved.watermark.seq, moved.watermark.moved) == (1, True)
        assert moved.watermark.message_id == results[0].stored.id
        assert reason(stranger.status, unpacked) == "CONVERSATION_NOT_FOUND"
        assert reason(negative.status, unpacked) == "INVALID_ARGUMENT"
    signals = [
        pb.TypingSignal(actor=actor, conversation_id=conversation, typing=True)
        for actor in ("a", "c", "")
    ]
    typed = await client.call("SendTyping", pb.SendTypingRequest(signals=signals))
    assert [one.HasField("status") for one in typed.results] == [False, True, True]


async def test_a_conversation_is_seen_by_its_people_and_by_services(client: Any) -> None:
    """Each sees the same conversation and their own counts; a service sees no watermarks."""
    opened = await client.call(
        "CreateConversation", pb.CreateConversationRequest(participants=["b", "a"], subject="s")
    )
    assert opened.created
    assert not opened.conversation.HasField("last_message")
    stored = await client.say("a", "bonjour \N{CAT FACE}", to="b", subject="s")
    assert stored.conversation_id == opened.conversation.id
    for actor, unread in (("a", 0), ("b", 1), ("", 0)):
        request = pb.GetConversationRequest(actor=actor, conversation_id=stored.conversation_id)
        seen = (await client.call("GetConversation", request)).conversation
        assert list(seen.participants) == ["a", "b"]
        assert (seen.unread, seen.last_seq, seen.subject) == (unread, 1, "s")
        assert seen.last_message.text == "bonjour \N{CAT FACE}"
        assert seen.last_message.kind == pb.MESSAGE_KIND_TEXT
    listed = await client.call("ListConversations", pb.ListConversationsRequest(actor="b"))
    assert [one.id for one in listed.conversations] == [stored.conversation_id]
    history = pb.ListMessagesRequest(conversation_id=stored.conversation_id)
    (message,) = (await client.call("ListMessages", history)).messages
    found = await client.call("GetMessages", pb.GetMessagesRequest(message_ids=[stored.id, "x"]))
    assert list(found.messages) == [message]


async def test_both_sides_opening_at_once_meet(client: Any) -> None:
    """Of many simultaneous first messages from both sides, one conversation comes, seq dense."""
    stored = await asyncio.gather(
        *(client.say("a", str(i), to="b") for i in range(20)),
        *(client.say("b", str(i), to="a") for i in range(20)),
    )
    assert len({one.conversation_id for one in stored}) == 1
    assert sorted(one.seq for one in stored) == list(range(1, 41))


async def test_a_resend_beside_its_original_is_stored_once(client: Any) -> None:
    """Twenty simultaneous calls with one key store one message and give one answer."""
    stored = await asyncio.gather(
        *(client.say("a", to="b", idempotency_key="k") for _ in range(20))
    )
    assert len({one.id for one in stored}) == 1
    assert sum(not one.duplicate for one in stored) == 1


async def test_the_openings_limit_says_how_long_to_wait(serve: Any, refused: Any) -> None:
    """Beyond the limit of new conversations: RESOURCE_EXHAUSTED with a RetryInfo."""
    async with serve(openings_per_hour=1) as client:
        await client.say("a", to="b")
        code = grpc.StatusCode.RESOURCE_EXHAUSTED
        found = await refused(client.say("a", to="c"), code, "OPENINGS_LIMIT_REACHED")
        assert 3_590 < found["RetryInfo"].retry_delay.ToSeconds() <= 3_600
    async with serve(opening=Opening.INTERNAL) as client:
        code = grpc.StatusCode.PERMISSION_DENIED
        await refused(client.say("x", to="y"), code, "OPENING_NOT_ALLOWED")


async def test_the_stream_tells_what_the_replay_tells(client: Any) -> None:
    """Watch brings each event with its recipients, counts and origin; ListChanges the same."""
    stream = await client.watch(["b"])
    assert not stream.first.events
    stored = await client.say("a", to="b", origin="socket-1", idempotency_key="k")
    ((revision, event),) = await stream.events(1)
    assert list(event.recipients) == ["a", "b"]
    assert list(event.message_created.unread) == [0, 1]
    assert event.message_created.origin == "socket-1"
    mark = pb.Mark(actor="b", conversation_id=stored.conversation_id, origin="socket-2")
    await client.call("MarkDelivered", pb.MarkDeliveredRequest(marks=[mark]))
    await client.call("MarkRead", pb.MarkReadRequest(marks=[mark]))
    # Nobody here follows the author, whom alone the delivery concerns.
    ((read_revision, read),) = await stream.events(1)
    assert list(read.recipients) == ["a", "b"]
    assert (read.read.message_id, read.read.author) == (stored.id, "a")
    assert (read.read.idempotency_key, read.read.origin) == ("k", "socket-2")
    epoch = stream.first.position.epoch
    request = pb.ListChangesRequest(
        user="b",
        after=stream.first.position,
        until=pb.Position(epoch=epoch, revision=read_revision),
    )
    answer = await client.call("ListChanges", request)
    assert answer.complete
    assert [change.revision for change in answer.changes] == [revision, read_revision]
    replayed = [event for change in answer.changes for event in change.events]
    assert replayed[0].message_created.message == event.message_created.message
    read.read.origin = ""
    assert replayed[1].read == read.read
    request.user = "a"
    answer = await client.call("ListChanges", request)
    kinds = [one.WhichOneof("event") for change in answer.changes for one in change.events]
    assert kinds == ["message_created", "delivered", "read"]


async def test_changes_are_answered_told_and_kept(client: Any, refused: Any) -> None:
    """The answer is what Watch and ListChanges tell; the evidence is what was shown before."""
    stored = await client.say("a", "one", to="b")
    stream = await client.watch(["b"])
    edit = pb.EditMessageRequest(
        actor="a", message_id=stored.id, text="two", idempotency_key="k", origin="socket-1"
    )
    first = await client.call("EditMessage", edit)
    assert (first.changed.message.text, first.changed.message.seq) == ("two", 1)
    assert first.changed.message.edit_time == first.changed.change_time
    again = await client.call("EditMessage", edit)
    assert (again.duplicate, again.changed) == (True, first.changed)
    conflict = pb.DeleteMessageRequest(actor="a", message_id=stored.id, idempotency_key="k")
    code = grpc.StatusCode.ALREADY_EXISTS
    await refused(client.call("DeleteMessage", conflict), code, "IDEMPOTENCY_KEY_CONFLICT")
    delete = pb.DeleteMessageRequest(actor="a", message_id=stored.id)
    last = await client.call("DeleteMessage", delete)
    (_, edited), (revision, deleted) = await stream.events(2)
    assert edited.message_changed == first.changed
    assert deleted.message_changed == last.changed
    assert list(deleted.recipients) == ["a", "b"]
    assert last.changed.message.tombstone == pb.TOMBSTONE_DELETED
    code = grpc.StatusCode.FAILED_PRECONDITION
    await refused(client.call("EditMessage", edit.__class__(
        actor="a", message_id=stored.id, text="three")), code, "MESSAGE_DELETED")  # fmt: skip
    until = pb.Position(epoch=stream.first.position.epoch, revision=revision)
    changes = pb.ListChangesRequest(user="b", after=stream.first.position, until=until)
    (change,) = (await client.call("ListChanges", changes)).changes
    assert [one.message_changed for one in change.events] == [last.changed]
    asked = pb.ListEvidenceRequest(message_id=stored.id, before=20, after=20, actor="a")
    answer = await client.call("ListEvidence", asked)
    (evidence,), participants = answer.evidence, answer.participants
    assert participants == ["a", "b"]
    assert evidence.message == last.changed.message
    assert [one.text for one in evidence.versions] == ["one", "two"]
    assert evidence.versions[1].write_time == first.changed.change_time
    assert evidence.versions[1].replace_time == last.changed.change_time


async def test_typing_reaches_the_other_after_what_was_said(client: Any) -> None:
    """Typing is told to the other alone, behind earlier messages, and is stored nowhere."""
    stored = await client.say("a", to="b")
    stream = await client.watch(["a", "b"])
    await client.say("a", conversation_id=stored.conversation_id)
    signal = pb.TypingSignal(actor="a", conversation_id=stored.conversation_id, typing=True)
    await client.call("SendTyping", pb.SendTypingRequest(signals=[signal]))
    said, typing = await stream.events(2)
    assert said[1].HasField("message_created")
    assert list(typing[1].recipients) == ["b"]
    assert typing[1].typing.typing
    assert typing[0] == said[0]


async def test_a_block_stands_between_two_and_shows_to_none_of_them(
    client: Any, refused: Any
) -> None:
    """The blocked one is answered as ever; the other is told neither what is said, nor of typing,
    and is refused. Services see it, and it ends. What was suppressed never comes.
    """
    first = await client.say("b", "one", to="a")
    place = {"conversation_id": first.conversation_id}
    stream = await client.watch(["a", "b"])

    async def block(*, blocked: bool) -> None:
        request = pb.SetBlockRequest(actor="a", user="b", blocked=blocked, origin="o")
        answer = await client.call("SetBlock", request)
        assert (answer.user, answer.blocked) == ("b", blocked)

    async def seen(actor: str) -> pb.GetConversationResponse:
        request = pb.GetConversationRequest(actor=actor, **place)
        answer = await client.call("GetConversation", request)
        assert isinstance(answer, pb.GetConversationResponse)
        return answer

    await block(blocked=True)
    await block(blocked=True)
    listed = await client.call("ListBlocks", pb.ListBlocksRequest(actor="a"))
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
        typed = await client.call("SendTyping", pb.SendTypingRequest(signals=[signal]))
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
    evidence = await client.call("ListEvidence", pb.ListEvidenceRequest(before=9, **place))
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
    history = await client.call("ListMessages", pb.ListMessagesRequest(actor="a", **place))
    assert [one.text for one in history.messages] == ["one", "three"]
    listed = await client.call("ListBlocks", pb.ListBlocksRequest(actor="a"))
    assert list(listed.blocks) == []
    assert not (await seen("")).blocked


async def test_blocks_are_limited_by_a_setting(serve: Any, refused: Any) -> None:
    """One more than the setting says is refused by name; an end makes room."""
    async with serve(blocks_per_user=1) as client:
        await client.call("SetBlock", pb.SetBlockRequest(actor="a", user="b", blocked=True))
        more = pb.SetBlockRequest(actor="a", user="c", blocked=True)
        code = grpc.StatusCode.FAILED_PRECONDITION
        await refused(client.call("SetBlock", more), code, "TOO_MANY_BLOCKS")
        await client.call("SetBlock", pb.SetBlockRequest(actor="a", user="b"))
        await client.call("SetBlock", more)


async def test_an_idle_stream_reports_progress(client: Any) -> None:
    """Without events for its users the stream still tells up to which revision it is."""
    stream = await client.watch(["nobody"])
    await client.say("a", to="b")
    async with asyncio.timeout(5):
        while (response := await stream.call.read()).position.revision < 1:
            assert not response.events


async def test_a_stream_ends_with_the_service(settings: MessagingSettings, connect: Any) -> None:
    """When the service stops, an open stream ends as UNAVAILABLE instead of hanging."""
    service = running(SERVICE, settings)
    port = await service.__aenter__()
    async with connect(port) as client:
        stream = await client.watch(["a"])
        await service.__aexit__(None, None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.events(1)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_defect_is_an_incident_and_no_trace(
    client: Any, refused: Any, monkeypatch: Any, capsys: Any
) -> None:
    """An unforeseen exception is INTERNAL with an id that is in the log; the words are not told."""

    def broken(*_arguments: object) -> None:
        raise RuntimeError("the secret plan")

    monkeypatch.setattr("messaging_service.domain.messages.add_message", broken)
    found = await refused(client.say("a", to="b"), grpc.StatusCode.INTERNAL, "INTERNAL")
    assert found["ErrorInfo"].metadata["incident"] in capsys.readouterr().out
    assert "secret" not in str(found)


async def test_a_locked_database_stores_nothing_and_says_so(
    client: Any, refused: Any, settings: MessagingSettings
) -> None:
    """While another process holds the write lock: UNAVAILABLE with a RetryInfo; then it goes on."""
    await client.say("a", to="b")
    other = open_engine(settings.database_url, "writer")
    with other.connect() as holder, holder.begin():
        take_revision(holder)
        code = grpc.StatusCode.UNAVAILABLE
        found = await refused(client.say("a", to="b"), code, "STORAGE_UNAVAILABLE")
        assert found["RetryInfo"].retry_delay.ToSeconds() == 1
    other.dispose()
    assert (await client.say("a", to="b")).seq == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PARLEY_MESSAGING_LISTEN": "nonsense"}, "PARLEY_MESSAGING_LISTEN"),
        ({"PARLEY_MESSAGING_TEXT_LIMIT": "0"}, "PARLEY_MESSAGING_TEXT_LIMIT"),
        ({"PARLEY_MESSAGING_DATABASE_URL": "oracle://x"}, "neither a SQLite nor"),
        ({"PARLEY_MESSAGING_CREDENTIALS_FILE": "/nowhere"}, "can not be read"),
        ({"PARLEY_MESSAGING_DATABASE_PASSWORD_FILE": "/nowhere"}, "that has no password"),
    ],
)
def test_bad_settings_are_one_line(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    """A setting that can not be used is named on one line, and the exit code is 2."""
    (tmp_path / "key").write_text("secret")
    environment = {
        "PARLEY_MESSAGING_DATABASE_URL": f"sqlite:///{tmp_path / 'm.sqlite3'}",
        "PARLEY_MESSAGING_CREDENTIALS_FILE": str(tmp_path / "key"),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "messaging_service", "serve"],
        env=environment | changes,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
