"""Metrics and health are served to whoever asks, and nobody holds a thread by saying nothing."""

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from service_kit.process import health as health_module
from service_kit.process.health import Health
from service_kit.process.metrics_server import serve_metrics


class State:
    """What the looks of the tests find."""

    def __init__(self) -> None:
        self.draining = False
        self.problem: str | None = None
        self.answers = True


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
async def health(state: State) -> Any:
    made = Health(lambda: state.draining, answer_seconds=0.2)

    async def look() -> str | None:
        if not state.answers:
            await asyncio.Event().wait()
        return state.problem

    made.ready_if("database", look)
    made.ready_if("other", look, needed=False)
    yield made
    made.close()


@pytest.fixture
async def server(health: Health) -> Any:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    server = serve_metrics("127.0.0.1", 0, registry, health, silence_seconds=0.05)
    yield server
    server.shutdown()
    server.server_close()


def get(server: Any, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}") as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


async def ask(server: Any, path: str) -> tuple[int, Any]:
    return await asyncio.to_thread(get, server, path)


async def test_metrics_are_served(server: Any) -> None:
    """In the format of Prometheus."""

    def read() -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
            return bytes(answer.read())

    assert b"things_total 3.0" in await asyncio.to_thread(read)


@pytest.mark.parametrize("said", [b"", b"GET /metrics HTTP/1.1\r\nHost"])
async def test_silence_is_ended(server: Any, said: bytes) -> None:
    """Before a request, and in the middle of one."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as silent:
        silent.sendall(said)
        assert silent.recv(4096) == b""


async def test_what_is_good_is_alive_and_ready(server: Any) -> None:
    """Each check by its name; in words only when that is asked for."""
    assert await ask(server, "/livez") == (200, {"live": True, "event_loop": True})
    told = {"ready": True, "database": True, "other": True, "draining": False}
    assert await ask(server, "/readyz") == (200, told)
    assert await ask(server, "/readyz?verbose") == (200, {**told, "problems": {}})


async def test_what_drains_is_alive_and_not_ready(server: Any, state: State) -> None:
    """Nobody starts it anew, and nobody is sent there."""
    state.draining = True
    assert (await ask(server, "/livez"))[0] == 200
    status, told = await ask(server, "/readyz")
    assert (status, told["ready"], told["draining"]) == (503, False, True)


async def test_what_is_wrong_is_told(server: Any, state: State) -> None:
    """Not ready, and alive: to start it again would mend no database."""
    state.problem = "it is away"
    status, told = await ask(server, "/readyz?verbose=1")
    assert (status, told["database"]) == (503, False)
    assert told["problems"] == {"database": "it is away", "other": "it is away"}
    assert (await ask(server, "/livez"))[0] == 200


async def test_an_answer_comes_in_time(server: Any, state: State) -> None:
    """A look that hangs is wrong, and is not begun again and again."""
    state.answers = False
    began = time.monotonic()
    status, told = await ask(server, "/readyz?verbose")
    assert (status, time.monotonic() - began < 2) == (503, True)
    assert told["problems"]["database"] == "no answer within 0.2 s"


async def test_a_loop_that_stands_still_is_not_alive(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread answers in its place, also that it is not ready."""
    monkeypatch.setattr(health_module, "_STUCK_SECONDS", 0.1)
    asking = [
        asyncio.get_running_loop().run_in_executor(None, get, server, f"/{path}?verbose")
        for path in ("readyz", "livez")
    ]
    # The loop turns no more: the answers come all the same.
    time.sleep(1.5)  # noqa: ASYNC251 - this is what is tried
    (ready, told), (_, live) = await asyncio.gather(*asking)
    assert (ready, told["problems"]["event_loop"]) == (503, "it does not answer")
    assert set(live) == {"live", "event_loop", "problems"}
    status = 0

    def ask_late() -> None:
        nonlocal status
        time.sleep(0.3)
        status, _ = get(server, "/livez")

    late = asyncio.get_running_loop().run_in_executor(None, ask_late)
    time.sleep(1.0)  # noqa: ASYNC251 - this is what is tried
    await late
    assert status == 503
