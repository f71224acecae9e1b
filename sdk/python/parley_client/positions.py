"""The confirmed position: what was handled, as it is stored and told to the server."""

import asyncio
from collections.abc import Callable

from parley_client.stores.keeper import Keeper


class Confirmed:
    """The cursor of all that the consumers have handled. `told` is called when it is stored.

    It is stored some `seconds` after it has moved, once for all that is handled meanwhile.
    """

    def __init__(self, keeper: Keeper, seconds: float, told: Callable[[], None]) -> None:
        self.cursor: str | None = None
        self._keeper = keeper
        self._seconds = seconds
        self._told = told
        self._stored: str | None = None
        self._saving: asyncio.Task[None] | None = None
        self._is_new = True

    def restore(self, cursor: str | None) -> None:
        """Begin with what is stored."""
        self.cursor = self._stored = cursor
        self._is_new = cursor is None

    def begin(self, cursor: str) -> None:
        """Store the first cursor there ever was at once: before it there was nothing to handle."""
        if self._is_new:
            self._is_new = False
            self.cursor = self._stored = cursor
            self._keeper.later(self._keeper.save_cursor(cursor))

    def forget(self) -> None:
        """Forget a cursor of a database that is gone. The stored one stays until there is another,
        so that a new process learns of it as well.
        """
        self.cursor = self._stored = None

    def move(self, cursor: str) -> None:
        """Take note that all up to this cursor was handled."""
        self.cursor = cursor
        if self._saving is None:
            self._saving = asyncio.create_task(self._save_later())

    async def _save_later(self) -> None:
        await asyncio.sleep(self._seconds)
        self._saving = None
        await self.save()

    async def save(self) -> None:
        """Store it now, if it has moved."""
        cursor = self.cursor
        if cursor is not None and cursor != self._stored:
            if await self._keeper.save_cursor(cursor):
                self._stored = cursor
            # Handled it is all the same.
            self._told()

    async def close(self) -> None:
        """Store it a last time."""
        if self._saving is not None:
            self._saving.cancel()
        await self.save()
