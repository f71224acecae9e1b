"""Two people who talk: each in a browser, before the real services."""

import asyncio
import re

from playwright.async_api import expect

from tests.web.conftest import Visit, conversing


async def test_two_people_talk_and_see_how_far_words_have_come(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob", width=320, height=640)
    await conversing(ann, bob)
    own = ann.page.locator(".row.own", has_text="Hello")
    await expect(own.locator(".mark")).to_have_text("Read")
    await bob.say("Good morning")
    await ann.sees("Good morning")
    await asyncio.gather(ann.check("conversation-wide"), bob.check("conversation-320"))


async def test_an_own_message_is_delivered_before_it_is_read(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await asyncio.gather(ann.sign_in(), bob.sign_in())
    await ann.begin(bob)
    await ann.say("Are you there?")
    mark = ann.page.locator(".row.own .mark")
    # The other's app has it, in the list, which is not to have read it.
    await expect(mark).to_have_text("Delivered")
    line = bob.page.locator(".conversation-line")
    await expect(line).to_contain_text("1 unread")
    await expect(bob.page).to_have_title("(1) Parley")
    await line.click()
    await expect(mark).to_have_text("Read")
    await expect(line).not_to_contain_text("unread")


async def test_presence_and_typing_are_seen_while_they_last(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    # Who has not answered is not to be watched.
    await bob.say("Hello, Ann")
    await expect(ann.page.locator(".presence")).to_have_text("Online")
    await bob.page.get_by_label("Your message").press_sequentially("I thi")
    await expect(ann.page.locator(".typing")).to_have_text(re.compile("is typing"))
    await bob.page.get_by_label("Your message").fill("")
    await expect(ann.page.locator(".typing")).to_have_text("")
    await bob.page.close()
    await expect(ann.page.locator(".presence")).to_have_text(re.compile("Last here"))


async def test_an_own_message_is_edited_and_deleted_by_keyboard_alone(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    page = ann.page
    more = page.get_by_role("button", name="What can be done")
    await more.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await ann.check("message-dialog")
    # Over http from another machine a browser has no clipboard.
    await page.evaluate("() => Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await page.get_by_role("button", name="Copy").evaluate("button => button.click()")
    await expect(page.get_by_text("does not let it be copied")).to_be_visible()
    change = page.get_by_role("button", name="Change the words")
    await expect(change).to_be_focused()
    await page.keyboard.press("Enter")
    field = page.get_by_label(re.compile("new words"))
    await expect(field).to_be_focused()
    await expect(field).to_have_value("Hello")
    await field.press("End")
    await page.keyboard.type(", Bob")
    # What is typed outlasts the page, as a new message does.
    await page.reload()
    await ann.connected()
    await ann.sees("Hello")
    await more.press("Enter")
    await expect(change).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("Hello, Bob")
    await page.keyboard.press("Enter")
    await bob.sees("Hello, Bob")
    await expect(bob.page.locator(".row", has_text="Hello, Bob")).to_contain_text("Changed")
    await more.press("Enter")
    await expect(change).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Delete for both")).to_be_focused()
    await page.keyboard.press("Enter")
    await bob.sees("Message deleted")
    await ann.sees("Message deleted")


async def test_a_draft_is_kept_for_each_conversation(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    field = ann.page.get_by_label("Your message")
    await field.fill("Half a tho")
    await ann.begin(bob, "garden")
    await expect(field).to_have_value("")
    await field.fill("Another")
    await ann.page.go_back()
    await expect(field).to_have_value("Half a tho")
    await ann.page.reload()
    await ann.connected()
    await expect(field).to_have_value("Half a tho")


async def test_what_is_typed_before_the_conversation_is_there_stays(visit: Visit) -> None:
    """On another device, by a link, in a network that takes its time."""
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    place = ann.page.url.partition("#/")[2]
    phone = await visit("ann", width=320, height=640)
    phone.user = ann.user
    phone.gate.hold()
    await phone.page.goto(phone.link())
    await phone.go(place)
    field = phone.page.get_by_label("Your message")
    await field.fill("Half a tho")
    phone.gate.open()
    await phone.sees("Hello")
    await expect(field).to_have_value("Half a tho")
    await phone.page.reload()
    await phone.sees("Hello")
    await expect(field).to_have_value("Half a tho")


async def test_the_focus_stays_on_a_message_when_the_server_answers(visit: Visit) -> None:
    """Messages kept from a visit before stay the same rows when the server tells them."""
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    await expect(ann.page.locator(".row.own .mark")).to_have_text("Read")
    ann.gate.hold()
    await ann.page.reload()
    await ann.sees("Hello")
    more = ann.page.get_by_role("button", name="What can be done")
    await more.focus()
    ann.gate.open()
    await ann.connected()
    await expect(ann.page.get_by_text("Shown as it was")).to_have_count(0)
    await expect(more).to_be_focused()
