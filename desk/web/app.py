"""The Starlette application: sessions, operations, events, health, the app's files."""

from http import HTTPStatus
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from desk.problems import RefusedError, unavailable
from desk.resources.table import OPERATIONS
from desk.web import app_files, description
from desk.web.event_route import EventRoute
from desk.web.requests import Answer, Requests
from desk.web.session_routes import SessionRoutes
from service_kit.process.health import Health
from service_kit.process.health_routes import health_routes


class Bounded:
    """An application that has so many requests open at most; more are refused at once."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._open >= self._requests.settings.open_requests:
            self._requests.metrics.limits.reached("open_requests")
            refused = unavailable("overloaded", "The desk has too many open requests.")
            await self._requests.refuse(refused)(scope, receive, send)
            return
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1


def build_app(
    requests: Requests, sessions: SessionRoutes, events: EventRoute, health: Health
) -> ASGIApp:
    """The routes of one desk. Raises ValueError or OSError for what cannot be served."""
    paths: dict[str, dict[str, Answer]] = {}
    for one in OPERATIONS:
        # Names of users may hold slashes, which the server gives decoded.
        path = one.path.replace("{user}", "{user:path}")
        paths.setdefault(path, {})[one.method] = requests.of_operation(one)

    async def refuse(_request: Request, error: Exception) -> Response:
        """Answer for a path or a method that there is not."""
        refused = cast("HTTPException", error)
        status = HTTPStatus(refused.status_code)
        response = requests.refuse(
            RefusedError(status, status.name.lower(), status.description or status.phrase)
        )
        response.headers.update(refused.headers or {})
        return response

    app = Starlette(
        routes=[
            *health_routes(health),
            *description.routes(),
            *sessions.routes(),
            *events.routes(),
            *(requests.route(path, endpoints) for path, endpoints in paths.items()),
            *app_files.routes(requests.settings.app_folder),
        ],
        exception_handlers={HTTPException: refuse},
    )
    # Another spelling of an address is another address.
    app.router.redirect_slashes = False
    return Bounded(app, requests)
