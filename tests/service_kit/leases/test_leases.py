"""Leases on a real PostgreSQL: one at a time, taken over, and nothing done twice."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, Engine, MetaData, text

from service_kit.leases.leases import LeaseLeft, LeaseLost, Leases
from service_kit.leases.table import add_leases
from service_kit.process.background import Work, background
from service_kit.storage.writer import Transaction
from tests.support.serving import opened
from tests.support.waiting import until

# So short that a test need not wait, and long enough for a machine under load.
SECONDS = 1.0


@pytest.fixture
def url(database_on_postgresql: str) -> str:
    """The address of a database with leases, and nothing else."""
    metadata = MetaData()
    add_leases(metadata)
    with opened(database_on_postgresql, "migrator") as engine:
        metadata.create_all(engine)
    return database_on_postgresql


@pytest.fixture
async def replica(url: str) -> AsyncIterator[Callable[[], Awaitable[Leases]]]:
    """Makes replicas on that database."""
    async with AsyncExitStack() as stack:

        async def make() -> Leases:
            engine = stack.enter_context(opened(url, "leases"))
            leases = Leases(engine, SECONDS)
            stack.push_async_callback(leases.close)
            return leases

        yield make


class Worker:
    """Work that tells how often it began and whether it goes on; it fails when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.works = False
        self.fails = asyncio.Event()

    async def work(self) -> None:
        self.begun += 1
        self.works = True
        try:
            await self.fails.wait()
            self.fails.clear()
            raise RuntimeError("as the test wishes")
        finally:
            self.works = False


@asynccontextmanager
async def going_on(work: Work) -> AsyncIterator[CollectorRegistry]:
    registry = CollectorRegistry()
    async with background({"work": work}, registry, pause_seconds=0.01):
        yield registry


async def test_one_works_at_a_time_and_another_goes_on_when_it_ends(
    replica: Callable[[], Awaitable[Leases]],
) -> None:
    """Whoever ends lets go at once; the others need not wait for the end of its lease."""
    one, other = await replica(), await replica()
    first, second = Worker(), Worker()
    async with going_on(one.under("work", first.work)):
        await until(lambda: first.works)
        async with going_on(other.under("work", second.work)):
            await asyncio.sleep(SECONDS)
            assert (first.begun, second.begun) == (1, 0)
            await one.close()
            await until(lambda: second.works and not first.works)
    assert (first.begun, second.begun) == (1, 1)


async def test_work_that_fails_is_left_to_another(
    replica: Callable[[], Awaitable[Leases]],
) -> None:
    """A process that can not reach what it follows must not keep others from it."""
    one, other = await replica(), await replica()
    first, second = Worker(), Worker()
    async with going_on(one.under("work", first.work)) as registry:
        await until(lambda: first.works)
        async with going_on(other.under("work", second.work)):
            first.fails.set()
            await until(lambda: second.works)
            assert (first.works, first.begun) == (False, 1)
        assert registry.get_sample_value("background_failures_total", {"work": "work"}) == 1


async def test_work_that_gets_nowhere_is_left_to_another_and_is_no_failure(
    replica: Callable[[], Awaitable[Leases]],
) -> None:
    """And comes back where there is no other."""
    one, other = await replica(), await replica()
    assert one.patience_seconds
    worker, begun = Worker(), 0

    async def gets_nowhere() -> None:
        nonlocal begun
        begun += 1
        raise LeaseLeft("nobody is there")

    async with going_on(one.under("work", gets_nowhere)) as registry:
        await until(lambda: begun == 2)
        async with going_on(other.under("work", worker.work)):
            await until(lambda: worker.works)
        assert registry.get_sample_value("background_failures_total", {"work": "work"}) == 0


