"""The adapter's side of the protocol, for adapters in Python: commands in, answers and events out.

Standard library only, as an example for other languages. docs/conformance.md has the protocol.
"""

import asyncio
import itertools
import json
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Arguments = dict[str, Any]
Handler = Callable[[str, Arguments], Awaitable[Any]]
Describe = Callable[[Exception], Mapping[str, Any]]


def emit(message: Mapping[str, Any]) -> None:
    """Write a line, whole and at once."""
    os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")


class Tokens:
    """Asks the run for tokens."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[str | None]] = {}

    async def get(self, reason: str) -> str | None:
        """A token; None when the person is signed out. Raises RuntimeError as the run says."""
        number = next(self._numbers)
        waiting: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        emit({"event": "token", "request": number, "reason": reason})
        try:
            return await waiting
        finally:
            del self._waiting[number]

    def answer(self, message: Arguments) -> None:
        """Take the run's answer to a request."""
        waiting = self._waiting.get(message["request"])
        if waiting is None or waiting.done():
            # Nobody waits any more.
            return
        if "error" in message:
            waiting.set_exception(RuntimeError(message["error"]))
        else:
            waiting.set_result(message["token"])


async def serve(handle: Handler, describe: Describe, tokens: Tokens) -> None:
    """Carry out commands, side by side, until standard input ends."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)

    # A pipe, a file or a terminal: a thread reads them all.
    threading.Thread(target=read, daemon=True).start()
    tasks: set[asyncio.Task[None]] = set()
    while (line := await lines.get()) is not None:
        message: Arguments = json.loads(line)
        if message["do"] == "token":
            tokens.answer(message)
            continue
        task = asyncio.create_task(_answer(handle, describe, message))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _answer(handle: Handler, describe: Describe, message: Arguments) -> None:
    number, do = message.pop("id"), message.pop("do")
    try:
        emit({"re": number, "ok": await handle(do, message)})
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        emit({"re": number, "error": {"message": str(error), **describe(error)}})
