"""The tests of the TypeScript client that talk with a real edge: each file is one test here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.moderator import Moderator, moderating
from tests.support.node import LIBRARY, run_vitest
from tests.support.system import System, free_port

_FILES = sorted((LIBRARY / "tests" / "edge").rglob("*.test.ts*"))


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """All services and an edge, and a moderator who decides what an HTTP request says."""
    with System(tmp_path) as parley:
        await asyncio.to_thread(
            parley.start,
            *("moderation", "negotiation", "messaging"),
            ping_interval_seconds=0.5,
            # That of pages in a DOM without a browser.
            allowed_origins="http://localhost:3000",
        )
        target = parley.target("moderation")
        mint = parley.token
        async with moderating(target, parley.credentials, mint, "mia") as moderator:
            server = await asyncio.start_server(_answering(moderator), "127.0.0.1", free_port())
            async with server:
                yield {
                    "PARLEY_URL": parley.url,
                    "PARLEY_TOKEN_KEY": parley.token_key,
                    "MODERATOR_URL": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/",
                }


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _answering(moderator: Moderator) -> Answering:
    """Answer `/?accused=NAME&measure=KIND` once the case against somebody is decided so."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        asked = parse_qs(urlsplit(request).query)
        await moderator.decide(asked["accused"][0], *asked["measure"])
        writer.write(b"HTTP/1.1 204 -\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    return answer


@pytest.mark.parametrize("file", _FILES, ids=lambda path: path.name)
async def test_file_passes(file: Path, environment: dict[str, str]) -> None:
    """Vitest runs all tests of the file; what fails is shown as vitest tells it."""
    await asyncio.to_thread(lambda: run_vitest(file, more=environment))
