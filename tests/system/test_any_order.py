"""Two devices at once, and packets that overtake one another: every client ends with the same."""

import asyncio

import pytest

from parley_protocol.objects import Kind
from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Packet
from tests.support.remembering import Remembering
from tests.support.system import System

ROUNDS = 60


async def devices(system: System, *users: str) -> list[Remembering]:
    return [await Remembering.open(system.url, system.token(user)) for user in users]


async def fresh_history(system: System, user: str, conversation: str) -> list[Packet]:
    """The history as somebody reads it who was told nothing before."""
    client = await Client.open(system.url, system.token(user))
    reply = await client.ask(Op.ASK_MESSAGES, {"conversation": conversation, "limit": 200})
    await client.close()
    messages: list[Packet] = reply["d"]["messages"]
    return messages


@pytest.mark.parametrize("other", [Op.EDIT_MSG, Op.DELETE_MSG])
async def test_two_devices_that_change_a_message_at_once_end_with_one_text(
    shared_system: System, alice: str, bob: str, other: Op
) -> None:
    """Answers come beside pushes, in either order; a deleted text never comes back."""
    phone, laptop, *rest = clients = await devices(shared_system, alice, alice, bob, bob)
    first = await phone.write(bob, "0")
    conversation = first["conversation"]
    for number in range(ROUNDS):
        stored = await phone.ask(Op.CREATE_MSG, {"conversation": conversation, "text": str(number)})
        about = {"message": stored["d"]["message"]}
        text = {"text": "of the laptop"} if other is Op.EDIT_MSG else {}
        answers = await asyncio.gather(
            phone.ask(Op.EDIT_MSG, {**about, "text": "of the phone"}),
            laptop.ask(other, {**about, **text}),
        )
        assert answers[1]["op"] == Op.MSG_CHANGED
    changed = (await fresh_history(shared_system, alice, conversation))[1:]
    assert len(changed) == ROUNDS
    for message in changed:
        for client in clients:
            known = await client.learn(Kind.MESSAGE, message["message"], version=message["version"])
            assert {name: known[name] for name in ("text", "tombstone", "edited_at")} == {
                name: message.get(name) for name in ("text", "tombstone", "edited_at")
            }
    for client in (phone, laptop, *rest):
        await client.close()


async def test_two_devices_that_block_and_unblock_at_once_end_with_one_state(
    shared_system: System, alice: str, bob: str
) -> None:
    """The end of a block is a version like its beginning, and the list shows the newest."""
    phone, laptop = clients = await devices(shared_system, alice, alice)
    await phone.write(bob, "hello")
    for _ in range(ROUNDS // 3):
        await asyncio.gather(
            *(
                client.ask(Op.BLOCK_USER, {"user": bob, "blocked": blocked})
                for client, blocked in ((phone, True), (laptop, False))
            )
        )
    (fresh,) = await devices(shared_system, alice)
    reply = await fresh.ask(Op.ASK_CONVERSATIONS)
    (entry,) = reply["d"]["conversations"]
    for client in clients:
        known = await client.learn(Kind.BLOCK, bob, version=entry["block"]["version"])
        assert known["blocked"] == entry["block"]["blocked"] == ("blocked" in entry)
    for client in (*clients, fresh):
        await client.close()


async def test_how_much_is_unread_is_known_beside_pages_marks_and_alerts(
    shared_system: System, alice: str, bob: str
) -> None:
    """On each device, whoever of them reads and whoever asks for the list meanwhile."""
    writer, phone, laptop = await devices(shared_system, alice, bob, bob)
    conversation = (await writer.write(bob, "0"))["conversation"]
    for number in range(ROUNDS // 3):
        await asyncio.gather(
            writer.ask(Op.CREATE_MSG, {"conversation": conversation, "text": str(number)}),
            phone.ask(Op.OPENED_CONVERSATION, {"conversation": conversation}),
            laptop.ask(Op.ASK_CONVERSATIONS),
        )
    (fresh,) = await devices(shared_system, bob)
    reply = await fresh.ask(Op.ASK_CONVERSATIONS)
    (entry,) = reply["d"]["conversations"]
    for client in (phone, laptop):
        known = await client.learn(Kind.CONVERSATION, conversation, version=entry["version"])
        assert known["unread"] == entry["unread"]
        seen = client.objects.of(Kind.READ, conversation, bob)
        assert seen is not None
        assert seen.version == entry["read_up_to"]
    for client in (writer, phone, laptop, fresh):
        await client.close()


async def test_what_a_page_has_shown_is_delivered_by_the_next_pong(
    shared_system: System, alice: str, bob: str
) -> None:
    """Of a device that was told of nothing: by the cursor of the page, or that of a later PING."""
    writer, *_ = await devices(shared_system, alice)
    stored = await writer.write(bob, "while bob was away")
    place = {"conversation": stored["conversation"]}
    for by_ping in (False, True):
        (reader,) = await devices(shared_system, bob)
        page = await reader.ask(Op.ASK_MESSAGES, place)
        cursor = page["cur"]
        if by_ping:
            await reader.take_ping()
            cursor = reader.pings[-1]["cur"]
        await reader.send(Op.PONG, {"cur": cursor})
        told = await writer.expect(Op.STATUS_MSG, status="delivered")
        assert (told["d"]["message"], told["d"]["seq"]) == (stored["message"], stored["seq"])
        await reader.close()
        stored = (await writer.ask(Op.CREATE_MSG, {**place, "text": "once more"}))["d"]
    await writer.close()
