"""Requests over HTTP beside the socket: who asks, how often, what for, and how it is answered."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
import uuid_utils
from msgspec import UNSET
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from edge.sanctions.reader import StandingUnknownError
from edge.sessions.context import Edge
from edge.web.origins import read_origins, request_allowed
from edge.web.problems import (
    PROBLEM_TYPE,
    RefusedError,
    foreign_origin,
    moderation_unavailable,
    problem,
    rate_limited,
    retry_after,
    unauthenticated,
)
from edge.web.token_lookup import find_token
from parley_protocol.errors import Error, ErrorCode
from parley_protocol.packets import JSON, ClientEnvelope, InvalidPayloadError
from parley_protocol.payloads.moderation import Standing
from service_kit.authentication.errors import AuthenticationError
from service_kit.tracing.requests import answering

_logger = structlog.get_logger(__name__)

# By code of an error packet; what is not here is a 500.
_STATUSES: Mapping[str, HTTPStatus] = {
    ErrorCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    ErrorCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    ErrorCode.SANCTIONED: HTTPStatus.FORBIDDEN,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.CONFLICT: HTTPStatus.CONFLICT,
    ErrorCode.INVALID_STATE: HTTPStatus.CONFLICT,
    ErrorCode.STALE_OFFER: HTTPStatus.CONFLICT,
    ErrorCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.RESOURCE_EXHAUSTED: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}
_JSON_TYPE = "application/json"
# For which a browser need not ask again whether a page may.
_PREFLIGHT_SECONDS = 600


def refused_by(error: Error) -> RefusedError:
    """An error packet as a problem."""
    status = _STATUSES.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    reason = error.code if error.reason is UNSET else error.reason
    optional = {
        "retry_after_ms": error.retry_after_ms,
        "fields": error.fields,
        "standing" if isinstance(error.current, Standing) else "current": error.current,
    }
    more = {name: value for name, value in optional.items() if value is not UNSET}
    return RefusedError(status, reason.lower(), error.message, **more)


Handle = Callable[[Request], Awaitable[tuple[HTTPStatus, msgspec.Struct]]]


class HttpApi:
    """The parts that all HTTP requests of people with tokens share; made once for an edge."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self._origins = read_origins(edge.settings.allowed_origins)

    async def authenticate(self, request: Request) -> str:
        """Give the user who asks. Raises RefusedError."""
        if not request_allowed(request.headers.raw, self._origins):
            raise foreign_origin()
        try:
            # Not from the address, which is kept in histories and logs.
            principal = await self.edge.authenticator.authenticate(
                find_token(request.headers.raw, b"", ())
            )
        except AuthenticationError as error:
            raise unauthenticated(error) from None
        people = self.edge.people
        person = people.of(principal.user)
        people.remember(person)
        if retry_after_ms := person.http_rate.take(person.left_at):
            self.edge.metrics.limits.reached("http_requests_per_second")
            raise rate_limited("Too many requests.", retry_after_ms)
        seconds = self.edge.settings.moderation_timeout_seconds
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            await self.edge.sanctions_reader.check_token(principal, deadline)
        except AuthenticationError as error:
            raise unauthenticated(error) from None
        except StandingUnknownError:
            raise moderation_unavailable() from None
        return principal.user

    def route(self, path: str, name: str, method: str, handle: Handle) -> Route:
        """Make one route for all methods; whoever asks by another is told which there are."""

        async def answer(request: Request) -> Response:
            if request.method == "OPTIONS":
                return self._preflight(request, method)
            headers = {"Cache-Control": "no-store", **self._allow(request)}
            media_type = _JSON_TYPE
            try:
                status, payload = await handle(request)
                body = msgspec.json.encode(payload)
            except ClientDisconnect:
                status, body = HTTPStatus.BAD_REQUEST, b""
            except RefusedError as refused:
                status, media_type = refused.status, PROBLEM_TYPE
                body = problem(status, refused.reason, str(refused), **refused.more)
                if status is HTTPStatus.UNAUTHORIZED:
                    headers["WWW-Authenticate"] = "Bearer"
                headers |= retry_after(refused)
            except Exception:
                status, media_type = HTTPStatus.INTERNAL_SERVER_ERROR, PROBLEM_TYPE
                error_id = str(uuid_utils.uuid7())
                _logger.exception("a request could not be handled", error_id=error_id)
                body = problem(status, "internal", f"An internal error, {error_id}.")
            self.edge.metrics.http_requests.labels(request=name, status=str(status.value)).inc()
            return Response(body, status, headers=headers, media_type=media_type)

        traced = answering(self.edge.tracing, f"http {method} {path}", answer)
        return Route(path, traced, methods=[method, "OPTIONS"])

    def _allow(self, request: Request) -> Mapping[str, str]:
        """Let the page that asked read the answer, if it may."""
        origin = request.headers.get("origin")
        if origin is None or not request_allowed(request.headers.raw, self._origins):
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
        }

    def _preflight(self, request: Request, method: str) -> Response:
        headers = dict(self._allow(request))
        if "Access-Control-Allow-Origin" not in headers:
            return Response(status_code=HTTPStatus.FORBIDDEN, headers=headers)
        headers["Access-Control-Allow-Methods"] = method
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        headers["Access-Control-Max-Age"] = str(_PREFLIGHT_SECONDS)
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)

    async def read(self, request: Request, decoder: Any) -> Any:
        """Read the body: JSON, of bounded size, within bounded time. Raises RefusedError."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _JSON_TYPE:
            # A form of a foreign page can have no such type, so a browser asks first.
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json", f"The body must be {_JSON_TYPE}."
            )
        limit = self.edge.settings.max_packet_bytes
        body = bytearray()
        try:
            async with asyncio.timeout(self.edge.settings.call_timeout_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > limit:
                        self.edge.metrics.limits.reached("max_packet_bytes")
                        raise RefusedError(
                            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                            "too_large",
                            f"The body has more than {limit} bytes.",
                        )
        except TimeoutError:
            raise RefusedError(
                HTTPStatus.REQUEST_TIMEOUT, "too_slow", "The body took too long."
            ) from None
        try:
            return JSON.payload(ClientEnvelope(0, d=msgspec.Raw(bytes(body) or b"null")), decoder)
        except InvalidPayloadError as error:
            raise invalid(error) from None


def invalid(error: InvalidPayloadError) -> RefusedError:
    """An argument at fault as a problem."""
    return RefusedError(
        HTTPStatus.BAD_REQUEST,
        "invalid_argument",
        str(error),
        fields=[{"field": error.field, "problem": error.problem}],
    )
