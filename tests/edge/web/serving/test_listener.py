"""Connections are accepted at a bounded pace, and when the system can."""

import asyncio
import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from edge.metrics import Metrics
from edge.web.serving.listener import Listener, bind
from tests.edge.web.serving.wires import settings_for


class Greeter(asyncio.Protocol):
    """Says something to whoever is accepted."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"hello")
        transport.close()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


Listen = Callable[..., Any]


@pytest.fixture
async def listen(tmp_path: Path, metrics: Metrics) -> Any:
    """Begins to listen on a free port; gives the port."""
    listeners: list[Listener] = []

    async def listen(wrap: Callable[[socket.socket], Any] = lambda one: one, **limits: Any) -> int:
        sockets = await bind("127.0.0.1", 0)
        port: int = sockets[0].getsockname()[1]
        settings = settings_for(tmp_path, **limits)
        listener = Listener([wrap(one) for one in sockets], Greeter, settings, metrics)
        listener.start(100)
        listeners.append(listener)
        return port

    yield listen
    for listener in listeners:
        listener.close()


async def hear(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_so_many_at_once_and_the_rest_later(listen: Listen, metrics: Metrics) -> None:
    """Whoever waits is accepted when its turn comes."""
    port = await listen(accepts_burst=2, accepts_per_second=50)
    heard = await asyncio.gather(*(hear(port) for _ in range(6)))
    assert heard == [b"hello"] * 6
    labels = {"limit": "accepts_per_second"}
    name = "parley_edge_limit_reached_total"
    assert (metrics.registry.get_sample_value(name, labels) or 0) > 0


async def test_it_goes_on_after_the_system_had_no_file_to_spare(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection waits meanwhile, and the loop does not spin."""
    monkeypatch.setattr("edge.web.serving.listener._AGAIN_SECONDS", 0.01)

    class Exhausted:
        """A listening socket that fails twice."""

        def __init__(self, of: socket.socket) -> None:
            self._of = of
            self.fails = 2

        def __getattr__(self, name: str) -> Any:
            return getattr(self._of, name)

        def accept(self) -> Any:
            if self.fails:
                self.fails -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return self._of.accept()

    port = await listen(Exhausted)
    assert await hear(port) == b"hello"


async def test_a_closed_listener_takes_nobody(tmp_path: Path) -> None:
    """Also while it pauses."""
    sockets = await bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    limits = {"accepts_burst": 1, "accepts_per_second": 50}
    settings, metrics = settings_for(tmp_path, **limits), Metrics(CollectorRegistry())
    listener = Listener(sockets, Greeter, settings, metrics)
    listener.start(100)
    await asyncio.gather(hear(port), hear(port))
    listener.close()
    await listener.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        await hear(port)


async def test_an_address_that_is_taken_is_an_error() -> None:
    """And nothing of it stays open."""
    [taken] = await bind("127.0.0.1", 0)
    taken.listen()
    with taken, pytest.raises(OSError, match="in use"):
        await bind("127.0.0.1", taken.getsockname()[1])


async def test_all_addresses_of_a_name_are_listened_to() -> None:
    """As a server does: both families, where there are both."""
    sockets = await bind("localhost", 0)
    found = await asyncio.get_running_loop().getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)
    assert {one.family for one in sockets} == {family for family, *_ in found}
    for one in sockets:
        one.close()
