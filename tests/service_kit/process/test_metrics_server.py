"""Metrics are served to whoever asks, and nobody holds a thread by saying nothing."""

import socket
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from service_kit.process.metrics_server import serve_metrics


@pytest.fixture
def server() -> Iterator[Any]:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    server = serve_metrics("127.0.0.1", 0, registry, silence_seconds=0.05)
    yield server
    server.shutdown()
    server.server_close()


def test_metrics_are_served(server: Any) -> None:
    """In the format of Prometheus."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
        assert b"things_total 3.0" in answer.read()


@pytest.mark.parametrize("said", [b"", b"GET /metrics HTTP/1.1\r\nHost"])
def test_silence_is_ended(server: Any, said: bytes) -> None:
    """Before a request, and in the middle of one."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as silent:
        silent.sendall(said)
        assert silent.recv(4096) == b""
