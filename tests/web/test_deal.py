"""A deal, from its proposal to the notes, by two people at once before the real services."""

import asyncio
import re

from playwright.async_api import Locator, expect

from tests.web.conftest import Person, Visit, conversing


def _panel(person: Person) -> Locator:
    return person.page.locator(".deal-panel")


def _step(person: Person, step: str) -> Locator:
    return _panel(person).locator(f'[data-step="{step}"]')


def _dialog(person: Person) -> Locator:
    return person.page.get_by_role("dialog")


async def _send(person: Person) -> None:
    """Send the open form, and return when it is done."""
    await _dialog(person).locator('button[type="submit"]').click()
    await expect(_dialog(person)).to_have_count(0)


async def _take(person: Person, step: str, words: str = "") -> None:
    await _step(person, step).click()
    if words:
        await _dialog(person).locator("textarea").fill(words)
    await _send(person)


async def _propose(person: Person, title: str, amount: str, *, role: str = "provider") -> None:
    await _panel(person).get_by_role("button").last.click()
    dialog = _dialog(person)
    await dialog.locator(f'input[value="{role}"]').check()
    await dialog.locator("input:not([type])").first.fill(title)
    await dialog.locator('[inputmode="decimal"]').fill(amount)
    await _send(person)


async def _price(person: Person, step: str, amount: str, words: str = "") -> None:
    await _step(person, step).click()
    await _dialog(person).locator('[inputmode="decimal"]').fill(amount)
    await _dialog(person).locator("textarea").fill(words)
    await _send(person)


async def test_a_deal_from_its_proposal_to_the_opened_notes(visit: Visit) -> None:
    ann = await visit("ann")
    bob = await visit("bob", language="fr", width=320, height=640, theme="dark")
    await conversing(ann, bob)
    await _panel(ann).get_by_role("button", name="Propose a deal").click()
    # What is missing is said at its field, and nothing that was typed is lost.
    form = _dialog(ann)
    await form.get_by_label("Title").fill("Roof")
    await form.get_by_label(re.compile("Amount")).fill("1.234")
    await form.get_by_role("button", name="Propose", exact=True).click()
    await expect(form.get_by_text("Choose who does the work.")).to_be_visible()
    await expect(form.get_by_text("That can be read as two amounts.")).to_be_visible()
    await expect(form.get_by_label(re.compile("I do the work"))).to_be_focused()
    await ann.check("deal-proposal-wide")
    await ann.page.keyboard.press("Escape")
    await _panel(ann).get_by_role("button", name="Propose a deal").click()
    await expect(form.get_by_label("Title")).to_have_value("Roof")
    await form.get_by_label(re.compile("I do the work")).check()
    await form.get_by_label("Description").fill("All of it, <b>with</b> the gutter")
    await form.get_by_label(re.compile("Amount")).fill("1,234.50")
    await expect(form.get_by_text("That is \u20ac1,234.50")).to_be_visible()
    await _send(ann)
    await expect(_panel(bob).locator(".deal-price")).to_have_text(re.compile(r"1.234,50.\u20ac"))
    await expect(_panel(bob).locator('[data-clock="offer"]')).to_contain_text("heures")
    await expect(_panel(ann).locator(".button.primary")).to_have_text("Change my offer")
    await expect(_panel(bob).locator(".button.primary")).to_have_text("Accepter")
    # An amount as the French write it; what differs is shown to both.
    await _price(bob, "counter", "1 200,5", "Sans la goutti\u00e8re")
    row = _panel(ann).locator('.differences [data-field="price"]')
    await expect(row.locator(".before")).to_have_text("\u20ac1,234.50")
    await expect(row.locator(".after")).to_have_text("\u20ac1,200.50")
    await expect(_panel(ann)).to_contain_text("Sans la goutti\u00e8re")
    await asyncio.gather(ann.check("deal-offer-1280"), bob.check("deal-offer-320-fr-dark"))
    await _accept_by_keyboard(ann)
    await expect(_step(bob, "propose_amendment")).to_have_class(re.compile("primary"))
    # Another price after the agreement: what was agreed stands until it is accepted.
    await _price(ann, "propose_amendment", "1300")
    await expect(_panel(bob).locator('[data-field="price"] .before')).to_contain_text("200,50")
    await _take(bob, "accept")
    await expect(_panel(ann)).to_contain_text("Agreed price: \u20ac1,300.00")
    await _take(ann, "deliver", "All done")
    await _take(bob, "reopen", "La gouttière !")
    await ann.sees("La gouttière !")
    await _take(ann, "deliver")
    await _take(bob, "complete")
    # Sealed until both have written.
    await _step(ann, "submit_note").click()
    await _dialog(ann).get_by_label("4 of 5").check()
    await _dialog(ann).get_by_label(re.compile("In your words")).fill("Paid at once")
    await _send(ann)
    await expect(_panel(ann).locator(".deal-notes")).to_contain_text("Sealed")
    await expect(_panel(bob)).not_to_contain_text("Paid at once")
    await _step(bob, "submit_note").click()
    await _dialog(bob).get_by_label("5 sur 5").check()
    await asyncio.gather(bob.check("deal-note-320-fr-dark"), _send(bob))
    await expect(_panel(bob)).to_contain_text("Paid at once")
    await expect(_panel(ann).locator(".deal-notes")).to_contain_text("5 of 5")
    await _panel(ann).get_by_text("All offers and steps").click()
    await expect(_panel(ann).locator(".deal-history li")).to_have_count(12)
    await ann.check("deal-ended-1280")


async def _accept_by_keyboard(person: Person) -> None:
    """Accept the offer without a mouse; the focus is never lost."""
    page = person.page
    await _panel(person).locator("h2").focus()
    await page.keyboard.press("Tab")
    await expect(_step(person, "accept")).to_be_focused()
    await page.keyboard.press("Enter")
    # Who presses Enter again has not looked, and accepts nothing.
    await page.keyboard.press("Enter")
    await expect(_dialog(person)).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(_dialog(person).locator('button[type="submit"]')).to_be_focused()
    await person.check("deal-accept-1280")
    await page.keyboard.press("Enter")
    await expect(_dialog(person)).to_have_count(0)
    await expect(_step(person, "deliver")).to_be_visible()
    await expect(_panel(person).locator("h2")).to_be_focused()
