"""Pages with a client of `@parley/client`, in a real browser, before a real edge."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.async_api import BrowserContext, Page, Playwright, async_playwright

from parley_protocol.packets import Op
from tests.support.browser import launched, serving
from tests.support.client import Client
from tests.support.gate import Gate, gate
from tests.support.node import built_library
from tests.support.processes import Processes
from tests.support.system import System
from tests.support.waiting import PATIENCE

_PAGE = Path(__file__).parent / "page"
# Short, so that a silence is noticed within the time of a test.
_HEARTBEAT = {"ping_interval_seconds": 1, "pong_timeout_seconds": 4}
_PATIENT = {"ping_interval_seconds": 1, "pong_timeout_seconds": 120}


class Site(NamedTuple):
    """Where the page is served, and the system whose edge lets it in."""

    address: str
    system: System
    # The address of an edge that is silent for minutes before it gives a client up.
    patient_url: str


@pytest.fixture(scope="session")
def browser_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One system and one server of the page for all tests of this worker."""
    folder = tmp_path_factory.mktemp("system")
    with (
        serving(_PAGE, built_library()) as address,
        System(folder, openings_per_hour=10_000) as system,
    ):
        patient = system.start("messaging", allowed_origins=address, **_PATIENT)
        system.start_edge(allowed_origins=address, **_HEARTBEAT)
        yield Site(address, system, f"ws://127.0.0.1:{patient.port}/ws")


Event = dict[str, Any]


class Tab:
    """A page of a person, and all that its client has told."""

    def __init__(self, page: Page, told: list[Event], arrived: asyncio.Condition) -> None:
        self.page = page
        self.told = told
        self._arrived = arrived

    async def send(self, to: str, text: str) -> str:
        """Have the client send a text; gives its key, before anything was answered."""
        key: str = await self.page.evaluate("([to, text]) => page.send(to, text)", [to, text])
        return key

    async def entries(self) -> list[dict[str, Any]]:
        """What is in the outbox, as this tab sees it."""
        found: list[dict[str, Any]] = await self.page.evaluate("() => page.entries()")
        return found

    async def heard(self, kind: str, count: int = 1, **fields: Any) -> list[Event]:
        """Return when so many such events have come since the page began."""

        def found() -> list[Event]:
            return [
                event
                for event in self.told
                if event["type"] == kind
                and all(event.get(name) == value for name, value in fields.items())
            ]

        try:
            async with asyncio.timeout(PATIENCE), self._arrived:
                await self._arrived.wait_for(lambda: len(found()) >= count)
        except TimeoutError:
            raise AssertionError(
                f"{kind} {fields} not heard {count} times in {self.told}"
            ) from None
        return found()

    async def knows(self, count: int) -> None:
        """Return when so many commands have been in the outbox, as this tab sees it."""
        async with asyncio.timeout(PATIENCE), self._arrived:
            await self._arrived.wait_for(
                lambda: (
                    len({event["key"] for event in self.told if event["type"] == "outbox"}) >= count
                )
            )

    async def live(self, after: int = 0) -> None:
        """Return when the connection is live, by an event after the first `after` ones."""
        async with asyncio.timeout(PATIENCE), self._arrived:
            await self._arrived.wait_for(
                lambda: any(event.get("state") == "live" for event in self.told[after:])
            )

    async def crash(self) -> None:
        """Kill the renderer: nothing of the page runs any more, not even its farewell."""
        session = await self.page.context.new_cdp_session(self.page)
        async with self.page.expect_event("crash"):
            # The answer never comes.
            crashing = asyncio.create_task(session.send("Page.crash"))
        crashing.cancel()
        await self.page.close()

    def texts(self) -> list[str]:
        """The texts that the page was told of, in the order in which it was."""
        messages = [event["message"] for event in self.told if event["type"] == "message"]
        return [message["text"] for message in messages]


