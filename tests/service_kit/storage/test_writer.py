"""The writer on a real database: group commit, poisoned work, overload, the end."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, text
from sqlalchemy.exc import OperationalError

from service_kit.storage.clock import add_clock, read_position
from service_kit.storage.writer import (
    Events,
    StorageUnavailable,
    Transaction,
    UnexpectedFailure,
    Writer,
    WriterOverloaded,
)
from tests.support.serving import opened
from tests.support.waiting import PATIENCE

Delivered = list[tuple[int, Events]]


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    """A database with a clock and one table."""
    # One connection for the writer, and one for the test.
    with opened(empty_database, connections=2) as made:
        with made.begin() as connection:
            metadata = MetaData()
            clock = add_clock(metadata)
            metadata.create_all(connection)
            connection.execute(clock.insert(), {"epoch": "epoch", "revision": 0})
            connection.execute(text("CREATE TABLE words (word TEXT, revision BIGINT)"))
        yield made


@pytest.fixture
def found() -> asyncio.Queue[int]:
    """Revisions at which the database was found after unconfirmed commits."""
    return asyncio.Queue()


@pytest.fixture
def delivered() -> Delivered:
    return []


@pytest.fixture
async def writer(
    engine: Engine, delivered: Delivered, found: asyncio.Queue[int]
) -> AsyncIterator[Writer]:
    """A writer that takes at most 4 items in a transaction and lets 10 wait."""
    made = Writer(
        engine,
        lambda position, events: delivered.append((position.revision, events)),
        lambda position: found.put_nowait(position.revision),
        max_transaction_items=4,
        max_waiting_items=10,
    )
    yield made
    await made.close()


def store(transaction: Transaction, words: Sequence[str]) -> list[str]:
    """Store words, except that `no` is refused and `poison` fails."""
    for word in words:
        if word == "poison":
            raise ValueError(word)
        if word != "no":
            transaction.connection.execute(
                text("INSERT INTO words VALUES (:word, :revision)"),
                {"word": word, "revision": transaction.revision},
            )
            transaction.emit((word,), word)
    return [f"{word} at {transaction.revision}" for word in words]


class Gate:
    """An operation that holds the writer's thread until it is opened."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.opened = threading.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, _transaction: Transaction, items: Sequence[str]) -> list[str]:
        self._loop.call_soon_threadsafe(self.entered.set)
        self.opened.wait(10)
        return list(items)


def stored(engine: Engine) -> list[tuple[str, int]]:
    with engine.connect() as connection, connection.begin():
        rows = connection.execute(text("SELECT word, revision FROM words"))
        return [(row.word, row.revision) for row in rows]


async def test_what_was_stored_is_heard_of_though_its_caller_has_gone(
    writer: Writer, engine: Engine
) -> None:
    """What has to follow from it does not depend on who waits."""
    heard: asyncio.Queue[list[str | Exception]] = asyncio.Queue()
    gate = Gate()
    held = asyncio.ensure_future(writer.submit(gate, ["wait"]))
    await gate.entered.wait()
    waiting = asyncio.ensure_future(writer.submit(store, ["a"], heard.put_nowait))
    await asyncio.sleep(0)
    waiting.cancel()
    gate.opened.set()
    async with asyncio.timeout(PATIENCE):
        assert await held == ["wait"]
        assert await heard.get() == ["a at 1"]
    assert waiting.cancelled()
    assert stored(engine) == [("a", 1)]


async def test_what_waits_is_committed_together(
    writer: Writer, engine: Engine, delivered: Delivered
) -> None:
    """Work that gathered meanwhile shares transactions up to their bound; each has its answer."""
    gate = Gate()
    held = asyncio.ensure_future(writer.submit(gate, ["wait"]))
    await gate.entered.wait()
    waiting = [
        asyncio.ensure_future(writer.submit(store, words))
        for words in (["a", "b"], ["c"], ["d", "e"])
    ]
    await asyncio.sleep(0)
    gate.opened.set()
    assert await held == ["wait"]
    answers = await asyncio.gather(*waiting)
    assert answers == [["a at 1", "b at 1"], ["c at 1"], ["d at 2", "e at 2"]]
    assert stored(engine) == [("a", 1), ("b", 1), ("c", 1), ("d", 2), ("e", 2)]
    assert [(revision, len(events)) for revision, events in delivered] == [(1, 3), (2, 2)]


async def test_events_are_handed_over_before_the_answer(
    writer: Writer, delivered: Delivered
) -> None:
    """A caller that has its answer knows that the events are already on their way."""
    await writer.submit(store, ["a"])
    assert delivered == [(1, [(("a",), "a")])]


async def test_refusals_spend_no_revision(
    writer: Writer, engine: Engine, delivered: Delivered
) -> None:
    """A transaction without a change is rolled back, the clock included."""
    await writer.submit(store, ["no", "no"])
    with engine.connect() as connection, connection.begin():
        assert read_position(connection) == ("epoch", 0)
    assert delivered == []