async def test_works_of_one_lease_are_together(replica: Callable[[], Awaitable[Leases]]) -> None:
    """And leases of two names are two."""
    one, other = await replica(), await replica()
    workers = [Worker() for _ in range(4)]
    async with AsyncExitStack() as stack:
        for leases, name, worker in (
            (one, "pair", workers[0]),
            (one, "pair", workers[1]),
            (other, "pair", workers[2]),
            (other, "single", workers[3]),
        ):
            await stack.enter_async_context(going_on(leases.under(name, worker.work)))
            await until(lambda: workers[0].works)
        await until(lambda: workers[1].works and workers[3].works)
        assert not workers[2].begun


class Frozen:
    """A replica with an event loop in a thread of its own, which can be made to stand still."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self._stand_still = threading.Event()
        self._ready = threading.Event()
        self._ended = asyncio.Event()
        self.thaw = threading.Event()
        self.worker: Worker
        self.leases: Leases
        self.loop: asyncio.AbstractEventLoop

    def __enter__(self) -> "Frozen":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.thaw.set()
        self.loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def freeze(self) -> None:
        """Stand still until `thaw` is set."""
        self.loop.call_soon_threadsafe(self.thaw.wait)

    async def _main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.worker = Worker()
        with opened(self._url, "leases") as engine:
            self.leases = Leases(engine, SECONDS)
            async with going_on(self.leases.under("work", self.worker.work)):
                await until(lambda: self.worker.works)
                self._ready.set()
                await self._ended.wait()
            await self.leases.close()


def holders(connection: Connection) -> list[str]:
    """List the holders of leases, also of those that ended."""
    return [*connection.execute(text("SELECT holder FROM leases")).scalars()]


def fence(engine: Engine, leases: Leases) -> object:
    """What becomes of an operation under the lease."""

    def work(_transaction: Transaction, commands: object) -> list[str]:
        return ["done"]

    with engine.begin() as connection:
        (outcome,) = leases.fenced("work", work)(Transaction(connection, 1, 1), ["command"])
    return outcome


async def test_who_stands_still_is_replaced_and_harms_nothing_when_it_goes_on(
    url: str, replica: Callable[[], Awaitable[Leases]]
) -> None:
    """As with SIGSTOP: another takes over in seconds. What the first one had under way finds in its
    transaction that the lease is another's, and its work stops.
    """
    worker = Worker()
    with Frozen(url) as frozen, opened(url) as engine:
        assert fence(engine, frozen.leases) == "done"
        other = await replica()
        async with going_on(other.under("work", worker.work)):
            frozen.freeze()
            await until(lambda: worker.works)
            assert frozen.worker.works
            # Its writer may go on before its event loop does.
            assert isinstance(fence(engine, frozen.leases), LeaseLost)
            assert fence(engine, other) == "done"
            frozen.thaw.set()
            await until(lambda: not frozen.worker.works)
            assert not frozen.leases.steady
            await until(lambda: frozen.leases.steady)
        assert (frozen.worker.begun, worker.begun) == (1, 1)
        with opened(url, "reader") as reading, reading.connect() as connection:
            assert holders(connection) == [other.replica]


async def test_a_lease_that_is_not_renewed_ends_also_for_its_holder(
    url: str, replica: Callable[[], Awaitable[Leases]]
) -> None:
    """While the database hangs nobody works, and with it the work goes on."""
    leases, worker = await replica(), Worker()
    async with going_on(leases.under("work", worker.work)):
        await until(lambda: leases.steady)
        with opened(url, "migrator") as engine, engine.begin() as connection:
            connection.execute(text("LOCK TABLE leases"))
            await until(lambda: not worker.works)
            assert not leases.steady
        await until(lambda: worker.works)
    assert worker.begun == 2


async def test_alone_everything_is_its_own(url: str) -> None:
    """Without a task, a statement or a wrapper: no leases where one process serves a database."""
    leases, worker = Leases(None, SECONDS), Worker()
    work = worker.work
    assert leases.under("work", work) == work
    operation: Callable[..., list[str]] = lambda _transaction, _commands: []  # noqa: E731
    assert leases.fenced("work", operation) is operation
    assert (leases.alone, leases.steady, leases.replica) == (True, True, "")
    await leases.close()
    with opened(url, "reader") as engine, engine.connect() as connection:
        assert holders(connection) == []
