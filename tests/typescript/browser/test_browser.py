"""The browser of these tests is a real one."""

from pathlib import Path

from playwright.async_api import BrowserContext

from tests.support.browser import serving

_PAGE = """<!doctype html><title>Page</title><h1>Hello</h1>
<script type="module" src="script.js"></script>"""
_SCRIPT = """document.querySelector("h1").textContent += ` from ${location.hostname}`;"""


async def test_a_page_of_the_loopback_runs_its_script(
    browser: BrowserContext, tmp_path: Path
) -> None:
    """What browsers have for pages of a trusted origin is there: storage, locks, channels."""
    (tmp_path / "index.html").write_text(_PAGE)
    (tmp_path / "script.js").write_text(_SCRIPT)
    with serving(tmp_path) as address:
        page = await browser.new_page()
        await page.goto(f"{address}/index.html")
        assert await page.inner_text("h1") == "Hello from 127.0.0.1"
        assert await page.evaluate(
            "[isSecureContext, typeof indexedDB, typeof navigator.locks, typeof BroadcastChannel]"
        ) == [True, "object", "object", "function"]
