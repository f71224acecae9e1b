"""Keeps all parts running together: they start in order, and stop in the opposite order."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from command_line.display.console import CommandError, tail
from command_line.serve.process import Keeper, Part, Patience, Say


class Supervisor:
    """A context in which parts run. Leaving it stops them, the last one started first.

    `changed` is called with the process ids by part, whenever one of them is another.
    """

    def __init__(
        self,
        say: Say,
        patience: Patience | None = None,
        changed: Callable[[dict[str, int]], None] | None = None,
    ) -> None:
        self._say = say
        self._patience = patience or Patience()
        self._changed = changed
        self._keepers: list[tuple[Keeper, asyncio.Task[None]]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self, part: Part) -> None:
        """Starts a part and waits until it is healthy; CommandError when it does not become so."""
        self._say(f"{part.name} starts (log: {part.log})")
        keeper = Keeper(part, self._patience, self._say, self._tell_changed)
        kept = asyncio.create_task(keeper.run(), name=f"keep {part.name}")
        self._keepers.append((keeper, kept))
        healthy = asyncio.create_task(keeper.healthy.wait())
        try:
            # A part that dies is started again meanwhile, so it gets a little longer than one life.
            bound = 2 * self._patience.healthy_within
            await asyncio.wait({kept, healthy}, timeout=bound, return_when=asyncio.FIRST_COMPLETED)
            if kept.done():
                kept.result()
            if not healthy.done():
                raise CommandError(
                    f"{part.name} did not become healthy within {bound:.0f} s.\n"
                    f"  The end of its log, {part.log}:\n{tail(part.log)}"
                )
        finally:
            healthy.cancel()

    async def failed(self) -> None:
        """Waits until a part keeps dying, and raises its CommandError then."""
        done, _ = await asyncio.wait(
            {kept for _, kept in self._keepers}, return_when=asyncio.FIRST_EXCEPTION
        )
        for kept in done:
            kept.result()

    async def stop(self) -> None:
        """Stops all parts in order, each within its bounded time. Harmless when repeated."""
        while self._keepers:
            keeper, kept = self._keepers[-1]
            if not kept.done():
                self._say(f"{keeper.part.name} stops")
            keeper.stop()
            # Cut short, this waits again: a part is never left behind unwatched.
            await asyncio.gather(asyncio.shield(kept), return_exceptions=True)
            self._keepers.pop()

    def kill(self) -> None:
        """Kills all parts at once; `stop` then has nothing left to wait for."""
        for keeper, _ in self._keepers:
            keeper.kill()

    def _tell_changed(self) -> None:
        if self._changed is not None:
            self._changed(
                {
                    keeper.part.name: keeper.process.pid
                    for keeper, _ in self._keepers
                    if keeper.process is not None
                }
            )
