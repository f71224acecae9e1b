"""People block each other: what each device of both is told, shown and refused."""

from typing import Any

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.system import System
from tests.system.conftest import Connect
from tests.system.deals import Deal, euros
from tests.system.test_presence import introduce

THREAT = "I know where you live."
TOLD = {
    Op.ALERT_NEW_MSG,
    Op.MSG_CHANGED,
    Op.MSG_SEEN,
    Op.STATUS_MSG,
    Op.TYPING,
    Op.PRESENCE,
    Op.BLOCK_USER,
}


async def history(client: Client, conversation: str) -> list[tuple[int, str | None]]:
    reply = await client.ask(Op.ASK_MESSAGES, {"conversation": conversation})
    return [(one["seq"], one.get("text")) for one in reply["d"]["messages"]]


async def listed(client: Client) -> list[dict[str, Any]]:
    reply = await client.ask(Op.ASK_CONVERSATIONS, {})
    found: list[dict[str, Any]] = reply["d"]["conversations"]
    return found


def place(client: Client) -> str:
    """The cursor to resume with."""
    return str(client.cursor or client.hello["d"]["cur"])


async def pushed(client: Client) -> list[int]:
    """Take what was told, when all that was on its way has come."""
    await client.settle()
    told = [one["op"] for one in client.packets if one["op"] in TOLD and "re" not in one]
    client.packets.clear()
    return told


