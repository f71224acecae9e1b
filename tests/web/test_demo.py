"""The links that `parley demo` and `parley up --web` print, opened in a browser."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from playwright.async_api import Browser, Page, expect

from command_line import __main__ as command_line
from tests.command_line.conftest import Program
from tests.support.node import built_web
from tests.web.conftest import PATIENCE_MS

_LINK = re.compile(r"^  (alice|bob|mia) +(http://127\.0\.0\.1:\d+/(?:app/)?#token=(\S+))$")
_EVENING_SECONDS = 6 * 3600


@asynccontextmanager
async def playing(folder: Path, *arguments: str) -> AsyncIterator[dict[str, str]]:
    """Run a `parley` that serves; gives the link of each person."""
    built_web()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "command_line", *arguments, "--port", "0"),
        cwd=folder,
        env={**os.environ, "PARLEY_EDGE_ALLOWED_ORIGINS": "https://app.example"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    program = Program(process)
    try:
        await program.until("Ctrl-C stops everything")
        found = [one for one in map(_LINK.match, program.lines) if one]
        for one in found:
            claims = jwt.decode(one[3], options={"verify_signature": False})
            assert claims["sub"] == one[1]
            assert claims["exp"] - time.time() > _EVENING_SECONDS
        yield {one[1]: one[2] for one in found}
        program.signal(signal.SIGINT)
        assert await program.end() == (0, "")
    finally:
        if process.returncode is None:
            # Its parts are tied to it and end with it.
            process.kill()
            await process.communicate()


async def open_link(browser: Browser, link: str, wrong: list[str]) -> Page:
    """Somebody who has opened their link, and is connected; `wrong` takes what the page throws."""
    context = await browser.new_context(locale="en")
    context.set_default_timeout(PATIENCE_MS)
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on(
        "console",
        lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None,
    )
    page = await context.new_page()
    await page.goto(link)
    await expect(page.locator('.connection[data-state="live"]')).to_have_count(1)
    assert "token" not in page.url
    return page


async def read_cases(link: str, **query: str) -> list[dict[str, Any]]:
    """The cases that a moderator finds at the desk to which the link leads."""
    address, _, token = link.partition("#token=")
    async with httpx.AsyncClient(base_url=address) as desk:
        page = await desk.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert (await desk.post("/session", json={"token": token})).status_code == 200
        found: list[dict[str, Any]] = (await desk.get("/cases", params=query)).json()["cases"]
        return found


async def say(page: Page, text: str) -> None:
    field = page.locator(".composer textarea")
    await field.fill(text)
    await field.press("Enter")


async def test_the_play_goes_on_in_the_browser(web_browser: Browser, tmp_path: Path) -> None:
    """Both find what was played, deals and dispute included, and write to each other."""
    wrong: list[str] = []
    async with playing(tmp_path, "demo") as links:
        alice, bob = [await open_link(web_browser, links[user], wrong) for user in ("alice", "bob")]
        for page in (alice, bob):
            await page.locator(".conversation-line", has_text="Kitchen tap").first.click()
            messages = page.locator(".messages")
            await expect(messages.get_by_text("I am sorry, Alice.")).to_be_visible()
            await expect(messages.get_by_text("Repair the kitchen tap").first).to_be_attached()
            await expect(page.locator(".deal-panel").first).to_be_visible()
        await say(alice, "It drips no more.")
        await expect(bob.locator(".messages").get_by_text("It drips no more.")).to_be_visible()
        await say(bob, "Glad to hear.")
        await expect(alice.locator(".messages").get_by_text("Glad to hear.")).to_be_visible()
        # What the play has left open: an offer, a dispute, a report.
        await expect(alice.locator(".deal-panel").get_by_text("A new tap").first).to_be_visible()
        await expect(alice.get_by_role("button", name="Accept", exact=True)).to_be_visible()
        await bob.locator(".conversation-line", has_text="Garden fence").first.click()
        await bob.get_by_role("link", name="Look at the dispute").click()
        await expect(bob.get_by_text("Two boards are missing.")).to_be_visible()
        for state in ("open", "decided"):
            (case,) = await read_cases(links["mia"], state=state)
            assert case["accused"] == ["bob"]
    assert wrong == []


async def test_up_serves_the_app_when_asked(web_browser: Browser, tmp_path: Path) -> None:
    wrong: list[str] = []
    async with playing(tmp_path, "up", "--web") as links:
        alice = await open_link(web_browser, links["alice"], wrong)
        await alice.evaluate("location.hash = '#/with/bob'")
        await say(alice, "Hello Bob")
        bob = await open_link(web_browser, links["bob"], wrong)
        await bob.locator(".conversation-line", has_text="alice").first.click()
        await expect(bob.locator(".messages").get_by_text("Hello Bob")).to_be_visible()
        assert await read_cases(links["mia"]) == []
    assert wrong == []


def test_without_a_build_it_is_said_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And what makes it; whoever does not look in a browser needs nothing of it."""
    monkeypatch.setattr(command_line, "WEB_APP", tmp_path / "web" / "dist" / "people")
    assert command_line.find_web_app() is None
    said = capsys.readouterr().out
    assert str(tmp_path / "web" / "dist" / "people") in said
    assert "make web" in said
