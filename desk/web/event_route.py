"""GET /events: what happens in moderation, as server-sent events (HTML, 9.2)."""

from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from desk.events.broadcast import Broadcast, Stream
from desk.problems import RefusedError
from desk.resources.operation import MODERATOR
from desk.sessions import Session
from desk.web.requests import HEADERS, Requests

_RETRY_MS = 2000
_MOST_ID = 64


class EventRoute:
    """Streams of events."""

    def __init__(self, requests: Requests, broadcast: Broadcast) -> None:
        self._requests = requests
        self._broadcast = broadcast

    def routes(self) -> list[Route]:
        """The one route."""
        endpoint = self._requests.endpoint("events", self._open)
        return [self._requests.route("/events", {"GET": endpoint})]

    async def _open(self, request: Request) -> Response:
        if request.method != "GET":
            # The answer to a HEAD would never end.
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Ask with GET.")
        session = await self._requests.session(request, MODERATOR, acts=False)
        last_id = request.headers.get("last-event-id", "")[:_MOST_ID]
        stream = self._broadcast.open(session, last_id)
        return StreamingResponse(
            self._written(stream),
            # A proxy that gathers what it hands on would keep it back.
            headers={**HEADERS, "X-Accel-Buffering": "no"},
            media_type="text/event-stream",
        )

    async def _holds(self, session: Session) -> bool:
        """Whether the token is still a good one, as far as the desk can say."""
        try:
            await self._requests.check_token(session)
        except RefusedError:
            return not session.over
        return True

    async def _written(self, stream: Stream) -> AsyncIterator[bytes]:
        sessions, heartbeat = self._requests.sessions, self._requests.settings.heartbeat_seconds
        try:
            yield f"retry: {_RETRY_MS}\n\n".encode()
            while not stream.closed:
                seconds = min(heartbeat, sessions.seconds_left(stream.session))
                event = await stream.take(max(seconds, 0.0))
                # Nothing that has come since is for somebody whose session is over.
                if sessions.is_over(stream.session) or stream.closed:
                    return
                if event is None and not await self._holds(stream.session):
                    return
                yield b": alive\n\n" if event is None else self._broadcast.written(event)
        finally:
            self._broadcast.leave(stream)
