"""Ended sessions and revoked tokens, on two edges, through real processes and sockets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.moderator import Moderator, moderating
from tests.support.system import SERVICES, System
from tests.system.conftest import Connect

REVOKED = 4301


@pytest.fixture(scope="module")
def two_edges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """All services, and two edges that ask moderation for as long as it takes."""
    with System(tmp_path_factory.mktemp("sessions")) as system:
        system.start(*SERVICES, moderation_timeout_seconds=5)
        system.start_edge(moderation_timeout_seconds=5)
        yield system


@pytest.fixture
async def operator(two_edges: System) -> AsyncIterator[Moderator]:
    """Whoever ends sessions."""
    target = two_edges.target("moderation")
    async with moderating(target, two_edges.credentials, two_edges.token, "operator") as found:
        yield found


async def refused(url: str, token: str) -> str:
    """The reason for which a handshake is refused with 401."""
    with pytest.raises(InvalidStatus) as caught:
        await Client.open(url, token)
    response = caught.value.response
    assert response.status_code == 401
    reason: str = json.loads(response.body)["reason"]
    return reason


async def refused_over_http(system: System, port: int, token: str) -> list[tuple[int, str]]:
    """What both requests over HTTP are answered, by status and reason."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"decision": "d", "text": "Please."}).encode()
    found = []
    for method, path, sent in (("GET", "/standing", None), ("POST", "/appeals", body)):
        status, _, answer = await asyncio.to_thread(
            system.request, method, path, port, body=sent, headers=headers
        )
        found.append((status, json.loads(answer).get("reason", "")))
    return found


async def test_ended_sessions_end_at_once_on_all_edges(
    two_edges: System, operator: Moderator, bob: str, alice: str
) -> None:
    """All sockets of one person, whichever token they have; every way in is closed to it since."""
    old = two_edges.token(bob, iat=time.time() - 60, jti="old")
    without_time = two_edges.token(bob)
    clients = [
        await Client.open(url, token) for url in two_edges.urls for token in (old, without_time)
    ]
    bystander = await Client.open(two_edges.urls[0], two_edges.token(alice))
    await operator.end_sessions(bob)
    assert [await client.closed() for client in clients] == [REVOKED] * 4
    for edge, url in zip(two_edges.edges, two_edges.urls, strict=True):
        for token in (old, without_time):
            assert await refused(url, token) == "token_revoked"
            expected = [(401, "token_revoked")] * 2
            assert await refused_over_http(two_edges, edge.port, token) == expected
    fresh = two_edges.token(bob, iat=time.time())
    renewing = await Client.open(two_edges.urls[0], fresh)
    for token in (old, without_time):
        reply = await renewing.ask(Op.RENEW_TOKEN, {"token": token})
        assert (reply["op"], reply["d"]["code"]) == (Op.ERROR, "INVALID_ARGUMENT")
        assert reply["d"]["fields"][0]["field"] == "token"
    later = two_edges.token(bob, iat=time.time(), expires_in=7200)
    assert (await renewing.ask(Op.RENEW_TOKEN, {"token": later}))["op"] == Op.HELLO
    await bystander.settle()
    for client in (renewing, bystander):
        await client.close()


async def test_one_token_is_revoked_and_the_others_are_not(
    two_edges: System, operator: Moderator, bob: str, alice: str
) -> None:
    """By its id, which is that of its user alone; a session that was renewed has the later one."""
    stolen, good = (two_edges.token(bob, jti=name) for name in ("stolen", "good"))
    thief, owner = [await Client.open(two_edges.urls[1], token) for token in (stolen, good)]
    renewed = await Client.open(two_edges.urls[0], stolen)
    assert (await renewed.ask(Op.RENEW_TOKEN, {"token": good}))["op"] == Op.HELLO
    other = await Client.open(two_edges.urls[0], two_edges.token(alice, jti="stolen"))
    await operator.revoke_token(bob, "stolen")
    assert await thief.closed() == REVOKED
    assert await refused(two_edges.urls[0], stolen) == "token_revoked"
    for client in (owner, renewed, other):
        await client.settle()
        assert client.connection.close_code is None
        await client.close()


async def test_revoked_is_for_good(own_system: System) -> None:
    """After a restart of every part."""
    system = own_system
    await asyncio.to_thread(system.start, *SERVICES)
    token = system.token("bob", jti="one", iat=time.time() - 5)
    other = system.token("eve", jti="two", iat=time.time() - 5)
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "operator"
    ) as operator:
        await operator.revoke_token("bob", "one")
        await operator.end_sessions("eve")
    for part in system.parts:
        await asyncio.to_thread(part.stop)
    for part in system.parts:
        part.start()
    await system.all_ready()
    for one in (token, other):
        assert await refused(system.url, one) == "token_revoked"


async def test_nobody_slips_in_while_sessions_are_ended(
    two_edges: System, operator: Moderator, person: Callable[[str], str]
) -> None:
    """Handshakes, a resume and a renewal under way when sessions end leave no live socket."""
    for number in range(10):
        user = person(f"racer{number}")
        token = two_edges.token(user, iat=time.time() - 60)
        here = await Client.open(two_edges.urls[0], token)
        cursor = here.hello["d"]["cur"]

        async def come_in(url: str, token: str = token) -> Client | int:
            try:
                return await Client.open(url, token)
            except InvalidStatus as refusal:
                return refusal.response.status_code

        async def go_on(client: Client = here, token: str = token, cur: str = cursor) -> None:
            with suppress(ConnectionClosed):
                await client.send(Op.RESUME, {"cur": cur}, id=1)
                await client.send(Op.RENEW_TOKEN, {"token": token}, id=2)

        results = await asyncio.gather(
            *(come_in(url) for url in two_edges.urls * 3),
            go_on(),
            operator.end_sessions(user),
        )
        refusals = {one for one in results if isinstance(one, int)}
        assert refusals <= {401}
        clients = [here, *(one for one in results if isinstance(one, Client))]
        assert [await client.closed() for client in clients] == [REVOKED] * len(clients)


async def test_what_was_revoked_while_moderation_was_away_from_an_edge(
    own_system: System, connect: Connect
) -> None:
    """Who came in meanwhile, as the setting lets them, is closed when it is back."""
    system = own_system
    await asyncio.to_thread(system.start, *SERVICES, moderation_timeout_seconds=0.2)
    token = system.token("bob", jti="one")
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "operator"
    ) as operator:
        await operator.revoke_token("bob", "one")
    moderation = system.services["moderation"]
    await asyncio.to_thread(moderation.stop)
    client = await connect(system, "bob", token=token)
    moderation.start()
    assert await client.closed() == REVOKED
