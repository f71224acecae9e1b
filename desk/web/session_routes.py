"""POST, GET and DELETE /session, and GET /config.json, which a page asks before it signs in."""

from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from desk.problems import RefusedError, rate_limited, unauthenticated, unavailable
from desk.sessions import ROLES, Rate, Session
from desk.structures.sessions import Configuration, SessionView, SignIn
from desk.web.requests import Requests, answered
from service_kit.authentication.claims import Principal
from service_kit.authentication.errors import AuthenticationError
from service_kit.authentication.revocations import is_revoked, read_revocations


class SessionRoutes:
    """Signs moderators in and out."""

    def __init__(self, requests: Requests, attempts: Rate) -> None:
        self._requests = requests
        self._attempts = attempts
        self._configuration = Configuration(sign_in_url=requests.settings.sign_in_url)

    def routes(self) -> list[Route]:
        """The routes of both paths."""
        requests = self._requests
        return [
            requests.route(
                "/session",
                {
                    "POST": requests.endpoint("sign_in", self._sign_in),
                    "GET": requests.endpoint("get_session", self._show),
                    "DELETE": requests.endpoint("sign_out", self._sign_out),
                },
            ),
            requests.route("/config.json", {"GET": requests.endpoint("config", self._configure)}),
        ]

    async def _sign_in(self, request: Request) -> Response:
        requests = self._requests
        requests.check_origin(request)
        if retry_after_ms := self._attempts.take(requests.sessions.now()):
            requests.metrics.limits.reached("sign_ins_per_second")
            raise rate_limited("Too many attempts to sign in.", retry_after_ms)
        given = await requests.read(request, SignIn)
        try:
            principal = await requests.authenticator.authenticate(given.token.strip())
            await self._check_revocations(principal)
        except AuthenticationError as error:
            if error.reason == "keys_unavailable":
                raise unavailable(error.reason, str(error)) from None
            raise unauthenticated(error) from None
        if not principal.roles & ROLES:
            raise RefusedError(
                HTTPStatus.FORBIDDEN,
                "role_required",
                f"The token has none of the roles {', '.join(sorted(ROLES))}.",
            )
        with suppress(RefusedError):
            # Of the same browser, which forgets its name.
            requests.sessions.end(requests.sessions.find(requests.cookie.read(request.headers.raw)))
        name, session = requests.sessions.open(principal, given.token.strip())
        response = answered(self._view(session))
        response.headers["Set-Cookie"] = requests.cookie.written(name)
        return response

    async def _check_revocations(self, principal: Principal) -> None:
        """Raise AuthenticationError for a token that was revoked."""
        (standing,) = await self._requests.moderation.standings([principal.user])
        if is_revoked(principal, read_revocations(standing)):
            raise AuthenticationError("token_revoked")

    async def _show(self, request: Request) -> Response:
        return answered(self._view(await self._requests.session(request)))

    async def _sign_out(self, request: Request) -> Response:
        self._requests.sessions.end(await self._requests.session(request))
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        response.headers["Set-Cookie"] = self._requests.cookie.expired()
        return response

    async def _configure(self, _request: Request) -> Response:
        return answered(self._configuration)

    def _view(self, session: Session) -> SessionView:
        end = datetime.fromtimestamp(session.principal.expires_at, UTC)
        return SessionView(
            user=session.user,
            roles=session.roles,
            expire_time=f"{end:%Y-%m-%dT%H:%M:%S}.{end.microsecond // 1000:03d}Z",
            idle_seconds=self._requests.settings.idle_seconds,
            csrf_token=session.csrf_token,
        )
