"""The elements `<parley-inbox>` and `<parley-chat>` in pages of somebody else."""

import asyncio
import gzip
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from playwright.async_api import Page, Route, WebSocket, expect

from tests.support.node import WEB, built_web
from tests.support.waiting import PATIENCE
from tests.web.conftest import VISUAL, Person, Visit, check_accessible
from tests.web.story import tell

# Bytes of parley.js as it is sent; docs/web.md names it.
_LARGEST = 88 * 1024
_MAKE = """({ place, name, attributes, tokens }) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  const types = ["open", "back", "unread", "state", "error"];
  for (const type of types) {
    element.addEventListener(`parley-${type}`, ({ detail }) => {
      const { error, ...told } = detail ?? {};
      globalThis.told.push([type, told]);
      dispatchEvent(new Event("told"));
    });
  }
  globalThis.told ??= [];
  globalThis.tokens ??= {};
  if (tokens) element.getToken = async () => {
    const token = globalThis.tokens[tokens];
    if (token === undefined) throw new Error("no network");
    return token;
  };
  document.querySelector(place).append(element);
}"""


_IS_TOLD = """([kind, detail]) => new Promise((resolve) => {
  const look = () => {
    const [, last] = globalThis.told.findLast(([name]) => name === kind) ?? [];
    if (last && Object.entries(detail).every(([key, value]) => last[key] === value)) resolve();
  };
  addEventListener("told", look);
  look();
})"""


