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
    await expect(form).to_have_count(0)
    await _panel(ann).get_by_role("button", name="Propose a deal").click()
    await expect(form.get_by_label("Title")).to_have_value("Roof")
    await form.get_by_label(re.compile("I do the work")).check()
    await form.get_by_label("Description").fill("All of it, <b>with</b> the gutter")
    # The server refuses it: that is said at the field as well.
    await form.get_by_label(re.compile("Amount")).fill("0")
    await form.get_by_role("button", name="Propose", exact=True).click()
    await expect(form.get_by_text("This amount is not taken here")).to_be_visible()
    await expect(form.get_by_label(re.compile("Amount"))).to_be_focused()
    await form.get_by_label(re.compile("Amount")).fill("1,234.50")
    await expect(form.get_by_text("That is \u20ac1,234.50")).to_be_visible()
    await _send(ann)
    await expect(_panel(bob).locator(".deal-price")).to_have_text(re.compile(r"1.234,50.\u20ac"))
    await expect(_panel(bob)).to_contain_text("All of it, <b>with</b> the gutter")
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


async def test_an_offer_that_changes_meanwhile_is_never_accepted_unseen(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob", width=320, height=640)
    await conversing(ann, bob)
    await _propose(ann, "Roof", "120")
    await _step(bob, "accept").click()
    accept = _dialog(bob).locator('button[type="submit"]')
    await expect(accept).to_have_text("Accept \u20ac120.00")
    # It changes while the question is open: old and new, and the button does nothing.
    await _price(ann, "revise", "130", "With the gutter")
    changed = _dialog(bob).locator(".changed")
    price = changed.locator('[data-field="price"]')
    await expect(price.locator(".before")).to_have_text("\u20ac120.00")
    await expect(price.locator(".after")).to_have_text("\u20ac130.00")
    await expect(accept).to_have_attribute("aria-disabled", "true")
    await accept.click(force=True)
    await accept.press("Enter")
    await bob.check("deal-changed-320")
    await changed.get_by_role("button").click()
    await expect(accept).to_have_text("Accept \u20ac130.00")
    await expect(_dialog(bob).get_by_role("group")).to_be_focused()
    # It changes on the way: the server refuses, and shows what there is now.
    bob.gate.hold_answers()
    await _price(ann, "revise", "140")
    await accept.click()
    await expect(accept).to_have_attribute("aria-busy", "true")
    bob.gate.open()
    await expect(_dialog(bob).get_by_text("Not done: the offer has changed.")).to_be_visible()
    await expect(price.locator(".before")).to_have_text("\u20ac130.00")
    await expect(price.locator(".after")).to_have_text("\u20ac140.00")
    await expect(_step(ann, "revise")).to_be_visible()
    await _dialog(bob).get_by_role("button", name="Cancel").click()
    await expect(_step(bob, "accept")).to_be_focused()
    await expect(_panel(bob).locator(".pending-steps")).to_have_count(0)
    # What is typed is kept when the offer changes, and when it is gone.
    await _step(bob, "counter").click()
    amount = _dialog(bob).locator('[inputmode="decimal"]')
    await amount.fill("100")
    await _dialog(bob).locator("textarea").fill("My last word")
    await _price(ann, "revise", "150")
    await changed.get_by_role("button").click()
    await expect(amount).to_have_value("100")
    await _take(ann, "withdraw")
    await expect(_dialog(bob).get_by_text("not possible any more")).to_be_visible()
    await expect(_dialog(bob).locator("textarea")).to_have_value("My last word")
    await bob.page.keyboard.press("Escape")
    await expect(_panel(bob).locator("h2")).to_be_focused()
    await _wait_without_a_network(ann, bob)


async def _back(person: Person) -> None:
    """Give somebody their network back, of which the browser tells the app."""
    person.gate.open()
    await person.page.evaluate("() => dispatchEvent(new Event('online'))")
    await person.connected()


async def _wait_without_a_network(ann: Person, bob: Person) -> None:
    """Steps that are taken without a network wait, and are refused when the deal has moved on."""
    await _panel(ann).get_by_role("button", name="Propose a deal").click()
    await _dialog(ann).get_by_label("Title").fill("Fence")
    await _propose(bob, "Garden", "80", role="client")
    await expect(_dialog(ann).locator(".changed")).to_contain_text("Garden")
    await expect(_dialog(ann).get_by_label("Title")).to_have_value("Fence")
    await ann.page.keyboard.press("Escape")
    await expect(_dialog(ann)).to_have_count(0)
    await expect(_step(ann, "accept")).to_be_visible()
    ann.gate.shut()
    await ann.in_state("waiting")
    await _step(ann, "counter").click()
    await _dialog(ann).locator('[inputmode="decimal"]').fill("95")
    await _dialog(ann).locator("textarea").fill("It is a big garden")
    await _send(ann)
    pending = _panel(ann).locator(".pending-steps li")
    await expect(pending).to_contain_text("Waiting to be sent: Make a counter-offer: \u20ac95.00")
    await expect(_step(ann, "accept")).to_have_attribute("aria-disabled", "true")
    await ann.check("deal-waits-1280")
    await pending.get_by_role("button", name="Do not send").click()
    await expect(pending).to_have_count(0)
    await _step(ann, "counter").click()
    await _dialog(ann).locator('[inputmode="decimal"]').fill("90")
    await _dialog(ann).locator("textarea").fill("It is a big garden")
    await _send(ann)
    await _price(bob, "revise", "85")
    await _back(ann)
    # Refused, and said so; the words are there to be sent after a look.
    await expect(pending).to_contain_text("Not done: Make a counter-offer: \u20ac90.00")
    await expect(pending).to_contain_text("the offer has changed")
    await pending.get_by_role("button", name="Look at it").click()
    await expect(pending).to_have_count(0)
    await expect(_dialog(ann).locator(".deal-summary")).to_contain_text("\u20ac85.00")
    await expect(_dialog(ann).locator('[inputmode="decimal"]')).to_have_value("90.00")
    await expect(_dialog(ann).locator("textarea")).to_have_value("It is a big garden")
    await _send(ann)
    await expect(_panel(bob)).to_contain_text("It is a big garden")
    # An acceptance has no words to keep; that it was refused is said all the same.
    bob.gate.shut()
    await bob.in_state("waiting")
    await _take(bob, "accept")
    await _take(ann, "withdraw")
    await _back(bob)
    refused = _panel(bob).locator(".pending-steps li")
    await expect(refused).to_contain_text("Not done: Accept: \u20ac90.00")
    await refused.get_by_role("button", name="Close").click()
    await expect(refused).to_have_count(0)


async def test_deals_that_are_away_leave_messages_and_the_deal_is_cancelled_later(
    visit: Visit,
) -> None:
    ann, bob = await visit("ann", language="fr"), await visit("bob")
    await conversing(ann, bob)
    await _propose(ann, "Toit", "120")
    await _take(bob, "accept")
    await expect(_step(ann, "deliver")).to_be_visible()
    system = ann.site.system
    negotiation = system.services["negotiation"]
    negotiation.stop()
    try:
        await _step(ann, "request_cancellation").click()
        await _dialog(ann).locator("textarea").fill("Il pleut")
        await _dialog(ann).locator('button[type="submit"]').click()
        await expect(_dialog(ann).get_by_text("Pas encore de r\u00e9ponse.")).to_be_visible()
        await _dialog(ann).get_by_role("button", name="Fermer").click()
        await expect(_panel(ann).locator(".pending-steps")).to_contain_text("Il pleut")
        await expect(_panel(ann).get_by_text("Les affaires ne r\u00e9pondent pas")).to_be_visible()
        await ann.say("Les messages passent")
        await bob.sees("Les messages passent")
        await ann.check("deal-away-fr")
        # Who comes only now is told at once.
        await bob.page.reload()
        await expect(_panel(bob).get_by_text("Deals do not answer just now")).to_be_visible()
        await expect(_panel(bob).get_by_role("button")).to_have_count(0)
    finally:
        negotiation.start()
        await system.all_ready()
    # It is carried out by itself.
    await expect(_panel(bob).locator(".deal-cancellation")).to_contain_text("Il pleut")
    await expect(_panel(ann).locator(".pending-steps")).to_have_count(0)
    await expect(_panel(ann).get_by_text("Les affaires ne r\u00e9pondent pas")).to_have_count(0)
    await expect(bob.page.get_by_text("A part of the service is away")).to_have_count(0)
    await expect(_panel(bob).get_by_text("Deals do not answer just now")).to_have_count(0)
    await expect(_step(bob, "confirm_cancellation")).to_have_class(re.compile("primary"))
    await _take(bob, "confirm_cancellation")
    await expect(_panel(ann)).to_contain_text("Annul\u00e9")
    # A note may still be given when there is another deal.
    await _propose(bob, "Garden", "80", role="client")
    await expect(_panel(ann).locator("h2")).to_have_text("Garden")
    await _panel(ann).get_by_text("Autres affaires").click()
    await _panel(ann).get_by_role("button", name=re.compile("Toit")).click()
    await expect(_panel(ann).locator("h2")).to_have_text("Toit")
    await expect(_panel(ann).locator("h2")).to_be_focused()
    await _step(ann, "submit_note").click()
    await _dialog(ann).get_by_label("2 sur 5").check()
    await _send(ann)
    await expect(_step(ann, "submit_note")).to_have_text("Modifier mon avis")
    await expect(_panel(ann).locator(".deal-note")).to_contain_text("2 sur 5")
    await _panel(ann).get_by_text("Autres affaires").click()
    await _panel(ann).get_by_role("button", name=re.compile("Garden")).click()
    await _take(ann, "decline")
    await expect(_panel(bob)).to_contain_text("Ended without a deal")