async def test_a_poisoned_command_harms_only_itself(
    writer: Writer, engine: Engine, delivered: Delivered
) -> None:
    """Beside one that fails all others are stored, once each, in contiguous revisions."""
    first, poison, last = await writer.submit(store, ["a", "poison", "b"])
    assert (first, last) == ("a at 1", "b at 2")
    assert isinstance(poison, UnexpectedFailure)
    assert poison.incident
    assert stored(engine) == [("a", 1), ("b", 2)]
    assert [revision for revision, _ in delivered] == [1, 2]
    assert await writer.submit(store, ["c"]) == ["c at 3"]


async def test_too_much_waiting_work_is_refused(writer: Writer) -> None:
    gate = Gate()
    held = asyncio.ensure_future(writer.submit(gate, ["wait"]))
    await gate.entered.wait()
    waiting = asyncio.ensure_future(writer.submit(store, ["a"] * 10))
    await asyncio.sleep(0)
    with pytest.raises(WriterOverloaded):
        await writer.submit(store, ["b"])
    gate.opened.set()
    await held
    assert len(await waiting) == 10
    assert len(await writer.submit(store, ["b"])) == 1


async def test_an_unavailable_database_fails_all_and_stores_none(
    writer: Writer, engine: Engine, delivered: Delivered
) -> None:
    """Failures of the database itself are StorageUnavailable, and nothing is delivered."""

    def full(transaction: Transaction, words: Sequence[str]) -> list[str]:
        store(transaction, words)
        raise OperationalError("INSERT", {}, RuntimeError("database or disk is full"))

    with pytest.raises(StorageUnavailable, match="database or disk is full"):
        await writer.submit(full, ["a"])
    assert stored(engine) == []
    assert delivered == []


@pytest.mark.parametrize("arrives", [True, False])
async def test_after_an_unconfirmed_commit_the_writer_looks_what_became_of_it(
    writer: Writer,
    engine: Engine,
    delivered: Delivered,
    found: asyncio.Queue[int],
    monkeypatch: pytest.MonkeyPatch,
    arrives: bool,
) -> None:
    """Nothing is answered as stored or done twice; where the database stands is told, once,
    before anything later and without waiting for it.
    """
    commit = engine.dialect.do_commit

    def cut(connection: Any) -> None:
        if arrives:
            commit(connection)
        raise RuntimeError("no word came back")

    await writer.submit(store, ["a"])
    with monkeypatch.context() as patched:
        patched.setattr(engine.dialect, "do_commit", cut)
        with pytest.raises(StorageUnavailable):
            await writer.submit(store, ["b"])
    async with asyncio.timeout(PATIENCE):
        revision = await found.get() + 1
    assert revision == (3 if arrives else 2)
    assert await writer.submit(store, ["c"]) == [f"c at {revision}"]
    assert [at for at, _ in delivered] == [1, revision]
    words = [word for word, _ in stored(engine)]
    assert words == (["a", "b", "c"] if arrives else ["a", "c"])
    assert found.empty()


# SQLite has no connection that breaks.
@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
async def test_a_connection_that_broke_between_transactions_is_replaced(
    engine: Engine, delivered: Delivered
) -> None:
    """Nothing had been done on it, so the command that found it broken is none the wiser."""
    writer = Writer(
        engine, lambda at, events: delivered.append((at.revision, events)), lambda _at: None
    )
    await writer.submit(store, ["a"])
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert await writer.submit(store, ["b"]) == ["b at 2"]
    await writer.close()
    assert [word for word, _ in stored(engine)] == ["a", "b"]


async def test_closing_finishes_what_waits(engine: Engine) -> None:
    writer = Writer(engine, lambda _at, _events: None, lambda _at: None)
    waiting = [asyncio.ensure_future(writer.submit(store, [word])) for word in "abc"]
    await asyncio.sleep(0)
    await writer.close()
    assert len(await asyncio.gather(*waiting)) == 3
    with pytest.raises(StorageUnavailable):
        await writer.submit(store, ["late"])
    assert len(stored(engine)) == 3


async def test_a_cancelled_caller_holds_nobody_up(writer: Writer, engine: Engine) -> None:
    """Work whose caller went away is committed all the same, and others get their answers."""
    gate = Gate()
    held = asyncio.ensure_future(writer.submit(gate, ["wait"]))
    await gate.entered.wait()
    left = asyncio.ensure_future(writer.submit(store, ["a"]))
    stayed = asyncio.ensure_future(writer.submit(store, ["b"]))
    await asyncio.sleep(0)
    left.cancel()
    gate.opened.set()
    assert await stayed == ["b at 1"]
    await held
    assert stored(engine) == [("a", 1), ("b", 1)]
