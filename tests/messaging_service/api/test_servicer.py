"""The methods over real gRPC, with good, bad and hostile requests."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from parley.messaging.v1 import messaging_pb2 as pb

from messaging_service.domain.limits import Opening
from tests.support.serving import (
    METADATA,
    check_batch_list_changes,
    check_stream_update_watch,
    unpack,
)
from tests.support.waiting import PATIENCE

INVALID = grpc.StatusCode.INVALID_ARGUMENT

NOT_FOUND = grpc.StatusCode.NOT_FOUND


def reason(status: Any) -> str:
    return str(unpack(status)["ErrorInfo"].reason)


def batch(*texts: str) -> pb.StreamCreateMessagesRequest:
    """A request to store texts of a to b."""
    requests = [pb.CreateMessageRequest(actor="a", to="b", text=text) for text in texts]
    return pb.StreamCreateMessagesRequest(batch=pb.BatchCreateMessagesRequest(requests=requests))


async def test_stream_update_watch_answers_each_and_ends_with_one_that_is_refused(
    client: Any,
) -> None:
    await check_stream_update_watch(client, ["ann"])


async def test_batch_list_changes_gives_each_the_page_of_list_changes(client: Any) -> None:
    start = (await client.watch(["a"])).first.position
    await client.say("a", to="b")
    await check_batch_list_changes(client, ["a", "b", "c"], start)


async def test_stream_create_messages_answers_each_and_outlives_a_refused_one(client: Any) -> None:
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


async def test_batch_get_parties_answers_each_for_its_actor(client: Any) -> None:
    """Who takes part, and who blocks the other; what an actor is not shown is not found."""
    stored = (await client.call("CreateMessage", actor="a", to="b", text="x")).stored
    await client.call("SetBlock", actor="b", user="a", blocked=True)
    wanted = [
        ("a", stored.conversation_id),
        ("eve", stored.conversation_id),
        ("a", HOSTILE),
        ("", "c"),
    ]
    answer = await client.call(
        "BatchGetParties",
        wanted=[
            pb.BatchGetPartiesRequest.Wanted(actor=actor, conversation_id=conversation)
            for actor, conversation in wanted
        ],
    )
    found, *missing = answer.results
    assert (list(found.parties.participants), list(found.parties.blockers)) == (["a", "b"], ["b"])
    assert [one.status.code for one in missing] == [
        NOT_FOUND.value[0], NOT_FOUND.value[0], INVALID.value[0],
    ]  # fmt: skip
    too_many = pb.BatchGetPartiesRequest(wanted=[pb.BatchGetPartiesRequest.Wanted()] * 1_001)
    with pytest.raises(grpc.aio.AioRpcError, match="at most 1000"):
        await client.call("BatchGetParties", too_many)


HOSTILE = "x' OR '1'='1"

LARGE = 2**63 - 1


# Each with the field at fault.
INVALID_REQUESTS = [
    (pb.CreateConversationRequest(participants=["a"]), "participants"),
    (pb.CreateConversationRequest(participants=["a", "b"], subject="\0"), "subject"),
    (pb.CreateMessageRequest(actor="a", to="b", text="x" * 4001), "text"),
    (pb.EditMessageRequest(actor="a", text="x"), "message_id"),
    (pb.EditMessageRequest(actor="a", message_id="m", text=" "), "text"),
    (pb.EditMessageRequest(message_id="m", text="x"), "actor"),
    (pb.DeleteMessageRequest(actor="a"), "message_id"),
    (pb.DeleteMessageRequest(actor="a", message_id="m", idempotency_key="\n"), "idempotency_key"),
    (pb.ListEvidenceRequest(), "message_id"),
    (pb.ListEvidenceRequest(message_id="m", before=-1), "before"),
    (pb.ListConversationsRequest(), "actor"),
    (pb.ListConversationsRequest(actor="a", page_size=-1), "page_size"),
    (pb.ListConversationsRequest(actor="a", page_token="A" * 999), "page_token"),
    (pb.ListMessagesRequest(actor="a"), "conversation_id"),
    (pb.ListMessagesRequest(conversation_id="c", before_seq=1, after_seq=1), "after_seq"),
    (pb.ListMessagesRequest(conversation_id="c", before_seq=-LARGE), "before_seq"),
    (pb.GetConversationRequest(actor="a"), "conversation_id"),
    (pb.SetBlockRequest(user="b", blocked=True), "actor"),
    (pb.SetBlockRequest(actor="a", blocked=True), "user"),
    (pb.SetBlockRequest(actor="a", user="a"), "user"),
    (pb.ListBlocksRequest(), "actor"),
    (pb.ListBlocksRequest(actor="a", page_size=-1), "page_size"),
    (pb.ListBlocksRequest(actor="a", page_token="A" * 999), "page_token"),
    (pb.ListChangesRequest(), "user"),
    (pb.ListChangesRequest(user="a", after=pb.Position(revision=-1)), "after"),
    (pb.ListChangedUsersRequest(users=["a"], until=pb.Position(revision=-1)), "until"),
]
LARGE_REQUESTS = [
    (pb.BatchCreateMessagesRequest(requests=[pb.CreateMessageRequest()] * 1001), "requests"),
    (pb.GetMessagesRequest(message_ids=["m"] * 1001), "message_ids"),
    (pb.MarkReadRequest(marks=[pb.Mark()] * 1001), "marks"),
    (pb.MarkDeliveredRequest(marks=[pb.Mark()] * 1001), "marks"),
    (pb.SendTypingRequest(signals=[pb.TypingSignal()] * 1001), "signals"),
]
# Each with what is not there.
STRANGE_REQUESTS = [
    (
        pb.CreateMessageRequest(actor="a", conversation_id=HOSTILE, text="x"),
        "CONVERSATION_NOT_FOUND",
    ),
    (pb.EditMessageRequest(actor="a", message_id=HOSTILE, text="x"), "MESSAGE_NOT_FOUND"),
    (pb.DeleteMessageRequest(actor="a", message_id="\0"), "MESSAGE_NOT_FOUND"),
    (pb.ListEvidenceRequest(message_id=HOSTILE), "MESSAGE_NOT_FOUND"),
    (pb.ListEvidenceRequest(message_id=HOSTILE, actor=HOSTILE), "MESSAGE_NOT_FOUND"),
    (pb.ListEvidenceRequest(conversation_id=HOSTILE), "CONVERSATION_NOT_FOUND"),
    (pb.ListMessagesRequest(conversation_id=HOSTILE, after_seq=LARGE), "CONVERSATION_NOT_FOUND"),
    (pb.GetConversationRequest(conversation_id="\0"), "CONVERSATION_NOT_FOUND"),
    (pb.UpdateWatchRequest(watcher_id="unknown", add_users=["a"]), "WATCHER_NOT_FOUND"),
]


@pytest.mark.parametrize(
    ("request_", "code", "why", "field"),
    [
        *((request, INVALID, "INVALID_ARGUMENT", field) for request, field in INVALID_REQUESTS),
        *((request, INVALID, "BATCH_TOO_LARGE", field) for request, field in LARGE_REQUESTS),
        *((request, NOT_FOUND, why, "") for request, why in STRANGE_REQUESTS),
    ],
)
async def test_bad_requests_are_refused_by_name(
    client: Any, refused: Any, request_: Message, code: Any, why: str, field: str
) -> None:
    method = type(request_).__name__.removesuffix("Request")
    await refused(client.call(method, request_), code, why, field)


async def test_batch_create_messages_answers_each_item_alone(client: Any) -> None:
    good = pb.CreateMessageRequest(actor="a", to="b", text="hello", idempotency_key="k")
    bad = pb.CreateMessageRequest(actor="a", to="b", text=" ")
    lost = pb.CreateMessageRequest(actor="c", conversation_id="nowhere", text="x")
    conflict = pb.CreateMessageRequest(actor="a", to="b", text="other", idempotency_key="k")
    request = pb.BatchCreateMessagesRequest(requests=[good, bad, lost, good, conflict, good])
    results = (await client.call("BatchCreateMessages", request)).results
    kinds = [one.WhichOneof("result") for one in results]
    assert kinds == ["stored", "status", "status", "stored", "status", "stored"]
    assert [results[i].stored.duplicate for i in (0, 3, 5)] == [False, True, True]
    assert [reason(results[i].status) for i in (1, 2, 4)] == [
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
        assert reason(stranger.status) == "CONVERSATION_NOT_FOUND"
        assert reason(negative.status) == "INVALID_ARGUMENT"
    signals = [
        pb.TypingSignal(actor=actor, conversation_id=conversation, typing=True)
        for actor in ("a", "c", "")
    ]
    typed = await client.call("SendTyping", signals=signals)
    assert [one.HasField("status") for one in typed.results] == [False, True, True]


async def test_get_conversation_shows_it_to_its_people_and_to_services(client: Any) -> None:
    """Each sees the same conversation and their own counts; a service sees no watermarks."""
    opened = await client.call("CreateConversation", participants=["b", "a"], subject="s")
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
    listed = await client.call("ListConversations", actor="b")
    assert [one.id for one in listed.conversations] == [stored.conversation_id]
    history = pb.ListMessagesRequest(conversation_id=stored.conversation_id)
    (message,) = (await client.call("ListMessages", history)).messages
    found = await client.call("GetMessages", message_ids=[stored.id, "x"])
    assert list(found.messages) == [message]


async def test_both_sides_opening_at_once_meet(client: Any) -> None:
    stored = await asyncio.gather(
        *(client.say("a", str(i), to="b") for i in range(20)),
        *(client.say("b", str(i), to="a") for i in range(20)),
    )
    assert len({one.conversation_id for one in stored}) == 1
    assert sorted(one.seq for one in stored) == list(range(1, 41))


async def test_a_resend_beside_its_original_is_stored_once(client: Any) -> None:
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


async def test_watch_tells_what_the_replay_tells(client: Any) -> None:
    """Watch brings each event with its recipients, counts and origin; ListChanges the same."""
    stream = await client.watch(["b"])
    assert not stream.first.events
    stored = await client.say("a", to="b", origin="socket-1", idempotency_key="k")
    ((revision, event),) = await stream.events(1)
    assert list(event.recipients) == ["a", "b"]
    assert list(event.message_created.unread) == [0, 1]
    assert event.message_created.origin == "socket-1"
    mark = pb.Mark(actor="b", conversation_id=stored.conversation_id, origin="socket-2")
    await client.call("MarkDelivered", marks=[mark])
    await client.call("MarkRead", marks=[mark])
    # Nobody here follows the author, whom alone the delivery concerns.
    ((read_revision, read),) = await stream.events(1)
    assert list(read.recipients) == ["a", "b"]
    assert (read.read.message_id, read.read.author) == (stored.id, "a")
    assert (read.read.idempotency_key, read.read.origin) == ("k", "socket-2")
    answer = await client.changes("b", stream.first.position, read_revision)
    assert answer.complete
    assert [change.revision for change in answer.changes] == [revision, read_revision]
    replayed = [event for change in answer.changes for event in change.events]
    assert replayed[0].message_created.message == event.message_created.message
    read.read.origin = ""
    assert replayed[1].read == read.read
    answer = await client.changes("a", stream.first.position, read_revision)
    kinds = [one.WhichOneof("event") for change in answer.changes for one in change.events]
    assert kinds == ["message_created", "delivered", "read"]


def uncounted(changed: pb.MessageChanged) -> pb.MessageChanged:
    """A change without what each of its readers has a number of their own for."""
    same = pb.MessageChanged()
    same.CopyFrom(changed)
    same.ClearField("unread")
    same.ClearField("conversation_versions")
    return same


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
    last = await client.call("DeleteMessage", actor="a", message_id=stored.id)
    (_, edited), (revision, deleted) = await stream.events(2)
    # Each is told its own count of what is unread, and whoever did it as well.
    assert (first.changed.unread, last.changed.unread) == ([0], [0])
    assert (edited.message_changed.unread, deleted.message_changed.unread) == ([0, 1], [0, 0])
    assert uncounted(edited.message_changed) == uncounted(first.changed)
    assert uncounted(deleted.message_changed) == uncounted(last.changed)
    assert list(deleted.recipients) == ["a", "b"]
    assert last.changed.message.tombstone == pb.TOMBSTONE_DELETED
    code = grpc.StatusCode.FAILED_PRECONDITION
    late = client.call("EditMessage", actor="a", message_id=stored.id, text="three")
    await refused(late, code, "MESSAGE_DELETED")
    (change,) = (await client.changes("b", stream.first.position, revision)).changes
    assert [uncounted(one.message_changed) for one in change.events] == [uncounted(last.changed)]
    answer = await client.call("ListEvidence", message_id=stored.id, before=20, after=20, actor="a")
    (evidence,), participants = answer.evidence, answer.participants
    assert participants == ["a", "b"]
    assert evidence.message == last.changed.message
    assert [one.text for one in evidence.versions] == ["one", "two"]
    assert evidence.versions[1].write_time == first.changed.change_time
    assert evidence.versions[1].replace_time == last.changed.change_time


async def test_send_typing_reaches_the_other_after_what_was_said(client: Any) -> None:
    """Typing is told to the other alone, behind earlier messages, and is stored nowhere."""
    stored = await client.say("a", to="b")
    stream = await client.watch(["a", "b"])
    await client.say("a", conversation_id=stored.conversation_id)
    signal = pb.TypingSignal(actor="a", conversation_id=stored.conversation_id, typing=True)
    await client.call("SendTyping", signals=[signal])
    said, typing = await stream.events(2)
    assert said[1].HasField("message_created")
    assert list(typing[1].recipients) == ["b"]
    assert typing[1].typing.typing
    assert typing[0] == said[0]


async def test_watch_reports_progress_when_idle(client: Any) -> None:
    stream = await client.watch(["nobody"])
    await client.say("a", to="b")
    async with asyncio.timeout(PATIENCE):
        while (response := await stream.call.read()).position.revision < 1:
            assert not response.events
