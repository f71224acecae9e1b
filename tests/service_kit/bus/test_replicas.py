"""Several replicas on one database, real PostgreSQL and real NATS between them."""

import asyncio
import os
import signal
from typing import Any

import grpc
import psycopg
import pytest
from sqlalchemy import text

from tests.service_kit.bus.conftest import Start
from tests.support.nats import Nats
from tests.support.postgresql import Postgresql
from tests.support.serving import Stream
from tests.support.tally.running import RunningTally
from tests.support.tally.service import TallySettings
from tests.support.waiting import eventually, until

# Longer than any test.
NEVER = 600.0


def sample(replica: RunningTally, name: str, **labels: str) -> float:
    return replica.resources.registry.get_sample_value(name, labels) or 0.0


async def amounts(stream: Stream, count: int) -> list[tuple[int, int]]:
    return [(revision, event.added.amount) for revision, event in await stream.events(count)]


async def until_counted(*replicas: RunningTally) -> None:
    """Return when each replica counts them all."""
    await eventually(lambda: all(sample(one, "bus_replicas") >= len(replicas) for one in replicas))


async def test_every_watcher_is_told_what_any_replica_commits(start: Start) -> None:
    """In the order of the revisions, each once, and soon."""
    async with start(bus_look_seconds=NEVER) as one, start(bus_look_seconds=NEVER) as other:
        streams = [await replica.watch(["ann"]) for replica in (one, other)]
        writing = [
            replica.add("ann", amount) for amount in range(1, 21) for replica in (one, other)
        ]
        await asyncio.gather(*writing)
        first, second = [await amounts(stream, 40) for stream in streams]
        assert first == second
        assert [revision for revision, _ in first] == sorted(revision for revision, _ in first)
        assert sorted(amount for _, amount in first) == sorted([*range(1, 21)] * 2)
        assert {one.resources.hub.position} == {other.resources.hub.position}
        for replica in (one, other):
            assert sample(replica, "bus_heard_total") > 0
            assert sample(replica, "bus_lag_seconds_count") > 0
            assert sample(replica, "bus_missed_total") == 0
            assert sample(replica, "watch_cut_offs_total", reason="REVISION_GAP") == 0


async def test_a_watcher_of_everything_is_told_it_by_any_replica(start: Start) -> None:
    async with start(bus_look_seconds=NEVER) as one, start(bus_look_seconds=NEVER) as other:
        stream = await other.watch(everything=True)
        await one.add("ann", 1)
        await one.add("bob", 2)
        assert [amount for _, amount in await amounts(stream, 2)] == [1, 2]


async def test_a_replica_alone_tells_nobody(start: Start, settings: TallySettings) -> None:
    """It writes no word of what it commits; from the hello of another on it does."""
    async with start() as one:
        stream = await one.watch(["ann"])
        await one.add("ann", 1)
        assert await rows(one) == []
        async with start() as other:
            await one.add("ann", 2)
            await other.add("ann", 3)
            assert [amount for _, amount in await amounts(stream, 3)] == [1, 2, 3]
            assert len(await rows(one)) == 2


