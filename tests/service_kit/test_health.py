"""Health of a service over HTTP: its database, its schema, its writer, and its end."""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from service_kit.process import health as health_module
from service_kit.storage import health as storage_health
from tests.support.system import free_port
from tests.support.tally.running import RunningTally, run_tally
from tests.support.tally.service import TallySettings
from tests.support.waiting import PATIENCE, eventually, until


@pytest.fixture
def kind() -> str:
    """What differs between databases is not looked at."""
    return "sqlite"


class Probed:
    """A tally, and what its port for metrics says."""

    def __init__(self, tally: RunningTally, settings: TallySettings) -> None:
        self.tally = tally
        self.settings = settings

    def _get(self, path: str) -> tuple[int, dict[str, Any]]:
        url = f"http://127.0.0.1:{self.settings.metrics_port}{path}?verbose"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        return await asyncio.to_thread(self._get, path)

    async def until_ready(self) -> dict[str, Any]:
        """Ask until it is ready; on a machine under load no answer comes in time, now and then."""
        _, told = await eventually(lambda: self.get("/readyz"), lambda answer: answer[0] == 200)
        return dict(told)


@pytest.fixture
async def probed(
    new_settings: Callable[[], TallySettings], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Probed]:
    monkeypatch.setattr(health_module, "_KEPT_SECONDS", 0)
    settings = new_settings().model_copy(update={"metrics_port": free_port()})
    async with run_tally(settings) as tally:
        yield Probed(tally, settings)


async def test_a_service_is_ready_while_its_database_is(probed: Probed) -> None:
    """Its migrations are looked at as well: another program may have changed them."""
    told = await probed.until_ready()
    assert told.pop("problems") == {}
    assert told["database"] is told["schema"] is told["ready"] is True
    engine = create_engine(probed.settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
        connection.execute(text("DELETE FROM served_by"))
    engine.dispose()
    status, told = await probed.get("/readyz")
    assert (status, told["database"], told["schema"]) == (503, True, False)
    assert "run a newer one" in told["problems"]["schema"]
    assert (await probed.get("/livez"))[0] == 200


async def test_a_writer_that_hangs_is_not_alive(
    probed: Probed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread can not be ended, so the process has to be; and is good again when it goes on."""
    monkeypatch.setattr(storage_health, "_STUCK_SECONDS", 0.2)
    resources = probed.tally.resources
    let_go, began = threading.Event(), threading.Event()

    def hang(_transaction: Any, commands: Any) -> list[None]:
        began.set()
        let_go.wait(20)
        return [None] * len(commands)

    assert (await probed.get("/livez"))[1]["writer"] is True
    hanging = asyncio.create_task(resources.writer.submit(hang, (1,)))
    await asyncio.to_thread(began.wait, 10)

    async def alive() -> bool:
        return (await probed.get("/livez"))[0] == 200

    async with asyncio.timeout(PATIENCE):
        while await alive():
            """Until it has hung for too long."""
    assert "has not ended for" in (await probed.get("/livez"))[1]["problems"]["writer"]
    let_go.set()
    await hanging
    await until(lambda: resources.writer.state.busy_since is None)
    assert await alive()


async def test_a_database_that_can_not_be_written_makes_nobody_ready(probed: Probed) -> None:
    """Also where it can be read, as a standby can."""
    resources = probed.tally.resources
    resources.writer.state.begin()
    resources.writer.state.fail("it is read-only")
    resources.writer.state.end()
    status, told = await probed.get("/readyz")
    assert (status, told["database"]) == (503, False)
    assert "it is read-only" in told["problems"]["database"]
    await probed.tally.add("ann", 1)
    await probed.until_ready()
