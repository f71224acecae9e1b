"""Health of a replica: whether it learns what others commit, by word or by reading."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from service_kit.bus import bus as bus_module
from service_kit.process import health as health_module
from tests.service_kit.bus.conftest import Start
from tests.support.system import free_port


@pytest.fixture
def bus() -> dict[str, object]:
    """One bus is enough for this."""
    return {}


def readiness(port: int) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz?verbose") as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


async def test_a_replica_that_learns_nothing_is_not_ready(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would tell its watchers nothing of what others commit."""
    monkeypatch.setattr(health_module, "_KEPT_SECONDS", 0)
    port = free_port()
    async with start(metrics_port=port):
        status, told = await asyncio.to_thread(readiness, port)
        assert (status, told["bus"], told["bus_engine"]) == (200, True, True)
        monkeypatch.setattr(bus_module, "_DEAF_SECONDS", -1)
        monkeypatch.setattr(bus_module, "_DEAF_LOOKS", -1)
        status, told = await asyncio.to_thread(readiness, port)
        assert (status, told["bus"]) == (503, False)
        assert "was last read" in told["problems"]["bus"]
