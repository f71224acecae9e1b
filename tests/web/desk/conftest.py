"""Moderators at the desk, each in a browser of their own, before real services."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from parley.moderation.v1 import moderation_pb2 as pb
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from parley_client import Client, Price
from parley_protocol.payloads.moderation import ReportReason
from tests.support.moderator import Moderator as Colleague
from tests.support.moderator import moderating
from tests.support.node import built_desk
from tests.support.system import Part, System
from tests.web.conftest import PATIENCE_MS, check_screen, keep_picture

# Of disputes, in which moderators decide after that: 2 s.
_STATEMENTS_HOURS = 2 / 3600


class Desk(NamedTuple):
    """The desk's process, and the system whose cases it shows."""

    system: System
    part: Part

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.part.port}"


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One system with its desk for all tests of this worker."""
    folder = tmp_path_factory.mktemp("desk")
    with System(folder, openings_per_hour=10_000) as system:
        system.settings["moderation"] = {"statements_hours": _STATEMENTS_HOURS}
        system.start("moderation", "negotiation", "messaging")
        # Short, so that an absence is noticed within the time of a test.
        part = system.start_desk(app_folder=built_desk(), watch_timeout_seconds=2)
        yield Desk(system, part)


class Talk(NamedTuple):
    """A conversation with a deal, of which one message was reported: the case is open."""

    ann: str
    bob: str
    case: str
    message: str


class Argument(NamedTuple):
    """A deal about which two people dispute."""

    ann: str
    bob: str
    dispute: str


class Moderator:
    """A moderator with the desk in a browser."""

    def __init__(self, desk: Desk, context: BrowserContext, page: Page, user: str) -> None:
        self.desk = desk
        self.context = context
        self.page = page
        self.user = user

    def token(self, **claims: Any) -> str:
        return self.desk.system.token(self.user, **{"roles": ["moderator"], **claims})

    def link(self, **claims: Any) -> str:
        """A link that signs this moderator in."""
        return f"{self.desk.address}/#token={self.token(**claims)}"

    async def sign_in(self, path: str = "queue", **claims: Any) -> None:
        """Open a link that signs in, and return when a moderator sees what others do."""
        await self.page.goto(self.link(**claims))
        await expect(self.page.locator(".desk")).to_be_visible()
        if "roles" not in claims:
            await self.live()
        await self.go(path)

    async def live(self) -> None:
        await expect(self.page.locator('.liveness[data-state="live"]')).to_have_count(1)

    async def go(self, path: str) -> None:
        """Go to a place of the desk, as a link does: "queue?severity=high"."""
        await self.page.evaluate("path => { location.hash = '#/' + path }", path)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    def row(self, case: str) -> Any:
        """The line of a case in a list."""
        return self.page.locator(f'[data-case="{case}"]')

    async def picture(self, name: str) -> None:
        """Keep a picture of the screen, below .data/screenshots."""
        await keep_picture(self.page, f"desk-{name}")

    async def check(self, name: str) -> None:
        """Keep a picture of the screen, without serious findings of axe, and not too wide."""
        await check_screen(self.page, f"desk-{name}")


Enter = Callable[..., Coroutine[Any, Any, Moderator]]
Quarrel = Callable[..., Coroutine[Any, Any, Talk]]


@pytest.fixture
async def moderator(desk: Desk, web_browser: Browser) -> AsyncIterator[Enter]:
    """Give moderators browsers. What a page throws, or its policy refuses, fails the test."""
    wrong: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            wrong.append(message.text)

    async with AsyncExitStack() as stack:

        async def enter(
            name: str,
            *,
            language: str = "en",
            width: int = 1280,
            height: int = 800,
            theme: str = "light",
        ) -> Moderator:
            context = await web_browser.new_context(
                locale=language,
                viewport={"width": width, "height": height},
                color_scheme="dark" if theme == "dark" else "light",
            )
            stack.push_async_callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            context.on("weberror", lambda error: wrong.append(str(error.error)))
            context.on("console", note)
            page = await context.new_page()
            return Moderator(desk, context, page, f"{name}-{uuid4().hex[:6]}")

        yield enter
    assert not wrong, wrong


@asynccontextmanager
async def talking(desk: Desk, *users: str) -> AsyncIterator[list[Client]]:
    """Clients of people, connected."""
    async with AsyncExitStack() as stack:
        clients = []
        for user in users:
            client = Client(desk.system.url, token=desk.system.token(user))
            clients.append(await stack.enter_async_context(client))
        yield clients


@pytest.fixture
def quarrel(desk: Desk) -> Quarrel:
    """Have two people talk, propose a deal, and one of them report the other."""

    async def run(
        words: str = "Pay me in cash, or the tap will drip again.",
        reason: ReportReason = "harassment",
    ) -> Talk:
        mark = uuid4().hex[:6]
        ann, bob = f"ann-{mark}", f"bob-{mark}"
        async with talking(desk, ann, bob) as (first, second):
            theirs = first.conversation_with(bob, subject="Kitchen tap")
            await theirs.send("My kitchen tap drips.")
            await theirs.propose(
                role="client", title="Repair the tap", price=Price(10_000, "EUR", 2)
            )
            back = second.conversation_with(ann, subject="Kitchen tap")
            said = await back.send(words)
            await first.conversation(said.conversation).report_message(
                said.message, reason, "He threatens me."
            )
        return Talk(ann, bob, await case_against(desk, bob), said.message)

    return run


@asynccontextmanager
async def at_terminal(desk: Desk, name: str) -> AsyncIterator[Colleague]:
    """Connect a moderator who works without the desk."""
    system = desk.system
    async with moderating(
        system.target("moderation"), system.credentials, system.token, name
    ) as colleague:
        yield colleague


async def disputed(desk: Desk, title: str, statement: str) -> Argument:
    """Have two people agree on a deal, and one of them open a dispute about it."""
    mark = uuid4().hex[:6]
    ann, bob = f"ann-{mark}", f"bob-{mark}"
    async with talking(desk, ann, bob) as (first, second):
        theirs = first.conversation_with(bob, subject="Sink")
        await theirs.send("The sink, please.")
        deal = await theirs.propose(role="client", title=title, price=Price(12_050, "EUR", 2))
        assert deal.live_offer is not None
        await second.deal(deal.service).accept(deal.live_offer)
        opened = await theirs.deal.open_dispute("quality", statement)
    return Argument(ann, bob, opened.dispute)


async def case_against(desk: Desk, user: str) -> str:
    """The id of the case against somebody that is not decided."""
    async with at_terminal(desk, "finder") as finder:
        listed = await finder.call("ListCases", pb.ListCasesRequest(accused=user))
    return str(listed.cases[0].id)
