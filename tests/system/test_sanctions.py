"""Sanctions and their effects on people, through real processes and sockets."""

import asyncio
import json
from collections.abc import Callable

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Packet
from tests.support.moderator import FACTS, Moderator, moderating
from tests.support.system import SERVICES, System, free_port
from tests.support.waiting import PATIENCE
from tests.system.conftest import Connect
from tests.system.scenes import Scene
from tests.system.test_appeals import ask_over_http


async def refused(client: Client, op: int, d: Packet) -> Packet:
    """Send a packet that a sanction forbids; the error."""
    reply = await client.ask(op, d)
    assert (reply["op"], reply["d"].get("code")) == (Op.ERROR, "SANCTIONED"), reply
    error: Packet = reply["d"]
    return error


async def write_freely(client: Client, to: str, text: str) -> None:
    """Write until it is stored: that a sanction was lifted each service hears by its own stream,
    and when one ends only the clock says.
    """
    message = {"to": to, "text": text}
    async with asyncio.timeout(PATIENCE):
        while (reply := await client.ask(Op.CREATE_MSG, message))["op"] == Op.ERROR:
            assert reply["d"]["code"] == "SANCTIONED", reply
            await asyncio.sleep(0.05)
    assert reply["d"]["status"] == "stored"


async def refused_handshake(system: System, user: str) -> tuple[int, Packet]:
    """Status and body of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refusal:
        await Client.open(system.url, system.token(user))
    response = refusal.value.response
    body: Packet = json.loads(response.body)
    return response.status_code, body


async def test_a_muted_person_reads_and_writes_nothing(
    scene: Scene, moderator: Moderator, moderated_system: System, connect: Connect, bob: str
) -> None:
    """On every socket, also one that comes later, which is told after HELLO; until it is lifted."""
    await scene.report()
    second = await connect(moderated_system, bob)
    await moderator.decide(bob, "muted")
    for client in (scene.bob, second):
        told = (await client.expect(Op.SANCTION, kind="muted"))["d"]
        assert told["statement"]["facts"] == FACTS
        assert (told["lifted"], told["appealable"]) == (False, True)
    for client in (scene.bob, second, await connect(moderated_system, bob)):
        error = await refused(client, Op.CREATE_MSG, {"to": "someone", "text": "again"})
        (sanction,) = error["current"]["sanctions"]
        assert sanction["statement"]["facts"] == FACTS
        assert error["current"]["muted_until"] == sanction["until"]
        assert error["retryable"] is False
        await refused(client, Op.EDIT_MSG, {"message": scene.message, "text": "other"})
        await refused(client, Op.DELETE_MSG, {"message": scene.message})
        await refused(client, Op.TYPING, {"conversation": scene.conversation, "typing": True})
        listed = await client.ask(Op.ASK_CONVERSATIONS)
        assert listed["op"] == Op.RETURN_CONVERSATIONS
        opened = await client.ask(Op.OPENED_CONVERSATION, {"conversation": scene.conversation})
        assert opened["op"] == Op.MSG_SEEN
        reported = await client.ask(
            Op.REPORT_CONVERSATIONS, {"conversation": scene.conversation, "reason": "spam"}
        )
        assert reported["op"] == Op.REPORT_STATUS or reported["d"]["reason"] == "ALREADY_REPORTED"
    late = await connect(moderated_system, bob)
    assert (await late.expect(Op.SANCTION, kind="muted"))["d"]["decision"]
    await moderator.lift(bob)
    for client in (scene.bob, second, late):
        await client.expect(Op.SANCTION, kind="muted", lifted=True)
        await write_freely(client, "someone", "free")


async def test_a_mute_ends_by_the_clock(
    scene: Scene, moderator: Moderator, alice: str, bob: str
) -> None:
    """Nobody is told, and nothing has to be done."""
    await scene.report()
    await moderator.decide(bob, "muted", seconds=1.5)
    await scene.bob.expect(Op.SANCTION, kind="muted")
    await refused(scene.bob, Op.CREATE_MSG, {"to": alice, "text": "now"})
    await write_freely(scene.bob, alice, "then")


@pytest.mark.parametrize("kind", ["banned", "suspended"])
async def test_who_is_banned_is_closed_at_once_and_not_let_in(
    scene: Scene,
    moderator: Moderator,
    moderated_system: System,
    connect: Connect,
    bob: str,
    kind: str,
) -> None:
    """SANCTION, then 4403 on every socket; the next handshake is 403 with the reasons; the reasons
    and the appeal are left, over HTTP; lifted, everything is as before."""
    await scene.report()
    clients = [scene.bob, await connect(moderated_system, bob)]
    clients.append(await connect(moderated_system, bob, subprotocol="parley.v1.msgpack"))
    await moderator.decide(bob, kind)
    for client in clients:
        assert (await client.expect(Op.SANCTION, kind=kind))["d"]["statement"]["facts"] == FACTS
        assert await client.closed() == 4403
    status, body = await refused_handshake(moderated_system, bob)
    assert (status, body["reason"]) == (403, kind)
    (sanction,) = body["standing"]["sanctions"]
    assert sanction["statement"]["facts"] == FACTS
    status, standing = await ask_over_http(moderated_system, "GET", "/standing", bob)
    assert (status, standing["sanctions"][0]["decision"]) == (200, sanction["decision"])
    appeal = {"decision": sanction["decision"], "text": "It was not me.", "idempotency_key": "a"}
    for expected in (201, 200):
        status, made = await ask_over_http(moderated_system, "POST", "/appeals", bob, appeal)
        assert (status, made["appeal"]["status"]) == (expected, "open")
    again = {**appeal, "idempotency_key": "b"}
    status, problem = await ask_over_http(moderated_system, "POST", "/appeals", bob, again)
    assert (status, problem["reason"]) == (409, "already_appealed")
    await moderator.lift(bob)
    client = await connect(moderated_system, bob)
    assert (await client.write("someone", "I am back"))["status"] == "stored"


async def test_a_locked_conversation_is_locked_for_both(
    scene: Scene, moderator: Moderator, alice: str, bob: str
) -> None:
    """Neither writes in it, nor through a message or a service of it; elsewhere both do."""
    await scene.report()
    await moderator.decide(bob, "conversation_locked")
    for client, other in ((scene.alice, bob), (scene.bob, alice)):
        await client.expect(
            Op.SANCTION, kind="conversation_locked", conversation=scene.conversation
        )
        await refused(client, Op.CREATE_MSG, {"conversation": scene.conversation, "text": "x"})
        price = {"amount_minor": 100, "currency": "EUR"}
        service = {"role": "client", "title": "Tap", "price": price}
        await refused(client, Op.SERVICE_CREATED, {"conversation": scene.conversation, **service})
        assert (await client.write(other, "Elsewhere", subject="x"))["status"] == "stored"
        page = await client.ask(Op.ASK_MESSAGES, {"conversation": scene.conversation})
        assert [one["text"] for one in page["d"]["messages"]] == ["Buy now"]


async def test_the_edge_alone_keeps_a_locked_conversation(
    own_system: System, connect: Connect
) -> None:
    """Services that have not heard of the lock yet would take what does not name the conversation
    but a person, a message or a service of it. The edge does not."""
    deaf = {"moderation_target": f"127.0.0.1:{free_port()}"}
    own_system.settings |= {"messaging": {**deaf}, "negotiation": {**deaf}}
    await asyncio.to_thread(own_system.start, *SERVICES, moderation_timeout_seconds=5)
    alice, bob = await connect(own_system, "alice"), await connect(own_system, "bob")
    stored = await bob.write("alice", "Buy now", subject="tap")
    price = {"amount_minor": 100, "currency": "EUR"}
    deal = {"role": "client", "title": "Tap", "price": price}
    places = {}
    for conversation in (stored, await bob.write("alice", "Elsewhere")):
        made = await bob.ask(
            Op.SERVICE_CREATED, {"conversation": conversation["conversation"], **deal}
        )
        places[conversation["message"]] = made["d"]["service"]["service"]
    async with moderating(
        own_system.target("moderation"), own_system.credentials, own_system.token, "mia"
    ) as moderator:
        await moderator.report(stored["message"], "alice")
        await moderator.decide("bob", "conversation_locked")
    for client in (alice, bob):
        await client.expect(Op.SANCTION, kind="conversation_locked")
    (locked, service), (elsewhere, other) = places.items()
    for op, d in (
        (Op.CREATE_MSG, {"to": "alice", "subject": "tap", "text": "x"}),
        (Op.EDIT_MSG, {"message": locked, "text": "x"}),
        (Op.DELETE_MSG, {"message": locked}),
        (Op.PRICE_EDITED, {"service": service, "price": price, "base_offer": 1}),
        (Op.NEGOTIATION_END, {"service": service, "outcome": "agreed", "offer": 1, "price": price}),
        (Op.SERVICE_TERMINATED, {"service": service, "outcome": "delivered", "reason": "So."}),
        (Op.NOTE_SUBMITTED, {"service": service, "score": 5, "comment": "So."}),
    ):
        error = await refused(bob, op, d)
        assert [one["kind"] for one in error["current"]["sanctions"]] == ["conversation_locked"]
    assert (await bob.write("alice", "x"))["status"] == "stored"
    assert (await bob.ask(Op.EDIT_MSG, {"message": elsewhere, "text": "x"}))["op"] == Op.MSG_CHANGED
    end = {"service": other, "outcome": "withdrawn", "offer": 1}
    assert (await bob.ask(Op.NEGOTIATION_END, end))["op"] == Op.UPDATE_CONVERSATION_DATAS


async def test_nothing_gets_around_a_ban_or_a_mute(
    scene: Scene, moderator: Moderator, moderated_system: System, bob: str
) -> None:
    """A later token, a resume, or what was sent in one go with the decision."""
    await scene.report()
    cursor = scene.bob.hello["d"]["cur"]
    await moderator.decide(bob, "muted")
    await scene.bob.expect(Op.SANCTION, kind="muted")
    token = moderated_system.token(bob, expires_in=7200)
    assert (await scene.bob.ask(Op.RENEW_TOKEN, {"token": token}))["op"] == Op.HELLO
    assert (await scene.bob.ask(Op.RESUME, {"cur": cursor}))["d"]["complete"]
    # The replay tells it once more.
    await scene.bob.expect(Op.SANCTION, kind="muted")
    await refused(scene.bob, Op.CREATE_MSG, {"to": "someone", "text": "x"})


class Recorder(Client):
    """Remembers what came, in its order."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__(connection)
        self.heard: list[Packet] = []

    def _keep(self, packet: Packet) -> None:
        self.heard.append(packet)
        super()._keep(packet)


