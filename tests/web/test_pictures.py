"""Looks of the main screens, at three widths, in both languages, light and dark."""

import asyncio
from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.support.moderator import moderating
from tests.support.system import System
from tests.web.conftest import VISUAL, Visit, WebSite
from tests.web.looks import Looks, check_first_paint, keep_readme_picture
from tests.web.story import Story, tell


@pytest.fixture(scope="module")
def readme_story(web_site: WebSite) -> Story:
    """A story of people with plain names."""
    return asyncio.run(tell(web_site.system, ""))


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_the_main_screens_at_three_widths(visit: Visit, language: str) -> None:
    """Nothing is cut off, covered or beside the window, and every target can be hit."""
    ann = await visit("ann", language=language)
    looks = Looks(ann, "look", language)
    # Nobody is signed in, by no link and by an old one.
    await ann.page.goto(f"{ann.site.address}/index.html")
    await looks.of("signed-out", "main .page, main.page")
    story = await tell(ann.site.system, f"-{uuid4().hex[:4]}")
    ann.user = story.user
    await ann.sign_in()
    await _talking(looks, story)
    await _muted(looks, story, ann.site.system)
    expired = ann.link(expires_in=-60)
    await ann.page.goto(expired)
    await looks.of("expired", '.connection[data-state="unauthorized"]')
    assert not looks.wrong, "\n".join(looks.wrong)


async def _talking(looks: Looks, story: Story) -> None:
    await looks.at("", "inbox", f'.conversation-line[href$="{story.plain}"]')
    await looks.dialog("new-conversation", ".inbox-head .button")
    await looks.at(f"c/{story.plain}", "conversation", ".messages .row")
    await looks.dialog("deal-proposal", ".deal-panel .button")
    await looks.at(f"c/{story.offered}", "offer", ".deal-panel [data-step=accept]")
    await looks.dialog("deal-accept", "[data-step=accept]")
    await looks.dialog("deal-counter", "[data-step=counter]")
    await looks.dialog("message", ".row.own .more")
    await looks.dialog("report", ".row.other .more", "dialog .button")
    await looks.at(f"c/{story.disputed}", "disputed", ".deal-panel h2")
    await looks.at(f"dispute/{story.dispute}", "dispute", ".dispute .due")
    await looks.at("reports", "reports", "main h1")
    await looks.at(f"c/{story.ended}", "ended", ".deal-notes")
    await looks.at("settings", "settings", "main select")


async def _muted(looks: Looks, story: Story, system: System) -> None:
    """Moderators do not let them write for a while."""
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "mia"
    ) as moderator:
        await moderator.report(story.message, story.accuser)
        await moderator.decide(story.user, "muted")
    await looks.at(f"c/{story.plain}", "muted", ".banner a[href='#/standing']")
    await looks.at("standing", "standing", ".card")
    await looks.page.locator(".card .button").first.click()
    await looks.of("appeal", ".card textarea")


async def test_the_first_visit_is_painted_soon(visit: Visit) -> None:
    """With nothing in the browser's cache, and also over a slow line."""
    ann, bob = await visit("ann"), await visit("bob")
    ready = ".conversation-line, .inbox .empty"
    await check_first_paint(ann.page, ann.link(), ready)
    await check_first_paint(bob.page, bob.link(), ready, is_slow=True)


@pytest.mark.parametrize(
    ("name", "width", "height", "theme", "place"),
    [
        ("deal", 1100, 820, "light", "offered"),
        ("phone", 360, 740, "light", "disputed"),
        ("dark", 1100, 820, "dark", "ended"),
    ],
)
async def test_pictures_of_the_readme_are_small(
    visit: Visit, readme_story: Story, name: str, width: int, height: int, theme: str, place: str
) -> None:
    """`make pictures` keeps them in docs/pictures."""
    ann = await visit("ann", width=width, height=height, theme=theme)
    ann.user = readme_story.user
    await ann.sign_in()
    await ann.go(f"c/{getattr(readme_story, place)}")
    await expect(ann.page.locator(".deal-panel h2")).to_be_visible()
    await expect(ann.page.locator(".conversation-line")).to_have_count(4)
    await keep_readme_picture(ann.page, name)


async def test_what_looks_wrong_is_found(visit: Visit) -> None:
    """Each mistake of pages/mistakes.html, and nothing else."""
    ann = await visit("ann")
    await ann.page.goto(f"{ann.site.address}/mistakes.html")
    found = await ann.page.evaluate(VISUAL)
    expected = [
        "beside the window: <p",
        "cut off at its side: <div",
        "cut off below: <div",
        "words stand out of: <button",
        "scrolls sideways: <div",
        "words over words: <span",
        "20 by 20 pixels: <button",
        "over each other: <button",
        "words over words: <button",
        "covered: <button",
    ]
    assert {one.split(" class")[0] for one in found} == set(expected), "\n".join(found)