async def test_what_the_blocked_one_writes_reaches_nobody(
    shared_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """Not live, in a list, a count or a resume, and not after the end; then what is new comes, in
    its order. The blocked one is answered, and shown, as ever.
    """
    phone = await connect(shared_system, alice)
    laptop = await connect(shared_system, alice, subprotocol="parley.v1.msgpack")
    writer = await connect(shared_system, bob)
    await introduce(shared_system, alice, bob)
    first = await writer.write(alice, "one")
    conversation = first["conversation"]
    for client in (phone, laptop):
        await client.expect(Op.ALERT_NEW_MSG, conversation=conversation)

    reply = await phone.ask(Op.BLOCK_USER, {"user": bob, "blocked": True})
    version = reply["d"]["version"]
    block = {"user": bob, "blocked": True, "version": version}
    assert (reply["op"], reply["d"]) == (Op.BLOCK_USER, block)
    told = await laptop.expect(Op.BLOCK_USER, user=bob)
    assert told["d"] == reply["d"]
    assert told["cur"]
    # As if having left.
    left = await writer.expect(Op.PRESENCE, user=alice, online=False)
    # Whoever came online since the first message was told of as well.
    for client in (phone, laptop, writer):
        await pushed(client)
    before = place(phone)

    second = await writer.ask(Op.CREATE_MSG, {"conversation": conversation, "text": "two"})
    assert (second["op"], second["d"]["seq"], second["d"]["status"]) == (Op.STATUS_MSG, 2, "stored")
    opened = await writer.write(alice, "elsewhere", subject="another")
    edited = await writer.ask(Op.EDIT_MSG, {"message": first["message"], "text": "changed"})
    assert (edited["op"], edited["d"]["text"]) == (Op.MSG_CHANGED, "changed")
    third = await writer.write(alice, "three")
    gone = await writer.ask(Op.DELETE_MSG, {"message": second["d"]["message"]})
    assert (gone["op"], gone["d"]["change"]) == (Op.MSG_CHANGED, "deleted")
    await writer.send(Op.TYPING, {"conversation": conversation, "typing": True})
    await phone.send(Op.TYPING, {"conversation": conversation, "typing": True})
    read = await phone.ask(Op.OPENED_CONVERSATION, {"conversation": conversation})
    assert (read["op"], read["d"]["seq"]) == (Op.MSG_SEEN, 1)
    await phone.send(Op.PONG, {"cur": phone.cursor})
    assert (await laptop.expect(Op.MSG_SEEN, reader=alice))["d"]["seq"] == 1

    refused = await phone.ask(Op.CREATE_MSG, {"conversation": conversation, "text": "no"})
    assert refused["op"] == Op.ERROR
    assert (refused["d"]["code"], refused["d"]["reason"]) == ("INVALID_STATE", "BLOCKED")
    assert not refused["d"]["retryable"]

    for client in (phone, laptop, writer):
        assert await pushed(client) == []
    (seen,) = await listed(phone)
    assert (seen["blocked"], seen["unread"], seen["last_message"]["text"]) == (True, 0, "one")
    assert "presence" not in seen
    assert await history(phone, conversation) == [(1, "one")]
    newest, other = await listed(writer)
    assert (newest["conversation"], other["conversation"]) == (conversation, opened["conversation"])
    assert (newest["last_message"]["text"], newest["peer_read_up_to"]) == ("three", 0)
    assert newest["presence"] == left["d"]
    assert "blocked" not in newest
    mine = [(1, "changed"), (2, None), (3, "three")]
    assert await history(writer, conversation) == mine

    # Away through all of it, until after the end.
    await phone.drop()
    await writer.drop()
    ended = await laptop.ask(Op.BLOCK_USER, {"user": bob, "blocked": False})
    assert ended["d"].pop("version") > version
    assert ended["d"] == {"user": bob, "blocked": False}
    writer = await connect(shared_system, bob)
    fourth = await writer.ask(Op.CREATE_MSG, {"conversation": conversation, "text": "four"})
    assert fourth["d"]["seq"] == 4
    phone = await connect(shared_system, alice, resume=before)
    replay = await phone.expect(Op.RESUMED)
    assert replay["d"]["complete"]
    assert (await phone.expect(Op.BLOCK_USER, user=bob))["d"]["blocked"] is False
    for client in (phone, laptop):
        alert = await client.expect(Op.ALERT_NEW_MSG)
        assert (alert["d"]["message"]["seq"], alert["d"]["message"]["text"]) == (4, "four")
        assert alert["d"]["unread"] == 1
        assert not {Op.ALERT_NEW_MSG, Op.MSG_CHANGED, Op.TYPING} & set(await pushed(client))
    assert await history(phone, conversation) == [(1, "one"), (4, "four")]
    # A hole that the history confirms is no loss.
    hole = await phone.ask(Op.ASK_MESSAGES, {"conversation": conversation, "before": 4, "limit": 1})
    assert [one["seq"] for one in hole["d"]["messages"]] == [1]
    (seen,) = await listed(phone)
    assert (seen["conversation"], seen["unread"], "blocked" in seen) == (conversation, 1, False)
    assert seen["presence"]["online"]
    await phone.ask(Op.OPENED_CONVERSATION, {"conversation": conversation})
    assert (await writer.expect(Op.MSG_SEEN, reader=alice))["d"]["seq"] == 4
    assert await history(writer, conversation) == [*mine, (4, "four")]
    assert third["seq"] == 3


async def test_a_device_that_was_away_learns_of_the_block(
    shared_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """The last state alone, once. The blocked one's device learns that the other has left."""
    phone = await connect(shared_system, alice)
    laptop = await connect(shared_system, alice)
    writer = await connect(shared_system, bob)
    await introduce(shared_system, alice, bob)
    stored = await writer.write(alice, "one")
    await laptop.expect(Op.ALERT_NEW_MSG)
    for client in (laptop, writer):
        await client.settle()
    cursors = place(laptop), place(writer)
    await laptop.drop()
    await writer.drop()
    for blocked in (True, False, True, True):
        await phone.ask(Op.BLOCK_USER, {"user": bob, "blocked": blocked})
    laptop = await connect(shared_system, alice, resume=cursors[0])
    writer = await connect(shared_system, bob, resume=cursors[1])
    for client in (laptop, writer):
        assert (await client.expect(Op.RESUMED))["d"]["complete"]
    told = (await laptop.expect(Op.BLOCK_USER))["d"]
    assert (told["user"], told["blocked"]) == (bob, True)
    assert await pushed(laptop) == []
    assert not (await writer.expect(Op.PRESENCE, user=alice))["d"]["online"]
    # Its own message, which its cursor did not cover.
    assert await pushed(writer) == [Op.ALERT_NEW_MSG]
    assert await history(writer, stored["conversation"]) == [(1, "one")]


async def test_a_deal_goes_on_across_a_block_and_none_begins(
    shared_deals: System, connect: Connect, alice: str, bob: str
) -> None:
    """Its events reach both, with their place among the words. A new one is refused to both."""
    blocker = await connect(shared_deals, alice)
    other = await connect(shared_deals, bob)
    conversation = (await other.write(alice, "one"))["conversation"]
    offer = {
        "conversation": conversation,
        "role": "provider",
        "title": "A fence",
        "price": {"amount_minor": 100, "currency": "EUR"},
    }
    created = await other.ask(Op.SERVICE_CREATED, offer)
    assert created["op"] == Op.UPDATE_CONVERSATION_DATAS
    await blocker.expect(Op.UPDATE_CONVERSATION_DATAS, cause="created")
    await blocker.expect(Op.ALERT_NEW_MSG)
    await blocker.expect(Op.ALERT_NEW_MSG)
    await blocker.ask(Op.BLOCK_USER, {"user": bob, "blocked": True})
    await other.ask(Op.CREATE_MSG, {"conversation": conversation, "text": "suppressed"})
    service = created["d"]["service"]
    accept = {
        "service": service["service"],
        "outcome": "agreed",
        "offer": 1,
        "price": offer["price"],
    }
    agreed = await blocker.ask(Op.NEGOTIATION_END, accept)
    assert agreed["d"]["service"]["state"] == "agreed"
    await other.expect(Op.UPDATE_CONVERSATION_DATAS, cause="agreed")
    told = await blocker.expect(Op.ALERT_NEW_MSG)
    message = told["d"]["message"]
    assert (message["kind"], message["event"]["cause"], message["seq"]) == ("event", "agreed", 4)
    refusals = []
    for client in (blocker, other):
        refused = await client.ask(Op.SERVICE_CREATED, offer)
        assert refused["op"] == Op.ERROR
        # As it stands for each.
        refused["d"].pop("current", None)
        refusals.append(refused["d"])
    assert refusals[0] == refusals[1]
    assert (refusals[0]["code"], refusals[0]["retryable"]) == ("SANCTIONED", False)
    assert [seq for seq, _ in await history(blocker, conversation)] == [1, 2, 4]
    assert [seq for seq, _ in await history(other, conversation)] == [1, 2, 3, 4]


async def test_a_blocked_person_bargains_without_words(deal: Deal, bob: str) -> None:
    """Each price comes, without its note, live and after a resume; it is no unread message. The
    author is shown the note, and nothing else.
    """
    alice, theirs = deal.alice.client, deal.bob.client
    await deal.offer()
    await deal.bob.event("created")
    seq = (await listed(alice))[0]["unread"]
    await alice.ask(Op.BLOCK_USER, {"user": bob, "blocked": True})
    place_before = place(alice)
    for number in range(3):
        countered = await deal.bob.do(
            Op.PRICE_EDITED,
            service=deal.service,
            price=euros(13_000 + number),
            base_offer=number + 1,
            note=THREAT,
        )
        assert countered["offer"]["note"] == THREAT
    told = [await deal.alice.told(cause) for cause in ("countered", "revised", "revised")]
    assert [one["offer"]["price"]["amount_minor"] for one in told] == [13_000, 13_001, 13_002]
    await deal.bob.event("revised")
    await alice.settle()
    assert THREAT not in str(alice.packets)
    assert (await listed(alice))[0]["unread"] == seq
    reply = await alice.ask(Op.ASK_MESSAGES, {"conversation": deal.conversation})
    assert THREAT not in str(reply)
    assert (await listed(theirs))[0]["service"]["offer"]["note"] == THREAT
    resumed = await alice.ask(Op.RESUME, {"cur": place_before})
    assert resumed["op"] == Op.RESUMED
    assert THREAT not in str(alice.packets)
    await alice.ask(Op.BLOCK_USER, {"user": bob, "blocked": False})
    assert THREAT not in str(await listed(alice))
