"""Waiting for conditions that nothing notifies of."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


async def eventually(
    read: Callable[[], Any], holds: Callable[[Any], object] = bool, seconds: float = 20
) -> Any:
    """Read, and await what is to be awaited, until what was read holds; gives what it was."""
    async with asyncio.timeout(seconds):
        while True:
            found = read()
            if isawaitable(found):
                found = await found
            if holds(found):
                return found
            await asyncio.sleep(0.01)
