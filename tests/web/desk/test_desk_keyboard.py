"""The desk by keyboard alone, with filters that stay, from signing in to the next case."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.web.desk.conftest import Enter, Quarrel

pytestmark = pytest.mark.xdist_group("desk")


async def test_a_moderator_needs_no_mouse(moderator: Enter, quarrel: Quarrel) -> None:
    mia = await moderator("mia", height=1200)
    first, second = await asyncio.gather(quarrel(), quarrel("I come with a knife.", "violence"))
    page, keyboard = mia.page, mia.page.keyboard
    await page.goto(mia.desk.address)
    await mia.check("sign-in")
    # Without a link: the token is typed, or pasted, into the only field.
    await page.get_by_label("Token").focus()
    await keyboard.insert_text("no.token.atall")
    await mia.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("The token is not good")
    await page.get_by_label("Token").fill("")
    await keyboard.insert_text(mia.token())
    await mia.press("Enter")
    await mia.live()
    await expect(page.get_by_role("heading", name="Queue")).to_be_visible()

    # The help overlay says which keys there are, and closes.
    await mia.press("?")
    help_overlay = page.get_by_role("dialog", name="Keyboard short cuts")
    await expect(help_overlay).to_contain_text("Next row")
    await mia.check("shortcuts")
    await mia.press("j")
    await mia.press("Escape")
    await expect(help_overlay).to_have_count(0)
    await mia.press("g", "l")
    await expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    await mia.press("g", "q")
    await expect(page.get_by_role("heading", name="Queue")).to_be_visible()

    # Filters are in the address, and outlast a reload.
    await page.get_by_label("Order").press("P")
    await expect(page).to_have_url(re.compile("order=priority"))
    await page.get_by_label("At least").press("H")
    await expect(page).to_have_url(re.compile("severity=high"))
    await expect(page).to_have_url(re.compile("order=priority"))
    await page.reload()
    await mia.live()
    await expect(page.get_by_label("Order")).to_have_value("priority")

    # "j" and "k" go through the rows; a violent one is first.
    await page.get_by_role("heading", name="Queue").click()
    rows = page.locator("[data-row]")
    await expect(mia.row(second.case)).to_be_visible()
    await mia.press("j")
    await expect(rows.first).to_be_focused()
    await mia.press("j", "k")
    await expect(rows.first).to_be_focused()
    await mia.row(second.case).press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await mia.press("c")
    state = page.locator(".case-state")
    await expect(state).to_contain_text("Claimed by you")
    await mia.press("e")
    await mia.press("Tab", "Space")
    await expect(page.get_by_label("Violation", exact=True)).to_be_checked()
    await mia.press("Tab")
    await expect(page.get_by_label("Kind of measure")).to_be_focused()
    await mia.press("B")
    await expect(page.get_by_label("Kind of measure")).to_have_value("banned")
    await mia.press("Tab")
    await expect(page.get_by_role("button", name="Add the measure")).to_be_focused()
    await mia.press("Enter")
    await expect(page.locator(".measure")).to_contain_text("Ban")
    await mia.press("Tab")

    # While one types, letters are letters.
    await expect(page.get_by_label("Facts")).to_be_focused()
    await keyboard.type("r n u c ? g q")
    await expect(page.get_by_label("Facts")).to_have_value("r n u c ? g q")
    await expect(state).to_contain_text("Claimed by you")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await mia.press("Tab")
    await expect(page.get_by_label("Rule")).to_be_focused()
    await keyboard.type("Terms 1")
    await mia.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Your account is banned")
    await expect(dialog.get_by_label("Language of the reader")).to_be_focused()
    await mia.press("Tab", "Tab")
    await expect(page.get_by_role("button", name="Decide, and next case")).to_be_focused()
    await mia.press("Enter")

    # The next case of the same queue, of which the filters are still in the address.
    await expect(dialog).to_have_count(0)
    await expect(page.locator(".notice")).to_contain_text(f"against {second.bob}")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await expect(page).not_to_have_url(re.compile(second.case))
    await expect(page).to_have_url(re.compile("severity=high"))
    await mia.press("u")
    await expect(page.get_by_label("Order")).to_have_value("priority")
    await expect(mia.row(first.case)).to_be_visible()
    await expect(mia.row(second.case)).to_have_count(0)
    # One comes back to the row from which one went.
    await mia.row(first.case).press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text(first.bob)
    await mia.press("u")
    await expect(mia.row(first.case)).to_be_visible()
    await mia.press("j")
    await expect(mia.row(first.case)).to_be_focused()

    # Whoever does not want single keys turns them off.
    await mia.press("g", ",")
    turned = page.get_by_label("Keyboard short cuts")
    await turned.focus()
    await mia.check("settings")
    await mia.press("Space")
    await expect(turned).not_to_be_checked()
    await mia.press("g", "q")
    await expect(page.get_by_role("heading", name="Settings")).to_be_visible()
