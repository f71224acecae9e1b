"""Requests of the HTTP API: who asks, from which page, how often; and how it is answered."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
import structlog
import uuid_utils
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from desk.metrics import Metrics
from desk.moderation import Moderation
from desk.problems import (
    PROBLEM_TYPE,
    RefusedError,
    body_of,
    headers_of,
    invalid_argument,
    rate_limited,
    unauthenticated,
    unavailable,
)
from desk.resources.operation import Call, Operation
from desk.sessions import Session, Sessions
from desk.settings import Settings
from desk.structures.words import Role
from desk.web.cookies import Cookie
from service_kit.authentication.authenticator import Authenticator
from service_kit.authentication.claims import Principal
from service_kit.authentication.errors import AuthenticationError
from service_kit.tracing.requests import answering
from service_kit.tracing.spans import Tracing

_logger = structlog.get_logger(__name__)

CSRF_HEADER = "x-csrf-token"
KEY_HEADER = "idempotency-key"
_MOST_KEY = 128
_JSON_TYPE = "application/json"
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer of the API: it is for the desk's own page, and for nobody to keep."""

Answer = Callable[[Request], Awaitable[Response]]
StructType = TypeVar("StructType", bound=msgspec.Struct)


class Requests:
    """The parts that all requests share; made once for a desk."""

    def __init__(
        self,
        settings: Settings,
        origins: frozenset[str],
        sessions: Sessions,
        moderation: Moderation,
        authenticator: Authenticator,
        metrics: Metrics,
        tracing: Tracing | None = None,
    ) -> None:
        self.settings = settings
        self.tracing = tracing
        self.origins = origins
        # Without TLS it is open on this machine alone (origins.read_origins).
        self.cookie = Cookie(secure=any(one.startswith("https:") for one in origins))
        self.sessions = sessions
        self.moderation = moderation
        self.authenticator = authenticator
        self.metrics = metrics

    async def session(
        self, request: Request, roles: frozenset[Role] = frozenset(), *, acts: bool = True
    ) -> Session:
        """Give the session of a request that may be carried out. Raises RefusedError.

        Whether its token was revoked the moderation service says at each call. A browser that asks
        by itself does not act: nobody may be there.
        """
        self.check_origin(request)
        session = self.sessions.find(self.cookie.read(request.headers.raw))
        if request.method not in {"GET", "HEAD"} and not session.accepts(_csrf_token(request)):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "csrf", "The header X-CSRF-Token is missing or wrong."
            )
        if retry_after_ms := self.sessions.use(session, acts=acts):
            self.metrics.limits.reached("requests_per_second")
            raise rate_limited("Too many requests.", retry_after_ms)
        principal = await self.check_token(session)
        if roles and not roles.intersection(principal.roles):
            needed = " or ".join(sorted(roles))
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "role_required", f"This needs the role {needed}."
            )
        return session

    async def check_token(self, session: Session) -> Principal:
        """Verify the token of a session once more, for keys are replaced and tokens expire; without
        a good one it is over. Raises RefusedError.
        """
        try:
            return await self.authenticator.authenticate(session.token)
        except AuthenticationError as error:
            if error.reason == "keys_unavailable":
                raise unavailable(error.reason, str(error)) from None
            self.sessions.end(session)
            raise unauthenticated(error) from None

    def check_origin(self, request: Request) -> None:
        """Raise RefusedError for a request of a foreign page; what is no browser names none."""
        given = request.headers.getlist("origin")
        if len(given) > 1 or not self.origins.issuperset(given):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "origin_not_allowed", "This Origin is not allowed."
            )

    def of_operation(self, operation: Operation) -> Answer:
        """Make the endpoint of an operation."""
        query, body = operation.structure("query"), operation.structure("body")
        hints = get_type_hints(operation.handle, include_extras=True)

        async def answer(request: Request) -> Response:
            session = await self.session(request, operation.roles)
            given: dict[str, Any] = {
                name: _named(name, request.path_params[name], hints[name])
                for name in operation.path_names
            }
            if query is not None:
                given["query"] = read_query(request, query)
            if body is not None:
                given["body"] = await self.read(request, body)
            call = Call(session, self.moderation, _key(request) if operation.writes else "")
            try:
                told = await operation.handle(call, **given)
            except RefusedError as refused:
                if refused.reason == "token_refused":
                    # It was revoked, or has expired by the clock of the service.
                    self.sessions.end(session)
                raise
            return answered(told, operation.status)

        return self.endpoint(operation.name, answer)

    def route(self, path: str, endpoints: Mapping[str, Answer]) -> Route:
        """Make the route of a path, whose methods these are."""

        async def answer(request: Request) -> Response:
            # A HEAD is a GET whose body the server leaves out.
            method = "GET" if request.method == "HEAD" else request.method
            return await endpoints[method](request)

        return Route(path, answer, methods=[*endpoints])

    def endpoint(self, name: str, handle: Answer) -> Answer:
        """Turn what is raised into a problem, and count."""

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except ClientDisconnect:
                response = Response(status_code=HTTPStatus.BAD_REQUEST)
            except RefusedError as refused:
                response = self.refuse(refused)
            except Exception:
                error_id = str(uuid_utils.uuid7())
                _logger.exception("a request could not be handled", error_id=error_id)
                response = self.refuse(
                    RefusedError(
                        HTTPStatus.INTERNAL_SERVER_ERROR,
                        "internal",
                        f"An internal error, {error_id}.",
                    )
                )
            self.metrics.requests.labels(request=name, status=str(response.status_code)).inc()
            return response

        return answering(self.tracing, f"http {name}", answer)

    def refuse(self, refused: RefusedError) -> Response:
        """Answer with a problem."""
        self.metrics.refusals.labels(reason=refused.reason).inc()
        return Response(
            body_of(refused),
            refused.status,
            headers={**HEADERS, **headers_of(refused)},
            media_type=PROBLEM_TYPE,
        )

    async def read(self, request: Request, structure: type[StructType]) -> StructType:
        """Read the body: JSON, of bounded size, within bounded time. Raises RefusedError."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _JSON_TYPE:
            # A form of a foreign page can have no such type.
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json", f"The body must be {_JSON_TYPE}."
            )
        body = bytearray()
        try:
            async with asyncio.timeout(self.settings.body_timeout_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > self.settings.max_body_bytes:
                        self.metrics.limits.reached("max_body_bytes")
                        raise RefusedError(
                            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                            "too_large",
                            f"The body has more than {self.settings.max_body_bytes} bytes.",
                        )
        except TimeoutError:
            raise RefusedError(
                HTTPStatus.REQUEST_TIMEOUT, "too_slow", "The body took too long."
            ) from None
        try:
            return msgspec.json.decode(body, type=structure)
        except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
            raise _invalid(error) from None


def answered(told: msgspec.Struct, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A structure as an answer."""
    return Response(msgspec.json.encode(told), status, headers=HEADERS, media_type=_JSON_TYPE)


