"""HTTP for those who have no socket, or may not write: what ends or carries out a deal.

Time goes on in the deals and disputes of the banned and the suspended, so what it waits for stays
open to them: GET /services and GET /disputes show them, and POST /packets/service-terminated and
the like take the payload of the packet of that name. See docs/decisions/0056.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from parley.moderation.v1 import moderation_pb2 as moderation
from parley.negotiation.v1 import negotiation_pb2 as negotiation
from starlette.requests import Request
from starlette.routing import Route

from edge.handlers.moderation import NOT_DEPLOYED as NO_MODERATION
from edge.handlers.negotiation import NOT_DEPLOYED as NO_NEGOTIATION
from edge.sessions import requests
from edge.sessions.context import Edge
from edge.translation.moderation import dispute_payload
from edge.translation.negotiation import service_payload
from edge.web.http_api import Handle, HttpApi, invalid, refused_by
from parley_protocol.errors import Error
from parley_protocol.packets import JSON, Activity, InvalidPayloadError, Op, activity_of
from parley_protocol.payloads.moderation import Dispute
from parley_protocol.payloads.negotiation import Service

OPEN_TO_ALL = frozenset({Activity.PERFORM, Activity.DISPUTE})
"""The activities that no sanction forbids, because time waits for them."""

_PAGE = 20


class Services(Struct, frozen=True):
    """A page of the deals of a user, the newest first; `next` asks for the one after it."""

    services: list[Service]
    next: str | UnsetType = UNSET


class Disputes(Struct, frozen=True):
    """A page of the disputes of a user, the newest first; `next` asks for the one after it."""

    disputes: list[Dispute]
    next: str | UnsetType = UNSET


class OneRequest:
    """Stands in for a session before the handler of a packet, and keeps its answer."""

    def __init__(self, edge: Edge, user: str) -> None:
        self.edge = edge
        self.user = user
        # Set when the handler has returned, or by the batch in which its request travels.
        self.answered: asyncio.Future[Struct | Error] = asyncio.get_running_loop().create_future()

    def forbidden(self, _re: requests.Request) -> Error | None:
        """Nothing: only what no sanction forbids comes here."""
        return None

    def answer(self, re: requests.Request, payload: Struct) -> None:
        """Keep an answer."""
        re.done()
        self.answered.set_result(payload)

    def fail(self, re: requests.Request, error: Error) -> None:
        """Keep a refusal."""
        re.failed(error.code)
        self.answered.set_result(error)


def routes(api: HttpApi) -> list[Route]:
    """GET /services and GET /disputes, a POST for each packet, and what browsers ask before."""
    edge = api.edge

    async def services(request: Request) -> tuple[HTTPStatus, Struct]:
        asked = negotiation.ListServicesRequest(
            actor=await api.authenticate(request), page_size=_PAGE, page_token=_page(request)
        )
        page = await _call(edge.negotiation, NO_NEGOTIATION, "ListServices", asked)
        shown = [service_payload(one) for one in page.services]
        return HTTPStatus.OK, Services(shown, page.next_page_token or UNSET)

    async def disputes(request: Request) -> tuple[HTTPStatus, Struct]:
        asked = moderation.ListOwnDisputesRequest(
            actor=await api.authenticate(request), page_size=_PAGE, page_token=_page(request)
        )
        page = await _call(edge.moderation, NO_MODERATION, "ListOwnDisputes", asked)
        shown = [dispute_payload(one) for one in page.disputes]
        return HTTPStatus.OK, Disputes(shown, page.next_page_token or UNSET)

    return [
        api.route("/services", "services", "GET", services),
        api.route("/disputes", "disputes", "GET", disputes),
        *(
            api.route(f"/packets/{_path(op)}", _path(op), "POST", _packet(api, op))
            for op in Op
            if op.activity in OPEN_TO_ALL
        ),
    ]


def _path(op: Op) -> str:
    return op.name.lower().replace("_", "-")


def _packet(api: HttpApi, op: Op) -> Handle:
    """Take the payload of a packet, and answer with that of its answer."""

    async def handle(request: Request) -> tuple[HTTPStatus, Struct]:
        route = api.edge.routes[op]
        one = OneRequest(api.edge, await api.authenticate(request))
        payload = await api.read(request, route.decoders[JSON])
        if activity_of(op.activity, payload) is Activity.WRITE:
            problem = "says or promises something, which a socket is for"
            raise invalid(InvalidPayloadError("", problem))
        try:
            waiting = route.handler(one, requests.Request(None, route.outcomes), payload)
            if waiting is not None:
                await waiting
        except InvalidPayloadError as error:
            raise invalid(error) from None
        # A batch answers within the time of one call, whatever happens.
        async with asyncio.timeout(2 * api.edge.settings.call_timeout_seconds):
            answered = await one.answered
        if isinstance(answered, Error):
            raise refused_by(answered)
        return HTTPStatus.OK, answered

    return handle


def _page(request: Request) -> str:
    return request.query_params.get("page", "")


async def _call(backend: Any, missing: Error, rpc: str, request: Any) -> Any:
    answer = missing if backend is None else await backend.call(rpc, request)
    if isinstance(answer, Error):
        raise refused_by(answer)
    return answer
