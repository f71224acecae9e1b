"""Authors edit and delete what they wrote: what each device of both is told, shown and refused."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Inbox, Packet
from tests.support.system import System
from tests.system.conftest import Connect, Rounds


async def history(client: Inbox, conversation: str) -> list[dict[str, Any]]:
    reply = await client.ask(Op.ASK_MESSAGES, {"conversation": conversation})
    messages: list[dict[str, Any]] = reply["d"]["messages"]
    return messages


def without_counts(change: Packet) -> Packet:
    """A change without what is of its reader alone; each reader has it."""
    assert change.keys() >= {"unread", "conversation_version"}
    return {
        name: value
        for name, value in change.items()
        if name not in {"unread", "conversation_version"}
    }


async def test_an_edit_and_a_deletion_reach_every_device(rounds: Rounds) -> None:
    """The device that asks is answered, the other ones and those of the other are told the same;
    history and list show it; the place, the author and the time stay. What is gone is not unread.
    """
    async for connect, alice, bob, quiet in rounds:
        phone = await connect(alice)
        others: list[Inbox] = [
            await connect(alice, subprotocol="parley.v1.msgpack"),
            await connect(bob),
            await connect(bob, subprotocol="parley.v1.msgpack"),
        ]
        stored = await phone.write(bob, "one")
        conversation, message = stored["conversation"], stored["message"]
        await phone.write(bob, "two")
        for op, change, text in (
            (Op.EDIT_MSG, "edited", {"text": "wÔn 🙂"}),
            (Op.DELETE_MSG, "deleted", dict[str, str]()),
        ):
            reply = await phone.ask(op, {"message": message, **text})
            assert reply["op"] == Op.MSG_CHANGED
            told = without_counts(reply["d"])
            changed_at, version = told.pop("changed_at"), told.pop("version")
            edited = {"edited_at": changed_at} if text else {}
            place = {"conversation": conversation, "message": message, "seq": 1}
            assert told == {**place, "change": change, **text, **edited}
            for client in others:
                packet = await client.expect(Op.MSG_CHANGED, change=change)
                same = {**told, "changed_at": changed_at, "version": version}
                assert without_counts(packet["d"]) == same
                # What a resume brought has no cursor of its own.
                assert "cur" in packet or not quiet
            shown = {
                "message": message,
                "conversation": conversation,
                "seq": 1,
                "sender": alice,
                "kind": "text",
                "created_at": stored["created_at"],
                "version": version,
                **text,
                **edited,
                **({} if text else {"tombstone": "deleted"}),
            }
            for client in (phone, *others):
                first, second = await history(client, conversation)
                assert first == shown
                assert second["text"] == "two"
        listed = (await others[1].ask(Op.ASK_CONVERSATIONS))["d"]["conversations"][0]
        assert (listed["unread"], listed["last_message"]["text"]) == (1, "two")
        if quiet:
            await phone.settle()
            assert not [packet for packet in phone.packets if packet["op"] == Op.MSG_CHANGED]


async def test_who_was_away_is_told_where_each_message_stands(
    writer: Client, reader: Client, shared_system: System, connect: Connect, bob: str
) -> None:
    """After a resume: once for each message, the last change of it, and no text that is gone."""
    stored = [await writer.write(bob, f"secret {number}") for number in range(3)]
    for _ in stored:
        await reader.expect(Op.ALERT_NEW_MSG)
    await reader.drop()
    for number in range(3):
        edit = {"message": stored[0]["message"], "text": f"edit {number}"}
        await writer.ask(Op.EDIT_MSG, edit)
    await writer.ask(Op.EDIT_MSG, {"message": stored[1]["message"], "text": "also secret"})
    await writer.ask(Op.DELETE_MSG, {"message": stored[1]["message"]})
    missed = await writer.write(bob, "never seen")
    await writer.ask(Op.DELETE_MSG, {"message": missed["message"]})

    back = await connect(shared_system, bob, resume=reader.cursor)
    resumed = await back.expect(Op.RESUMED)
    assert resumed["d"]["complete"] is True
    changes = [one["d"] for one in back.packets if one["op"] == Op.MSG_CHANGED]
    assert [(one["seq"], one["change"], one.get("text")) for one in changes] == [
        (1, "edited", "edit 2"),
        (2, "deleted", None),
        (4, "deleted", None),
    ]
    (alert,) = [one["d"] for one in back.packets if one["op"] == Op.ALERT_NEW_MSG]
    assert (alert["message"]["seq"], alert["message"]["tombstone"]) == (4, "deleted")
    # What is gone is not unread.
    assert alert["unread"] == 2
    assert "secret" not in str([*back.packets, resumed])
    again = await connect(shared_system, bob, resume=back.cursor)
    resumed = await again.expect(Op.RESUMED)
    assert (resumed["d"]["replayed"], resumed["d"]["complete"]) == (0, True)


async def test_a_resend_with_its_key_is_answered_as_the_first_time(
    writer: Client, shared_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """From any socket, whatever became of it, and told to nobody; a key is for one command."""
    other = await connect(shared_system, alice)
    reader = await connect(shared_system, bob)
    stored = await writer.write(bob, "one", idempotency_key="said")
    edit = {"message": stored["message"], "text": "two", "idempotency_key": "edit"}
    first = await writer.ask(Op.EDIT_MSG, edit)
    delete = {"message": stored["message"], "idempotency_key": "delete"}
    last = await writer.ask(Op.DELETE_MSG, delete)
    assert (await other.ask(Op.EDIT_MSG, edit))["d"] == first["d"]
    assert (await other.ask(Op.DELETE_MSG, delete))["d"] == last["d"]
    again = await other.write(bob, "one", idempotency_key="said")
    assert again == {**stored, "duplicate": True}
    for op, d in (
        (Op.EDIT_MSG, {**edit, "text": "three"}),
        (Op.EDIT_MSG, {**edit, "idempotency_key": "delete"}),
        (Op.EDIT_MSG, {**edit, "idempotency_key": "said"}),
        (Op.DELETE_MSG, {**delete, "idempotency_key": "edit"}),
        (Op.CREATE_MSG, {"to": bob, "text": "two", "idempotency_key": "said"}),
        (Op.CREATE_MSG, {"to": bob, "text": "two", "idempotency_key": "edit"}),
    ):
        refused = await writer.ask(op, d)
        assert (refused["op"], refused["d"]["code"]) == (Op.ERROR, "CONFLICT"), (op, d)
    for _ in range(2):
        await reader.expect(Op.MSG_CHANGED)
    await reader.settle()
    assert not [one for one in reader.packets if one["op"] == Op.MSG_CHANGED]


async def test_edits_sent_without_waiting_take_effect_in_their_order(
    writer: Client, bob: str
) -> None:
    """Of one socket; the last one stands."""
    stored = await writer.write(bob, "0")
    for number in range(1, 15):
        await writer.send(
            Op.EDIT_MSG, {"message": stored["message"], "text": str(number)}, id=number
        )
    for number in range(1, 15):
        assert (await writer.take_reply(number))["d"]["text"] == str(number)
    assert (await history(writer, stored["conversation"]))[0]["text"] == "14"


@pytest.mark.parametrize("op", [Op.EDIT_MSG, Op.DELETE_MSG])
async def test_what_is_not_ones_own_does_not_exist(
    writer: Client,
    reader: Client,
    shared_system: System,
    connect: Connect,
    bob: str,
    person: Callable[[str], str],
    op: int,
) -> None:
    """The other one of the conversation, a stranger, and a message that is none: one NOT_FOUND."""
    stored = await writer.write(bob, "mine")
    text = {"text": "yours"} if op == Op.EDIT_MSG else {}
    stranger = await connect(shared_system, person("mallory"))
    answers = [
        (await client.ask(op, {"message": message, **text}))["d"]
        for client in (reader, stranger)
        for message in (stored["message"], str(uuid4()), "' OR 1=1", "\N{CAT FACE}")
    ]
    assert answers[0]["code"] == "NOT_FOUND"
    assert all(answer == answers[0] for answer in answers)
    assert (await history(writer, stored["conversation"]))[0]["text"] == "mine"


async def test_what_can_not_be_changed_any_more_says_why(own_system: System) -> None:
    """Too often, too late, deleted: INVALID_STATE with its reason, and not to be tried again."""
    own_system.settings["messaging"] = {"edits_per_message": 1}
    own_system.start("messaging")
    client = await Client.open(own_system.url, own_system.token("alice"))
    stored = await client.write("bob", "one")
    about = {"message": stored["message"]}

    async def refused(op: int, **fields: str) -> tuple[str, str, bool]:
        reply = await client.ask(op, {**about, **fields})
        assert reply["op"] == Op.ERROR
        return reply["d"]["code"], reply["d"]["reason"], reply["d"]["retryable"]

    await client.ask(Op.EDIT_MSG, {**about, "text": "two"})
    assert await refused(Op.EDIT_MSG, text="x") == ("INVALID_STATE", "TOO_MANY_EDITS", False)
    await client.ask(Op.DELETE_MSG, about)
    assert await refused(Op.EDIT_MSG, text="x") == ("INVALID_STATE", "MESSAGE_DELETED", False)
    assert (await client.ask(Op.DELETE_MSG, about))["d"]["change"] == "deleted"
    await client.close()


async def test_a_deleted_message_is_still_read_and_marked(
    writer: Client, reader: Client, bob: str
) -> None:
    """It is counted as it was."""
    stored = await writer.write(bob, "one")
    await writer.ask(Op.DELETE_MSG, {"message": stored["message"]})
    seen = await reader.ask(Op.OPENED_CONVERSATION, {"conversation": stored["conversation"]})
    assert (seen["d"]["seq"], seen["d"]["message"]) == (1, stored["message"])
    listed = (await reader.ask(Op.ASK_CONVERSATIONS))["d"]["conversations"][0]
    assert (listed["unread"], listed["last_message"]["tombstone"]) == (0, "deleted")
