"""What this service asks of messaging, and nothing else does: about a conversation, who takes part
in it, and whether anything new may begin there.
"""

from typing import NamedTuple

import grpc
import structlog
from parley.messaging.v1 import messaging_pb2 as pb

from negotiation_service.domain.refusals import Reason, conversation_not_found
from service_kit.rpc.client import Client
from service_kit.rpc.failures import Refused
from service_kit.rules import Refusal

_RETRY_AFTER_MILLISECONDS = 1_000

_logger = structlog.get_logger(__name__)


class Conversation(NamedTuple):
    """Who takes part; and whether it is `blocked`, so that no deal begins there."""

    participants: tuple[str, ...]
    blocked: bool


class Messaging:
    """The messaging service as this one uses it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def conversation(
        self, actor: str, conversation: str, seconds_left: float | None
    ) -> Conversation:
        """Tell of a conversation of the actor, within what is left of the call.

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
        return Conversation(tuple(answer.conversation.participants), answer.blocked)


def _unavailable() -> Refusal:
    return Refusal(
        Reason.MESSAGING_UNAVAILABLE,
        "who takes part in the conversation can not be asked now; nothing was stored",
        retry_after=_RETRY_AFTER_MILLISECONDS,
    )
