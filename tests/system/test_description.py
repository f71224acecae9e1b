"""GET /asyncapi.json and GET /asyncapi of a real edge: for programs, for pages and for readers."""

import asyncio
import base64
import gzip
import hashlib
import re
from pathlib import Path
from typing import Literal

import pytest

from docs import generate_asyncapi
from tests.support.browser import browsing
from tests.support.system import System

FILES = {
    "/asyncapi.json": (generate_asyncapi.DOCUMENT, "application/json"),
    "/asyncapi": (generate_asyncapi.DOCUMENT.with_suffix(".html"), "text/html; charset=utf-8"),
}
each = pytest.mark.parametrize("path", FILES)


async def ask(
    system: System, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers in lower case, and body; `accept_encoding` is the header of that name."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status, given, body = await asyncio.to_thread(
        lambda: system.request(method, path, headers=named)
    )
    return status, {name.lower(): value for name, value in given.items()}, body


@each
async def test_an_edge_serves_the_files_to_everybody(shared_system: System, path: str) -> None:
    """Without a token; a page of any origin may read it, and nothing else of the edge."""
    file, kind = FILES[path]
    status, headers, body = await ask(shared_system, path, origin="https://elsewhere.example")
    assert (status, headers["content-type"], body) == (200, kind, file.read_bytes())
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    assert headers["content-length"] == str(len(body))
    assert headers["cache-control"] == "no-cache"
    assert headers["x-content-type-options"] == "nosniff"


@each
async def test_it_is_sent_once(shared_system: System, path: str) -> None:
    """Who has it already is told so, and by the tag of no other."""
    _, headers, _ = await ask(shared_system, path)
    tag = headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        status, again, body = await ask(shared_system, path, if_none_match=known)
        assert (status, again["etag"], body) == (304, tag, b"")
    status, _, _ = await ask(shared_system, path, if_none_match='"other"')
    assert status == 200


@each
@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip, deflate, br", True),
        ("*", True),
        ("GZIP;q=0.5", True),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("gzip;q=lots", False),
    ],
)
async def test_it_is_compressed_for_who_takes_that(
    shared_system: System, path: str, accepted: str, *, expected: bool
) -> None:
    """A smaller one of the same, with a tag of its own."""
    _, plain, _ = await ask(shared_system, path)
    status, headers, body = await ask(shared_system, path, accept_encoding=accepted)
    assert (status, headers.get("content-encoding") == "gzip") == (200, expected)
    assert headers["vary"] == "Accept-Encoding"
    assert (headers["etag"] != plain["etag"]) is expected
    content = gzip.decompress(body) if expected else body
    assert content == FILES[path][0].read_bytes()
    if expected:
        assert len(body) * 4 < len(content)


@each
async def test_other_methods(shared_system: System, path: str) -> None:
    """HEAD has the headers alone; nobody writes."""
    _, of_get, _ = await ask(shared_system, path)
    status, of_head, body = await ask(shared_system, path, "HEAD")
    assert (status, body) == (200, b"")
    for name in ("etag", "content-length", "content-type"):
        assert of_head[name] == of_get[name]
    status, headers, _ = await ask(shared_system, path, "POST")
    assert (status, {*headers["allow"].split(", ")}) == (405, {"GET", "HEAD"})


async def test_the_page_may_do_nothing_but_look_as_it_does(shared_system: System) -> None:
    """Its one style is allowed by its hash; there is no script, frame, form or foreign address."""
    _, headers, body = await ask(shared_system, "/asyncapi")
    (style,) = re.findall(rb"<style>(.*?)</style>", body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    policy = dict(
        one.strip().split(" ", 1) for one in headers["content-security-policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert not re.search(rb"<script|<link|<img|<iframe|\son\w+=|\sstyle=|//", body)


async def test_the_page_on_a_phone_and_at_night(shared_system: System, tmp_path: Path) -> None:
    """Nothing is wider than the screen, its style is taken, and the dark one is dark."""
    address = f"http://127.0.0.1:{shared_system.edge_port}/asyncapi#create-msg"
    async with browsing(tmp_path) as browser:
        page = await browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        await page.set_viewport_size({"width": 320, "height": 640})
        papers = []
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for scheme in schemes:
            await page.emulate_media(color_scheme=scheme)
            await page.goto(address)
            paper = "getComputedStyle(document.body).backgroundColor"
            papers.append(await page.evaluate(paper))
        assert papers == ["rgb(255, 255, 255)", "rgb(20, 24, 29)"]
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        top = "document.getElementById('create-msg').getBoundingClientRect().top"
        assert 0 <= await page.evaluate(top) < 640
        assert complaints == []
