"""Looks of the desk's screens, at three widths, in both languages, light and dark."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.web.conftest import VISUAL
from tests.web.desk.conftest import (
    Desk,
    Enter,
    Moderator,
    Quarrel,
    Talk,
    at_terminal,
    disputed,
    talking,
)

pytestmark = pytest.mark.xdist_group("desk")

_WORDS = (
    "You fool. " + "W" * 200 + " https://evil.example/" + "a" * 80 + " \u05e9\u05dc\u05d5\u05dd"
)


# One theme for each width, and the others in the other language: axe reads them in other tests.
_LOOKS = {
    "en": ((320, 640, "light"), (768, 1024, "light"), (1280, 800, "dark")),
    "fr": ((320, 640, "dark"), (768, 1024, "dark"), (1280, 800, "light")),
}


class Looks:
    """The looks of one screen after the other. What is wrong with any is told at the end."""

    def __init__(self, moderator: Moderator, language: str) -> None:
        self.moderator = moderator
        self.language = language
        self.wrong: list[str] = []

    async def at(self, path: str, name: str, ready: str) -> None:
        """Go somewhere at the desk, and look at it once `ready`, a selector, is there."""
        await self.moderator.go(path)
        await self.of(name, ready)

    async def of(self, name: str, ready: str) -> None:
        """Look at what is open."""
        page = self.moderator.page
        await expect(page.locator(ready).first).to_be_attached()
        for width, height, theme in _LOOKS[self.language]:
            await page.set_viewport_size({"width": width, "height": height})
            await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            look = f"look-{name}-{width}-{self.language}-{theme}"
            await self.moderator.picture(look)
            self.wrong += [f"{look}: {one}" for one in await page.evaluate(VISUAL)]


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_the_screens_at_three_widths(
    desk: Desk, moderator: Enter, quarrel: Quarrel, language: str
) -> None:
    """Nothing is cut off, covered or beside the window, and every target can be hit."""
    talk, other, mia = await asyncio.gather(
        quarrel(_WORDS), quarrel(), moderator("mia", language=language)
    )
    looks = Looks(mia, language)
    page = mia.page
    appeal, argument = await asyncio.gather(
        _appealed(desk, other), disputed(desk, "W" * 60, _WORDS)
    )
    await mia.sign_in()
    await looks.at("queue", "queue", f'[data-case="{talk.case}"]')
    await mia.go(f"case/{talk.case}")
    await page.locator(".case-head .button.primary").click()
    await page.locator('.decision [type="radio"]').first.check()
    for kind in ("muted", "conversation_locked"):
        await page.locator(".add-measure select").select_option(kind)
        await page.locator(".add-measure button").click()
    await page.locator(".decision [type=submit]").click()
    await expect(page.locator(".decision .field-error")).to_have_count(2)
    await looks.of("case", ".measure")
    await page.locator(".decision textarea").first.fill(_WORDS)
    await page.locator(".decision .field > input").last.fill("Terms 4.2")
    await page.locator(".decision [type=submit]").click()
    await looks.of("preview", "dialog[open] .statement")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await looks.at(f"appeal/{appeal}", "appeal", "article form")
    await looks.at(f"dispute/{argument.dispute}", "dispute", ".timeline .entry")
    await looks.at(f"search?q={other.bob}", "search", ".sanction")
    await looks.at(f"sanctions?user={other.bob}", "sanctions", ".sanction")
    await looks.at("audit", "audit", ".line")
    assert not looks.wrong, "\n".join(looks.wrong)


async def _appealed(desk: Desk, talk: Talk) -> str:
    """Have a case decided, and somebody appeal; the id of the appeal."""
    async with at_terminal(desk, "otto") as otto, talking(desk, talk.bob) as (bob,):
        decided = await otto.decide(talk.bob, "muted")
        appeal = await bob.appeal(decided.decisions[0].id, f"I was quoting. {'W' * 100}")
    return appeal.appeal
