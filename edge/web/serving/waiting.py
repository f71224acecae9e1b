"""Waiting in less memory than with asyncio's own classes: for what each idle socket has.

An empty deque takes 760 bytes, and an asyncio.Queue has four of them; a list takes 56.
"""

import asyncio
from typing import Any


class LeanEvent(asyncio.Event):
    """An Event that keeps those who wait in a list."""

    def __init__(self) -> None:
        # All that asyncio does with it a list can do as well.
        self._waiters: Any = []
        self._value = False


class EventQueue:
    """The queue of the events that one socket's application receives, in one task at a time."""

    __slots__ = ("_events", "_loop", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Short, for reading pauses while something is in it.
        self._events: list[Any] = []
        self._waiter: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Tell whether `get` would wait."""
        return not self._events

    def put_nowait(self, event: Any) -> None:
        """Add an event."""
        self._events.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> Any:
        """Wait for the next event and take it."""
        while not self._events:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._events.pop(0)
