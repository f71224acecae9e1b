"""The calls of negotiation: services and their events as evidence, and holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import grpc
import structlog
from parley.negotiation.v1 import negotiation_pb2 as pb

from moderation_service.domain.dispute.entities import Outcome
from moderation_service.domain.dispute.saga import PlaceHold, ResolveHold
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rpc.client import Client, reason_of
from service_kit.rpc.enumerations import Enumeration
from service_kit.rpc.failures import Refused
from service_kit.rules import Refusal

DOMAIN = "negotiation.parley"

_RETRY_AFTER_MILLISECONDS = 1_000
# Far more than the history of a deal has, which negotiation limits.
_MOST_PAGES = 20
_HOLD_OUTCOMES = Enumeration(pb.HoldOutcome, Outcome)

_logger = structlog.get_logger(__name__)


class Negotiation:
    """The RPCs of negotiation that moderation calls: as an internal service, which sees no notes,
    or for an `actor`, who sees what that one is shown.

    Each raises AioRpcError, and waits no longer than `seconds_left`.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get_service(
        self, service: str, seconds_left: float | None = None, actor: str = ""
    ) -> pb.Service:
        """Get a service."""
        request = pb.GetServiceRequest(actor=actor, service_id=service)
        answer: pb.GetServiceResponse = await self._client.call("GetService", request, seconds_left)
        return answer.service

    async def batch_get_services(
        self, conversation: str, seconds_left: float | None, actor: str = ""
    ) -> pb.Service | None:
        """Get the open service of a conversation, or its latest; None if there is none."""
        request = pb.BatchGetServicesRequest(actor=actor, conversation_ids=[conversation])
        answer = await self._client.call("BatchGetServices", request, seconds_left)
        return next(iter(answer.services), None)

    async def list_service_events(
        self, service: str, seconds_left: float | None, actor: str = ""
    ) -> list[pb.ServiceEvent]:
        """Give the history of a service, oldest first."""
        request = pb.ListServiceEventsRequest(actor=actor, service_id=service)
        events: list[pb.ServiceEvent] = []
        for _ in range(_MOST_PAGES):
            page = await self._client.call("ListServiceEvents", request, seconds_left)
            events += page.events
            request.page_token = page.next_page_token
            if not request.page_token:
                break
        return events

    async def place_hold(self, call: PlaceHold, seconds_left: float | None = None) -> pb.Service:
        """Hold a service for a dispute; gives the service as it stands then."""
        request = pb.PlaceHoldRequest(
            service_id=call.service, dispute=call.dispute, opened_by=call.opened_by
        )
        placed: pb.PlaceHoldResponse = await self._client.call("PlaceHold", request, seconds_left)
        return placed.service

    async def resolve_hold(
        self, call: ResolveHold, seconds_left: float | None = None
    ) -> pb.Service:
        """End a hold with the outcome of its dispute; gives the service as it stands then."""
        request = pb.ResolveHoldRequest(
            service_id=call.service,
            dispute=call.dispute,
            outcome=_HOLD_OUTCOMES.encode(call.outcome),
            split=pb.Settlement(**asdict(call.split)) if call.split else None,
        )
        answer: pb.ResolveHoldResponse = await self._client.call(
            "ResolveHold", request, seconds_left
        )
        return answer.service


@contextmanager
def refusing() -> Iterator[None]:
    """Turn failures of the calls inside into SERVICE_NOT_FOUND or NEGOTIATION_UNAVAILABLE."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if reason_of(error, DOMAIN) == Reason.SERVICE_NOT_FOUND:
            raise Refused(not_found(Reason.SERVICE_NOT_FOUND)) from error
        _logger.warning(
            "negotiation can not be asked", code=error.code().name, cause=error.details()
        )
        raise Refused(negotiation_unavailable()) from error


def negotiation_unavailable() -> Refusal:
    """Refuse a command that needs negotiation, which does not answer or is not deployed."""
    return Refusal(
        Reason.NEGOTIATION_UNAVAILABLE,
        "the service can not be looked at now; nothing was stored",
        retry_after=_RETRY_AFTER_MILLISECONDS,
    )
