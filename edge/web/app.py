"""The Starlette application: the socket, health, readiness and metrics."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from edge.handlers.attach import attach
from edge.protocol.cursors import MESSAGING
from edge.protocol.errors import CloseCode
from edge.protocol.packets import FORMATS, JSON
from edge.sanctions.reader import StandingUnknownError
from edge.sessions.context import Edge
from edge.sessions.drain import Drain
from edge.sessions.session import Session
from edge.sessions.state import State
from edge.web import appeals, deals
from edge.web.http_api import HttpApi
from edge.web.origins import read_origins, request_allowed
from edge.web.problems import (
    PROBLEM_TYPE,
    RefusedError,
    foreign_origin,
    problem,
    rate_limited,
    retry_after,
    unauthenticated,
)
from edge.web.token_lookup import find_token
from edge.web.transport import CONNECTION_EXTENSION, Connection
from service_kit.authentication.claims import Principal
from service_kit.authentication.errors import AuthenticationError

_Scope = dict[str, Any]
_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]


_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.UPGRADE_REQUIRED: {"Upgrade": "websocket", "Connection": "Upgrade"},
}


class SocketEndpoint:
    """GET /ws, as a plain ASGI application: Starlette's own WebSocket class checks the state of
    the connection at every packet, which the server does already.
    """

    def __init__(self, edge: Edge, drain: Drain) -> None:
        self._edge = edge
        self._drain = drain
        self._origins = read_origins(edge.settings.allowed_origins)

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        metrics, loop = self._edge.metrics, asyncio.get_running_loop()
        moderation_deadline = loop.time() + self._edge.settings.moderation_timeout_seconds
        try:
            principal = await self._admit(scope, moderation_deadline)
        except RefusedError as refused:
            metrics.handshakes.labels(status=str(refused.status.value)).inc()
            await _deny(send, refused)
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
        session = Session(
            self._edge,
            principal,
            FORMATS[offered[0]] if offered else JSON,
            receive,
            send,
            connection.abort,
        )
        resume = parse_qs(scope["query_string"].decode()).get("resume")
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
            sanctions.leave(session.user)
            for feed in self._edge.feeds.values():
                feed.users.review(session.user)

    async def _admit(self, scope: _Scope, moderation_deadline: float) -> Principal:
        if not request_allowed(scope["headers"], self._origins):
            raise foreign_origin()
        try:
            token = find_token(scope["headers"], scope["query_string"], scope["subprotocols"])
            principal = await self._edge.authenticator.authenticate(token)
        except AuthenticationError as error:
            raise unauthenticated(error) from None
        self._limit(principal.user)
        await self._let_in(principal.user, moderation_deadline)
        if self._drain.begun:
            # Asked last, for the keys and the standing may have been waited for.
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "draining", "This edge is shutting down."
            )
        settings, hub = self._edge.settings, self._edge.hub
        if hub.sockets >= settings.sockets_per_edge:
            self._edge.metrics.limits.reached("sockets_per_edge")
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "This edge has too many sockets."
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

    async def _let_in(self, user: str, moderation_deadline: float) -> None:
        """Raise RefusedError for who is banned or suspended, with the reasons."""
        try:
            standing = await self._edge.sanctions_reader.admit(user, moderation_deadline)
        except StandingUnknownError:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "moderation_unavailable",
                "The moderation service cannot be reached; try again.",
            ) from None
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
    body = problem(refused.status, refused.reason, str(refused), **refused.more)
    headers = {"Content-Type": PROBLEM_TYPE, **_HEADERS.get(refused.status, {})}
    headers |= retry_after(refused)
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send(
        {
            "type": "websocket.http.response.start",
            "status": refused.status.value,
            "headers": encoded,
        }
    )
    await send({"type": "websocket.http.response.body", "body": body})


def build_app(edge: Edge, drain: Drain) -> Starlette:
    """The routes of one edge."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        """200 while new people can be served. Without another backend its features alone fail."""
        live = {backend: feed.live for backend, feed in edge.feeds.items()}
        state: Mapping[str, bool] = {**live, "draining": drain.begun}
        ready = live[MESSAGING] and not drain.begun
        return Response(
            json.dumps({"ready": ready, **state}),
            HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
            media_type="application/json",
        )

    async def metrics(_request: Request) -> Response:
        return Response(
            generate_latest(edge.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def upgrade_required(_request: Request) -> Response:
        status = HTTPStatus.UPGRADE_REQUIRED
        body = problem(status, "not_a_websocket", "GET /ws is for WebSocket clients.")
        return Response(body, status, headers=_HEADERS[status], media_type=PROBLEM_TYPE)

    api = HttpApi(edge)
    return Starlette(
        routes=[
            WebSocketRoute("/ws", SocketEndpoint(edge, drain)),
            Route("/ws", upgrade_required),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *appeals.routes(api),
            *deals.routes(api),
        ]
    )
