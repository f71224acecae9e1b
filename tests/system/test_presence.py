"""Presence from socket to socket: real edges, a real service, real absences."""

import asyncio
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc

from parley_protocol.packets import Op
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import present
from tests.support.client import Client
from tests.support.inbox import Packet
from tests.support.system import System
from tests.support.waiting import PATIENCE
from tests.system.conftest import Connect

# Long enough for a client to come back, and for a process to be killed and started.
BRIEF = 1.5
ABSENCE = 4


def system_with(folder: Path, **settings: object) -> Iterator[System]:
    folder.mkdir(exist_ok=True)
    with System(folder, **settings) as system:
        system.start("messaging")
        yield system


@pytest.fixture(scope="module")
def brief_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system in which an absence is short, for people of each test's own."""
    yield from system_with(tmp_path_factory.mktemp("brief"), presence_absence_seconds=BRIEF)


@pytest.fixture
def patient_system(tmp_path: Path) -> Iterator[System]:
    """A system of the test's own whose absence a killed process fits into."""
    yield from system_with(tmp_path / "patient", presence_absence_seconds=ABSENCE)


async def call(system: System, name: str, request: Any) -> Any:
    """Call the messaging service as an internal service does."""
    metadata = present(system.credentials[Caller.BACKEND])
    async with grpc.aio.insecure_channel(system.target("messaging")) as channel:
        stub: Any = messaging_pb2_grpc.MessagingServiceStub(channel)
        return await getattr(stub, name)(request, metadata=metadata, timeout=PATIENCE)


async def introduce(system: System, one: str, other: str) -> None:
    """Let the marketplace open a conversation of two people, who are no strangers then."""
    request = pb.CreateConversationRequest(participants=[one, other])
    await call(system, "CreateConversation", request)


async def meet(system: System, connect: Connect, one: str, other: str) -> Client:
    """Let two people share a conversation; gives the first one's client, who stays."""
    await introduce(system, one, other)
    return await connect(system, one)


async def shown(client: Client) -> dict[str, Packet]:
    """Whom the list of conversations shows, and how, but for the version."""
    reply = await client.ask(Op.ASK_CONVERSATIONS)
    found = [one["presence"] for one in reply["d"]["conversations"] if "presence" in one]
    for one in found:
        del one["version"]
    return {one.pop("user"): one for one in found}


def untold(client: Client) -> list[Packet]:
    """Presence that was pushed and that no test has taken."""
    return [packet for packet in client.packets if packet["op"] == Op.PRESENCE]