def make_deaf(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Let no word of a commit be heard by any replica; gives what was not."""
    unheard: list[object] = []
    for name in ("hear_revision", "hear_batch"):
        monkeypatch.setattr(
            f"service_kit.bus.bus.Bus.{name}", lambda *arguments: unheard.append(arguments)
        )
    return unheard


async def rows(replica: RunningTally) -> list[int]:
    def read(connection: Any) -> list[int]:
        return [*connection.execute(text("SELECT revision FROM announcements")).scalars()]

    return await replica.resources.readers.run(read)


async def test_no_word_comes_and_the_look_at_the_clock_finds_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted as missed, and nothing is lost."""
    async with start(bus_look_seconds=0.05) as one, start(bus_look_seconds=NEVER) as other:
        await until_counted(one, other)
        stream = await one.watch(["ann"])
        make_deaf(monkeypatch)
        await other.add("ann", 1)
        assert [amount for _, amount in await amounts(stream, 1)] == [1]
        assert sample(one, "bus_missed_total") == 1
        assert sample(one, "watch_cut_offs_total", reason="REVISION_GAP") == 0


async def test_what_can_not_be_read_any_more_ends_the_streams(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then a watcher reads, as after any hole; what comes later is told again."""
    async with start(bus_look_seconds=NEVER) as one, start(bus_look_seconds=NEVER) as other:
        stream = await one.watch(["ann"])
        with monkeypatch.context() as deaf:
            unheard = make_deaf(deaf)
            await other.add("ann", 1)
            await until(lambda: unheard)
        with one.resources.writer._engine.connect() as connection:
            connection.execute(text("DELETE FROM announcements"))
            connection.commit()
        await other.add("ann", 2)
        with pytest.raises(grpc.aio.AioRpcError, match="a revision was not seen"):
            await stream.events(1)
        assert sample(one, "bus_lost_total") == 1
        again = await one.watch(["ann"])
        missed = await one.changes("ann", stream.first.position, again.first.position.revision)
        assert [event.added.amount for change in missed.changes for event in change.events] == [
            1,
            2,
        ]
        await other.add("ann", 3)
        assert [amount for _, amount in await amounts(again, 1)] == [3]


async def test_a_watcher_moves_with_its_revision(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that has not heard yet what another one told lets nobody begin before that: neither
    who opens a stream, nor whom a stream follows from now on.
    """
    async with start(bus_look_seconds=NEVER) as one, start(bus_look_seconds=NEVER) as other:
        stream = await one.watch()
        make_deaf(monkeypatch)
        told = (await other.watch(["ann"])).first.position.revision
        for amount in (1, 2):
            await other.add("ann", amount)
            told += 1
            if amount == 1:
                assert (await one.watch(["ann"])).first.position.revision == told
            else:
                answer = await one.call(
                    "UpdateWatch", watcher_id=stream.first.watcher_id, add_users=["ann"]
                )
                assert answer.position.revision == told


async def test_words_are_forgotten(start: Start) -> None:
    """Soon after nobody needs them any more: they hold what people wrote."""
    async with (
        start(bus_kept_seconds=0.1, bus_look_seconds=0.05) as one,
        start(bus_look_seconds=NEVER) as other,
    ):
        await until_counted(one, other)
        await other.add("ann", 1)
        await eventually(lambda: rows(one), lambda found: not found)


async def test_postgresql_crashes(start: Start, postgresql: Postgresql) -> None:
    """All connections break; each replica goes on with new ones, and hears again."""
    async with start(bus_look_seconds=0.1) as one, start(bus_look_seconds=0.1) as other:
        await until_counted(one, other)
        stream = await one.watch(["ann"])
        await other.add("ann", 1)
        assert [amount for _, amount in await amounts(stream, 1)] == [1]
        with postgresql.connect() as connection, postgresql.connect() as another:
            # The server ends all other sessions, forgets what has no log, and begins anew.
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            # What is stored before that is forgotten with it.
            await eventually(lambda: is_ended(another))
        await eventually(lambda: added(other, "ann", 2))
        await eventually(lambda: all(sample(found, "bus_connected") for found in (one, other)))
        assert [amount for _, amount in await amounts(stream, 1)] == [2]


def is_ended(session: psycopg.Connection[Any]) -> bool:
    try:
        session.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


async def added(replica: RunningTally, name: str, amount: int) -> bool:
    """Add an amount; tell whether it was possible."""
    try:
        await replica.add(name, amount)
    except grpc.aio.AioRpcError:
        return False
    return True


@pytest.mark.parametrize("bus", ["postgresql"], indirect=True)
async def test_nats_goes_away_and_comes_back(start: Start) -> None:
    """Nothing is lost meanwhile, and then words come again."""
    server = Nats()
    try:
        given = {"bus": "nats", "bus_url": server.url, "bus_poll_seconds": 0.05}
        async with start(**given) as one, start(**given) as other:
            await until_counted(one, other)
            stream = await one.watch(["ann"])
            server.stop()
            await eventually(
                lambda: not any(sample(found, "bus_connected") for found in (one, other))
            )
            await other.add("ann", 1)
            assert [amount for _, amount in await amounts(stream, 1)] == [1]
            assert sample(one, "bus_heard_total") == 0
            server.start()
            await eventually(lambda: all(sample(found, "bus_connected") for found in (one, other)))
            heard = sample(one, "bus_heard_total")
            await other.add("ann", 2)
            assert [amount for _, amount in await amounts(stream, 1)] == [2]
            await eventually(lambda: sample(one, "bus_heard_total") > heard)
            assert sample(one, "watch_cut_offs_total", reason="REVISION_GAP") == 0
    finally:
        server.stop()


@pytest.mark.parametrize("bus", ["postgresql"], indirect=True)
async def test_notifications_that_do_not_come_back_are_said_and_the_clock_is_read(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As behind a pooler that shares connections between transactions."""
    monkeypatch.setattr("service_kit.bus.postgresql._ECHO_SECONDS", 0.1)
    monkeypatch.setattr("service_kit.bus.postgresql.PostgresqlBus._hear", lambda *_words: None)
    async with start(bus_poll_seconds=0.05) as one, start(bus_poll_seconds=0.05) as other:
        assert sample(one, "bus_connected") == 0
        stream = await one.watch(["ann"])
        await other.add("ann", 1)
        assert [amount for _, amount in await amounts(stream, 1)] == [1]
        assert sample(one, "bus_missed_total") == 0
    assert "notifications of PostgreSQL do not come back" in capsys.readouterr().out
