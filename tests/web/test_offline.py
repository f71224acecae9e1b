"""No network, a slow one, another tab, and a browser that stores nothing."""

import asyncio

from playwright.async_api import Browser, expect

from tests.support.processes import Processes, sleeping
from tests.support.waiting import PATIENCE
from tests.web.conftest import Visit, conversing

# A browser that denies storage to a page.
_DENY = """
for (const name of ["localStorage", "sessionStorage", "indexedDB"]) {
  Object.defineProperty(globalThis, name, {
    get() { throw new DOMException("denied", "SecurityError"); },
  });
}
"""


async def test_what_is_written_without_a_network_waits_and_is_sent_when_it_is_back(
    visit: Visit,
) -> None:
    ann, bob = await visit("ann", width=320, height=640), await visit("bob")
    await conversing(ann, bob)
    ann.gate.shut()
    await ann.in_state("waiting")
    await ann.say("Written in a tunnel")
    row = ann.page.locator(".row.own", has_text="Written in a tunnel")
    await expect(row.locator(".mark")).to_have_text("Waiting")
    await expect(row).to_have_class("row own pending queued")
    await expect(ann.page.get_by_text("No connection to the server.")).to_be_visible()
    await ann.check("offline-320")
    # One that was never sent can be taken back.
    await ann.say("Rather not")
    unsaid = ann.page.locator(".row.own", has_text="Rather not")
    await unsaid.get_by_role("button", name="Do not send").click()
    await expect(unsaid).to_have_count(0)
    await expect(ann.page.get_by_role("button", name="Try now")).to_be_visible()
    ann.gate.open()
    # Unless it tries by itself at this very moment.
    await ann.page.evaluate("() => dispatchEvent(new Event('online'))")
    await bob.sees("Written in a tunnel")
    await expect(row.locator(".mark")).to_have_text("Read")
    await expect(bob.page.get_by_text("Rather not")).to_have_count(0)


async def test_the_app_opens_without_a_network_to_read_and_to_write(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    await bob.say("See you on Monday")
    await ann.sees("See you on Monday")
    await ann.page.evaluate("() => navigator.serviceWorker.ready")
    ann.gate.shut()
    await ann.context.set_offline(True)
    await ann.page.reload()
    await ann.sees("See you on Monday")
    await expect(ann.page.get_by_text("Shown as it was")).to_be_visible()
    await expect(ann.page.locator(".conversation-line", has_text=bob.user)).to_be_visible()
    await ann.say("Monday is fine")
    await ann.page.reload()
    row = ann.page.locator(".row.own", has_text="Monday is fine")
    await expect(row.locator(".mark")).to_have_text("Waiting")
    await ann.picture("offline-reading")
    ann.gate.open()
    await ann.context.set_offline(False)
    await bob.sees("Monday is fine")
    await expect(row).to_have_count(1)
    await expect(row.locator(".mark")).to_have_text("Read")


async def test_after_a_phone_s_sleep_all_is_there(visit: Visit, web_browser: Browser) -> None:
    """The server has given the phone up, and its clock has jumped: nothing is lost or doubled."""
    ann, bob = await visit("ann", width=390, height=800), await visit("bob")
    await conversing(bob, ann)
    await ann.page.locator(".composer textarea").fill("Half of a")
    process = await (await Processes.of(web_browser)).of_page(ann.page)
    # Longer than the server waits for a client that says nothing.
    with sleeping(process):
        async with asyncio.timeout(PATIENCE):
            await ann.gate.emptied()
        for text in ("Are you asleep?", "Good night", "See you on Monday"):
            await bob.say(text)
        await bob.sees("See you on Monday")
        mark = bob.page.locator(".row.own", has_text="See you on Monday").locator(".mark")
        await expect(mark).to_have_text("Sent")
    await ann.sees("See you on Monday")
    await ann.connected()
    await expect(mark).to_have_text("Read")
    field = ann.page.locator(".composer textarea")
    await expect(field).to_have_value("Half of a")
    await field.press("End")
    await ann.page.keyboard.type(" dream")
    await ann.page.keyboard.press("Enter")
    await bob.sees("Half of a dream")
    said = await ann.page.locator(".messages .words").all_inner_texts()
    expected = ["Are you asleep?", "Good night", "See you on Monday", "Half of a dream"]
    assert said == ["Hello", *expected]


async def test_in_a_slow_network_nothing_is_shown_as_sent_before_it_is(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    ann.gate.delay = 1.0
    await ann.say("Slowly")
    mark = ann.page.locator(".row.own", has_text="Slowly").locator(".mark")
    await expect(mark).to_have_text("Waiting")
    await bob.sees("Slowly")
    await expect(mark).to_have_text("Read")


async def test_two_tabs_show_the_same_and_send_once(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    second = await ann.context.new_page()
    await second.goto(ann.link())
    await second.locator(".conversation-line").click()
    field = second.locator(".composer textarea")
    await field.fill("From the second tab")
    await field.press("Enter")
    await ann.sees("From the second tab")
    await ann.say("From the first tab")
    for page in (ann.page, second, bob.page):
        messages = page.locator(".messages")
        await expect(messages.get_by_text("From the first tab")).to_have_count(1)
        await expect(messages.get_by_text("From the second tab")).to_have_count(1)


async def test_a_browser_that_denies_storage_says_so_and_sends(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.context.add_init_script(_DENY)
    await conversing(ann, bob)
    await expect(ann.page.get_by_text("The browser does not store what you write")).to_be_visible()
    await ann.check("storage-denied")
