"""Reading for many people at once, on both databases."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from service_kit.storage.readers import Readers
from service_kit.storage.writer import StorageUnavailable, UnexpectedFailure
from tests.support.serving import opened
from tests.support.waiting import PATIENCE


@pytest.fixture
async def readers(empty_database: str) -> AsyncIterator[Readers]:
    with opened(empty_database, "reader") as engine:
        made = Readers(engine, 1)
        yield made
        await made.close()


def _divide(connection: Connection, items: Sequence[int], dividend: int) -> list[int]:
    assert connection.execute(text("SELECT 1")).scalar_one() == 1
    return [dividend // item for item in items]


async def test_a_bad_item_harms_only_itself(readers: Readers) -> None:
    """Each of the others gets its result, in its place."""
    assert await readers.run_each(_divide, [1, 2], 6) == [6, 3]
    first, bad, last = await readers.run_each(_divide, [1, 0, 2], 6)
    assert (first, last) == (6, 3)
    assert isinstance(bad, UnexpectedFailure)
    assert await readers.run_each(_divide, [], 6) == []


async def test_a_database_that_is_away_is_no_fault_of_an_item(tmp_path: object) -> None:
    """Nothing is tried again then."""
    with opened(f"sqlite:///{tmp_path}/no/such/folder", "reader") as engine:
        readers = Readers(engine, 1)
        with pytest.raises(StorageUnavailable):
            await readers.run_each(_divide, [1, 2], 6)
        await readers.close()


async def test_a_connection_that_was_lost_is_found_by_using_it(database_on_postgresql: str) -> None:
    """A read gets another one, once; when that is lost as well the database is away."""
    calls: list[int] = []

    def read(connection: Connection, losses: int) -> int:
        calls.append(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        if len(calls) <= losses:
            with opened(database_on_postgresql) as other, other.begin() as ending:
                ending.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": calls[-1]})
        return int(connection.execute(text("SELECT 7")).scalar_one())

    with opened(database_on_postgresql, "reader") as engine:
        readers = Readers(engine, 1)
        assert await readers.run(read, 1) == 7
        first, second = calls
        assert first != second
        calls.clear()
        with pytest.raises(StorageUnavailable):
            await readers.run(read, 2)
        calls.clear()
        assert await readers.run(read, 0) == 7
        await readers.close()


class _Gate:
    """A read that holds its thread until it is opened, so that others wait."""

    def __init__(self) -> None:
        self._begun, self._open = threading.Event(), threading.Event()

    def read(self, _connection: Connection) -> None:
        self._begun.set()
        assert self._open.wait(PATIENCE)

    @asynccontextmanager
    async def shut(self, readers: Readers) -> AsyncIterator[None]:
        """Keep the only thread of the readers busy for the length of a block."""
        reading = asyncio.create_task(readers.run(self.read))
        await asyncio.to_thread(self._begun.wait, PATIENCE)
        try:
            # Whatever was begun before is in the queue.
            yield
            await asyncio.sleep(0)
        finally:
            self._open.set()
            await reading


def _number_of_transaction(connection: Connection, seen: list[object]) -> int:
    seen.append(connection.get_transaction())
    return len(seen)


async def test_calls_that_wait_share_a_transaction(readers: Readers) -> None:
    """To begin and to end costs more than many a read. Each gets its own result."""
    seen: list[object] = []
    async with _Gate().shut(readers):
        calls = [asyncio.create_task(readers.run(_number_of_transaction, seen)) for _ in range(20)]
    assert await asyncio.gather(*calls) == [*range(1, 21)]
    assert len(set(map(id, seen))) == 3, "eight each, and the rest"


async def test_a_call_fails_alone(readers: Readers) -> None:
    """Also where its failure has spoilt the transaction of those that it came with."""

    def fail(connection: Connection) -> None:
        connection.execute(text("SELECT no_such_column"))

    seen: list[object] = []
    async with _Gate().shut(readers):
        before = asyncio.create_task(readers.run(_number_of_transaction, seen))
        bad = asyncio.create_task(readers.run(fail))
        given = asyncio.create_task(readers.run(_divide, [1, 2], 6))
    assert await given == [6, 3]
    assert await before == len(seen) == 2, "it was read again"
    with pytest.raises((DBAPIError, StorageUnavailable), match="no_such_column"):
        await bad


async def test_a_call_sees_what_was_stored_before_it(readers: Readers, empty_database: str) -> None:
    """A transaction begins after all calls that share it were made."""
    with opened(empty_database, "writer") as engine:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE things (name TEXT)"))

        def count(connection: Connection) -> int:
            return int(connection.execute(text("SELECT count(*) FROM things")).scalar_one())

        calls = []
        async with _Gate().shut(readers):
            for _ in range(3):
                with engine.begin() as connection:
                    connection.execute(text("INSERT INTO things VALUES ('one')"))
                calls.append(asyncio.create_task(readers.run(count)))
                await asyncio.sleep(0)
        found = await asyncio.gather(*calls)
    assert all(seen >= stored for stored, seen in enumerate(found, start=1))


async def test_who_does_not_wait_any_more_is_not_read_for(readers: Readers) -> None:
    """The others get their results."""
    seen: list[object] = []
    async with _Gate().shut(readers):
        gone = asyncio.create_task(readers.run(_number_of_transaction, seen))
        stays = asyncio.create_task(readers.run(_number_of_transaction, seen))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait({gone})
    assert await stays == 1
    assert gone.cancelled()
