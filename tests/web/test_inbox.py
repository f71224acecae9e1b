"""The list of conversations, and the pages of a long one."""

import asyncio
import re

from playwright.async_api import expect

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.web.conftest import Person, Visit, conversing

_MANY = 120
_LONG = 150


async def _write(person: Person, *, to: list[str], texts: list[str]) -> None:
    """Have somebody write all texts to each, by a plain socket."""
    client = await Client.open(person.site.system.url, person.site.system.token(person.user))
    number = 0
    for other in to:
        for text in texts:
            number += 1
            await client.send(Op.CREATE_MSG, {"to": other, "text": text}, id=number)
            await client.expect(Op.STATUS_MSG)
    await client.close()


async def test_the_inbox_is_searched_filtered_and_paged(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    others = [f"peer-{number}-{ann.user}" for number in range(_MANY)]
    await _write(ann, to=[f"Zo\u00eb-{ann.user}", *others], texts=["Hello"])
    await _write(bob, to=[ann.user], texts=["One", "Two"])
    await ann.sign_in()
    lines = ann.page.locator(".conversation-line")
    await expect(lines.first).to_contain_text("2 unread")
    # Somebody of long ago is on an older page.
    while await ann.page.get_by_role("button", name="Show older ones").count():
        count = await lines.count()
        await ann.page.get_by_role("button", name="Show older ones").click()
        await expect(lines).not_to_have_count(count)
    await expect(lines).to_have_count(_MANY + 2)
    # Without accents, for not every keyboard has them.
    await ann.page.get_by_label("Search").fill("ZOE")
    await expect(lines).to_have_count(1)
    await ann.page.get_by_label("Search").fill("nobody of that name")
    await expect(ann.page.get_by_text("None of the conversations")).to_be_visible()
    await ann.page.get_by_label("Search").fill("")
    await ann.page.get_by_label("Show", exact=True).select_option("unread")
    await expect(lines).to_have_count(1)
    await expect(lines).to_contain_text(bob.user)
    await ann.check("inbox-filtered")


async def test_older_pages_come_before_the_live_region_and_move_nothing(visit: Visit) -> None:
    ann, bob = await visit("ann", height=500), await visit("bob")
    texts = [f"Line {number}" for number in range(_LONG)]
    await _write(bob, to=[ann.user], texts=texts)
    await ann.sign_in()
    await ann.page.locator(".conversation-line").click()
    await ann.sees(f"Line {_LONG - 1}")
    # Where unread ones begin, as far as they are loaded.
    await expect(ann.page.locator(".new-mark")).to_have_count(1)
    older = ann.page.get_by_role("button", name="Show older messages")
    first = ann.page.locator(".row").first
    words = await first.locator(".words").inner_text()
    await older.scroll_into_view_if_needed()
    top = ann.page.get_by_text(words, exact=True)
    before = await top.bounding_box()
    await older.click()
    await expect(first.locator(".words")).not_to_have_text(words)
    after = await top.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 5
    log = ann.page.get_by_role("log")
    await expect(log.get_by_text(words, exact=True)).to_have_count(1)
    await expect(log.get_by_text("Line 0", exact=True)).to_have_count(0)
    while await older.count():
        count = await ann.page.locator(".row").count()
        await older.click()
        await expect(ann.page.locator(".row")).not_to_have_count(count)
    await expect(ann.page.locator(".row")).to_have_count(_LONG)


async def test_a_conversation_begins_by_keyboard_alone(visit: Visit) -> None:
    ann = await visit("ann", language="fr", width=320, height=640, theme="dark")
    bob = await visit("bob", language="fr", theme="dark")
    await asyncio.gather(ann.sign_in(), bob.sign_in())
    page = ann.page
    await ann.check("inbox-320-fr-dark")
    # The first stop leads past the header; from there on by Tab.
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Aller au contenu")).to_be_focused()
    for _ in range(5):
        await page.keyboard.press("Tab")
    write = page.get_by_role("button", name=re.compile("quelqu"))
    await expect(write).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Avec qui")).to_be_focused()
    await ann.check("new-conversation-320-fr-dark")
    # A mistake is told at the field, and nothing that was typed is lost.
    await page.keyboard.type(ann.user)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("C\u2019est vous.")).to_be_visible()
    await expect(page.get_by_label("Avec qui")).to_be_focused()
    await page.keyboard.press("Control+A")
    await page.keyboard.type(bob.user)
    await page.keyboard.press("Tab")
    await page.keyboard.type("toiture")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_label("Votre message").focus()
    await page.keyboard.type("Bonjour")
    await page.keyboard.press("Enter")
    await expect(page.locator(".mark")).to_have_text("Remis")
    await expect(bob.page.locator(".conversation-line")).to_contain_text("toiture")
    await bob.page.locator(".conversation-line").press("Enter")
    await bob.sees("Bonjour")
    await bob.check("conversation-fr-dark")


async def test_what_is_away_is_said_and_all_else_goes_on(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    system = ann.site.system
    negotiation = system.services["negotiation"]
    negotiation.stop()
    try:
        await ann.page.reload()
        await ann.connected()
        away = ann.page.get_by_text("A part of the service is away")
        await expect(away).to_be_visible()
        await ann.say("Deals are away")
        await bob.sees("Deals are away")
        await ann.check("service-away")
    finally:
        negotiation.start()
        await system.all_ready()
    await ann.page.reload()
    await ann.connected()
    await ann.sees("Deals are away")
    await expect(away).to_have_count(0)
    # What is not there says so as well, and offers nothing.
    await ann.go("c/nobody-knows")
    await expect(ann.page.get_by_text("There is no such conversation")).to_be_visible()
    await expect(ann.page.locator(".composer, .deal-panel, .messages")).to_have_count(0)
