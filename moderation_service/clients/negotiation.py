"""What this service asks of negotiation, and nothing else does: deals as evidence, and holds."""

import grpc
import structlog
from parley.negotiation.v1 import negotiation_pb2 as pb

from moderation_service.domain.dispute.entities import Outcome
from moderation_service.domain.dispute.saga import PlaceHold, ResolveHold
from moderation_service.domain.refusals import Reason, not_found
from service_kit.rpc.client import Client, reason_of
from service_kit.rpc.failures import Refused
from service_kit.rules import Refusal

DOMAIN = "negotiation.parley"

_RETRY_AFTER_MILLISECONDS = 1_000
# Far more than the history of a deal has, which negotiation limits.
_MOST_PAGES = 20
_OUTCOMES = {
    Outcome.RESUME: pb.HOLD_OUTCOME_RESUME,
    Outcome.COMPLETED: pb.HOLD_OUTCOME_COMPLETED,
    Outcome.CANCELLED: pb.HOLD_OUTCOME_CANCELLED,
    Outcome.SPLIT: pb.HOLD_OUTCOME_SPLIT,
}

_logger = structlog.get_logger(__name__)


class Negotiation:
    """The negotiation service as this one uses it: as an internal service, which sees no notes.

    In the calls for evidence a refusal ends the call: SERVICE_NOT_FOUND, and for everything else
    NEGOTIATION_UNAVAILABLE. Those about holds raise AioRpcError.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get_service(self, service: str, seconds_left: float | None) -> pb.Service:
        """Give a service."""
        try:
            return await self.look_up(service, seconds_left)
        except grpc.aio.AioRpcError as error:
            raise Refused(_refusal(error)) from error

    async def find_service(
        self, conversation: str, seconds_left: float | None
    ) -> pb.Service | None:
        """Give the open service of a conversation, or its latest, if there is any."""
        request = pb.BatchGetServicesRequest(conversation_ids=[conversation])
        try:
            answer = await self._client.call("BatchGetServices", request, seconds_left)
        except grpc.aio.AioRpcError as error:
            raise Refused(_refusal(error)) from error
        return next(iter(answer.services), None)

    async def list_events(self, service: str, seconds_left: float | None) -> list[pb.ServiceEvent]:
        """Give the history of a service, oldest first."""
        request = pb.ListServiceEventsRequest(service_id=service)
        events: list[pb.ServiceEvent] = []
        for _ in range(_MOST_PAGES):
            try:
                page = await self._client.call("ListServiceEvents", request, seconds_left)
            except grpc.aio.AioRpcError as error:
                raise Refused(_refusal(error)) from error
            events += page.events
            request.page_token = page.next_page_token
            if not request.page_token:
                break
        return events

    async def look_up(self, service: str, seconds_left: float | None = None) -> pb.Service:
        """Give a service. Raises AioRpcError."""
        answer: pb.GetServiceResponse = await self._client.call(
            "GetService", pb.GetServiceRequest(service_id=service), seconds_left
        )
        return answer.service

    async def make(
        self, call: PlaceHold | ResolveHold, seconds_left: float | None = None
    ) -> pb.Service:
        """Make a call of the saga; gives the service as it stands then. Raises AioRpcError."""
        if isinstance(call, PlaceHold):
            placed: pb.PlaceHoldResponse = await self._client.call(
                "PlaceHold", pb.PlaceHoldRequest(service_id=call.service, dispute=call.dispute,
                                                 opened_by=call.opened_by), seconds_left
            )  # fmt: skip
            return placed.service
        split = call.split
        request = pb.ResolveHoldRequest(
            service_id=call.service,
            dispute=call.dispute,
            outcome=_OUTCOMES[call.outcome],
            split=None if split is None else pb.Settlement(
                provider_minor=split.provider_minor, client_minor=split.client_minor
            ),
        )  # fmt: skip
        resolved: pb.ResolveHoldResponse = await self._client.call(
            "ResolveHold", request, seconds_left
        )
        return resolved.service


def _refusal(error: grpc.aio.AioRpcError) -> Refusal:
    if reason_of(error, DOMAIN) == Reason.SERVICE_NOT_FOUND:
        return not_found(Reason.SERVICE_NOT_FOUND)
    _logger.warning("negotiation can not be asked", code=error.code().name, cause=error.details())
    return negotiation_unavailable()


def negotiation_unavailable() -> Refusal:
    """Refuse what needs negotiation, which does not answer or is not deployed."""
    return Refusal(
        Reason.NEGOTIATION_UNAVAILABLE,
        "the service can not be looked at now; nothing was stored",
        retry_after=_RETRY_AFTER_MILLISECONDS,
    )
