"""Two replicas of messaging on one PostgreSQL, from socket to socket."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Packet
from tests.support.postgresql import Postgresql
from tests.support.processes import sleeping
from tests.support.system import System
from tests.support.waiting import eventually
from tests.system.conftest import Connect

# After which PostgreSQL ends the transaction of a frozen process, and what a busy machine adds.
FROZEN_SECONDS = 2.0
SLOW_SECONDS = 3.0


@pytest.fixture(scope="module")
def database(postgresql: Postgresql) -> Iterator[str]:
    with postgresql.database() as name:
        yield name


@pytest.fixture(scope="module")
def replicated(
    postgresql: Postgresql, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """Two replicas, an edge on each, and one whose commands go to both by turns."""
    folder = tmp_path_factory.mktemp("replicas")
    with System(folder, database_url=postgresql.url(database)) as system:
        system.start_services("messaging", replicas=2)
        for target in (*system.addresses("messaging"), system.target("messaging")):
            system.start_edge(messaging_target=target, call_timeout_seconds=10)
        yield system


@pytest.fixture
async def sockets(replicated: System, connect: Connect) -> list[Client]:
    """Alice on the edge of the first replica, Bob on that of the second, Alice on that of both."""
    made = []
    for user, edge in zip(("alice", "bob", "alice"), replicated.edges, strict=True):
        replicated.edge_port = edge.port
        made.append(await connect(replicated, user))
    return made


async def texts(client: Client, count: int) -> list[str]:
    return [(await client.expect(Op.ALERT_NEW_MSG))["d"]["message"]["text"] for _ in range(count)]


def alerts(client: Client) -> list[Packet]:
    return [packet for packet in client.packets if packet["op"] == Op.ALERT_NEW_MSG]


async def test_sockets_of_all_replicas_are_told_but_for_the_one_that_caused_it(
    sockets: list[Client],
) -> None:
    """Whichever replica stored it, and whichever the socket's edge watches."""
    alice, bob, tablet = sockets
    said = [f"one {number}" for number in range(6)]
    for text in said:
        await tablet.write("bob", text)
    assert await texts(bob, 6) == said
    assert await texts(alice, 6) == said
    await tablet.settle()
    assert alerts(tablet) == []
    await bob.write("alice", "back")
    assert await texts(alice, 1) == await texts(tablet, 1) == ["back"]
    await bob.settle()
    assert alerts(bob) == []


async def _typed(typist: Client, reader: Client, signal: dict[str, Any]) -> Any:
    """Tell until it is seen: between replicas such a word may be lost."""
    for _ in range(10):
        await typist.send(Op.TYPING, signal)
        with suppress(TimeoutError):
            return (await reader.take(lambda packet: packet["op"] == Op.TYPING, 1))["d"]
    raise AssertionError("nobody is seen typing")


async def test_typing_is_seen_across_replicas(sockets: list[Client]) -> None:
    """Its beginning and its end."""
    alice, bob, tablet = sockets
    conversation = (await alice.write("bob", "hello"))["conversation"]
    for typist in (alice, tablet):
        for typing in (True, False):
            seen = await _typed(typist, bob, {"conversation": conversation, "typing": typing})
            assert (seen["user"], seen["typing"]) == ("alice", typing)


async def test_a_process_that_is_frozen_in_its_transaction_stops_others_for_a_moment(
    replicated: System, postgresql: Postgresql, database: str, sockets: list[Client]
) -> None:
    """The server ends its transaction; when it goes on it harms nothing, and tells what happened
    meanwhile.
    """
    alice, bob, _ = sockets
    conversation = (await alice.write("bob", "before"))["conversation"]
    assert await texts(bob, 1) == ["before"]
    first, _ = replicated.replicas["messaging"]
    with (
        postgresql.connect(database) as locker,
        postgresql.connect(database) as looker,
        ExitStack() as stack,
    ):
        with locker.transaction():
            locker.execute("LOCK TABLE messages IN SHARE MODE")
            writing = asyncio.create_task(alice.ask(Op.CREATE_MSG, {"to": "bob", "text": "frozen"}))
            # It has the row of the clock by then, and waits for what is locked.
            await eventually(
                lambda: (
                    looker.execute(
                        # Not a VACUUM, which may wait for it as well.
                        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                        " WHERE NOT granted AND relation = 'messages'::regclass"
                        " AND application_name = 'parley writer'"
                    ).fetchone()
                    == (1,)
                )
            )
            stack.enter_context(sleeping(first.process.pid))
        frozen_at = time.monotonic()
        await bob.write("alice", "meanwhile")
        assert time.monotonic() - frozen_at < FROZEN_SECONDS + SLOW_SECONDS
    # Nothing of it is stored, which a client takes for a reason to send it again.
    refused = await writing
    assert (refused["d"]["code"], refused["d"]["retryable"]) == ("UNAVAILABLE", True)
    await alice.write("bob", "again")
    assert await texts(alice, 1) == ["meanwhile"]
    assert await texts(bob, 1) == ["again"]
    page = await bob.ask(Op.ASK_MESSAGES, {"conversation": conversation})
    stored = [one["text"] for one in page["d"]["messages"]]
    assert [one for one in stored if one != "before"][-2:] == ["meanwhile", "again"]
    assert "frozen" not in stored
