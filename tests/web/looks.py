"""Looks of screens at three widths, in one language, light and dark; and the README's pictures."""

import asyncio
import os
from pathlib import Path
from typing import Protocol

from playwright.async_api import Page, expect

from tests.support.pictures import small_picture
from tests.web.conftest import SCREENSHOTS, VISUAL, check_accessible, keep_picture

_SIZES = ((320, 640), (768, 1024), (1280, 800))
# Where axe reads as well, which takes long: each width, theme and language twice.
_READ = {"en": {(320, "light"), (1280, "dark")}, "fr": {(320, "dark"), (1280, "light")}}
# The first paint of a first visit, with nothing kept, in milliseconds: on a machine that is busy
# with tests, and over a line of a phone far from its mast.
_FIRST_PAINT_MS = 4_000
_FIRST_PAINT_SLOW_MS = 8_000
_SLOW_LINE = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}
# Where pictures of the README are kept, each of at most so many bytes.
_PICTURES = Path(os.environ.get("PARLEY_PICTURES", SCREENSHOTS / "readme"))
_LARGEST_PICTURE = 80 * 1024


class Somebody(Protocol):
    """A person or a moderator with an app in a browser."""

    page: Page

    async def go(self, path: str) -> None: ...


class Looks:
    """All looks of one screen after the other. What is wrong with any is told at the end."""

    def __init__(self, somebody: Somebody, prefix: str, language: str) -> None:
        self.page = somebody.page
        self._somebody = somebody
        self._prefix = prefix
        self.language = language
        self.wrong: list[str] = []

    async def at(self, path: str, name: str, ready: str) -> None:
        """Go somewhere in the app, and look at it once `ready`, a selector, is there."""
        await self._somebody.go(path)
        await self.of(name, ready)

    async def of(self, name: str, ready: str) -> None:
        """Look at what is open."""
        await expect(self.page.locator(ready).first).to_be_attached()
        for width, height in _SIZES:
            await self.page.set_viewport_size({"width": width, "height": height})
            for theme in ("light", "dark"):
                await self.page.emulate_media(color_scheme=theme)
                look = f"{self._prefix}-{name}-{width}-{self.language}-{theme}"
                await keep_picture(self.page, look)
                found = await self.page.evaluate(VISUAL)
                self.wrong += [f"{look}: {one}" for one in found]
                if (width, theme) in _READ[self.language]:
                    await self._accessible(look)

    async def dialog(self, name: str, *buttons: str) -> None:
        """Open a dialog by buttons, one after the other, look at it, and close it."""
        for button in buttons:
            await self.page.locator(button).first.click()
        await self.of(name, "dialog[open]")
        await self.page.keyboard.press("Escape")
        await expect(self.page.locator("dialog[open]")).to_have_count(0)

    async def _accessible(self, name: str) -> None:
        try:
            await check_accessible(self.page)
        except AssertionError as found:
            self.wrong.append(f"{name}: {found}")


async def check_first_paint(page: Page, link: str, ready: str, *, is_slow: bool = False) -> None:
    """See to it that the first words of a visit are there soon, and come to what is `ready`."""
    if is_slow:
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.emulateNetworkConditions", _SLOW_LINE)
    await page.goto(link)
    await expect(page.locator(ready).first).to_be_visible()
    painted: float = await page.evaluate(
        "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
    )
    assert painted < (_FIRST_PAINT_SLOW_MS if is_slow else _FIRST_PAINT_MS)


async def keep_readme_picture(page: Page, name: str) -> None:
    """Keep a picture for the README, and see to it that it is small."""
    picture = await small_picture(page)
    await asyncio.to_thread(_keep, name, picture)
    assert len(picture) < _LARGEST_PICTURE


def _keep(name: str, picture: bytes) -> None:
    _PICTURES.mkdir(parents=True, exist_ok=True)
    (_PICTURES / f"{name}.png").write_bytes(picture)
