"""Signing in: by a link, by the marketplace, and what a page says that cannot."""

import asyncio
from typing import Any

from playwright.async_api import Route, expect

from tests.web.conftest import PATIENCE_MS, Person, Visit, conversing

# How many things the browser keeps of what was shown.
_COUNT_SHOWN = """() => new Promise((resolve, reject) => {
  const opening = indexedDB.open("parley-shown");
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const counting = opening.result.transaction("shown").objectStore("shown").count();
    counting.onsuccess = () => resolve(counting.result);
    counting.onerror = () => reject(counting.error);
  };
})"""
_EXPIRED = "Your link has expired, or is not valid here."


async def _marketplace(person: Person, answer: dict[str, Any]) -> list[str]:
    """Have a marketplace give tokens as `answer` says; returns the methods of the requests."""
    asked: list[str] = []

    async def give_config(route: Route) -> None:
        told = {"url": person.gate.url, "token_url": "./token", "sign_in_url": "./sign-in"}
        await route.fulfill(json=told)

    async def give_token(route: Route) -> None:
        asked.append(route.request.method)
        await route.fulfill(**answer)

    await person.context.route("**/config.json", give_config)
    await person.context.route("**/token", give_token)
    return asked


async def test_a_link_signs_in_and_leaves_no_token_in_the_address(visit: Visit) -> None:
    ann = await visit("ann")
    await ann.sign_in()
    assert "token" not in ann.page.url
    await expect(ann.page.get_by_text(ann.user, exact=True)).to_be_visible()
    await ann.page.reload()
    await ann.connected()
    assert not any("token=" in line for line in ann.site.system.logs().splitlines())


async def test_an_expired_link_says_so_and_a_new_one_goes_on(visit: Visit) -> None:
    ann = await visit("ann")
    await ann.page.goto(ann.link(expires_in=-3600))
    await ann.in_state("unauthorized")
    await expect(ann.page.get_by_role("alert")).to_contain_text(_EXPIRED)
    await ann.check("expired-link")
    await ann.page.goto(ann.link())
    await ann.connected()
    await expect(ann.page.get_by_role("alert")).to_have_count(0)


async def test_without_a_link_or_with_half_of_one_the_page_says_what_to_do(visit: Visit) -> None:
    ann = await visit("ann", language="fr", width=320)
    await ann.page.goto(f"{ann.site.address}/index.html")
    await expect(ann.page.get_by_role("status")).to_contain_text("Ouvrez le lien")
    await ann.check("no-link-320-fr")
    await ann.page.get_by_label("Langue").select_option("en")
    await expect(ann.page.get_by_role("status")).to_contain_text("Open the link")
    await ann.page.goto(ann.link()[: -len(ann.site.system.token(ann.user)) + 4])
    await expect(ann.page.get_by_role("status")).to_contain_text("This link is broken")


async def test_a_broken_link_takes_nobody_s_session(visit: Visit) -> None:
    ann = await visit("ann")
    await ann.sign_in()
    await ann.page.goto(f"{ann.site.address}/index.html#token=half")
    await expect(ann.page.get_by_role("status")).to_contain_text("This link is broken")
    await ann.page.reload()
    await ann.connected()


async def test_a_configuration_that_cannot_be_used_is_said(visit: Visit) -> None:
    ann = await visit("ann")

    async def give_config(route: Route) -> None:
        await route.fulfill(json={"url": "https://[chat.example"})

    await ann.page.route("**/config.json", give_config)
    await ann.page.goto(ann.link())
    await expect(ann.page.get_by_role("status")).to_contain_text("set up wrongly")
    # What is kept of it may have been written over by other pages of the origin.
    await ann.page.unroute("**/config.json")
    await ann.page.route("**/config.json", lambda route: route.abort())
    await ann.page.evaluate("() => localStorage.setItem('parley.config', '{half')")
    await ann.page.reload()
    await expect(ann.page.locator(".connection")).to_be_visible()


async def test_the_marketplace_signs_in_with_its_own_session(visit: Visit) -> None:
    ann = await visit("ann")
    asked = await _marketplace(ann, {"json": {"token": ann.site.system.token(ann.user)}})
    await ann.page.goto(f"{ann.site.address}/index.html")
    await ann.connected()
    assert set(asked) == {"POST"}


async def test_who_is_signed_out_at_the_marketplace_is_led_there(visit: Visit) -> None:
    ann = await visit("ann")
    await _marketplace(ann, {"status": 401, "json": {}})
    await ann.page.goto(f"{ann.site.address}/index.html")
    await expect(ann.page.get_by_role("status")).to_contain_text("not signed in at the marketplace")
    await expect(ann.page.get_by_role("link", name="Sign in")).to_be_visible()
    await _marketplace(ann, {"json": {"token": ann.site.system.token(ann.user)}})
    await ann.page.get_by_role("button", name="Try again").click()
    await ann.connected()


async def test_signing_out_forgets_the_token(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await conversing(ann, bob)
    await ann.page.reload()
    await ann.connected()
    await ann.sees("Hello")
    # It is kept a moment after it is seen.
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while await ann.page.evaluate(_COUNT_SHOWN) == 0:
            await ann.page.evaluate("() => new Promise(requestAnimationFrame)")
    await ann.go("settings")
    await ann.page.get_by_role("button", name="Sign out").click()
    await expect(ann.page.get_by_text("You are not signed in")).to_be_visible()
    await ann.page.reload()
    await expect(ann.page.get_by_text("You are not signed in")).to_be_visible()
    # Nor is anything kept that was shown.
    assert await ann.page.evaluate(_COUNT_SHOWN) == 0
