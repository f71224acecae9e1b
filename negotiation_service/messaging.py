"""What this service asks of messaging, and nothing else does: who takes part in a conversation."""

import grpc
import structlog
from parley.messaging.v1 import messaging_pb2 as pb

from negotiation_service.refusals import Reason, conversation_not_found
from service_kit.client import Client
from service_kit.failures import Refused
from service_kit.rules import Refusal

_RETRY_AFTER_MILLISECONDS = 1_000

_logger = structlog.get_logger(__name__)


class Messaging:
    """The messaging service as this one uses it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def participants(
        self, actor: str, conversation: str, seconds_left: float | None
    ) -> tuple[str, ...]:
        """Tell who takes part in a conversation of the actor, within what is left of the call.

        A refusal ends the call: CONVERSATION_NOT_FOUND, or MESSAGING_UNAVAILABLE, whatever the
        cause may be.
        """
        request = pb.GetConversationRequest(actor=actor, conversation_id=conversation)
        try:
            answer = await self._client.call("GetConversation", request, seconds_left)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise Refused(conversation_not_found()) from error
            _logger.warning(
                "messaging can not be asked", code=error.code().name, problem=error.details()
            )
            raise Refused(_unavailable()) from error
        return tuple(answer.conversation.participants)


def _unavailable() -> Refusal:
    return Refusal(
        Reason.MESSAGING_UNAVAILABLE,
        "who takes part in the conversation can not be asked now; nothing was stored",
        retry_after=_RETRY_AFTER_MILLISECONDS,
    )
