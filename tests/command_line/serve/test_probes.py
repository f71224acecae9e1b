"""Questions to parts and to the machine, each with its answer."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from command_line.serve import serving
from command_line.serve.parts import SERVICES, Address
from command_line.serve.probes import free_ports, http_is_ready, port_is_free, services_reached

AWAY = "negotiation"
STATE: dict[str, bool] = {"ready": True, "draining": False}
STATE |= {name: name != AWAY for name in SERVICES}


class Readyz(BaseHTTPRequestHandler):
    """The edge's answer while negotiation is away."""

    def do_GET(self) -> None:  # The standard library's name.
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(STATE).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def edge() -> Iterator[Address]:
    """The address that it answers at."""
    with HTTPServer(("127.0.0.1", 0), Readyz) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Address("127.0.0.1", server.server_port)
        server.shutdown()
        thread.join()


async def test_an_edge_is_ready_without_what_it_does_not_reach(edge: Address) -> None:
    """Ready is one thing, what is behind it another."""
    assert await http_is_ready(edge.host, edge.port)
    reached = await services_reached(edge.host, edge.port)
    assert reached & SERVICES.keys() == SERVICES.keys() - {AWAY}


async def test_where_nothing_answers_nothing_is_ready() -> None:
    """A refused connection is no failure of who asks."""
    (port,) = free_ports(1)
    assert not await http_is_ready("127.0.0.1", port)
    assert await services_reached("127.0.0.1", port) == set()


async def test_a_service_that_stays_away_is_named(
    edge: Address, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Serving goes on without it, after a while."""
    monkeypatch.setattr(serving, "REACHED_WITHIN", 0.3)
    await serving._reach_all(edge)
    said = capsys.readouterr().out
    assert said == f"the edge does not reach {AWAY} yet; everything else works\n"


def test_ports_are_free_and_different() -> None:
    """As many as are needed at once, before anything listens on them."""
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(port_is_free("127.0.0.1", port) for port in ports)
