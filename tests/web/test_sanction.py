"""Sanctions: the reasons, what is left to do, the appeal, and the way back."""

import re

from playwright.async_api import expect

from parley_protocol.packets import Op
from tests.support.moderator import FACTS, moderating
from tests.web.conftest import Person, Visit, conversing
from tests.web.deals import agreed

_WORDS = "C\u2019\u00e9tait mon fr\u00e8re."


async def _last_message(person: Person) -> str:
    """The id of the newest message of somebody's one conversation."""
    listed = await person.ask(Op.ASK_CONVERSATIONS, {}, Op.RETURN_CONVERSATIONS)
    message: str = listed["conversations"][0]["last_message"]["message"]
    return message


async def test_who_is_warned_and_muted_reads_why_and_appeals(visit: Visit) -> None:
    ann = await visit("ann", language="fr", width=320, height=700)
    bob = await visit("bob")
    await conversing(ann, bob)
    page, system = ann.page, ann.site.system
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "carol"
    ) as moderator:
        await moderator.report(await _last_message(bob), bob.user)
        case = await moderator.decide(ann.user, "warning", "muted", "conversation_locked")
        decision = case.decisions[-1].id
        banner = page.locator(".banner", has_text="Vous ne pouvez pas \u00e9crire jusqu")
        await expect(banner).to_contain_text(FACTS)
        await expect(banner).to_contain_text("Vous pouvez encore lire")
        await expect(page.locator(".banner", has_text="verrouill\u00e9 cette")).to_be_visible()
        await expect(page.locator(".banner", has_text="vous ont averti")).to_be_visible()
        await page.get_by_role("button", name="J\u2019ai lu").click()
        await expect(page.locator(".banner", has_text="vous ont averti")).to_have_count(0)
        await ann.check("muted-320-fr")
        await banner.locator("summary").press("Enter")
        await expect(banner.get_by_text(FACTS)).to_be_visible()
        # By keyboard alone.
        await banner.get_by_role("link", name="Motifs et appel").press("Enter")
        card = page.locator('.card[data-kind="muted"]')
        await expect(card).to_contain_text("Terms, 3.2")
        await expect(card).to_contain_text("Constat\u00e9 par une personne")
        # One appeal concerns the decision, and so all three.
        await card.get_by_role("button", name="Faire appel").press("Enter")
        field = card.get_by_label("Pourquoi la d\u00e9cision")
        await expect(field).to_be_focused()
        await page.keyboard.type(_WORDS)
        await ann.check("standing-320-fr")
        await page.reload()
        await ann.connected()
        await expect(field).to_have_value(_WORDS)
        await card.get_by_role("button", name="Envoyer l\u2019appel").press("Enter")
        await expect(page.get_by_text("Votre appel est examin\u00e9")).to_have_count(3)
        await moderator.colleague("dan").overturn(decision)
        await expect(page.get_by_text("Votre appel est accept\u00e9")).to_have_count(3)
        await expect(banner).to_have_count(0)
    await expect(page.locator(".card").get_by_text("Lev\u00e9.")).to_have_count(3)
    await page.go_back()
    await ann.say("Me revoil\u00e0")
    await bob.sees("Me revoil\u00e0")


async def test_who_is_banned_appeals_over_http_and_comes_back(visit: Visit) -> None:
    ann, bob = await visit("ann", theme="dark"), await visit("bob")
    await conversing(ann, bob)
    message = await _last_message(bob)
    await agreed(ann, bob)
    page, system = ann.page, ann.site.system
    await expect(page.locator(".deal-panel")).to_contain_text("Agreed")
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "carol"
    ) as moderator:
        await moderator.report(message, bob.user)
        case = await moderator.decide(ann.user, "banned")
        await ann.in_state("refused")
        # What was said is still to be read.
        await ann.sees("Hello")
        await page.get_by_role("link", name="Reasons and appeal").click()
        card = page.locator('.card[data-kind="banned"]')
        await expect(card).to_contain_text(FACTS)
        await ann.check("banned-dark")
        # The deal can still be ended, without a word.
        deal = page.locator(".card", has_text="Kitchen tap")
        await deal.get_by_role("button", name="Ask to cancel").press("Enter")
        await expect(deal.get_by_role("button", name="Yes: Ask to cancel")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(deal.get_by_role("button", name="Ask to cancel")).to_have_count(0)
        asked = bob.page.locator(".happening", has_text="asked to cancel")
        await expect(asked).to_be_visible()
        # The network goes while the appeal is sent: no word is lost.
        await card.get_by_role("button", name="Appeal").click()
        field = card.get_by_label("Why is the decision wrong?")
        await field.fill("It was my brother.")
        await page.context.set_offline(True)
        await card.get_by_role("button", name="Send the appeal").click()
        await expect(card.get_by_text("the server does not answer")).to_be_visible()
        await expect(field).to_have_value("It was my brother.")
        await page.context.set_offline(False)
        await card.get_by_role("button", name="Send the appeal").click()
        await expect(card.get_by_text("Your appeal is being looked at")).to_be_focused()
        # A page that is opened anew knows as much.
        await page.reload()
        await ann.in_state("refused")
        await expect(card.get_by_text("Your appeal is being looked at")).to_be_visible()
        await moderator.colleague("dan").overturn(case.decisions[-1].id)
        await page.locator("main").get_by_role("button", name="Try again").click()
        await ann.connected()
    await expect(page.get_by_role("link", name="Reasons and appeal")).to_have_count(0)
    await page.locator(".conversation-line").click()
    await ann.say("I am back")
    await bob.sees("I am back")


async def test_who_is_suspended_comes_back_when_the_time_is_over(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    system = ann.site.system
    message = await _last_message(bob)
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "carol"
    ) as moderator:
        await moderator.report(message, bob.user)
        await moderator.decide(ann.user, "suspended", seconds=6)
    await ann.in_state("refused")
    await expect(ann.page.get_by_text(re.compile("suspended until"))).to_be_visible()
    await bob.say("Are you there?")
    # Nobody does anything: the time alone lets them in.
    await ann.connected()
    await ann.sees("Are you there?")
