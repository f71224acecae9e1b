"""An event loop whose clock is moved by the waiting itself: hours of timers pass at once."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Selector(selectors.DefaultSelector):
    """Polls instead of waiting, and counts what it would have waited."""

    slept = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found:
            # With nothing to come, not even a timer, the loop would stand still for ever.
            assert timeout is not None, "everything waits, and nothing will come"
            self.slept += timeout
        return found


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For coroutines that use no sockets, processes or threads."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return super().time() + self._virtual.slept


def run_in_virtual_time(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)