async def test_the_other_is_told_of_coming_and_of_going(
    brief_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """On all sockets, with a cursor; the list says the same, at first and afterwards."""
    first = await meet(brief_system, connect, alice, bob)
    second = await connect(brief_system, alice, subprotocol="parley.v1.msgpack")
    assert await shown(first) == {}
    came = datetime.now(UTC)
    other = await connect(brief_system, bob)
    for client in (first, second):
        online = await client.expect(Op.PRESENCE, user=bob)
        assert online["d"] == {"user": bob, "online": True, "version": online["d"]["version"]}
        assert online["cur"]
        assert online.get("re") is None
    assert await shown(first) == {bob: {"online": True}}
    assert await shown(other) == {alice: {"online": True}}
    await other.close()
    offline = await first.expect(Op.PRESENCE, user=bob)
    assert offline["d"].keys() == {"user", "online", "version", "last_seen"}
    assert offline["d"]["version"] > online["d"]["version"]
    assert offline["d"]["online"] is False
    last_seen = datetime.fromisoformat(offline["d"]["last_seen"])
    told = datetime.now(UTC)
    assert came <= last_seen
    # It is when bob left, and not when the absence had lasted.
    assert (told - last_seen).total_seconds() >= BRIEF
    assert await shown(first) == {bob: {"online": False, "last_seen": offline["d"]["last_seen"]}}


async def test_a_reconnect_and_a_second_device_tell_nothing(
    brief_system: System, connect: Connect, alice: str, bob: str, person: Any
) -> None:
    """Bob comes back in time and one of his two leaves: carol, who left after all that, is told."""
    carol = person("carol")
    watching = await meet(brief_system, connect, alice, bob)
    await introduce(brief_system, alice, carol)
    bobs = await connect(brief_system, bob)
    carols = await connect(brief_system, carol)
    await watching.expect(Op.PRESENCE, user=bob, online=True)
    await watching.expect(Op.PRESENCE, user=carol, online=True)
    await bobs.drop()
    bobs = await connect(brief_system, bob)
    phone = await connect(brief_system, bob)
    await phone.close()
    await carols.close()
    await watching.expect(Op.PRESENCE, user=carol, online=False)
    assert untold(watching) == []
    assert (await shown(watching))[bob] == {"online": True}


async def test_strangers_are_told_nothing(
    brief_system: System, connect: Connect, alice: str, bob: str, person: Any
) -> None:
    """People without a common conversation neither see nor hear of each other."""
    stranger = await connect(brief_system, person("stranger"))
    watching = await meet(brief_system, connect, alice, bob)
    other = await connect(brief_system, bob)
    await watching.expect(Op.PRESENCE, user=bob, online=True)
    await other.close()
    await watching.expect(Op.PRESENCE, user=bob, online=False)
    await stranger.settle()
    assert untold(stranger) == []
    assert await shown(stranger) == {}


async def test_an_invisible_token_is_seen_by_nobody(
    brief_system: System, connect: Connect, alice: str, bob: str, person: Any
) -> None:
    """Neither coming nor going; one visible socket shows the person, a new token may hide it."""
    carol = person("carol")
    watching = await meet(brief_system, connect, alice, bob)
    await introduce(brief_system, alice, carol)

    async def pass_by() -> None:
        """Somebody comes and goes, after which all that came before has been told."""
        passer = await connect(brief_system, carol)
        await watching.expect(Op.PRESENCE, user=carol, online=True)
        await passer.close()
        await watching.expect(Op.PRESENCE, user=carol, online=False)

    hidden = await connect(brief_system, bob, token=brief_system.token(bob, invisible=True))
    await pass_by()
    assert untold(watching) == []
    assert bob not in await shown(watching)
    # Bob himself sees everybody.
    assert await shown(hidden) == {alice: {"online": True}}

    visible = await connect(brief_system, bob)
    await watching.expect(Op.PRESENCE, user=bob, online=True)
    token = brief_system.token(bob, invisible=True)
    reply = await visible.ask(Op.RENEW_TOKEN, {"token": token})
    assert reply["op"] == Op.HELLO
    gone = await watching.expect(Op.PRESENCE, user=bob, online=False)
    await hidden.close()
    await pass_by()
    assert untold(watching) == []
    last_seen = gone["d"]["last_seen"]
    assert (await shown(watching))[bob] == {"online": False, "last_seen": last_seen}
    await visible.ask(Op.RENEW_TOKEN, {"token": brief_system.token(bob)})
    await watching.expect(Op.PRESENCE, user=bob, online=True)


async def test_a_person_can_set_to_be_invisible(
    brief_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """Through an internal service: goes like everybody, and comes back at once."""
    watching = await meet(brief_system, connect, alice, bob)
    other = await connect(brief_system, bob)
    await watching.expect(Op.PRESENCE, user=bob, online=True)
    await call(brief_system, "SetInvisible", pb.SetInvisibleRequest(actor=bob, invisible=True))
    gone = await watching.expect(Op.PRESENCE, user=bob, online=False)
    # As of one who left: not a last_seen of the moment of telling.
    last_seen = datetime.fromisoformat(gone["d"]["last_seen"])
    assert (datetime.now(UTC) - last_seen).total_seconds() >= BRIEF
    await other.close()
    other = await connect(brief_system, bob)
    assert untold(watching) == []
    assert (await shown(watching))[bob]["last_seen"] == gone["d"]["last_seen"]
    # What bob does himself is told as always.
    await other.write(alice, "it is me")
    await watching.expect(Op.ALERT_NEW_MSG)
    await call(brief_system, "SetInvisible", pb.SetInvisibleRequest(actor=bob, invisible=False))
    await watching.expect(Op.PRESENCE, user=bob, online=True)


async def test_a_resume_brings_the_latest(
    brief_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """One packet says how it stands, however often the other came and went meanwhile."""
    away = await meet(brief_system, connect, alice, bob)
    witness = await connect(brief_system, alice)
    other = await connect(brief_system, bob)
    await away.expect(Op.PRESENCE, user=bob, online=True)
    await witness.expect(Op.PRESENCE, user=bob, online=True)
    await away.drop()
    await other.close()
    await witness.expect(Op.PRESENCE, user=bob, online=False)
    other = await connect(brief_system, bob)
    await witness.expect(Op.PRESENCE, user=bob, online=True)
    await other.close()
    latest = await witness.expect(Op.PRESENCE, user=bob, online=False)
    back = await connect(brief_system, alice, resume=away.cursor)
    resumed = await back.expect(Op.RESUMED)
    assert (resumed["d"]["complete"], resumed["d"]["replayed"]) == (True, 1)
    assert [packet["d"] for packet in untold(back)] == [latest["d"]]


async def test_turned_off_nobody_is_told_of_anybody(tmp_path: Path, connect: Connect) -> None:
    """No packet, and no field in the list."""
    for system in system_with(tmp_path, presence="false", presence_absence_seconds=0.1):
        watching = await meet(system, connect, "alice", "bob")
        other = await connect(system, "bob")
        await other.write("alice", "hello")
        assert await shown(watching) == await shown(other) == {}
        assert untold(watching) == untold(other) == []


async def test_people_of_a_killed_edge_are_gone_unless_they_come_back(
    patient_system: System, connect: Connect
) -> None:
    """Alice, on another edge, is told of who stays away, and not of who comes to her edge."""
    system = patient_system
    doomed = system.parts[-1]
    bob = await connect(system, "bob")
    carol = await connect(system, "carol")
    system.start_edge()
    alice = await meet(system, connect, "alice", "bob")
    await introduce(system, "alice", "carol")
    assert (await shown(alice)).keys() == {"bob", "carol"}
    doomed.stop(signal.SIGKILL)
    await bob.closed()
    await carol.closed()
    await connect(system, "carol")
    gone = await alice.expect(Op.PRESENCE, online=False)
    assert gone["d"]["user"] == "bob"
    assert (await shown(alice))["carol"] == {"online": True}
    assert untold(alice) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_restart_of_the_service_is_a_short_absence(
    patient_system: System, connect: Connect, how: signal.Signals
) -> None:
    """People who stayed are not told of; one who left is, and was seen last before it ended."""
    system = patient_system
    edge = system.parts[-1]
    alice = await meet(system, connect, "alice", "bob")
    await introduce(system, "alice", "carol")
    began = datetime.now(UTC)
    await connect(system, "bob")
    carol = await connect(system, "carol")
    await alice.expect(Op.PRESENCE, user="bob", online=True)
    await alice.expect(Op.PRESENCE, user="carol", online=True)
    system.services["messaging"].stop(how)
    ended = datetime.now(UTC)
    await carol.close()
    await asyncio.to_thread(system.wait_ready, edge, 503)
    system.start_services("messaging")
    await asyncio.to_thread(system.wait_ready, edge)
    gone = await alice.expect(Op.PRESENCE, online=False)
    assert gone["d"]["user"] == "carol"
    assert began <= datetime.fromisoformat(gone["d"]["last_seen"]) <= ended
    assert untold(alice) == []
    assert (await shown(alice))["bob"] == {"online": True}