class Browser:
    """A browser of one person, whose profile outlasts it."""

    def __init__(self, context: BrowserContext, site: Site, user: str) -> None:
        self.context = context
        self.user = user
        self.url = site.system.url
        # Whether there is anybody to give tokens to, for how many seconds they are good, and
        # for which reasons they were given.
        self.signed_in = True
        self.token_life = 3600.0
        self.token_reasons: list[str] = []
        self._site = site
        self._tabs: dict[Page, Tab] = {}
        self._arrived = asyncio.Condition()

    async def prepare(self) -> None:
        """Give the pages the functions with which they ask and tell."""
        await self.context.expose_binding("giveToken", self._give_token)
        await self.context.expose_binding("tellEvent", self._tell_event)

    def _give_token(self, _source: Any, user: str, reason: str) -> str | None:
        self.token_reasons.append(reason)
        if not self.signed_in:
            return None
        return self._site.system.token(user, expires_in=self.token_life, jti=str(uuid4()))

    async def _tell_event(self, source: Any, event: Event) -> None:
        async with self._arrived:
            self._tabs[source["page"]].told.append(event)
            self._arrived.notify_all()

    async def open(self, **options: Any) -> Tab:
        """Open a tab with a client that connects."""
        page = await self.context.new_page()
        tab = self._tabs[page] = Tab(page, [], self._arrived)
        page.on("pageerror", lambda error: tab.told.append({"type": "pageerror", "error": error}))
        await self.load(tab, **options)
        return tab

    async def load(self, tab: Tab, **options: Any) -> None:
        """Load the page anew, with a new client."""
        tab.told.clear()
        await tab.page.goto(f"{self._site.address}/index.html")
        await tab.heard("loaded")
        await tab.page.evaluate(
            "([url, user, options]) => page.start(url, user, options)",
            [self.url, self.user, options],
        )

    async def kill(self) -> None:
        """Kill all of the browser; returns when its driver knows, and has nothing to close."""
        async with self.context.expect_event("close"):
            await (await Processes.of(self.context.browser)).kill()


class World:
    """The people of a test, their browsers, and what the server has of them."""

    def __init__(self, playwright: Playwright, site: Site, profiles: Path) -> None:
        self.site = site
        self._playwright = playwright
        self._profiles = profiles
        self._run = uuid4().hex[:8]

    def user(self, name: str) -> str:
        """How a person is called in this test alone."""
        return f"{name}-{self._run}"

    @asynccontextmanager
    async def browse(self, name: str) -> AsyncIterator[Browser]:
        """The browser of a person; a later one of the same person finds what it stored."""
        async with launched(self._playwright, self._profiles / name) as context:
            browser = Browser(context, self.site, self.user(name))
            await browser.prepare()
            yield browser

    @asynccontextmanager
    async def client(self, name: str) -> AsyncIterator[Client]:
        """A plain client of a person, which knows nothing of the library and answers no PING."""
        token = self.site.system.token(self.user(name))
        client = await Client.open(self.site.patient_url, token)
        try:
            yield client
        finally:
            await client.close()

    @asynccontextmanager
    async def patient(self) -> AsyncIterator[Gate]:
        """A gate before the edge that waits for minutes before it gives a client up."""
        port = urlsplit(self.site.patient_url).port
        assert port is not None
        async with gate(lambda: port) as made:
            yield made

    async def stored(self, reader: str, writer: str) -> list[str]:
        """The texts that the server has of `writer` for `reader`, in the order of `seq`."""
        async with self.client(reader) as client:
            listed = await client.ask_until_there(Op.ASK_CONVERSATIONS, {})
            texts: list[str] = []
            for conversation in listed["d"]["conversations"]:
                asked = {"conversation": conversation["conversation"], "limit": 100}
                page = await client.ask_until_there(Op.ASK_MESSAGES, asked)
                texts += [
                    message["text"]
                    for message in page["d"]["messages"]
                    if message["sender"] == self.user(writer)
                ]
            return texts


@pytest.fixture
async def world(browser_site: Site, tmp_path: Path) -> AsyncIterator[World]:
    """People of this test alone."""
    async with async_playwright() as playwright:
        yield World(playwright, browser_site, tmp_path)


@pytest.fixture
async def line(browser_site: Site) -> AsyncIterator[Gate]:
    """A gate before the edge."""
    async with gate(lambda: browser_site.system.edge_port) as made:
        yield made
