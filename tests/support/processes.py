"""The processes of a browser, which can be stopped as a phone stops them, and killed."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from playwright.async_api import Browser, CDPSession, Page

from tests.support.freezing import freeze

# More than a renderer takes by chance while it is looked at.
_TAKEN = 128 * 1024 * 1024


class Processes:
    """The processes of a browser, as it tells of them itself."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session

    @classmethod
    async def of(cls, browser: Browser | None) -> Self:
        assert browser is not None
        return cls(await browser.new_browser_cdp_session())

    async def ids(self, kind: str) -> set[int]:
        """The ids of the processes of a kind, "browser" or "renderer"."""
        told = await self._session.send("SystemInfo.getProcessInfo")
        return {process["id"] for process in told["processInfo"] if process["type"] == kind}

    async def of_page(self, page: Page) -> int:
        """The id of the process in which a page runs: the one that takes what the page takes."""
        before = {number: _memory(number) for number in await self.ids("renderer")}
        await page.evaluate("size => { globalThis.taken = new Uint8Array(size).fill(1) }", _TAKEN)
        after = {number: _memory(number) - before.get(number, 0) for number in before}
        await page.evaluate("() => { delete globalThis.taken }")
        return max(after, key=lambda number: after[number])

    async def kill(self) -> None:
        """Kill the browser with all that belongs to it."""
        (browser,) = await self.ids("browser")
        os.kill(browser, signal.SIGKILL)


def _memory(process: int) -> int:
    """The bytes that a process holds in memory."""
    pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def sleeping(*processes: int) -> Iterator[None]:
    """Stop processes, as a phone does that falls asleep, until the context ends."""
    for process in processes:
        freeze(process)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
