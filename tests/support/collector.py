"""A collector of spans, as the parts send them: OTLP over HTTP, all of it kept."""

import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Span(NamedTuple):
    """A span that was exported."""

    part: str
    name: str
    trace: str
    id: str
    parent: str
    # The spans that it links to, as (trace, id).
    links: frozenset[tuple[str, str]]
    attributes: dict[str, str]
    failed: bool
    began_ns: int
    seconds: float


class Collector:
    """Listens on the loopback while the context lasts; keeps what comes, or only counts it."""

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        # Spans that came and were not kept.
        self.count = 0
        self.spans: list[Span] = []
        # Everything that came, as bytes, for whoever looks for what must not be in there.
        self.raw: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.take(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own word
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, body: bytes) -> None:
        if not self._keep:
            found = ExportTraceServiceRequest.FromString(body)
            self.count += sum(
                len(scope.spans) for one in found.resource_spans for scope in one.scope_spans
            )
            return
        self.raw.append(body)
        for of_part in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {one.key: one.value.string_value for one in of_part.resource.attributes}
            for scope in of_part.scope_spans:
                self.spans += [
                    Span(
                        about["service.name"].removeprefix("parley-"),
                        one.name,
                        one.trace_id.hex(),
                        one.span_id.hex(),
                        one.parent_span_id.hex(),
                        frozenset((link.trace_id.hex(), link.span_id.hex()) for link in one.links),
                        {
                            found.key: found.value.string_value or str(found.value.int_value)
                            for found in one.attributes
                        },
                        one.status.code == one.status.STATUS_CODE_ERROR,
                        one.start_time_unix_nano,
                        (one.end_time_unix_nano - one.start_time_unix_nano) / 1e9,
                    )
                    for one in scope.spans
                ]

    def named(self, name: str) -> list[Span]:
        return [one for one in self.spans if one.name == name]

    def of(self, trace: str) -> list[Span]:
        return [one for one in self.spans if one.trace == trace]


def names(spans: Iterable[Span]) -> set[tuple[str, str]]:
    return {(one.part, one.name) for one in spans}
