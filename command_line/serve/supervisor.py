"""Runs all parts: they start in order, and stop in the opposite order."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from command_line.display.console import CommandError, tail
from command_line.serve.process import Part, PartProcess, RestartPolicy, Say


class Supervisor:
    """A context in which parts run. Leaving it stops them, the last one started first.

    `changed` is called with the process ids by part, whenever one of them is another.
    """

    def __init__(
        self,
        say: Say,
        policy: RestartPolicy | None = None,
        changed: Callable[[dict[str, int]], None] | None = None,
    ) -> None:
        self._say = say
        self._policy = policy or RestartPolicy()
        self._changed = changed
        self._processes: list[tuple[PartProcess, asyncio.Task[None]]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self, *started: Part) -> None:
        """Starts parts at once, which are stopped in the opposite order, and waits until all are
        healthy; CommandError when one does not become so.
        """
        await asyncio.gather(*map(self._start, started))

    async def _start(self, part: Part) -> None:
        self._say(f"{part.name} starts (log: {part.log})")
        process = PartProcess(part, self._policy, self._say, self._tell_changed)
        running = asyncio.create_task(process.run(), name=f"run {part.name}")
        self._processes.append((process, running))
        healthy = asyncio.create_task(process.healthy.wait())
        try:
            # A part that dies is started again meanwhile, so it gets longer than one start.
            bound = 2 * self._policy.healthy_within
            await asyncio.wait(
                {running, healthy}, timeout=bound, return_when=asyncio.FIRST_COMPLETED
            )
            if running.done():
                running.result()
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
            {running for _, running in self._processes}, return_when=asyncio.FIRST_EXCEPTION
        )
        for running in done:
            running.result()

    async def stop(self) -> None:
        """Stops all parts in order, each within its bounded time. Harmless when repeated."""
        while self._processes:
            process, running = self._processes[-1]
            if not running.done():
                self._say(f"{process.part.name} stops")
            process.stop()
            # Cut short, this waits again: a part is never left behind unwatched.
            await asyncio.gather(asyncio.shield(running), return_exceptions=True)
            self._processes.pop()

    def kill(self) -> None:
        """Kills all parts at once; `stop` then has nothing left to wait for."""
        for process, _ in self._processes:
            process.kill()

    def _tell_changed(self) -> None:
        if self._changed is not None:
            self._changed(
                {
                    process.part.name: process.process.pid
                    for process, _ in self._processes
                    if process.process is not None
                }
            )
