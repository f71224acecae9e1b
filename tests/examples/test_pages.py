"""The pages of the examples, in a real browser, with the token server and a real edge."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page, expect

from parley_client import Client, NewMessage
from parley_client.views.price import Price
from tests.examples.conftest import Serve
from tests.support.node import ROOT, built, built_library
from tests.support.system import System, free_port
from tests.support.waiting import PATIENCE

# A page takes its time on a machine that is busy with other tests.
_PATIENCE_MS = 1000 * PATIENCE


class Opened(NamedTuple):
    """Ann's page, the sockets that it opened, and the client of Bob, with whom she talks."""

    page: Page
    sockets: list[str]
    bob: Client
    parley: System

    async def sees(self, text: str) -> None:
        await expect(self.page.locator("body")).to_contain_text(text, timeout=_PATIENCE_MS)

    async def says(self, text: str) -> None:
        await self.page.get_by_label("Message").fill(text)
        await self.page.get_by_role("button", name="Send").click()

    async def clicks(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click(timeout=_PATIENCE_MS)

    async def lines(self) -> list[str]:
        return await self.page.locator("ol li").all_inner_texts()


def _build_react_page() -> None:
    page = ROOT / "examples" / "react-page"
    sources = [*built_library().rglob("*.js"), *page.glob("src/*"), *page.glob("*.*")]
    built(page, [page / "dist" / "index.html"], sources)


@pytest.fixture(params=["/", "/react/"], ids=["plain", "react"])
async def opened(
    request: pytest.FixtureRequest,
    parley: System,
    serve_tokens: Serve,
    browser: BrowserContext,
) -> AsyncIterator[Opened]:
    """Ann has signed in and begun to talk with Bob."""
    path = str(request.param)
    await asyncio.to_thread(built_library if path == "/" else _build_react_page)
    port = free_port()
    services = ("moderation", "negotiation", "messaging")
    await asyncio.to_thread(
        lambda: parley.start(*services, allowed_origins=f"http://127.0.0.1:{port}")
    )
    server = await serve_tokens(port)
    page = await browser.new_page()
    problems: list[str] = []
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))

    def heard(message: ConsoleMessage) -> None:
        # Who is signed in is asked without a session first, and sockets come and go.
        if message.type == "error" and "Content Security Policy" in message.text:
            problems.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto(server.url + path)
    await page.get_by_label("Name").fill("ann")
    await page.get_by_label("Password").fill(server.people["ann"])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("header output")).to_have_text("live", timeout=_PATIENCE_MS)
    async with Client(parley.url, token=parley.token("bob")) as bob:
        ann = Opened(page, sockets, bob, parley)
        await page.get_by_label("With", exact=True).fill("bob")
        await ann.clicks("Talk")
        await ann.says("Hello Bob")
        async for event in bob.events():
            if isinstance(event, NewMessage):
                break
        yield ann
    assert problems == []


async def test_two_people_talk_and_make_a_deal(opened: Opened) -> None:
    """What either says and does is in the page: words, marks, the deal, its steps. Whoever signs
    out is out, also after the page was loaded anew.
    """
    bob = opened.bob.conversation_with("ann")
    await bob.send("<img src=x onerror=alert(1)>")
    # What others write is text, whatever it looks like.
    await opened.sees("<img src=x onerror=alert(1)>")
    await bob.mark_read()
    await opened.sees("read")
    deal = await bob.propose(role="provider", title="Roof", price=Price(12_050, "EUR"))
    await opened.sees("€120.50")
    await opened.clicks("accept")
    await opened.sees("agreed: €120.50")
    await bob.deal.deliver()
    await opened.clicks("complete")
    await opened.sees("completed")
    assert (await opened.bob.deal(deal.service).load()).state == "completed"
    assert len(opened.sockets) == 1

    await opened.clicks("Sign out")
    await expect(opened.page.get_by_label("Password")).to_be_visible(timeout=_PATIENCE_MS)
    await opened.page.reload()
    await expect(opened.page.get_by_label("Password")).to_be_visible(timeout=_PATIENCE_MS)


async def test_what_is_written_while_the_server_is_away_outlasts_the_page(opened: Opened) -> None:
    """It stands in the page, also after a reload, and is stored once, in order."""
    edge = opened.parley.edges[0]
    await asyncio.to_thread(edge.stop)
    await opened.says("first")
    await opened.says("second")
    await opened.sees("second")
    await opened.page.reload()
    await opened.page.get_by_label("With", exact=True).fill("bob")
    await opened.clicks("Talk")
    await opened.sees("first")
    await opened.sees("second")
    await asyncio.to_thread(edge.start)
    await expect(opened.page.locator("ol li")).to_have_count(3, timeout=_PATIENCE_MS)
    await expect(opened.page.locator("ol .pending")).to_have_count(0, timeout=_PATIENCE_MS)
    assert await opened.lines() == ["Hello Bob", "first", "second"]
    conversation = opened.bob.conversation_with("ann")
    texts = [message.text async for message in conversation.messages()]
    assert texts == ["Hello Bob", "first", "second"]
