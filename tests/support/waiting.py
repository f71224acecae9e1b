"""Waiting for conditions that nothing notifies of."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

PATIENCE = 120.0
"""How long, in seconds, a test waits for what has to come: enough on a machine whose processors
many processes share. It passes when a test fails, and never else.
"""


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


async def eventually(
    read: Callable[[], Any], holds: Callable[[Any], object] = bool, seconds: float = PATIENCE
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
