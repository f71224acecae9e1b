"""Words of strangers: shown as text, whatever they hold."""

import asyncio

import pytest
from playwright.async_api import expect

from parley_protocol.packets import Op
from tests.support.moderator import moderating
from tests.web.conftest import Visit, conversing

_SCRIPTS = (
    "<script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "{title} {0, plural, other {#}} <b>bold</b>",
)
_OVERRIDE = "Invoice \u202egpj.exe"
_HUGE = "W" * 3_900


@pytest.mark.parametrize("width", [320, 1280])
async def test_hostile_texts_are_shown_as_text_and_stay_in_their_place(
    visit: Visit, width: int
) -> None:
    ann, bob = await visit("ann"), await visit("bob", width=width, height=700)
    await conversing(ann, bob, "<b>roof</b>")
    for text in (*_SCRIPTS, _OVERRIDE, _HUGE):
        await ann.say(text)
    await ann.say("\u05e9\u05dc\u05d5\u05dd, Bob")
    for text in (*_SCRIPTS, _HUGE):
        await bob.sees(text)
    messages = bob.page.locator(".messages")
    await expect(messages.locator("code", has_text="U+202E")).to_be_visible()
    await expect(messages.locator("script, img, b")).to_have_count(0)
    await expect(bob.page.locator(".conversation-names")).to_contain_text("<b>roof</b>")
    await expect(bob.page).to_have_title("Parley")
    # The direction of a text is its own.
    hebrew = messages.locator("bdi", has_text="\u05e9\u05dc\u05d5\u05dd")
    assert await hebrew.evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert await hebrew.evaluate("one => getComputedStyle(one).unicodeBidi") == "isolate"
    await bob.check(f"hostile-{width}")


async def test_links_are_those_of_the_web_alone_and_tell_nobody_where_they_were(
    visit: Visit,
) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    await ann.say("javascript:alert(1) https://example.com/a. https://xn--80ak6aa92e.com/")
    await ann.say("https://\u0430pple.example/ http://bank.example@evil.example/")
    links = bob.page.locator(".messages a")
    await expect(links).to_have_count(3)
    await expect(links.first).to_have_attribute("href", "https://example.com/a")
    for number in range(3):
        await expect(links.nth(number)).to_have_attribute("rel", "noopener noreferrer nofollow")
    # Letters of another script look like those of a known name.
    await expect(bob.page.get_by_text("(xn--pple-43d.example)")).to_be_visible()


async def test_a_refused_message_is_kept_and_says_why(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    listed = await bob.ask(Op.ASK_CONVERSATIONS, {}, Op.RETURN_CONVERSATIONS)
    message = listed["conversations"][0]["last_message"]["message"]
    system = ann.site.system
    async with moderating(
        system.target("moderation"), system.credentials, system.token, "carol"
    ) as moderator:
        await moderator.report(message, bob.user)
        await moderator.decide(ann.user, "muted")
        await ann.say("Are you still there?")
        row = ann.page.locator(".row.own", has_text="Are you still there?")
        await expect(row.locator(".mark")).to_have_text("Not sent")
        await expect(row).to_contain_text("Not done: a sanction does not let you do this.")
        await ann.check("refused")
        # What was refused outlasts the page, and is sent again when somebody wants that.
        await ann.page.reload()
        await expect(row.locator(".mark")).to_have_text("Not sent")
        await ann.say("Or not?")
        refused = ann.page.locator(".row.failed", has_text="Or not?")
        await refused.get_by_role("button", name="Discard").click()
        await expect(ann.page.locator(".row", has_text="Or not?")).to_have_count(0)
        await moderator.lift(ann.user)
    await row.get_by_role("button", name="Send again").click()
    await bob.sees("Are you still there?")
    await expect(row).to_have_count(1)


async def test_who_blocks_somebody_is_told_so_where_they_would_write(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    await bob.ask(Op.BLOCK_USER, {"user": ann.user, "blocked": True}, Op.BLOCK_USER)
    await expect(bob.page.get_by_text("You block")).to_be_visible()
    await expect(bob.page.get_by_label("Your message")).to_have_count(0)
    await bob.check("blocked")
    await bob.page.get_by_role("button", name="Unblock").click()
    await bob.say("Here I am again")
    await ann.sees("Here I am again")


async def test_a_text_that_is_too_long_is_kept_and_not_sent(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await asyncio.gather(ann.sign_in(), bob.sign_in())
    await ann.begin(bob)
    field = ann.page.get_by_label("Your message")
    await field.fill("x" * 4_001)
    await field.press("Enter")
    await expect(ann.page.locator(".field-error")).to_contain_text("4,001 characters")
    await expect(field).to_have_value("x" * 4_001)
    await expect(ann.page.locator(".row")).to_have_count(0)
