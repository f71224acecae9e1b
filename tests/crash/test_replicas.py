"""Several processes of each part, and faults of all kinds: everyone has everything once."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import cast

import pytest

from tests.conftest import TOLD
from tests.crash.__main__ import keep
from tests.crash.replicas.cluster import Cluster
from tests.crash.replicas.faults import Fault, Faults
from tests.crash.replicas.line import Line, State, line_to
from tests.crash.replicas.trial import run_replicas_trial
from tests.crash.trial import Plan
from tests.support.nats import Nats
from tests.support.postgresql import Postgresql
from tests.support.waiting import PATIENCE

FAULTS = 20
# `make trial` has more.
TALKERS = 6


@pytest.fixture
def server() -> Iterator[Postgresql]:
    """A server of the trial's own, for it is restarted."""
    made = Postgresql()
    try:
        yield made
    finally:
        made.close()


@pytest.mark.timeout(900)
async def test_faults_cost_nothing_but_time(
    server: Postgresql, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Two edges and three processes of each service on one PostgreSQL, some of which hear one
    another by NATS and some by PostgreSQL, and one of each of an earlier version. They are killed
    and stopped, also with the row of the clock in hand; NATS is stopped, cut, slow, deaf, or tells
    all twice; PostgreSQL is restarted. What the checker promises of `test_trial.py` holds all the
    same. How long alerts took stands below the results of all tests.
    """
    plan = Plan(FAULTS, TALKERS, seed=secrets.randbelow(2**32))
    done = await run_replicas_trial(tmp_path, server, plan)
    record_property(TOLD, done.summary())
    if done.outcome.violations:
        # What tells of it outlives the test.
        kept = Path(shutil.copytree(tmp_path, tempfile.mkdtemp(), dirs_exist_ok=True))
        keep(done.outcome, kept)
        told = "\n".join(map(str, done.outcome.violations[:20]))
        pytest.fail(f"{told}\n{done.summary()}\nthe logs, and what each heard, are in {kept}")
    # Each kind of fault came, and it was no idle system.
    assert {one.value for one in Fault} == {kind for kind, _ in done.faults}
    assert len(done.outcome.progress) == FAULTS
    assert sum(one.under_way > 0 for one in done.outcome.progress) >= FAULTS // 4
    assert done.outcome.stored > 10 * FAULTS
    assert done.outcome.causes.total() > FAULTS
    assert done.outcome.books.moderation.cases
    # And it was by NATS that messaging heard, while there was one.
    assert done.deliveries
    assert done.alerts.took


async def test_each_kind_of_fault_comes_before_one_comes_again() -> None:
    """Whatever the seed, also where there is no NATS."""
    nobody = cast("Cluster", None), cast("Postgresql", None)
    nats = cast("Nats", object())
    for seed in range(20):
        kinds = [
            one
            for one, _ in zip(Faults(*nobody, Random(seed), nats).deck(), range(15), strict=False)
        ]
        assert {*kinds} == {*Fault}
        kinds = [
            one for one, _ in zip(Faults(*nobody, Random(seed)).deck(), range(10), strict=False)
        ]
        assert not any(one.name.startswith("NATS") for one in kinds)


HELLO = b"INFO {}\r\n"
DELIVERY = b"MSG subject 1 7\r\na\r\nb\r\nc\r\n"
WITH_HEADERS = b"HMSG subject 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"


@pytest.mark.parametrize(
    ("state", "heard"),
    [
        (State.WHOLE, DELIVERY + b"PONG\r\n" + WITH_HEADERS),
        (State.SLOW, DELIVERY + b"PONG\r\n" + WITH_HEADERS),
        (State.REPEATING, DELIVERY * 2 + b"PONG\r\n" + WITH_HEADERS * 2),
        (State.DEAF, b"PONG\r\n"),
        (State.CUT, b""),
    ],
)
async def test_a_line_spoils_deliveries_and_nothing_else(state: State, heard: bytes) -> None:
    """By the frames of NATS, whatever bytes they hold; and what is whole again is as before."""
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        while await reader.readline():
            writer.write(await said.get())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        with line_to(server.sockets[0].getsockname()[1]) as line:
            reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
            async with asyncio.timeout(PATIENCE):
                assert await reader.readline() == HELLO
                line.become(state)
                said.put_nowait(DELIVERY + b"PONG\r\n" + WITH_HEADERS)
                writer.write(b"PING\r\n")
                try:
                    assert await reader.readexactly(len(heard)) == heard
                    if state is State.CUT:
                        assert await reader.read() == b""
                except ConnectionError:
                    assert state is State.CUT
                line.become(State.WHOLE)
                await _hears(line)
            writer.close()


async def _hears(line: Line) -> None:
    """A new connection goes through."""
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    assert await reader.readline() == HELLO
    writer.close()
