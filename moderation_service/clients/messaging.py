"""The one call of messaging: messages as evidence."""

from typing import NamedTuple

import grpc
import structlog
from parley.messaging.v1 import messaging_pb2 as pb

from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rpc.client import Client
from service_kit.rpc.failures import Refused
from service_kit.rules import Refusal

_RETRY_AFTER_MILLISECONDS = 1_000

_logger = structlog.get_logger(__name__)


class Excerpt(NamedTuple):
    """Messages of a conversation, and how many were looked for before and after the one named."""

    page: pb.ListEvidenceResponse
    before: int
    after: int


class Messaging:
    """The RPC of messaging that moderation calls."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def list_evidence(
        self, request: pb.ListEvidenceRequest, seconds_left: float | None
    ) -> Excerpt:
        """List messages around one, or the newest of a conversation; only the actor's, if named.

        Fewer when all are too large for one answer. A failure ends the call: NOT_FOUND as
        MESSAGE_NOT_FOUND or CONVERSATION_NOT_FOUND, any other as MESSAGING_UNAVAILABLE.
        """
        missing = Reason.MESSAGE_NOT_FOUND if request.message_id else Reason.CONVERSATION_NOT_FOUND
        while True:
            try:
                page: pb.ListEvidenceResponse = await self._client.call(
                    "ListEvidence", request, seconds_left
                )
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    raise Refused(not_found(missing)) from error
                too_large = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                if not (too_large and (request.before or request.after)):
                    _logger.warning(
                        "messaging can not be asked", code=error.code().name, cause=error.details()
                    )
                    raise Refused(messaging_unavailable()) from error
                # More than a message of gRPC may hold: what is farther away counts less.
                request.before //= 2
                request.after //= 2
            else:
                return Excerpt(page, request.before, request.after)


def messaging_unavailable() -> Refusal:
    """Refuse a command that needs messaging, which does not answer, or not in time."""
    return Refusal(
        Reason.MESSAGING_UNAVAILABLE,
        "what was said can not be looked at now; nothing was stored",
        retry_after=_RETRY_AFTER_MILLISECONDS,
    )
