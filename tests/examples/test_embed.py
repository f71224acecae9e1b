"""The page of a marketplace with Parley's elements in it, with the token server and a real edge."""

import asyncio

from playwright.async_api import BrowserContext, ConsoleMessage, expect

from parley_client import Client, NewMessage
from tests.examples.conftest import Serve
from tests.support.node import built_web
from tests.support.system import System, free_port
from tests.support.waiting import PATIENCE

# A page takes its time on a machine that is busy with other tests.
_PATIENCE_MS = 1000 * PATIENCE


async def test_two_people_talk_in_the_page_of_a_marketplace(
    parley: System, serve_tokens: Serve, browser: BrowserContext
) -> None:
    """Ann signs in at the marketplace, and is hers; signed out, nothing of her is there."""
    await asyncio.to_thread(built_web)
    port = free_port()
    services = ("moderation", "negotiation", "messaging")
    await asyncio.to_thread(
        lambda: parley.start(*services, allowed_origins=f"http://127.0.0.1:{port}")
    )
    server = await serve_tokens(port)
    page = await browser.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    problems: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            problems.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto(f"{server.url}/embed/")
    await page.get_by_label("Name").fill("ann")
    await page.get_by_label("Password").fill(server.people["ann"])
    await page.get_by_role("button", name="Sign in", exact=True).click()
    async with Client(parley.url, token=parley.token("bob")) as bob:
        await bob.conversation_with("ann", subject="roof").send("Hello Ann")
        await expect(page.locator("#unread")).to_have_text("1 new", timeout=_PATIENCE_MS)
        await page.locator("parley-inbox").get_by_role("link", name="bob").click()
        chat = page.locator("parley-chat")
        await chat.get_by_label("Your message").fill("Hello Bob")
        await chat.get_by_role("button", name="Send").click()
        async for event in bob.events():
            if isinstance(event, NewMessage) and event.message.text == "Hello Bob":
                break
    await expect(page.locator("#unread")).to_have_text("", timeout=_PATIENCE_MS)
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_label("Password")).to_be_visible(timeout=_PATIENCE_MS)
    await expect(page.get_by_text("Hello Bob")).to_have_count(0)
    await expect(chat.locator(".base")).to_contain_text("You are not signed in")
    assert problems == []