async def test_nothing_is_stored_after_the_sanction(
    scene: Scene, moderator: Moderator, moderated_system: System, bob: str
) -> None:
    """Bob writes all the while on two sockets, with some unanswered on each. Once either has
    SANCTION, what he sends is refused on both; and after it no socket is told that anything is
    stored (M2)."""
    await scene.report()
    token = moderated_system.token(bob)
    clients = [await Recorder.open(moderated_system.url, token) for _ in range(2)]
    told = asyncio.Event()
    last: list[Packet] = []

    async def write(client: Client) -> None:
        number = 0
        while not told.is_set():
            number += 1
            await client.send(Op.CREATE_MSG, {"to": "someone", "text": "x"}, number)
            if number > 8:
                await client.take_reply(number - 8)
        last.append(await client.ask(Op.CREATE_MSG, {"to": "someone", "text": "x"}, id="last"))

    async def listen(client: Client) -> None:
        await client.expect(Op.SANCTION, kind="muted")
        told.set()

    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(write(client))
            group.create_task(listen(client))
        await moderator.decide(bob, "muted")
    assert [one["d"].get("code") for one in last] == ["SANCTIONED", "SANCTIONED"]
    for client in clients:
        ops = [one["op"] for one in client.heard]
        assert Op.STATUS_MSG in ops
        assert Op.STATUS_MSG not in ops[ops.index(Op.SANCTION) :]
        await client.connection.close()


async def test_an_appeal_that_is_overturned_gives_back_what_was_taken(
    scene: Scene, moderator: Moderator, person: Callable[[str], str], bob: str
) -> None:
    """Asked for in a packet by who is muted; another moderator decides; both are told."""
    await scene.report()
    await moderator.decide(bob, "muted")
    decision = (await scene.bob.expect(Op.SANCTION))["d"]["decision"]
    reply = await scene.bob.ask(Op.APPEAL, {"decision": decision, "text": "It was not me."})
    assert (reply["op"], reply["d"]["appeal"]["status"]) == (Op.REPORT_STATUS, "open")
    await moderator.colleague(person("other")).overturn(decision)
    news = await scene.bob.take(
        lambda one: one["op"] == Op.REPORT_STATUS and one["d"]["appeal"]["status"] == "overturned"
    )
    assert news["d"]["appeal"]["answer"]
    await scene.bob.expect(Op.SANCTION, kind="muted", lifted=True)
    await write_freely(scene.bob, "someone", "thanks")
