"""Metrics and health over HTTP, for Prometheus and for whoever keeps processes, on their own port.

GET /metrics, /livez and /readyz, the latter with ?verbose. It is served by threads, so that it is
answered while the event loop stands still.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server

from service_kit.process.health import Health

# Each connection has a thread, so one that says nothing must not stay.
_SILENCE_SECONDS = 10.0
_COLLECT_SECONDS = 5.0

_Start = Callable[[str, list[tuple[str, str]]], Any]


def serve_metrics(
    host: str,
    port: int,
    registry: CollectorRegistry,
    health: Health,
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    silence_seconds: float = _SILENCE_SECONDS,
) -> Any:
    """Serve from threads until the process ends; gives the server. Raises OSError.

    Metrics that are read from what an event loop changes are collected on that `loop`.
    """
    server, _thread = start_http_server(port, addr=host, registry=registry)
    metrics: Any = make_wsgi_app(registry)

    def collect_metrics(environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        collected: Iterable[bytes] = metrics(environ, start)
        return collected

    def app(environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/livez":
            report = health.liveness()
        elif path == "/readyz":
            report = health.readiness_from_thread()
        elif loop is None:
            return collect_metrics(environ, start)
        else:
            return _on_loop(loop, lambda: collect_metrics(environ, start), start)
        asked = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        status, body = report.answer(verbose="verbose" in asked)
        start(
            f"{status.value} {status.phrase}",
            [("Content-Type", "application/json"), ("Content-Length", str(len(body)))],
        )
        return [body]

    server.set_app(app)

    class Handler(server.RequestHandlerClass):  # type: ignore[name-defined, misc]
        """Ends a connection on which nothing comes."""

        timeout = silence_seconds

    server.RequestHandlerClass = Handler
    return server


def _on_loop(
    loop: asyncio.AbstractEventLoop, collect: Callable[[], Iterable[bytes]], start: _Start
) -> Iterable[bytes]:
    async def run() -> list[bytes]:
        return list(collect())

    collecting = asyncio.run_coroutine_threadsafe(run(), loop)
    try:
        return collecting.result(_COLLECT_SECONDS)
    except TimeoutError:
        collecting.cancel()
        start("503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"the event loop does not answer\n"]
