"""uvicorn's HTTP protocol, with bounds on what a request may be, and a reason for each refusal.

A connection brings one request: an upgrade, or another one that is answered and ends it.
"""

import asyncio
from http import HTTPStatus

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.http11 import Request

from edge.web.problems import TOO_EARLY, RefusedError
from edge.web.serving.connection import Connection
from edge.web.serving.handshake import read_usual
from edge.web.serving.transport import PacketProtocol

# What stands around name and value of a header: a colon, a space, the end of the line.
_AROUND_HEADER = 4
# What stands around the address: a method, two spaces, the version, the end of the line.
_AROUND_ADDRESS = len("OPTIONS  HTTP/1.1\r\n")
_TLS_HANDSHAKE = b"\x16\x03"


class _SurplusError(Exception):
    """Another request came on the same connection."""


class RequestProtocol(HttpToolsProtocol):
    """Reads a request, and hands it to the application or to the WebSocket protocol."""

    def __init__(self, config: Config, state: ServerState, connection: Connection) -> None:
        super().__init__(config, state, {})
        self._connection = connection
        self._settings = connection.connections.settings
        self._refused: RefusedError | None = None
        self._bytes = 0
        self._begun = False
        self._headed = False
        self._surplus = False
        # Whether a WebSocket is asked for, once all headers were read.
        self._upgrades: bool | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # As uvicorn does, but for the addresses, each of which is a system call: nothing asks here.
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.scheme = "http"

    def data_received(self, data: bytes) -> None:
        if self._surplus:
            return
        tls = not self._bytes and data.startswith(_TLS_HANDSHAKE)
        self._bytes += len(data)
        upgraded = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            upgraded = self._should_upgrade()
            if upgraded and upgrade.args[0] < len(data):
                self._refuse(*TOO_EARLY)
        except httptools.HttpParserError as error:
            self._surplus = isinstance(error.__context__, _SurplusError)
            if self._surplus:
                return
            if tls:
                self._refuse(HTTPStatus.BAD_REQUEST, "tls", "This port speaks HTTP without TLS.")
            else:
                self._refuse(HTTPStatus.BAD_REQUEST, "bad_request", "This is no HTTP request.")
        self._check_size()
        if self._refused is not None:
            self._connection.refuse(self._refused)
        elif upgraded:
            self._upgrade()
            # It refers to this, which has done its work: see Connection.connection_lost.
            del self.parser

    def _upgrade(self) -> None:
        self.connections.discard(self)
        protocol = PacketProtocol(self.config, self.server_state, self._connection)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        method = self.parser.get_method()
        accept = read_usual(method, self.headers)
        if accept is not None:
            protocol.connect(self.url, self.headers, accept)
            return
        headers = Headers()
        for name, value in self.headers:
            headers.set_insecure(name.decode("ascii"), value.decode("latin-1"))
        protocol.handle_connect(Request(self.url.decode("ascii"), headers, method.decode("ascii")))

    def shutdown(self) -> None:
        """Let a request that is being answered be answered, and nothing else."""
        if self.cycle is None or self.cycle.response_complete:
            self._connection.abort()

    def _refuse(self, status: HTTPStatus, reason: str, detail: str) -> None:
        """Note a refusal; the first counts."""
        self._refused = self._refused or RefusedError(status, reason, detail)

    def _limit(self, name: str, status: HTTPStatus, reason: str, what: str) -> None:
        if self._refused is None:
            self._connection.connections.metrics.limits.reached(name)
            limit = getattr(self._settings, name)
            self._refuse(status, reason, f"{what} than {limit}.")

    def _check_size(self) -> None:
        settings = self._settings
        if not self._headed and self._bytes > settings.max_head_bytes:
            self._limit(
                "max_head_bytes",
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                "The headers have more bytes",
            )
        # Twice: a body in chunks is longer than what it says.
        elif self._bytes > settings.max_head_bytes + 2 * settings.max_packet_bytes:
            self._limit(
                "max_packet_bytes",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too_large",
                "The body has more bytes",
            )

    # From the parser.

    def on_message_begin(self) -> None:
        if self._begun:
            raise _SurplusError
        self._begun = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) + _AROUND_ADDRESS > self._settings.max_line_bytes:
            self._limit(
                "max_line_bytes",
                HTTPStatus.REQUEST_URI_TOO_LONG,
                "address_too_long",
                "The request line has more bytes",
            )

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if len(name) + len(value) + _AROUND_HEADER > self._settings.max_line_bytes:
            self._limit("max_line_bytes", too_large, "header_too_long", "A header has more bytes")
        elif len(self.headers) > self._settings.max_header_lines:
            self._limit(
                "max_header_lines", too_large, "too_many_headers", "The request has more headers"
            )

    def on_headers_complete(self) -> None:
        self._headed = True
        if self._should_upgrade() and self._has_body():
            self._refuse(
                HTTPStatus.BAD_REQUEST, "body_not_allowed", "A handshake must have no body."
            )
        if not self.url.isascii():
            self._refuse(HTTPStatus.BAD_REQUEST, "bad_request", "The address is not ASCII.")
        if self._refused is not None:
            return
        super().on_headers_complete()
        if not self._should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if self._refused is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused is None:
            super().on_message_complete()

    def _has_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
            for name, value in self.headers
        )

    def _should_upgrade(self) -> bool:
        """Whether a WebSocket is asked for. HTTP/1.0 knows no upgrade (RFC 9110, 7.8), and a proxy
        that speaks it can carry none.
        """
        if not self._headed:
            return self._read_upgrade()
        if self._upgrades is None:
            self._upgrades = self._read_upgrade()
        return self._upgrades

    def _read_upgrade(self) -> bool:
        if self.parser.get_http_version() != "1.1":
            return False
        asked = {b"connection": b"upgrade", b"upgrade": b"websocket"}
        for name, value in self.headers:
            tokens = [token.strip() for token in value.lower().split(b",")]
            if name in asked and asked[name] in tokens:
                del asked[name]
        return not asked
