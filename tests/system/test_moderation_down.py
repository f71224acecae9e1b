"""Moderation is away or hangs: what goes on meanwhile, and what is made up for afterwards."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable

import pytest
from websockets.exceptions import InvalidStatus

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.freezing import freeze
from tests.support.inbox import Packet
from tests.support.metrics import read_metric
from tests.support.moderator import Moderator, moderating
from tests.support.system import SERVICES, System
from tests.system.conftest import Connect


@pytest.fixture
def system(own_system: System) -> System:
    """All services, and an edge that waits for none of them for long."""
    own_system.start(*SERVICES, moderation_timeout_seconds=2, watch_timeout_seconds=2)
    return own_system


@pytest.fixture
async def decider(system: System) -> AsyncIterator[Moderator]:
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "moderator"
    ) as found:
        yield found


class People:
    """Alice, to whom Bob and Mallory have written; each reported by her."""

    def __init__(self, alice: Client, bob: Client, mallory: Client, conversation: str) -> None:
        self.alice, self.bob, self.mallory = alice, bob, mallory
        self.conversation = conversation


@pytest.fixture
async def people(
    system: System, decider: Moderator, connect: Connect, person: Callable[[str], str]
) -> People:
    alice = await connect(system, person("alice"))
    clients = {}
    stored: Packet = {}
    for name in ("mallory", "bob"):
        clients[name] = await connect(system, person(name))
        stored = await clients[name].write(alice.hello["d"]["user"], "Buy now")
        await alice.expect(Op.ALERT_NEW_MSG)
        await decider.report(stored["message"], alice.hello["d"]["user"])
    return People(alice, clients["bob"], clients["mallory"], stored["conversation"])


def user(client: Client) -> str:
    name: str = client.hello["d"]["user"]
    return name


async def _delivers(system: System) -> bool:
    _, _, body = await asyncio.to_thread(system.get, "/readyz")
    delivers: bool = json.loads(body)["moderation"]
    return delivers


async def moderation_is(live: bool, system: System) -> None:
    """Return when the edge has noticed that moderation is away, or back."""
    while await _delivers(system) != live:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.02)


async def status_of_handshake(system: System, name: str) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refusal:
        await Client.open(system.url, system.token(name))
    response = refusal.value.response
    return response.status_code, json.loads(response.body)["reason"]


async def test_people_go_on_under_what_was_known_last(
    system: System, people: People, decider: Moderator, connect: Connect
) -> None:
    """Connected or coming back: the muted is refused, the banned kept out; strangers come in, write
    and bargain. What moderation alone can do is UNAVAILABLE.
    """
    await decider.decide(user(people.bob), "muted")
    await decider.decide(user(people.mallory), "banned")
    await people.bob.expect(Op.SANCTION, kind="muted")
    assert await people.mallory.closed() == 4403
    system.services["moderation"].stop(signal.SIGKILL)
    await moderation_is(False, system)
    again = await connect(system, user(people.bob))
    await again.expect(Op.SANCTION, kind="muted")
    for client in (people.bob, again):
        reply = await client.ask(Op.CREATE_MSG, {"to": user(people.alice), "text": "x"})
        assert reply["d"]["code"] == "SANCTIONED"
    assert await status_of_handshake(system, user(people.mallory)) == (403, "banned")
    stranger = await connect(system, "stranger")
    stored = await stranger.write(user(people.alice), "hello")
    await people.alice.expect(Op.ALERT_NEW_MSG, conversation=stored["conversation"])
    price = {"amount_minor": 100, "currency": "EUR"}
    offer = {"conversation": stored["conversation"], "role": "client", "title": "Tap"}
    reply = await stranger.ask(Op.SERVICE_CREATED, {**offer, "price": price})
    assert reply["op"] == Op.UPDATE_CONVERSATION_DATAS
    reply = await people.alice.ask(Op.REPORT_MSG, {"message": stored["message"], "reason": "spam"})
    assert (reply["op"], reply["d"]["code"]) == (Op.ERROR, "UNAVAILABLE")
    url = f"http://127.0.0.1:{system.edge_port}/metrics"
    for by, count in (("last_known", 2), ("allowed", 1)):
        found = await asyncio.to_thread(read_metric, url, "parley_edge_admissions_total", by=by)
        assert found == count


async def test_strangers_are_refused_where_the_operator_says_so(
    own_system: System, connect: Connect
) -> None:
    """Those who were seen here come back; who was not gets 503 until moderation answers."""
    own_system.start(*SERVICES, moderation_down="refuse", moderation_timeout_seconds=2)
    seen = await connect(own_system, "seen")
    await seen.close()
    own_system.services["moderation"].stop(signal.SIGKILL)
    await moderation_is(False, own_system)
    assert (await (await connect(own_system, "seen")).write("x", "hello"))["status"] == "stored"
    assert await status_of_handshake(own_system, "stranger") == (503, "moderation_unavailable")
    own_system.services["moderation"].start()
    await moderation_is(True, own_system)
    assert (await (await connect(own_system, "stranger")).write("x", "y"))["status"] == "stored"


async def test_what_was_decided_meanwhile_takes_effect(
    system: System, people: People, decider: Moderator, connect: Connect
) -> None:
    """The stream was cut, and the decision is made before the edge is back; of whom nothing was
    known when they came, all is read.
    """
    system.services["moderation"].stop(signal.SIGKILL)
    await moderation_is(False, system)
    second = await connect(system, user(people.bob))
    system.services["moderation"].start()
    await decider.decide(user(people.bob), "banned")
    await decider.decide(user(people.mallory), "muted")
    for client in (people.bob, second):
        assert await client.closed() == 4403
    await people.mallory.expect(Op.SANCTION, kind="muted")
    reply = await people.mallory.ask(Op.CREATE_MSG, {"to": user(people.alice), "text": "x"})
    assert reply["d"]["code"] == "SANCTIONED"


async def test_a_hanging_moderation_holds_nobody_up(
    system: System, people: People, decider: Moderator, connect: Connect
) -> None:
    """It takes calls and answers none: people come in within the budget, resume and write; when it
    goes on, whoever came is followed again.
    """
    freeze(system.services["moderation"].process.pid)
    try:
        cursor = people.alice.cursor
        await people.alice.close()
        alice = await connect(system, user(people.alice), resume=cursor)
        resumed = await alice.expect(Op.RESUMED)
        assert resumed["d"]["cur"]
        assert (await people.bob.write(user(people.alice), "still here"))["status"] == "stored"
        await alice.expect(Op.ALERT_NEW_MSG)
        stranger = await connect(system, "stranger")
        assert (await stranger.write(user(people.alice), "hello"))["status"] == "stored"
    finally:
        system.services["moderation"].process.send_signal(signal.SIGCONT)
    await moderation_is(True, system)
    stored = await stranger.write(user(people.alice), "Buy now")
    await decider.report(stored["message"], user(people.alice))
    await decider.decide("stranger", "banned")
    assert await stranger.closed() == 4403
