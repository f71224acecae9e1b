"""Looks of the desk's main screens, at three widths, in both languages, light and dark."""

import pytest
from playwright.async_api import expect

from tests.web.desk.conftest import Enter, Quarrel
from tests.web.looks import Looks, check_first_paint, keep_readme_picture

pytestmark = pytest.mark.xdist_group("desk")


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_the_screens_of_the_desk_at_three_widths(
    moderator: Enter, quarrel: Quarrel, language: str
) -> None:
    """Nothing is cut off, covered or beside the window, and every target can be hit."""
    talk, mia = await quarrel(), await moderator("mia", language=language)
    looks = Looks(mia, "desk-look", language)
    await mia.sign_in()
    await looks.at(f"queue?accused={talk.bob}", "queue", f'[data-case="{talk.case}"]')
    await looks.at(f"case/{talk.case}", "case", ".timeline .entry.reported")
    claim = "Claim" if language == "en" else "Prendre en charge"
    await mia.page.get_by_role("button", name=claim, exact=True).click()
    await looks.of("decision", ".decision input")
    for name in ("search", "appeals", "disputes", "sanctions", "audit", "people", "settings"):
        await looks.at(name, name, "main h1")
    assert not looks.wrong, "\n".join(looks.wrong)


async def test_the_first_visit_of_the_desk_is_painted_soon(moderator: Enter) -> None:
    """With nothing in the browser's cache, and also over a slow line."""
    mia, otto = await moderator("mia"), await moderator("otto")
    await check_first_paint(mia.page, mia.link(), ".lines")
    await check_first_paint(otto.page, otto.link(), ".lines", is_slow=True)


async def test_the_desk_s_picture_of_the_readme_is_small(
    moderator: Enter, quarrel: Quarrel
) -> None:
    """`make pictures` keeps it in docs/pictures."""
    talk, mia = await quarrel(), await moderator("mia", width=1100, height=820)
    await mia.sign_in(f"case/{talk.case}")
    await expect(mia.page.locator(".timeline .entry.reported")).to_be_visible()
    await keep_readme_picture(mia.page, "desk")