def read_query(request: Request, structure: type[StructType]) -> StructType:
    """Read what stands behind the question mark, each name once. Raises RefusedError."""
    given: dict[str, str] = {}
    for name, value in parse_qsl(request.url.query, keep_blank_values=True):
        if name in given:
            raise invalid_argument("is there twice", name[:_MOST_KEY])
        given[name] = value
    try:
        return msgspec.convert(given, structure, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None


def _named(name: str, value: str, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise invalid_argument(str(error), name) from None


def _invalid(error: Exception) -> RefusedError:
    """A problem of the words of msgspec, and of the place that they name: `... - at `$.a[0].b``."""
    words, mark, place = str(error).partition(" - at `$")
    return invalid_argument(words or "is no JSON", place.strip("`.") if mark else "")


def _csrf_token(request: Request) -> str:
    given = request.headers.getlist(CSRF_HEADER)
    return given[0] if len(given) == 1 else ""


def _key(request: Request) -> str:
    """The key of a command: that of the page, which it repeats with the command, or a new one."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return uuid_utils.uuid7().hex
    if not 1 <= len(key) <= _MOST_KEY or not key.isascii() or not key.isprintable():
        raise invalid_argument(f"is 1 to {_MOST_KEY} visible characters", "Idempotency-Key")
    return key
