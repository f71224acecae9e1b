"""People with the web app, each in a browser of their own, before real services."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote
from uuid import uuid4

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect

from parley_protocol.packets import Op
from tests.support.browser import browser_of_many, serving
from tests.support.client import Client
from tests.support.gate import Gate, gate
from tests.support.node import MODULES, ROOT, built_web
from tests.support.system import System
from tests.support.waiting import PATIENCE

SCREENSHOTS = ROOT / ".data" / "screenshots"
# Of somebody else, with elements of the app in them.
_PAGES = Path(__file__).parent / "pages"
# Looks for what is cut off, covered or too small.
VISUAL = (Path(__file__).parent / "visual.js").read_text("utf-8")
PATIENCE_MS = 1000 * PATIENCE
expect.set_options(timeout=PATIENCE_MS)
_AXE = MODULES / "axe-core" / "axe.min.js"
_SERIOUS = ("serious", "critical")
# That of docs/web.md, for an edge on the loopback.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; worker-src 'self';"
    " connect-src 'self' ws://127.0.0.1:* http://127.0.0.1:*; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
# Short, so that a silence is noticed within the time of a test.
_HEARTBEAT = {"ping_interval_seconds": 1, "pong_timeout_seconds": 4}


class WebSite(NamedTuple):
    """Where the app is served, and the system whose edge lets it in."""

    address: str
    system: System


@pytest.fixture(scope="session")
def web_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    """One system and one server of the app for all tests of this worker."""
    folder = tmp_path_factory.mktemp("web")
    with (
        serving(built_web(), _PAGES, policy=_POLICY) as address,
        System(folder, openings_per_hour=10_000) as system,
    ):
        system.start(
            "moderation", "negotiation", "messaging", allowed_origins=address, **_HEARTBEAT
        )
        yield WebSite(address, system)


class Person:
    """Somebody with the app in a browser. `gate` is their network to the edge."""

    def __init__(
        self, site: WebSite, context: BrowserContext, page: Page, user: str, line: Gate
    ) -> None:
        self.site = site
        self.context = context
        self.page = page
        self.user = user
        self.gate = line

    def link(self, **claims: Any) -> str:
        """A link that signs this person in."""
        return f"{self.site.address}/index.html#token={self.site.system.token(self.user, **claims)}"

    async def sign_in(self, **claims: Any) -> None:
        """Open the link, and return when the app is connected."""
        await self.page.goto(self.link(**claims))
        await self.connected()

    async def connected(self) -> None:
        await self.in_state("live")

    async def in_state(self, state: str) -> None:
        """Return when the app shows a state of the connection."""
        await expect(self.page.locator(f'.connection[data-state="{state}"]')).to_have_count(1)

    async def go(self, path: str) -> None:
        """Go to a place in the app, as a link does: "settings", or "c/<conversation>"."""
        await self.page.evaluate("path => { location.hash = '#/' + path }", path)

    async def begin(self, other: "Person", subject: str = "") -> None:
        """Open the conversation with somebody else, about a subject."""
        await self.go(f"with/{other.user}" + (f"/{quote(subject, safe='')}" if subject else ""))
        await expect(self.page.get_by_role("heading", name=other.user)).to_be_visible()

    async def say(self, text: str) -> None:
        """Write a message with the keyboard. It may be on its way when this returns."""
        field = self.page.locator(".composer textarea")
        await field.fill(text)
        await field.press("Enter")
        await expect(field).to_have_value("")

    async def ask(self, op: Op, d: dict[str, Any], answer: Op) -> dict[str, Any]:
        """Ask something on another device of this person; returns the payload of the answer."""
        system = self.site.system
        client = await Client.open(system.url, system.token(self.user))
        await client.send(op, d, id=1)
        told: dict[str, Any] = (await client.expect(answer))["d"]
        await client.close()
        return told

    async def sees(self, text: str) -> None:
        """Return when some words are among the messages."""
        await expect(self.page.locator(".messages").get_by_text(text, exact=True)).to_be_visible()

    async def picture(self, name: str) -> None:
        """Keep a picture of the screen, below .data/screenshots."""
        await keep_picture(self.page, name)

    async def check(self, name: str) -> None:
        """Keep a picture of the screen, without serious findings of axe, and not too wide."""
        await check_screen(self.page, name)


async def keep_picture(page: Page, name: str) -> None:
    """Keep a picture of the screen, below .data/screenshots."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


