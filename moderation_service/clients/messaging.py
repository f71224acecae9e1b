"""What this service asks of messaging, and nothing else does: what was said, as evidence."""

from typing import NamedTuple

import grpc
import structlog
from parley.messaging.v1 import messaging_pb2 as pb

from moderation_service.domain.refusals import Reason, not_found
from service_kit.rpc.client import Client
from service_kit.rpc.failures import Refused
from service_kit.rules import Refusal

_RETRY_AFTER_MILLISECONDS = 1_000

_logger = structlog.get_logger(__name__)


class Words(NamedTuple):
    """What was said, and how many messages were looked for before and after it."""

    page: pb.ListEvidenceResponse
    before: int
    after: int


class Messaging:
    """The messaging service as this one uses it.

    A refusal ends the call: what is NOT_FOUND there is not found here, and everything else is
    MESSAGING_UNAVAILABLE.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def around_message(
        self, actor: str, message: str, before: int, after: int, seconds_left: float | None
    ) -> Words:
        """Give a message of a conversation of the actor, and up to so many before and after it."""
        request = pb.ListEvidenceRequest(
            actor=actor, message_id=message, before=before, after=after
        )
        return await self._list(request, Reason.MESSAGE_NOT_FOUND, seconds_left)

    async def newest(
        self, actor: str, conversation: str, count: int, seconds_left: float | None
    ) -> Words:
        """Give the newest `count` messages of a conversation of the actor."""
        request = pb.ListEvidenceRequest(actor=actor, conversation_id=conversation, before=count)
        return await self._list(request, Reason.CONVERSATION_NOT_FOUND, seconds_left)

    async def _list(
        self, request: pb.ListEvidenceRequest, missing: Reason, seconds_left: float | None
    ) -> Words:
        while True:
            try:
                answer: pb.ListEvidenceResponse = await self._client.call(
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
                return Words(answer, request.before, request.after)


def messaging_unavailable() -> Refusal:
    """Refuse what needs messaging, which does not answer, or has not the time to."""
    return Refusal(
        Reason.MESSAGING_UNAVAILABLE,
        "what was said can not be looked at now; nothing was stored",
        retry_after=_RETRY_AFTER_MILLISECONDS,
    )
