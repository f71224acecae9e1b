"""Disputes about deals: both speak, propose and accept, and nothing is accepted unseen."""

import re

from playwright.async_api import expect

from parley_protocol.packets import Op
from tests.support.moderator import moderating
from tests.web.conftest import Visit, conversing
from tests.web.deals import agreed, do


async def test_two_people_settle_a_dispute_and_accept_nothing_unseen(visit: Visit) -> None:
    ann = await visit("ann")
    bob = await visit("bob", language="fr", width=320, height=700, theme="dark")
    await conversing(ann, bob)
    service = await agreed(ann, bob)
    page = ann.page
    # Mistakes are told at their fields, and what is typed outlasts the dialog.
    await page.get_by_role("button", name="Open a dispute").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("What has happened?").fill("It <b>still</b> drips.")
    await dialog.get_by_label("back").fill("200.00")
    await dialog.get_by_role("button", name="Open the dispute").click()
    await expect(dialog.get_by_text("Choose what the dispute is about.")).to_be_visible()
    await expect(dialog.get_by_text("more than the agreed price, \u20ac120.00")).to_be_visible()
    await dialog.get_by_label("What is it about?").select_option("quality")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await page.get_by_role("button", name="Open a dispute").click()
    await expect(dialog.get_by_label("What has happened?")).to_have_value("It <b>still</b> drips.")
    await expect(dialog.get_by_label("What is it about?")).to_have_value("quality")
    await dialog.get_by_label("back").fill("60")
    await ann.check("dispute-open")
    await dialog.get_by_role("button", name="Open the dispute").click()
    # The page of the dispute: who opened it, what is asked for, until when it can be spoken.
    title = page.get_by_role("heading", name="Dispute about \u201cKitchen tap\u201d")
    await expect(title).to_be_visible()
    await expect(page.get_by_text("both state their case")).to_be_visible()
    await expect(page.get_by_text("Asked back for the client: \u20ac60.00.")).to_be_visible()
    await expect(page.locator(".due")).to_contain_text("in 2 days")
    log = page.get_by_role("log")
    await expect(log.get_by_text("It <b>still</b> drips.")).to_be_visible()
    # The other sees it at the deal, and answers by keyboard alone.
    other = bob.page
    link = other.get_by_role("link", name="Voir le litige")
    await link.press("Enter")
    await expect(other.get_by_text("chacun expose sa version")).to_be_visible()
    own = other.get_by_label("Votre d\u00e9claration")
    await own.press_sequentially("Pas quand je suis parti.")
    await other.keyboard.press("Tab")
    await expect(other.get_by_role("button", name="Envoyer la d\u00e9claration")).to_be_focused()
    await other.keyboard.press("Enter")
    await expect(log.get_by_text("Pas quand je suis parti.")).to_be_visible()
    await expect(own).to_have_value("")
    # A proposal: the amount is read as the language writes it, and its meaning is shown.
    await other.get_by_role("button", name="Proposer un arrangement").click()
    part = other.get_by_label("(le client)")
    await expect(part).to_be_focused()
    await part.fill("12O")
    await other.get_by_role("button", name="Proposer", exact=True).click()
    await expect(other.get_by_text("Ce n\u2019est pas un montant.")).to_be_visible()
    await part.fill("20,00")
    await expect(other.get_by_text(re.compile("100,00.€ pour vous, 20,00.€ pour"))).to_be_visible()
    await bob.check("dispute-propose-320-fr-dark")
    await other.get_by_role("button", name="Proposer", exact=True).click()
    settlement = page.get_by_role("region", name=re.compile("Settlement on|Accept this"))
    await expect(settlement).to_contain_text("\u20ac20.00 for you, \u20ac100.00 for")
    # Ann is about to accept when it changes: old and new are shown, and nothing is accepted.
    await settlement.get_by_role("button", name="Accept\u2026").click()
    accept = settlement.get_by_role("button", name="Accept: \u20ac20.00 for you")
    await expect(accept).to_be_visible()
    # She writes a proposal of her own at the same time.
    await page.get_by_role("button", name="Propose a settlement").click()
    await page.get_by_label("(the client)").fill("55")
    shown = (await ann.ask(Op.ASK_DISPUTES, {"service": service}, Op.RETURN_DISPUTES))["disputes"]
    dispute = shown[0]["dispute"]
    split = {"provider_minor": 11_000, "client_minor": 1_000}
    await do(bob, Op.LITIGE_STATEMENT, dispute=dispute, settlement=split)
    changed = settlement.get_by_role("alert")
    await expect(changed).to_contain_text("The proposal has changed. Nothing was accepted.")
    await expect(changed.locator(".old")).to_contain_text("\u20ac20.00 for you")
    await expect(changed.locator(".new")).to_contain_text("\u20ac10.00 for you")
    await expect(accept).to_have_count(0)
    await expect(page.get_by_text("has proposed a settlement while you")).to_be_visible()
    await expect(page.get_by_label("(the client)")).to_have_value("55")
    await ann.check("dispute-changed")
    await page.get_by_role("form").get_by_role("button", name="Close").click()
    await settlement.get_by_role("button", name="Look at the new proposal").press("Enter")
    await settlement.get_by_role("button", name="Accept: \u20ac10.00 for you").press("Enter")
    await expect(page.locator(".outcome")).to_contain_text("You have agreed on a settlement.")
    await expect(page.locator(".outcome")).to_contain_text("\u20ac10.00 for you")
    await expect(title).to_be_focused()
    await expect(other.locator(".outcome")).to_contain_text("Vous avez trouv\u00e9 un arrangement.")
    await bob.check("dispute-over-320-fr-dark")
    await page.get_by_role("link", name="To the conversation").click()
    await expect(page.locator(".dispute-panel")).to_contain_text("Dispute: over.")


