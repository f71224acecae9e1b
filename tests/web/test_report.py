"""Reports of messages and conversations, what becomes of them, and blocks."""

import re

from playwright.async_api import Locator, expect

from tests.support.moderator import moderating
from tests.web.conftest import Person, Visit, conversing
from tests.web.deals import agreed


async def _menu(person: Person, text: str) -> Locator:
    """Open the menu of a message by keyboard; returns the dialog."""
    row = person.page.locator(".row", has_text=text)
    button = row.get_by_role("button", name=re.compile("What can be done|Actions possibles"))
    await button.press("Enter")
    dialog = person.page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    return dialog


async def test_a_report_is_followed_until_it_is_decided_and_appealed(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    await bob.say("Buy my <b>lamps</b> at http://lamps.example/")
    await ann.sees("Buy my <b>lamps</b> at ")
    page, system = ann.page, ann.site.system
    dialog = await _menu(ann, "Buy my")
    await dialog.get_by_role("button", name="Report").click()
    await expect(dialog.get_by_text("Buy my <b>lamps</b>")).to_be_visible()
    # A mistake is told at its field.
    await dialog.get_by_role("button", name="Report").click()
    await expect(dialog.get_by_label("Why")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("Why").select_option("other")
    await dialog.get_by_role("button", name="Report").click()
    await expect(dialog.get_by_text("Say in your words what it is.")).to_be_visible()
    # Words that are typed outlast the dialog and the page.
    await dialog.get_by_label("In your words").fill("The same to everybody.")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await page.reload()
    await ann.connected()
    dialog = await _menu(ann, "Buy my")
    await dialog.get_by_role("button", name="Report").click()
    await expect(dialog.get_by_label("In your words")).to_have_value("The same to everybody.")
    await dialog.get_by_label("Why").select_option("spam")
    await ann.check("report-form")
    await dialog.get_by_role("button", name="Report").press("Enter")
    await expect(dialog.get_by_text("Reported. Moderators will look at it")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(dialog.get_by_role("link", name="See your reports")).to_be_focused()
    await page.keyboard.press("Enter")
    card = page.locator(".card")
    await expect(card.locator(".report-status")).to_have_text("Received.")
    await expect(card.get_by_role("heading")).to_have_text("A message: Advertising, spam")
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "carol"
    ) as moderator:
        case = await moderator.claim(bob.user)
        await expect(card.locator(".report-status")).to_have_text("Being looked at.")
        decided = await moderator.impose(case)
        await expect(card.locator(".report-status")).to_have_text("No rule was found to be broken.")
        await card.get_by_role("button", name="Appeal").click()
        await expect(card.get_by_label("Why is the decision wrong?")).to_be_focused()
        await card.get_by_role("button", name="Send the appeal").click()
        await expect(card.get_by_text("Write why the decision is wrong.")).to_be_visible()
        await card.get_by_label("Why is the decision wrong?").fill("He sent it to forty people.")
        await ann.check("report-appeal")
        await card.get_by_role("button", name="Send the appeal").click()
        await expect(card.get_by_text("Your appeal is being looked at")).to_be_focused()
        await moderator.colleague("dan").overturn(decided.decisions[-1].id)
        await expect(page.get_by_text("Your appeal was granted")).to_be_visible()
        await expect(page.get_by_text("It was somebody else.")).to_be_visible()
        await expect(page.locator(".report-status")).to_have_text("Being looked at.")
    # The same after the page was loaded anew.
    await page.reload()
    await ann.connected()
    await expect(page.get_by_role("heading", name="Your appeals")).to_be_visible()
    await expect(page.get_by_text("Your appeal was granted")).to_be_visible()
    await expect(bob.page.locator(".banner")).to_have_count(0)
    # Words that were written in a deal are reported where they stand.
    await agreed(bob, ann)
    await ann.page.locator(".conversation-line").click()
    dialog = await _menu(ann, "offered \u201cKitchen tap\u201d")
    await expect(dialog.get_by_role("button", name="Delete")).to_have_count(0)
    await dialog.get_by_role("button", name="Report").click()
    await expect(dialog.get_by_text("Kitchen tap")).to_be_visible()
    await dialog.get_by_label("Why").select_option("illegal_goods")
    await dialog.get_by_role("button", name="Report").click()
    await expect(dialog.get_by_text("Reported. Moderators will look at it")).to_be_visible()


async def test_a_conversation_is_reported_while_moderation_is_away(visit: Visit) -> None:
    ann = await visit("ann", language="fr", width=320, height=700, theme="dark")
    bob = await visit("bob")
    await conversing(ann, bob)
    await bob.say("Pay me outside")
    page, system = ann.page, ann.site.system
    moderation = system.services["moderation"]
    moderation.stop()
    try:
        await page.get_by_role("button", name="Signaler ou bloquer").click()
        dialog = page.get_by_role("dialog")
        await ann.check("conversation-menu-320-fr-dark")
        await dialog.get_by_role("button", name="Signaler cette conversation").click()
        await dialog.get_by_label("Motif").select_option("off_platform_payment")
        await dialog.get_by_label("Avec vos mots").fill("Il veut payer ailleurs.")
        await dialog.get_by_role("button", name="Signaler").click()
        await expect(dialog.get_by_text("Pas encore de r\u00e9ponse")).to_be_visible()
        await ann.check("report-waits-320-fr-dark")
        await dialog.get_by_role("button", name="Fermer").click()
        await ann.say("Messages go on")
        await bob.sees("Messages go on")
        await ann.go("reports")
        await expect(page.get_by_text("pas encore envoy\u00e9")).to_be_visible()
        await expect(page.get_by_text("Il veut payer ailleurs.")).to_be_visible()
    finally:
        moderation.start()
        await system.all_ready()
    card = page.locator("li.card")
    await expect(card.locator(".report-status")).to_have_text("Re\u00e7u.")
    await expect(page.get_by_text("pas encore envoy\u00e9")).to_have_count(0)
    await ann.check("reports-320-fr-dark")


async def test_somebody_is_blocked_and_unblocked_by_keyboard(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    page = ann.page
    await page.get_by_role("button", name="Report or block").press("Enter")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name=f"Block {bob.user}").press("Enter")
    # It is told what this does before it is done.
    await expect(dialog.get_by_text("never reaches you")).to_be_visible()
    await ann.check("block")
    await expect(dialog.get_by_role("button", name=f"Yes, block {bob.user}")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_text(f"You block {bob.user}.")).to_be_visible()
    await expect(dialog.get_by_role("button", name=f"Unblock {bob.user}")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Report or block")).to_be_focused()
    await expect(page.get_by_label("Your message")).to_have_count(0)
    await bob.say("Do you hear me?")
    await ann.go("settings")
    blocks = page.locator(".blocks li")
    await expect(blocks).to_contain_text(bob.user)
    await ann.check("settings-blocks")
    await blocks.get_by_role("button", name=f"Unblock {bob.user}").press("Enter")
    await expect(blocks).to_have_count(0)
    await expect(page.get_by_role("heading", name="People whom you block")).to_be_focused()
    await bob.say("And now?")
    await ann.page.go_back()
    await ann.sees("And now?")
    await expect(page.locator(".messages").get_by_text("Do you hear me?")).to_have_count(0)


async def test_a_message_that_is_removed_while_it_is_edited_keeps_the_words(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    listed = bob.page.locator(".conversation-line")
    await expect(listed).to_have_count(1)
    page, system = ann.page, ann.site.system
    dialog = await _menu(ann, "Hello")
    await dialog.get_by_role("button", name="Change the words").click()
    field = page.get_by_label("new words")
    await field.fill("Hello, dear neighbour")
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "carol"
    ) as moderator:
        dialog = await _menu(bob, "Hello")
        await dialog.get_by_role("button", name="Report").click()
        await dialog.get_by_label("Why").select_option("spam")
        await dialog.get_by_role("button", name="Report").click()
        await expect(dialog.get_by_text("Reported. Moderators will")).to_be_visible()
        await moderator.decide(ann.user, "message_removed")
    await expect(page.get_by_text("Moderators have removed this message meanwhile")).to_be_visible()
    await expect(page.get_by_text("Moderators have removed a message of yours.")).to_be_visible()
    await expect(field).to_have_value("Hello, dear neighbour")
    await field.press("Enter")
    await expect(page.get_by_text("Not saved:")).to_be_visible()
    await expect(field).to_have_value("Hello, dear neighbour")
    await ann.check("removed-while-edited")
    await page.get_by_role("button", name="Keep the words for a new message").click()
    await expect(page.get_by_label("Your message")).to_have_value("Hello, dear neighbour")
    await expect(page.get_by_label("Your message")).to_be_focused()
    # The reasons are one step away.
    await page.locator(".row").get_by_role("link", name="Why?").click()
    await expect(page.get_by_role("heading", name="A message was removed")).to_be_visible()
    await expect(page.get_by_text("Sent the same advertisement").last).to_be_visible()
    await page.get_by_role("button", name="I have read it").click()
    await expect(page.get_by_text("Moderators have removed a message of yours.")).to_have_count(0)