async def check_screen(page: Page, name: str) -> None:
    """Keep a picture of the screen, without serious findings of axe, and not too wide."""
    await keep_picture(page, name)
    await check_accessible(page)
    wider = await page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wider <= 0, f"{name}: {wider} pixels wider than the window"
    taller = await page.evaluate(
        "() => document.documentElement.scrollHeight"
        " - Math.max(innerHeight, document.body.scrollHeight)"
    )
    assert taller <= 0, f"{name}: {taller} pixels of the page are below all that is in it"


async def check_accessible(page: Page) -> None:
    """Raise AssertionError, with the findings, when axe finds something serious on the page."""
    if not await page.evaluate("() => 'axe' in window"):
        # By the debugger's way, which the policy of the page does not concern.
        await page.evaluate(_AXE.read_text("utf-8"))
    found = await page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    serious = [
        {
            "rule": violation["id"],
            "help": violation["help"],
            "where": [node["html"] + node["failureSummary"] for node in violation["nodes"]],
        }
        for violation in found["violations"]
        if violation["impact"] in _SERIOUS
    ]
    assert not serious, json.dumps(serious, indent=1)


class Visit(Protocol):
    """Give somebody a browser. `name` begins the name of the user, which is of this test alone."""

    async def __call__(
        self,
        name: str,
        *,
        language: str = "en",
        width: int = 1280,
        height: int = 800,
        theme: str = "light",
        **options: Any,
    ) -> Person: ...


@pytest.fixture
async def web_browser() -> AsyncIterator[Browser]:
    async with browser_of_many() as browser:
        yield browser


@pytest.fixture
async def visit(web_site: WebSite, web_browser: Browser) -> AsyncIterator[Visit]:
    """Give people browsers. What a page throws, or its policy refuses, fails the test."""
    wrong: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            wrong.append(message.text)

    async with AsyncExitStack() as stack:

        async def open_browser(
            name: str,
            *,
            language: str = "en",
            width: int = 1280,
            height: int = 800,
            theme: str = "light",
            **options: Any,
        ) -> Person:
            port = web_site.system.edge_port
            line = await stack.enter_async_context(gate(lambda: port))
            context = await web_browser.new_context(
                locale=language,
                viewport={"width": width, "height": height},
                color_scheme="dark" if theme == "dark" else "light",
                **options,
            )
            stack.push_async_callback(context.close)
            context.set_default_timeout(PATIENCE_MS)

            async def give_config(route: Route) -> None:
                await route.fulfill(json={"url": line.url})

            await context.route("**/config.json", give_config)
            context.on("weberror", lambda error: wrong.append(str(error.error)))
            context.on("console", note)
            page = await context.new_page()
            return Person(web_site, context, page, f"{name}-{uuid4().hex[:6]}", line)

        yield open_browser
    assert not wrong, wrong


async def conversing(first: Person, second: Person, subject: str = "roof") -> None:
    """Sign two people in, the first of whom says "Hello" to the second, who opens it."""
    await asyncio.gather(first.sign_in(), second.sign_in())
    await first.begin(second, subject)
    await first.say("Hello")
    # The conversation has got its address, and who writes can go on.
    await first.page.wait_for_url("**/*#/c/*")
    await expect(first.page.locator(".composer textarea")).to_be_focused()
    await second.page.locator(".conversation-line", has_text=first.user).first.click()
    await second.sees("Hello")
