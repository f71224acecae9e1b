"""Two people talk: what each of them is told, in both formats, on one socket and on several."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Inbox
from tests.support.system import System
from tests.system.conftest import Connect, Rounds


@pytest.mark.parametrize("subprotocol", ["parley.v1.json", "parley.v1.msgpack", None])
async def test_a_message_is_stored_alerted_delivered_and_seen(
    shared_system: System, connect: Connect, alice: str, bob: str, subprotocol: str | None
) -> None:
    """The whole life of a message, with every field of every packet on the way."""
    author = await connect(shared_system, alice, subprotocol=subprotocol)
    reader = await connect(shared_system, bob, subprotocol=subprotocol)
    key = str(uuid4())

    stored = await author.ask(
        Op.CREATE_MSG, {"to": bob, "subject": "roof", "text": "Salut é 🙂", "idempotency_key": key}
    )
    assert stored["op"] == Op.STATUS_MSG
    d = stored["d"]
    assert UUID(d["message"]).version == UUID(d["conversation"]).version == 7
    assert (d["seq"], d["status"], d["duplicate"], d["idempotency_key"]) == (
        1,
        "stored",
        False,
        key,
    )
    assert d["created_at"].endswith("Z")
    assert len(d["created_at"]) == len("2026-01-01T00:00:00.000Z")
    datetime.fromisoformat(d["created_at"])

    alert = await reader.expect(Op.ALERT_NEW_MSG)
    assert alert["d"] == {
        "conversation": d["conversation"],
        "message": {
            "message": d["message"],
            "conversation": d["conversation"],
            "seq": 1,
            "sender": alice,
            "kind": "text",
            "text": "Salut é 🙂",
            "created_at": d["created_at"],
            "version": 1,
        },
        "unread": 1,
        "conversation_version": 2,
    }

    await reader.send(Op.PONG, {"cur": alert["cur"]})
    delivered = await author.expect(Op.STATUS_MSG, status="delivered")
    assert {name: delivered["d"][name] for name in ("message", "seq", "idempotency_key")} == {
        "message": d["message"],
        "seq": 1,
        "idempotency_key": key,
    }

    seen = await reader.ask(Op.OPENED_CONVERSATION, {"conversation": d["conversation"]})
    assert (seen["op"], seen["d"]["message"], seen["d"]["reader"]) == (
        Op.MSG_SEEN,
        d["message"],
        bob,
    )
    told = await author.expect(Op.MSG_SEEN)
    # How much is unread is for its reader alone.
    assert (seen["d"].pop("unread"), "unread" in told["d"]) == (0, False)
    assert seen["d"].pop("conversation_version")
    assert told["d"] == seen["d"]


async def test_conversations_are_listed_by_newest_activity_and_in_pages(
    client: Client,
    shared_system: System,
    connect: Connect,
    person: Callable[[str], str],
    alice: str,
) -> None:
    """RETURN CONVERSATIONS: order, last message, unread, both watermarks, and `next`."""
    friends = [person(f"friend{number}") for number in range(5)]
    for friend in friends:
        await client.write(friend, f"Hello {friend}")
    other = await connect(shared_system, friends[0])
    answer = await other.write(alice, "Hello back")
    await client.expect(Op.ALERT_NEW_MSG)

    first = await client.ask(Op.ASK_CONVERSATIONS, {"limit": 3})
    assert first["op"] == Op.RETURN_CONVERSATIONS
    second = await client.ask(Op.ASK_CONVERSATIONS, {"limit": 3, "page": first["d"]["next"]})
    assert "next" not in second["d"]
    found = [*first["d"]["conversations"], *second["d"]["conversations"]]
    others = [next(p for p in each["participants"] if p != alice) for each in found]
    assert others == [friends[0], *reversed(friends[1:])]
    top = found[0]
    assert top["last_message"]["message"] == answer["message"]
    assert (top["unread"], top["read_up_to"], top["peer_read_up_to"]) == (1, 0, 0)
    assert "service" not in top
    await other.ask(Op.OPENED_CONVERSATION, {"conversation": top["conversation"]})
    await client.ask(Op.OPENED_CONVERSATION, {"conversation": top["conversation"]})
    again = (await client.ask(Op.ASK_CONVERSATIONS, {}))["d"]["conversations"][0]
    assert (again["unread"], again["read_up_to"], again["peer_read_up_to"]) == (0, 2, 1)
    assert again["peer_delivered_up_to"] == 1


async def test_history_is_read_in_pages_both_ways(client: Client, bob: str) -> None:
    """RETURN MESSAGES: ascending seq, `more`, before and after."""
    conversation = (await client.write(bob, "1"))["conversation"]
    for number in range(2, 11):
        await client.ask(Op.CREATE_MSG, {"conversation": conversation, "text": str(number)})

    async def page(**fields: int) -> tuple[list[str], bool]:
        reply = await client.ask(Op.ASK_MESSAGES, {"conversation": conversation, **fields})
        assert reply["op"] == Op.RETURN_MESSAGES
        return [message["text"] for message in reply["d"]["messages"]], reply["d"]["more"]

    assert await page(limit=3) == (["8", "9", "10"], True)
    assert await page(limit=3, before=8) == (["5", "6", "7"], True)
    assert await page(limit=10, before=3) == (["1", "2"], False)
    assert await page(limit=3, after=0) == (["1", "2", "3"], True)
    assert await page(limit=3, after=7) == (["8", "9", "10"], False)
    assert await page(after=10) == ([], False)


async def test_two_devices_of_one_user_stay_in_step(rounds: Rounds) -> None:
    """The author's other device is alerted, the writing one is not; both devices of the reader
    are alerted, and the reading of one shows on the other.
    """
    async for connect, alice, bob, _quiet in rounds:
        phone = await connect(alice)
        laptop = await connect(alice, subprotocol="parley.v1.msgpack")
        bobs: list[Inbox] = [await connect(bob) for _ in range(2)]
        stored = await phone.write(bob, "from the phone")
        assert (await laptop.expect(Op.ALERT_NEW_MSG))["d"]["unread"] == 0
        for client in bobs:
            alert = await client.expect(Op.ALERT_NEW_MSG)
            assert alert["d"]["message"]["text"] == "from the phone"
        await bobs[0].ask(Op.OPENED_CONVERSATION, {"conversation": stored["conversation"]})
        for client in (bobs[1], phone, laptop):
            assert (await client.expect(Op.MSG_SEEN))["d"]["reader"] == bob
        for client in (phone, bobs[0]):
            await client.settle()
        assert not [packet for packet in phone.packets if packet["op"] == Op.ALERT_NEW_MSG]
        assert not [packet for packet in bobs[0].packets if packet["op"] == Op.MSG_SEEN]


async def test_both_open_the_conversation_at_the_same_instant(
    shared_system: System, connect: Connect, person: Callable[[str], str]
) -> None:
    """`to` from both sides, many times at once, gives exactly one conversation per subject."""
    for _ in range(10):
        left, right = person("left" + uuid4().hex[:6]), person("right" + uuid4().hex[:6])
        one = await connect(shared_system, left)
        two = await connect(shared_system, right)
        replies = await asyncio.gather(
            *[one.write(right, f"l{number}", subject="s") for number in range(5)],
            *[two.write(left, f"r{number}", subject="s") for number in range(5)],
        )
        assert len({reply["conversation"] for reply in replies}) == 1
        assert sorted(reply["seq"] for reply in replies) == list(range(1, 11))
        other = await one.write(right, "another", subject="t")
        assert other["conversation"] != replies[0]["conversation"]


async def test_200_pipelined_messages_keep_their_order(rounds: Rounds) -> None:
    """Sent without waiting: answered, numbered and alerted in the order of sending. Where parts are
    killed that is the order of those that did not have to be sent again, and all are there once.
    """
    async for connect, alice, bob, quiet in rounds:
        writer = await connect(alice)
        reader = await connect(bob)
        conversation = (await writer.write(bob, "0"))["conversation"]
        numbers = {f"n{number}": str(number) for number in range(1, 201)}
        for id_, text in numbers.items():
            await writer.send(Op.CREATE_MSG, {"conversation": conversation, "text": text}, id=id_)
        answers = [await writer.expect(Op.STATUS_MSG, status="stored") for _ in numbers]
        seqs = {answer["re"]: answer["d"]["seq"] for answer in answers}
        assert sorted(seqs.values()) == list(range(2, 202))
        alerts = [(await reader.expect(Op.ALERT_NEW_MSG))["d"]["message"] for _ in range(201)]
        said = {1: "0"} | {seq: numbers[id_] for id_, seq in seqs.items()}
        assert [(alert["seq"], alert["text"]) for alert in alerts] == sorted(said.items())
        in_order = [id_ for id_ in numbers if writer.times_sent[id_] == 1]
        assert [id_ for id_ in seqs if writer.times_sent[id_] == 1] == in_order
        assert sorted(in_order, key=seqs.__getitem__) == in_order
        assert not quiet or len(in_order) == 200


async def test_a_resend_with_its_key_is_harmless(rounds: Rounds) -> None:
    """The first answer again, marked as a duplicate, from any socket; nothing new is told."""
    async for connect, alice, bob, quiet in rounds:
        writer = await connect(alice)
        reader = await connect(bob)
        first = await writer.write(bob, "once", idempotency_key="k1")
        assert first["duplicate"] is False or not quiet
        again = await writer.write(bob, "once", idempotency_key="k1")
        assert again == {**first, "duplicate": True}
        other_socket = await connect(alice)
        assert await other_socket.write(bob, "once", idempotency_key="k1") == again
        conflict = await writer.ask(
            Op.CREATE_MSG, {"to": bob, "text": "two", "idempotency_key": "k1"}
        )
        assert (conflict["op"], conflict["d"]["code"]) == (Op.ERROR, "CONFLICT")
        theirs = await reader.write(alice, "mine", idempotency_key="k1")
        assert theirs["seq"] == 2
        await reader.expect(Op.ALERT_NEW_MSG)
        await reader.settle()
        assert not [packet for packet in reader.packets if packet["op"] == Op.ALERT_NEW_MSG]


async def test_what_one_may_not_see_does_not_exist(
    writer: Client, shared_system: System, connect: Connect, bob: str, person: Callable[[str], str]
) -> None:
    """An outsider gets the same NOT_FOUND for someone else's conversation as for none at all."""
    conversation = (await writer.write(bob, "private"))["conversation"]
    outsider = await connect(shared_system, person("mallory"))
    packets: list[tuple[int, dict[str, Any]]] = [
        (Op.CREATE_MSG, {"text": "x"}),
        (Op.OPENED_CONVERSATION, {}),
        (Op.OPENED_CONVERSATION, {"seq": 1}),
        (Op.ASK_MESSAGES, {}),
        (Op.TYPING, {"typing": True}),
    ]
    for op, d in packets:
        real = await outsider.ask(op, {"conversation": conversation, **d})
        none = await outsider.ask(op, {"conversation": str(uuid4()), **d})
        assert real["op"] == Op.ERROR
        assert real["d"] == none["d"]
        assert real["d"]["code"] == "NOT_FOUND"
    await outsider.ask(Op.ASK_CONVERSATIONS)
    assert (await outsider.ask(Op.ASK_CONVERSATIONS))["d"]["conversations"] == []


