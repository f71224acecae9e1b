"""uvicorn's server, as parts of Parley run it."""

import asyncio
import contextlib
from collections.abc import Iterator

import uvicorn


class Server(uvicorn.Server):
    """A server that leaves signals to the process, which calls `end`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Stop serving: `serve` returns soon."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        """Renew the date in the headers of answers each second, until the end. uvicorn would wake
        ten times a second, which is half of what an idle edge costs.
        """
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._ending.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
