"""A desk before a real moderation service, and pages of moderators as browsers would ask it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from desk.__main__ import running
from desk.settings import Settings
from moderation_service.settings import ModerationSettings
from service_kit.authentication.callers import Caller
from tests.moderation_service.conftest import Client, beside, described, peers, serve
from tests.support.callers import token_of, write_credential
from tests.support.waiting import PATIENCE

__all__ = ["beside", "described", "peers", "serve"]
"""The fixtures of moderation's own tests, which are those of these as well."""

FACTS, RULE = "Asked for payment outside.", "Terms, 4.2"


class Events:
    """The events that a page is sent."""

    def __init__(self, response: httpx.Response) -> None:
        self.lines = response.aiter_lines()
        self.last_id = ""

    async def take(self) -> tuple[str, dict[str, Any]]:
        """The next event: its name and its data."""
        name, data = "", ""
        async with asyncio.timeout(PATIENCE):
            async for line in self.lines:
                word, _, rest = line.partition(": ")
                if word == "id":
                    self.last_id = rest
                elif word == "event":
                    name = rest
                elif word == "data":
                    data = rest
                elif not line and name:
                    return name, json.loads(data)
        raise EOFError

    async def until(self, name: str, **expected: Any) -> dict[str, Any]:
        """Read on to an event of this name with these values."""
        while True:
            found, data = await self.take()
            if found == name and expected.items() <= data.items():
                return data

    async def ended(self) -> None:
        """Return when the stream has ended."""
        while True:
            try:
                await self.take()
            except EOFError:
                return


class Page:
    """A page of a moderator: its cookies, and the token that goes with what it changes."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.http = httpx.AsyncClient(base_url=self.origin, timeout=PATIENCE)
        self.csrf_token = ""

    async def sign_in(self, user: str = "mia", *roles: str, **claims: Any) -> dict[str, Any]:
        answer = await self.post("/session", token=token_of(user, roles or ["moderator"], **claims))
        assert answer.status_code == 200, answer.text
        session: dict[str, Any] = answer.json()
        self.csrf_token = session["csrf_token"]
        return session

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(path, params=query)

    async def post(
        self, path: str, *, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        given = {"Origin": self.origin, "X-CSRF-Token": self.csrf_token, **(headers or {})}
        return await self.http.post(path, json=body, headers=given)

    async def done(self, path: str, **body: Any) -> dict[str, Any]:
        """The answer to something that is not refused."""
        answer = await self.post(path, **body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def seen(self, path: str, **query: Any) -> dict[str, Any]:
        """The document that is shown there."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    @asynccontextmanager
    async def events(self, last_id: str = "") -> AsyncIterator[Events]:
        """Follow what happens, once `ready` has come."""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        async with self.http.stream("GET", "/events", headers=headers) as response:
            assert response.status_code == 200
            yield Events(response)


@dataclass
class Desk:
    """A desk and the service behind it."""

    port: int
    moderation: Client
    settings: Settings

    def page(self) -> Page:
        """A page that nobody has signed in to."""
        return Page(self.port)

    async def signed_in(self, user: str = "mia", *roles: str, **claims: Any) -> Page:
        """The page of a moderator."""
        page = self.page()
        await page.sign_in(user, *roles, **claims)
        return page

    async def case(self, **fields: Any) -> dict[str, Any]:
        """A new case against bob, as moderators see it."""
        await self.moderation.report(**fields)
        page = await self.signed_in("olga")
        found: dict[str, Any] = (await page.seen("/cases"))["cases"][-1]
        return found


ServeDesk = Callable[..., AbstractAsyncContextManager[Desk]]


def measure(kind: str = "warning", user: str = "bob", **fields: Any) -> dict[str, Any]:
    """A measure of a decision."""
    return {"kind": kind, "user": user, "facts": FACTS, "rule": RULE, **fields}


def is_refused(answer: httpx.Response, status: int, reason: str) -> dict[str, Any]:
    """Check that an answer is a problem for a reason; gives it."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["reason"]) == (status, reason), problem
    assert problem["status"] == status
    return problem


@pytest.fixture
def desk_settings(settings: ModerationSettings, tmp_path: Path) -> Settings:
    """Settings of a desk but for where moderation is."""
    return Settings(
        port=0,
        credential_file=write_credential(tmp_path, Caller.DESK),
        token_secret_file=settings.token_secret_file,
        watch_timeout_seconds=5,
        heartbeat_seconds=0.2,
        drain_seconds=2,
    )


@pytest.fixture
def serve_desk(serve: Any, desk_settings: Settings) -> ServeDesk:
    """Start a desk and the service behind it, with changed settings of the desk."""

    @asynccontextmanager
    async def start(
        moderation: dict[str, Any] | None = None, **changes: Any
    ) -> AsyncIterator[Desk]:
        async with serve(**(moderation or {})) as client:
            target = f"127.0.0.1:{client.port}"
            changed = desk_settings.model_copy(update={"moderation_target": target, **changes})
            async with running(changed) as port:
                yield Desk(port, client, changed)

    return start


@pytest.fixture
async def desk(serve_desk: ServeDesk) -> AsyncIterator[Desk]:
    """A desk with the settings as they are."""
    async with serve_desk() as started:
        yield started
