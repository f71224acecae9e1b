"""Metrics over HTTP, for Prometheus, on a port of their own."""

from typing import Any

from prometheus_client import CollectorRegistry, start_http_server

# Each connection has a thread, so one that says nothing must not stay.
_SILENCE_SECONDS = 10.0


def serve_metrics(
    host: str, port: int, registry: CollectorRegistry, silence_seconds: float = _SILENCE_SECONDS
) -> Any:
    """Serve a registry from a thread until the process ends; gives the server. Raises OSError."""
    server, _thread = start_http_server(port, addr=host, registry=registry)

    class Handler(server.RequestHandlerClass):  # type: ignore[name-defined, misc]
        """Ends a connection on which nothing comes."""

        timeout = silence_seconds

    server.RequestHandlerClass = Handler
    return server
