"""The desk while the moderation service is away, and as a process of its own."""

import asyncio
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desk.conftest import Page, is_refused
from tests.support.freezing import freeze
from tests.support.moderator import moderating
from tests.support.system import System
from tests.support.waiting import PATIENCE, eventually


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path) as made:
        made.start_services("moderation")
        yield made


async def test_without_moderation_the_desk_says_so_and_goes_on_when_it_is_back(
    system: System,
) -> None:
    """Sessions stay; what is asked is refused with a time; pages are told of both."""
    part = system.start_desk()
    page = Page(part.port)
    await eventually(lambda: page.seen("/readyz"), lambda state: state["moderation"])
    signed = await page.post("/session", token=system.token("mia", roles=["moderator"]))
    page.csrf_token = signed.json()["csrf_token"]
    async with page.events() as events:
        await events.until("ready")
        system.services["moderation"].stop(signal.SIGKILL)
        await events.until("away")
        away = await page.get("/cases")
        is_refused(away, 503, "moderation_unavailable")
        assert int(away.headers["retry-after"]) >= 1
        token = system.token("otto", roles=["moderator"])
        is_refused(await page.post("/session", token=token), 503, "moderation_unavailable")
        assert (await page.get("/session")).status_code == 200
        # An answer stands for a moment, and may be from before.
        gone = {"ready": True, "moderation": False, "draining": False}
        await eventually(lambda: page.seen("/readyz"), lambda state: state == gone)
        system.services["moderation"].start()
        await events.until("reset")
        await events.until("ready")
    assert (await page.get("/cases")).status_code == 200
    assert await asyncio.to_thread(part.stop) == 0
    log = part.read_log()
    assert token not in log
    assert page.csrf_token not in log
    assert page.http.cookies["parley_desk"] not in log
    assert json.loads(log.splitlines()[-1])["event"] == "stopped"


async def test_a_token_that_is_revoked_while_the_desk_hears_nothing_ends_its_session(
    system: System,
) -> None:
    """Moderation says so at the next call, and when the desk hears from it again."""
    part = system.start_desk()
    page = Page(part.port)
    await eventually(lambda: page.seen("/readyz"), lambda state: state["moderation"])
    token = system.token("mia", roles=["moderator"], jti="t1")
    signed = await page.post("/session", token=token)
    page.csrf_token = signed.json()["csrf_token"]
    freeze(part.process.pid)
    target, credentials = system.target("moderation"), system.credentials
    async with moderating(target, credentials, system.token, "otto") as otto:
        await otto.revoke_token("mia", "t1")
    part.process.send_signal(signal.SIGCONT)
    answer = await page.get("/cases")
    assert answer.status_code == 401
    assert answer.json()["reason"] in {"token_refused", "session_over"}
    is_refused(await page.get("/session"), 401, "session_over")


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    system = System(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        part = system.start_desk(ready=False, port=taken.getsockname()[1])
        assert await asyncio.to_thread(part.process.wait, PATIENCE) == 2
    assert "in use" in part.read_log()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"origins": "http://desk.example.com"}, "neither https nor this machine"),
        ({"origins": "https://desk.example.com/"}, "is no origin"),
        ({"app_folder": "/nowhere"}, "is not the built app"),
        ({"credential_file": "/nowhere"}, "can not be read"),
        ({"sessions": "0"}, "PARLEY_DESK_SESSIONS"),
        ({"sign_in_url": "javascript:alert(1)"}, "PARLEY_DESK_SIGN_IN_URL"),
    ],
)
async def test_settings_that_cannot_be_used_are_said_in_one_line(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    system = System(tmp_path)
    part = system.start_desk(ready=False, **settings)
    assert await asyncio.to_thread(part.process.wait, PATIENCE) == 2
    assert words in part.read_log().splitlines()[-1]