async def test_typing_is_told_to_the_other_alone(
    writer: Client, reader: Client, alice: str, bob: str
) -> None:
    """TYPING reaches the other's sockets, bears no cursor, and has no reply. It ends with the
    socket that types, even if that is cut.
    """
    conversation = (await writer.write(bob, "hi"))["conversation"]
    await writer.send(Op.TYPING, {"conversation": conversation, "typing": True}, id="t")
    told = await reader.expect(Op.TYPING)
    assert told == {
        "op": Op.TYPING,
        "d": {"conversation": conversation, "user": alice, "typing": True, "lifetime_ms": 10_000},
    }
    await writer.settle()
    assert not [packet for packet in writer.packets if packet.get("re") == "t"]
    await writer.drop()
    ended = await reader.expect(Op.TYPING)
    assert ended["d"] == {"conversation": conversation, "user": alice, "typing": False}


async def test_without_an_id_only_errors_come_back(
    writer: Client, reader: Client, alice: str, bob: str
) -> None:
    """A packet without an id is carried out in silence; its refusal is told."""
    await writer.send(Op.CREATE_MSG, {"to": bob, "text": "silent"})
    await reader.expect(Op.ALERT_NEW_MSG)
    await writer.send(Op.CREATE_MSG, {"to": alice, "text": "to myself"})
    error = await writer.expect(Op.ERROR)
    assert "re" not in error
    assert error["d"]["code"] == "INVALID_ARGUMENT"
    await writer.settle()
    assert not [packet for packet in writer.packets if packet["op"] == Op.STATUS_MSG]
