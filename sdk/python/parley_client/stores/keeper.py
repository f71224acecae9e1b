"""The use of a store that may fail: its failures are told, and the client goes on in memory."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from parley_client.entries import Entry
from parley_client.errors import StorageError
from parley_client.stores.store import Store, Stored


class Keeper:
    """A store, used by one call after the other. `fail` is told when it begins to fail."""

    def __init__(self, store: Store, fail: Callable[[StorageError], None]) -> None:
        self._store = store
        self._fail = fail
        self._turn = asyncio.Lock()
        self._open = False
        self._failing = False
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self, server: str, user: str | None) -> Stored:
        """Open the store; nothing is found in one that fails, and nothing is kept there then."""
        try:
            stored = await self._store.open(server, user)
        except Exception as error:  # noqa: BLE001 - of any store; all of them are told
            self._fail(_told(error))
            return Stored(user)
        self._open = True
        if stored.unreadable:
            self._fail(StorageError("newer", f"{stored.unreadable} entries cannot be read"))
        return stored

    async def put(self, entry: Entry) -> bool:
        """Keep an entry; whether it outlives the process."""
        return await self._do(lambda: self._store.put(replace(entry, durable=True)))

    async def remove(self, key: str) -> bool:
        """Keep the entry of a key no longer."""
        return await self._do(lambda: self._store.remove(key))

    async def save_cursor(self, cursor: str) -> bool:
        """Keep the position."""
        return await self._do(lambda: self._store.save_cursor(cursor))

    async def claim(self, user: str) -> bool:
        """Take note whose all that is."""
        return await self._do(lambda: self._store.claim(user))

    async def _do(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        async with self._turn:
            if not self._open:
                return False
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - of any store; all of them are told
                if not self._failing:
                    self._fail(_told(error))
                self._failing = True
                return False
            self._failing = False
            return True

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something with the store that nobody waits for, but `close`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Finish what was begun, and let go of the store."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        async with self._turn:
            if self._open:
                self._open = False
                try:
                    await self._store.close()
                except Exception as error:  # noqa: BLE001 - of any store; all of them are told
                    self._fail(_told(error))


def _told(error: Exception) -> StorageError:
    if isinstance(error, StorageError):
        return error
    told = StorageError("failed", f"{type(error).__name__}: {error}")
    told.__cause__ = error
    return told