class Host(NamedTuple):
    """A page with elements, whose network to the edge is that of `person`."""

    person: Person
    page: Page
    sockets: list[WebSocket]

    async def give(self, user: str, token: str | None) -> None:
        """Say which token the functions of the page give for somebody; null for nobody."""
        await self.page.evaluate(
            "([user, token]) => { (globalThis.tokens ??= {})[user] = token }", [user, token]
        )

    async def make(self, place: str, name: str, tokens: str = "", **attributes: str) -> None:
        """Put an element into a place of the page."""
        told = {"url": self.person.gate.url, **attributes}
        await self.page.evaluate(
            _MAKE, {"place": place, "name": name, "attributes": told, "tokens": tokens}
        )

    async def told(self, kind: str) -> list[dict[str, Any]]:
        """Details of the events of a kind that came so far."""
        told: list[tuple[str, dict[str, Any]]] = await self.page.evaluate("() => globalThis.told")
        return [detail for name, detail in told if name == kind]

    async def is_told(self, kind: str, **detail: Any) -> None:
        """Return when the newest event of a kind has this detail."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.page.evaluate(_IS_TOLD, [kind, detail])
        except TimeoutError:
            raise AssertionError(await self.page.evaluate("() => globalThis.told")) from None

    def computed(self, selector: str, name: str) -> Any:
        return self.page.locator(selector).first.evaluate(
            "(element, name) => getComputedStyle(element)[name]", name
        )


async def _host(person: Person) -> Host:
    """Open pages/host.html, whose policy is that of the app, and Trusted Types without any."""
    sockets: list[WebSocket] = []

    def note(socket: WebSocket) -> None:
        sockets.append(socket)

    person.page.on("websocket", note)
    await person.page.goto(f"{person.site.address}/host.html")
    return Host(person, person.page, sockets)


def _token(person: Person, user: str = "") -> str:
    return person.site.system.token(user or person.user)


def test_the_module_is_one_small_file() -> None:
    people = built_web()
    embed = WEB / "dist" / "embed"
    assert {path.name for path in embed.iterdir()} == {"parley.js", "parley.d.ts"}
    module = (embed / "parley.js").read_bytes()
    assert len(gzip.compress(module)) < _LARGEST
    assert f"{_LARGEST // 1024} KB" in (WEB.parent / "docs" / "web.md").read_text("utf-8")
    # Whoever serves the app serves the elements.
    assert (people / "embed" / "parley.js").read_bytes() == module


async def test_an_inbox_and_a_chat_share_a_socket_and_live_with_the_page(visit: Visit) -> None:
    """They read what is seen, outlast being moved, and neither look nor act like the page."""
    ann, bob = await visit("ann"), await visit("bob")
    host = await _host(ann)
    page = host.page
    await bob.sign_in()
    await bob.begin(ann, "roof")
    await bob.say("Hello Ann")
    await host.give("ann", _token(ann))
    await host.make(".one", "parley-inbox", "ann", **{"for": "chat", "language": "en"})
    await host.make(".two", "parley-chat", "ann", id="chat", language="en")
    await host.is_told("unread", messages=1, conversations=1)
    await page.locator("parley-inbox .conversation-line").click()
    [opened] = await host.told("open")
    assert set(opened) == {"conversation"}
    # It is shown, far below: nobody has seen it.
    hello = page.locator("parley-chat").get_by_text("Hello Ann", exact=True)
    await expect(hello).to_have_count(1)
    mark = bob.page.locator(".row.own", has_text="Hello Ann").locator(".mark")
    await expect(mark).to_have_text("Delivered")
    await hello.scroll_into_view_if_needed()
    await expect(mark).to_have_text("Read")
    await host.is_told("unread", messages=0, conversations=0)
    field = page.locator("parley-chat textarea")
    await field.fill("Hello Bob")
    await field.press("Enter")
    await bob.sees("Hello Bob")
    assert len(host.sockets) == 1

    # The page's look stays outside; its custom properties and parts come in.
    assert await host.computed("parley-chat .own .bubble", "fontSize") == "16px"
    assert await host.computed("parley-chat .own .bubble", "textTransform") == "none"
    assert await host.computed("parley-chat .own .bubble", "letterSpacing") == "normal"
    assert await host.computed("parley-chat .own .bubble", "direction") == "ltr"
    assert (
        await host.computed("parley-chat .own .bubble", "backgroundColor") == "rgb(254, 253, 252)"
    )
    assert await host.computed("parley-chat .own .bubble", "borderTopWidth") == "7px"
    assert await host.computed("parley-chat .own .bubble", "borderRadius") == "11px"
    assert await host.computed("parley-chat .button.primary", "backgroundColor") == "rgb(4, 5, 6)"
    assert await host.computed("h1", "color") == "rgb(255, 0, 0)"
    assert await page.evaluate("() => document.documentElement.lang") == "fr"
    assert await page.evaluate("() => document.documentElement.dataset.theme") == "own"
    assert page.url.endswith("/host.html")
    await check_accessible(page)
    await ann.picture("embed-host")

    # Moved, it goes on; the words that are being written are there.
    await field.fill("Half of a")
    await page.evaluate(
        """() => {
          const chat = document.querySelector("parley-chat");
          document.querySelector(".one").prepend(chat);
        }"""
    )
    await expect(field).to_have_value("Half of a")
    await bob.say("Still there?")
    await expect(page.locator("parley-chat").get_by_text("Still there?")).to_be_visible()
    assert len(host.sockets) == 1
    # Taken away, the client is closed; put back, there is another.
    closed = host.sockets[0].wait_for_event("close")
    await page.evaluate(
        """() => {
          globalThis.away = [...document.querySelectorAll("parley-inbox, parley-chat")];
          for (const element of globalThis.away) element.remove();
        }"""
    )
    await closed
    async with page.expect_websocket():
        await page.evaluate("() => document.querySelector('.one').append(...globalThis.away)")
    await expect(page.locator("parley-chat").get_by_text("Still there?")).to_be_visible()
    await expect(field).to_have_value("Half of a")
    assert len(host.sockets) == 2


async def test_two_people_in_one_page_and_those_who_are_not_let_in(visit: Visit) -> None:
    """Each element is of the user of its own token; one without says why, and tries again."""
    ann = await visit("ann", width=320, height=900)
    host = await _host(ann)
    page, other = host.page, f"{ann.user}-other"
    await host.give("ann", _token(ann))
    await host.make(".one", "parley-chat", "ann", **{"with": other, "language": "fr"})
    await host.make(".one", "parley-chat", "other", **{"with": ann.user, "theme": "dark"})
    first, second = page.locator("parley-chat").nth(0), page.locator("parley-chat").nth(1)
    # There is no token for the second yet.
    await host.is_told("error", code="TOKEN_THREW")
    await expect(second.get_by_role("alert")).to_contain_text("Impossible de savoir")
    # Unless it tries by itself at this very moment.
    await second.get_by_role("button").evaluate(
        "(button, token) => { globalThis.tokens.other = token; button.click() }",
        _token(ann, other),
    )
    await first.locator("textarea").fill("Bonjour")
    await first.locator("textarea").press("Enter")
    await expect(second.locator(".row.other").get_by_text("Bonjour", exact=True)).to_have_count(1)
    assert len(host.sockets) == 2
    assert await host.computed(":nth-match(parley-chat, 2) .base", "colorScheme") == "dark"
    await check_accessible(page)

    # Neither a function nor an address of tokens.
    await host.make(".one", "parley-inbox")
    await host.is_told("error", code="TOKEN_MISSING")
    inbox = page.locator("parley-inbox")
    await expect(inbox.get_by_role("alert")).to_contain_text("rien ne lui dit qui est connecté")
    await inbox.evaluate("(inbox) => { inbox.getToken = () => 'no token at all' }")
    await host.is_told("error", code="TOKEN_INVALID")
    await inbox.evaluate("(inbox) => { inbox.url = 'mailto:nobody' }")
    await host.is_told("error", code="URL_INVALID")
    await inbox.evaluate("(inbox) => inbox.remove()")

    # An address of the marketplace's own takes the place of a function.
    asked: list[str] = []

    async def answer(route: Route) -> None:
        asked.append(route.request.method)
        await route.fulfill(json={"token": _token(ann)})

    await ann.context.route("**/parley-token", answer)
    await host.make(".one", "parley-inbox", **{"token-url": "parley-token"})
    await expect(inbox.locator(".conversation-line")).to_have_count(1)
    assert asked == ["POST"]
    assert len(host.sockets) == 2
    await inbox.evaluate("(inbox) => inbox.remove()")

    # Signed out at the marketplace: nothing is shown any more.
    await host.give("ann", None)
    await host.give("other", None)
    await page.evaluate("async () => (await import('./embed/parley.js')).signOut()")
    await host.is_told("error", code="SIGNED_OUT")
    await expect(page.get_by_text("Bonjour")).to_have_count(0)
    await expect(first.get_by_role("status")).to_contain_text("connecté")
    for socket in host.sockets:
        if not socket.is_closed():
            await socket.wait_for_event("close")
    # Somebody else signs in.
    await host.give("ann", _token(ann, other))
    await first.get_by_role("button").click()
    await host.is_told("state", state="live", user=other)


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_the_elements_look_right_where_there_is_little_room(
    visit: Visit, language: str
) -> None:
    """An inbox and a chat of 320 pixels, in a wide window."""
    ann = await visit("ann", height=900)
    story = await tell(ann.site.system, f"-{uuid4().hex[:4]}")
    host = await _host(ann)
    await host.give("ann", ann.site.system.token(story.user))
    await host.make(".two", "parley-inbox", "ann", language=language)
    await host.make(".two", "parley-chat", "ann", conversation=story.offered, back="")
    chat, inbox = host.page.locator("parley-chat"), host.page.locator("parley-inbox")
    await expect(inbox.locator(".conversation-line")).to_have_count(4)
    await expect(chat.locator("[data-step=accept]")).to_be_visible()
    wrong = []
    for element in (inbox, chat):
        await element.scroll_into_view_if_needed()
        wrong += await element.evaluate(VISUAL)
    await ann.picture(f"embed-narrow-{language}")
    await chat.locator("[data-step=counter]").click()
    await expect(chat.get_by_role("dialog")).to_be_visible()
    wrong += await chat.evaluate(VISUAL)
    await ann.picture(f"embed-dialog-{language}")
    assert not wrong, "\n".join(wrong)


async def test_reports_are_followed_within_the_element(visit: Visit) -> None:
    """A screen of its own takes the place of the conversation; the page around it stays."""
    ann, bob = await visit("ann"), await visit("bob")
    host = await _host(ann)
    await bob.sign_in()
    await bob.begin(ann, "roof")
    await bob.say("Buy my lamps")
    await host.give("ann", _token(ann))
    about = {"with": bob.user, "subject": "roof"}
    await host.make(".two", "parley-chat", "ann", language="en", **about)
    chat = host.page.locator("parley-chat")
    await chat.get_by_role("button", name="Report or block").click()
    dialog = chat.get_by_role("dialog")
    await dialog.get_by_role("button", name="Report this conversation").click()
    await dialog.get_by_label("Why").select_option("spam")
    await dialog.get_by_role("button", name="Report").click()
    await dialog.get_by_role("link", name="See your reports").click()
    await expect(chat.locator(".report-status")).to_have_text("Received.")
    assert host.page.url.endswith("/host.html")
    await check_accessible(host.page)
    await chat.get_by_role("button", name="Back").click()
    await expect(chat.locator(".bubble", has_text="Buy my lamps")).to_be_visible()
