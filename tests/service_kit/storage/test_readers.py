"""Reading for many people at once, on both databases."""

from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import Connection, text

from service_kit.storage.readers import Readers
from service_kit.storage.writer import StorageUnavailable, UnexpectedFailure
from tests.support.serving import opened


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
