"""A finding: its kind, what was seen, and the commands that cure it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from command_line.doctor.kinds import Kind, Severity

Value = TypeVar("Value")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or may become so. `about` is the part, file or address that it is
    of. `seen` never holds a secret. `cure` is commands of a shell, in their order; a line that
    begins with # says what no command can do.
    """

    kind: Kind
    about: str
    seen: str
    cure: tuple[str, ...]

    @property
    def severity(self) -> Severity:
        return self.kind.severity


Findings = AsyncIterator[Finding]


async def in_thread(function: Callable[..., Value], *arguments: Any) -> Value:
    """Call what blocks in a thread that holds up neither the others nor the exit: who is tired of
    waiting gives it up.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Value] = loop.create_future()

    def settle(value: Value | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(value)  # type: ignore[arg-type] # None is a value of its own

    def run() -> None:
        value, error = None, None
        try:
            value = function(*arguments)
        except BaseException as failure:  # noqa: BLE001 - it is raised again in the waiter
            error = failure
        try:
            loop.call_soon_threadsafe(settle, value, error)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            return

    threading.Thread(target=run, name="doctor", daemon=True).start()
    return await outcome
