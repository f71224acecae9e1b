"""LISTEN and NOTIFY: the word comes with the commit, from the database itself.

It says which revision there is and not what is in it, so one read tells all watchers. A lock makes
the server notify in the order of the commits, for all its databases; commits of one database follow
one another anyway, as they wait for the row of its clock.
"""

import asyncio
import base64
import random
from contextlib import suppress

import psycopg
import structlog
from sqlalchemy import Engine

from service_kit.bus.engine import BusNotThere, Listener
from service_kit.storage.announcements import CHANNEL, Announcement, notify
from service_kit.storage.readers import Readers
from service_kit.storage.writer import StorageUnavailable

# For which a replica waits for its own hello.
_ECHO_SECONDS = 2.0
_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 2.0
# A connection is not doubted again so soon.
_TRUST_SECONDS = 5.0


class PostgresqlBus:
    """Listens on a connection of its own; `readers` have one that may write."""

    # As text of four characters for three bytes, in less than 8000 with what stands before it.
    signal_bytes = 5_600
    notifies = True

    def __init__(self, engine: Engine, readers: Readers, replica: str) -> None:
        _, self._address = engine.dialect.create_connect_args(engine.url)
        self._readers = readers
        self._replica = replica
        self._listener: Listener
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard_itself = asyncio.Event()
        self._connected_at = 0.0
        self._log = structlog.get_logger(__name__)

    @property
    def connected(self) -> bool:
        """Whether its own word came back since it last connected."""
        return self._heard_itself.is_set()

    async def start(self, listener: Listener) -> None:
        """Listen, and wait a moment for its own hello. Raises BusNotThere."""
        self._listener = listener
        try:
            self._spawn(await self._connect())
        except psycopg.Error as error:
            cause = str(error).partition("\n")[0]
            raise BusNotThere(f"PostgreSQL can not be listened to: {cause}") from error
        if not await self._say_hello():
            self._log.error(
                "notifications of PostgreSQL do not come back, so the database is looked at again"
                " and again: a pooler that shares connections between transactions does that"
            )

    def publish(self, _epoch: str, _told: Announcement, /) -> bool:
        """Tell nothing: the commit did."""
        return True

    async def send_signals(self, batch: bytes) -> None:
        """Notify of events that are stored nowhere. Raises StorageUnavailable."""
        text = base64.b64encode(batch).decode("ascii")
        await self._readers.run(notify, [f"signals:{text}:{self._replica}"])

    def doubt(self) -> None:
        """Connect anew, unless that was done a moment ago."""
        if asyncio.get_running_loop().time() - self._connected_at > _TRUST_SECONDS:
            self._log.warning("notifications of PostgreSQL were missed, so they are asked for anew")
            self._end()
            self._spawn(None)

    async def close(self) -> None:
        """Listen no more."""
        tasks = list(self._tasks)
        self._end()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(self) -> "psycopg.AsyncConnection[object]":
        connection = await psycopg.AsyncConnection.connect(**self._address, autocommit=True)
        await connection.execute(f"LISTEN {CHANNEL}".encode())
        self._connected_at = asyncio.get_running_loop().time()
        return connection

    async def _say_hello(self) -> bool:
        with suppress(StorageUnavailable, TimeoutError):
            await self._readers.run(notify, [f"hello::{self._replica}"])
            async with asyncio.timeout(_ECHO_SECONDS):
                await self._heard_itself.wait()
        return self.connected

    def _spawn(self, connection: "psycopg.AsyncConnection[object] | None") -> None:
        task = asyncio.get_running_loop().create_task(self._listen(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _listen(self, connection: "psycopg.AsyncConnection[object] | None") -> None:
        """Listen until cancelled; a connection that breaks is made anew, after a pause."""
        retry = _FIRST_RETRY_SECONDS
        while True:
            try:
                if connection is None:
                    connection = await self._connect()
                    self._spawn_hello()
                async with connection:
                    while True:
                        async for notification in connection.notifies(timeout=0):
                            retry = _FIRST_RETRY_SECONDS
                            self._hear(notification.payload)
                        await _readable(connection.fileno())
            except (psycopg.Error, OSError) as error:
                cause = str(error).partition("\n")[0]
                self._log.warning("notifications of PostgreSQL ended", cause=cause)
            finally:
                self._heard_itself.clear()
            connection = None
            # Many replicas must not come back in the same instant.
            await asyncio.sleep(retry * random.uniform(0.5, 1))  # noqa: S311, no secret
            retry = min(2 * retry, _LAST_RETRY_SECONDS)

    def _spawn_hello(self) -> None:
        async def say_hello() -> None:
            if await self._say_hello():
                self._listener.hear_again()

        task = asyncio.get_running_loop().create_task(say_hello())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hear(self, payload: str) -> None:
        first, _, rest = payload.partition(":")
        second, _, replica = rest.partition(":")
        if replica == self._replica:
            if first == "hello":
                self._heard_itself.set()
        elif first == "hello":
            self._listener.hear_hello()
        elif first == "signals":
            self._listener.hear_signals(base64.b64decode(second))
        elif second.isdecimal():
            self._listener.hear_revision(first, int(second))


async def _readable(file: int) -> None:
    """Wait until something can be read. psycopg would look ten times a second."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(file, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(file)
