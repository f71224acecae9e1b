"""The Starlette application: the socket, health, readiness and metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from edge.cursors import MODERATION
from edge.handlers.attach import attach
from edge.sanctions.reader import StandingUnknownError
from edge.sessions.context import Edge
from edge.sessions.drain import Drain
from edge.sessions.session import Session
from edge.sessions.state import State
from edge.web import appeals, deals, description, people_app
from edge.web.http_api import HttpApi
from edge.web.origins import read_origins, request_allowed
from edge.web.problems import (
    RefusedError,
    body_of,
    foreign_origin,
    headers_of,
    moderation_unavailable,
    rate_limited,
    unauthenticated,
)
from edge.web.serving.connection import Connection, Connections
from edge.web.serving.transport import (
    CONNECTION_EXTENSION,
    PROTOCOL_EXTENSION,
    PacketProtocol,
)
from edge.web.token_lookup import find_token
from parley_protocol.errors import CloseCode
from parley_protocol.packets import FORMATS, JSON
from service_kit.authentication.claims import Principal
from service_kit.authentication.errors import AuthenticationError
from service_kit.process.health import Health
from service_kit.process.health_routes import health_routes

_SOCKET_PATH = "/ws"

_Scope = dict[str, Any]
_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]


class SocketEndpoint:
    """GET /ws, as a plain ASGI application: Starlette's own WebSocket class checks the state of
    the connection at every packet, which the server does already.
    """

    def __init__(self, edge: Edge, drain: Drain, connections: Connections) -> None:
        self._edge = edge
        self._drain = drain
        self._connections = connections
        self._origins = read_origins(edge.settings.allowed_origins)

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        metrics, loop = self._edge.metrics, asyncio.get_running_loop()
        moderation_deadline = loop.time() + self._edge.settings.moderation_timeout_seconds
        try:
            principal = await self._admit(scope, moderation_deadline)
        except RefusedError as refused:
            await _deny(send, refused)
            metrics.refused(refused.status, refused.reason)
            return
        connection: Connection = scope["extensions"][CONNECTION_EXTENSION]
        # Nothing was waited for since the limit was asked.
        self._count(connection)
        event = await receive()
        if event["type"] != "websocket.connect":
            return
        offered = [name for name in scope["subprotocols"] if name in FORMATS]
        accept = {"type": "websocket.accept", "subprotocol": offered[0] if offered else None}
        await send({**accept, "headers": []})
        metrics.handshakes.labels(status="101").inc()
        protocol: PacketProtocol = scope["extensions"][PROTOCOL_EXTENSION]
        session = Session(
            self._edge,
            principal,
            FORMATS[offered[0]] if offered else JSON,
            receive,
            send,
            connection.abort,
            protocol.write_now,
        )
        resume = parse_qs(scope["query_string"].decode()).get("resume")
        protocol.take_by(session.take)
        await self._serve(session, resume, moderation_deadline)

    def _count(self, connection: Connection) -> None:
        hub = self._edge.hub
        hub.sockets += 1

        def discount(_gone: object) -> None:
            hub.sockets -= 1

        connection.gone.add_done_callback(discount)

    async def _serve(
        self, session: Session, resume: list[str] | None, moderation_deadline: float
    ) -> None:
        hub, sanctions = self._edge.hub, self._edge.sanctions
        if self._drain.begun:
            session.close(CloseCode.DRAINING, "draining")
        elif len(hub.of(session.user)) >= self._edge.settings.sockets_per_user:
            # A script in a browser learns a close code, but never the status of a handshake.
            session.close(CloseCode.TOO_MANY_SOCKETS, "too many sockets of this user")
        if session.state is State.CLOSING:
            await session.run()
            return
        hub.add(session)
        sanctions.enter(session.user)
        try:
            # HELLO is the first packet, so nothing is read and answered before it.
            await attach(session, resume[-1] if resume else None, moderation_deadline)
            await session.run()
        finally:
            session.stop()
            hub.remove(session)
            self._edge.people.remember(session.person)
            feeds = self._edge.feeds
            for feed in feeds.values():
                feed.users.review(session.user)
            moderation = feeds.get(MODERATION)
            followed = moderation is not None and moderation.users.lingers(session.user)
            sanctions.leave(session.user, followed=followed)

    async def _admit(self, scope: _Scope, moderation_deadline: float) -> Principal:
        if not request_allowed(scope["headers"], self._origins):
            raise foreign_origin()
        offered = scope["subprotocols"]
        if offered and not any(name in FORMATS for name in offered):
            # A browser takes no answer to its offer for a failure, and cannot say of which kind.
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                "no_subprotocol",
                f"Offer {' or '.join(FORMATS)} as well, or no subprotocol at all.",
            )
        try:
            token = find_token(scope["headers"], scope["query_string"], scope["subprotocols"])
            principal = await self._edge.authenticator.authenticate(token)
        except AuthenticationError as error:
            raise unauthenticated(error) from None
        self._limit(principal.user)
        await self._let_in(principal, moderation_deadline)
        if self._drain.begun:
            # Asked last, for the keys and the standing may have been waited for.
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "draining", "This edge is shutting down."
            )
        if self._connections.full:
            self._edge.metrics.limits.reached("sockets_per_edge")
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "This edge has too many connections."
            )
        return principal

    def _limit(self, user: str) -> None:
        """Raise RefusedError for who connects too often."""
        people = self._edge.people
        person = people.of(user)
        people.remember(person)
        if retry_after_ms := person.connection_rate.take(person.left_at):
            self._edge.metrics.limits.reached("connections_per_second")
            raise rate_limited("Too many connections of this user.", retry_after_ms)

    async def _let_in(self, principal: Principal, moderation_deadline: float) -> None:
        """Raise RefusedError for who is banned or suspended, with the reasons, and for a token that
        was revoked.
        """
        try:
            standing = await self._edge.sanctions_reader.admit(principal, moderation_deadline)
        except AuthenticationError as error:
            raise unauthenticated(error) from None
        except StandingUnknownError:
            raise moderation_unavailable() from None
        if standing is not None:
            reason = "banned" if standing.banned else "suspended"
            raise RefusedError(
                HTTPStatus.FORBIDDEN,
                reason,
                f"This user is {reason}. GET /standing tells why, and POST /appeals asks another"
                " moderator to look at the decision again.",
                standing=standing,
            )


async def _deny(send: _Send, refused: RefusedError) -> None:
    encoded = [
        (name.lower().encode(), value.encode()) for name, value in headers_of(refused).items()
    ]
    await send(
        {
            "type": "websocket.http.response.start",
            "status": refused.status.value,
            "headers": encoded,
        }
    )
    await send({"type": "websocket.http.response.body", "body": body_of(refused)})


def build_app(edge: Edge, drain: Drain, connections: Connections, health: Health) -> ASGIApp:
    """The routes of one edge. Raises ValueError or OSError for what cannot be served."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def metrics(_request: Request) -> Response:
        return Response(
            generate_latest(edge.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    def answer(refused: RefusedError, more: Mapping[str, str] | None = None) -> Response:
        edge.metrics.refused(refused.status, refused.reason)
        headers = {**headers_of(refused), **(more or {})}
        return Response(body_of(refused), refused.status, headers=headers)

    async def upgrade_required(_request: Request) -> Response:
        return answer(
            RefusedError(
                HTTPStatus.UPGRADE_REQUIRED,
                "not_a_websocket",
                "GET /ws is for WebSocket clients, over HTTP/1.1.",
            )
        )

    async def refuse(_request: Request, error: Exception) -> Response:
        """Answer for a path or a method that there is not."""
        refused = cast("HTTPException", error)
        status = HTTPStatus(refused.status_code)
        problem = RefusedError(status, status.name.lower(), status.description)
        return answer(problem, refused.headers)

    async def nowhere(scope: _Scope, _receive: _Receive, send: _Send) -> None:
        detail = "There is nothing at this address."
        refused = RefusedError(HTTPStatus.NOT_FOUND, "not_found", detail)
        if scope["type"] == "http":
            raise HTTPException(refused.status, detail)
        await _deny(send, refused)
        edge.metrics.refused(refused.status, refused.reason)

    api = HttpApi(edge)
    app = Starlette(
        exception_handlers={HTTPException: refuse},
        routes=[
            Route(_SOCKET_PATH, upgrade_required),
            Route("/healthz", healthz),
            *health_routes(health),
            Route("/metrics", metrics),
            *description.routes(edge.metrics),
            *people_app.routes(edge.settings, edge.metrics),
            *appeals.routes(api),
            *deals.routes(api),
        ],
    )
    app.router.default = cast("ASGIApp", nowhere)
    socket = SocketEndpoint(edge, drain, connections)

    async def dispatch(scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Give sockets to their endpoint past Starlette, which would wrap each frame six times."""
        if scope["type"] == "websocket" and scope["path"] == _SOCKET_PATH:
            await socket(scope, receive, send)
        else:
            await app(scope, receive, send)

    return cast("ASGIApp", dispatch)