async def test_a_race_for_a_settlement_is_told_by_the_server(visit: Visit) -> None:
    """Without a network the change is not heard of; what was accepted before it came is refused."""
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    service = await agreed(ann, bob)
    opening = {"service": service, "reason": "quality", "statement": "It drips."}
    opened = (await do(ann, Op.LITIGE_CREATED, **opening))["dispute"]
    dispute = opened["dispute"]
    first = {"provider_minor": 10_000, "client_minor": 2_000}
    await do(bob, Op.LITIGE_STATEMENT, dispute=dispute, settlement=first)
    page = ann.page
    await ann.go(f"dispute/{dispute}")
    settlement = page.locator(".settlement")
    await settlement.get_by_role("button", name="Accept\u2026").click()
    ann.gate.shut()
    await ann.in_state("waiting")
    await settlement.get_by_role("button", name="Accept: ").click()
    await expect(settlement.get_by_text("Not sent yet")).to_be_visible()
    await page.get_by_label("Your statement").fill("One more word.")
    await page.get_by_role("button", name="Send the statement").click()
    row = page.locator(".row.pending", has_text="One more word.")
    await expect(row.locator(".mark")).to_have_text("Waiting")
    await ann.check("dispute-offline")
    second = {"provider_minor": 11_500, "client_minor": 500}
    await do(bob, Op.LITIGE_STATEMENT, dispute=dispute, settlement=second)
    ann.gate.open()
    # Unless it tries by itself at this very moment.
    await page.evaluate("() => dispatchEvent(new Event('online'))")
    await expect(settlement.locator(".new")).to_contain_text("\u20ac5.00 for you")
    await expect(settlement).to_contain_text("Nothing was accepted")
    await expect(page.locator(".row", has_text="One more word.").locator(".mark")).to_have_count(0)
    # Nobody reports their own words; a statement of the other is removed by moderators.
    theirs = page.get_by_role("button", name="Report the statement")
    await expect(theirs).to_have_count(0)
    await bob.go(f"dispute/{dispute}")
    await bob.page.get_by_role("button", name="Report the statement").first.click()
    dialog = bob.page.get_by_role("dialog")
    await dialog.get_by_label("Why").select_option("harassment")
    await dialog.get_by_role("button", name="Report").click()
    await expect(dialog.get_by_text("Reported. Moderators will")).to_be_visible()
    await bob.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    system = ann.site.system
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "carol"
    ) as moderator:
        await moderator.decide(ann.user, "statement_removed")
        await expect(bob.page.get_by_text("Statement removed by moderators")).to_be_visible()
        await bob.page.get_by_label("Your statement").fill("I am not done yet")
    # Who opened it takes it back.
    withdraw = page.get_by_role("button", name="Take the dispute back")
    await withdraw.press("Enter")
    await page.get_by_role("button", name="Yes, take it back").press("Enter")
    await expect(page.locator(".outcome")).to_contain_text("taken it back. The deal goes on.")
    await expect(page.get_by_role("heading", name="Dispute about")).to_be_focused()
    # Words that can be said no more are still there.
    await expect(bob.page.get_by_label("Your statement")).to_have_value("I am not done yet")
    await expect(bob.page.get_by_text("This can be sent no more.")).to_be_visible()
    await bob.check("dispute-withdrawn")
