"""Sanctions over real gRPC: writing that moderation forbids is refused, all else goes on."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from messaging_service.domain.service_events import ServiceEvent
from messaging_service.operations.service_events import ServiceEvents, add_service_events
from messaging_service.settings import MessagingSettings
from service_kit.rules import Position
from tests.support.moderation import (
    FAR,
    RESTRICTIONS,
    Following,
    ScriptedModeration,
    lock,
    removal,
    standing,
)
from tests.support.serving import Database, opened

DENIED = (grpc.StatusCode.PERMISSION_DENIED, "SANCTIONED")


@pytest.fixture
async def client(serve: Any, followed: dict[str, Any]) -> AsyncIterator[Any]:
    async with serve(**followed) as started:
        yield started


def writes(client: Any, actor: str, stored: pb.StoredMessage) -> dict[str, Callable[[], Any]]:
    message = {"actor": actor, "message_id": stored.id}
    return {
        "say": lambda: client.say(actor, "hi", conversation_id=stored.conversation_id),
        "say to": lambda: client.say(actor, "hi", to="b" if actor == "a" else "a"),
        "edit": lambda: client.call("EditMessage", text="x", **message),
        "delete": lambda: client.call("DeleteMessage", **message),
    }


def add_event(settings: MessagingSettings, conversation: str) -> None:
    event = ServiceEvent("service", 1, "expired", "", 1_000, "closed", "Vile words")
    with opened(settings.database_url) as engine:
        for revision in (0, 1):
            told = ServiceEvents(Position("n", revision), ((conversation, event),) * revision)
            Database(engine).run(add_service_events, told)


def mark(actor: str, stored: pb.StoredMessage) -> pb.Mark:
    return pb.Mark(actor=actor, conversation_id=stored.conversation_id)


async def typing(client: Any, actor: str, stored: pb.StoredMessage) -> pb.SendTypingResponse.Result:
    signal = pb.TypingSignal(actor=actor, conversation_id=stored.conversation_id, typing=True)
    (result,) = (await client.call("SendTyping", signals=[signal])).results
    assert isinstance(result, pb.SendTypingResponse.Result)
    return result


@pytest.mark.parametrize("restriction", RESTRICTIONS)
async def test_the_restricted_write_nothing_and_then_again(
    client: Any, following: Following, refused: Any, restriction: str
) -> None:
    """Not even to open a conversation; the other writes on, marks go on, and once lifted all."""
    stored = await client.say("a", to="b")
    await client.say("b", to="a")
    await following.tell(standing("a", **RESTRICTIONS[restriction]))
    for write in writes(client, "a", stored).values():
        await refused(write(), *DENIED)
    await refused(client.say("a", to="stranger"), *DENIED)
    assert (await typing(client, "a", stored)).status.code == DENIED[0].value[0]
    assert not (await typing(client, "b", stored)).HasField("status")
    assert (await client.say("b", to="a")).seq == 3
    for name in ("MarkDelivered", "MarkRead"):
        request = getattr(pb, f"{name}Request")(marks=[mark("a", stored)])
        (result,) = (await client.call(name, request)).results
        assert (result.watermark.seq, result.watermark.moved) == (3, True)
    listed = await client.call("ListConversations", actor="a")
    assert len(listed.conversations) == 1
    await following.tell(standing("a"))
    for write in writes(client, "a", stored).values():
        await write()
    assert not (await typing(client, "a", stored)).HasField("status")


async def test_in_a_locked_conversation_nobody_writes(
    client: Any, following: Following, refused: Any, settings: MessagingSettings
) -> None:
    """Both are refused there and free elsewhere; what happened to a service is still recorded, and
    whoever takes no part is not told that there is something to lock.
    """
    stored = await client.say("a", to="b")
    answered = await client.say("b", to="a")
    await following.tell(lock(stored.conversation_id))
    for actor, own in (("a", stored), ("b", answered)):
        for write in writes(client, actor, own).values():
            await refused(write(), *DENIED)
        assert (await typing(client, actor, own)).status.code == DENIED[0].value[0]
        await client.say(actor, to="c")
    other = client.say("c", conversation_id=stored.conversation_id)
    await refused(other, grpc.StatusCode.NOT_FOUND, "CONVERSATION_NOT_FOUND")
    not_found = (grpc.StatusCode.NOT_FOUND, "MESSAGE_NOT_FOUND")
    await refused(client.call("EditMessage", actor="b", message_id=stored.id, text="x"), *not_found)
    (result,) = (await client.call("MarkRead", marks=[mark("a", stored)])).results
    assert result.watermark.moved
    add_event(settings, stored.conversation_id)
    page = await client.call("ListMessages", actor="a", conversation_id=stored.conversation_id)
    assert [one.kind for one in page.messages][-1] == pb.MESSAGE_KIND_EVENT
    await following.tell(lock(stored.conversation_id, False))
    await client.say("a", conversation_id=stored.conversation_id)


async def test_a_repeat_is_answered_as_then(
    client: Any, following: Following, refused: Any
) -> None:
    """A message of before the sanction is no new writing; one with a new key is."""
    stored = await client.say("a", "hi", to="b", idempotency_key="k")
    edit = pb.EditMessageRequest(actor="a", message_id=stored.id, text="x", idempotency_key="e")
    edited = await client.call("EditMessage", edit)
    await following.tell(standing("a", banned=True), lock(stored.conversation_id))
    again = await client.say("a", "hi", to="b", idempotency_key="k")
    assert (again.duplicate, again.id) == (True, stored.id)
    repeated = await client.call("EditMessage", edit)
    assert (repeated.duplicate, repeated.changed) == (True, edited.changed)
    await refused(client.say("a", "hi", to="b", idempotency_key="l"), *DENIED)


async def test_each_of_a_batch_has_its_own_answer(client: Any, following: Following) -> None:
    """The others of the same transaction are stored, and nothing is opened for the refused."""
    await following.tell(standing("a", muted=FAR))
    requests = [
        pb.CreateMessageRequest(actor=actor, to=to, text="hi")
        for actor, to in (("b", "c"), ("a", "c"), ("c", "a"))
    ]
    answer = await client.call("BatchCreateMessages", requests=requests)
    assert [one.WhichOneof("result") for one in answer.results] == ["stored", "status", "stored"]
    listed = await client.call("ListConversations", actor="a")
    assert [list(one.participants) for one in listed.conversations] == [["a", "c"]]


async def test_a_removal_reaches_both_and_is_taken_back(client: Any, following: Following) -> None:
    """By the same event as an edit, with the text only when it is shown again; a message that is
    not known stops nothing.
    """
    stored = await client.say("a", "vile", to="b")
    stream = await client.watch(["a", "b"])
    await following.tell(removal("00000000-0000-7000-8000-000000000000"), removal(stored.id))
    ((revision, gone),) = await stream.events(1)
    assert list(gone.recipients) == ["a", "b"]
    changed = gone.message_changed
    assert changed.change == pb.MESSAGE_CHANGE_REMOVED
    assert (changed.message.tombstone, changed.message.text) == (pb.TOMBSTONE_REMOVED, "")
    page = await client.call("ListMessages", actor="a", conversation_id=stored.conversation_id)
    assert list(page.messages) == [changed.message]
    (kept,) = (await client.call("ListEvidence", message_id=stored.id)).evidence
    assert [one.text for one in kept.versions] == ["vile"]
    await following.tell(removal(stored.id, False))
    ((later, back),) = await stream.events(1)
    assert later > revision
    assert back.message_changed.change == pb.MESSAGE_CHANGE_RESTORED
    assert back.message_changed.message.text == "vile"


async def test_a_removed_event_of_a_service_has_no_event(
    client: Any, following: Following, settings: MessagingSettings
) -> None:
    """Its kind stays; restored, it says again what happened."""
    stored = await client.say("a", to="b")
    add_event(settings, stored.conversation_id)
    asked = pb.ListMessagesRequest(actor="a", conversation_id=stored.conversation_id)
    shown = (await client.call("ListMessages", asked)).messages[1]
    await following.tell(removal(shown.id))
    gone = (await client.call("ListMessages", asked)).messages[1]
    assert (gone.kind, gone.tombstone) == (pb.MESSAGE_KIND_EVENT, pb.TOMBSTONE_REMOVED)
    assert not gone.HasField("event")
    await following.tell(removal(shown.id, False))
    again = (await client.call("ListMessages", asked)).messages[1]
    assert shown.version < gone.version < again.version
    again.version = shown.version
    assert again == shown


async def test_what_is_known_stands_while_moderation_is_away(
    serve: Any,
    followed: dict[str, Any],
    moderation: ScriptedModeration,
    following: Following,
    refused: Any,
) -> None:
    """Over a restart of this service as well, and without a target too."""
    async with serve(**followed) as client:
        await client.say("a", to="b")
        await following.tell(standing("a", banned=True))
    async with serve(**followed | {"moderation_target": "127.0.0.1:1"}) as client:
        await refused(client.say("a", to="b"), *DENIED)
        await client.say("b", to="a")
    async with serve() as client:
        await refused(client.say("a", to="b"), *DENIED)
    moderation.tell(standing("a"))
    async with serve(**followed) as client:
        await following.tell()
        await client.say("a", to="b")


async def test_two_replicas_refuse_alike(
    serve: Any, followed: dict[str, Any], following: Following, refused: Any
) -> None:
    """A second one on the same database refuses what the first one alone has heard of."""
    async with serve(**followed) as one, serve() as other:
        await other.say("a", to="b")
        await following.tell(standing("a", banned=True))
        for client in (one, other):
            await refused(client.say("a", to="b"), *DENIED)
        await following.tell(standing("a"))
        for client in (other, one):
            await client.say("a", to="b")


async def test_a_target_needs_a_credential(serve: Any, followed: dict[str, Any]) -> None:
    """It is named, before anything is served."""
    del followed["moderation_credential_file"]
    with pytest.raises(ValueError, match="PARLEY_MESSAGING_MODERATION_CREDENTIAL_FILE"):
        async with serve(**followed):
            pass
