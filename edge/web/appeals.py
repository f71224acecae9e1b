"""HTTP for the banned and the suspended, who have no socket: the reasons, and the appeal.

The same token is good here. GET /standing tells what restricts its user, and
POST /appeals takes the payload of APPEAL. See docs/decisions/0036.
"""

from http import HTTPStatus
from typing import Any

import msgspec
from parley.moderation.v1 import moderation_pb2 as pb
from starlette.requests import Request
from starlette.routing import Route

from edge.handlers.moderation import NOT_DEPLOYED
from edge.sessions.context import Edge
from edge.translation.common import request_of
from edge.translation.moderation import appeal_payload, standing_payload
from edge.web.http_api import HttpApi, invalid, refused_by
from parley_protocol.errors import Error
from parley_protocol.packets import JSON, InvalidPayloadError, Op
from parley_protocol.payloads.moderation import ReportStatus, SendAppeal

_DECODER = JSON.decoder(SendAppeal)


def routes(api: HttpApi) -> list[Route]:
    """GET /standing and POST /appeals, and what browsers ask before."""
    edge = api.edge

    async def standing(request: Request) -> tuple[HTTPStatus, msgspec.Struct]:
        user = await api.authenticate(request)
        answer = await _call(edge, "GetStanding", pb.GetStandingRequest(actor=user))
        return HTTPStatus.OK, standing_payload(answer.standing)

    async def appeal(request: Request) -> tuple[HTTPStatus, msgspec.Struct]:
        user = await api.authenticate(request)
        payload = await api.read(request, _DECODER)
        try:
            asked = request_of(pb.CreateAppealRequest, payload, user)
        except InvalidPayloadError as error:
            raise invalid(error) from None
        answer = await _call(edge, Op.APPEAL.rpc, asked)
        status = HTTPStatus.OK if answer.duplicate else HTTPStatus.CREATED
        made = appeal_payload(answer.appeal)
        return status, ReportStatus(appeal=made, duplicate=answer.duplicate)

    return [
        api.route("/standing", "standing", "GET", standing),
        api.route("/appeals", "appeal", "POST", appeal),
    ]


async def _call(edge: Edge, rpc: str, request: Any) -> Any:
    moderation = edge.moderation
    answer = NOT_DEPLOYED if moderation is None else await moderation.call(rpc, request)
    if isinstance(answer, Error):
        raise refused_by(answer)
    return answer
