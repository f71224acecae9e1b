"""The client of messaging: who takes part in a conversation, and who there blocks the other."""

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
    """A conversation's participants, and those of them who block the other."""

    participants: tuple[str, ...]
    blockers: frozenset[str]


class Messaging:
    """The messaging service as this one uses it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get_conversation(
        self, actor: str, conversation: str, seconds_left: float | None
    ) -> Conversation:
        """Ask for a conversation of the actor, within the seconds that are left of the call.

        Ends the call with CONVERSATION_NOT_FOUND, or for any other failure MESSAGING_UNAVAILABLE.
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
        return Conversation(tuple(answer.conversation.participants), frozenset(answer.blockers))


def _unavailable() -> Refusal:
    return Refusal(
        Reason.MESSAGING_UNAVAILABLE,
        "the messaging service cannot be reached; nothing was stored, try again",
        retry_after=_RETRY_AFTER_MILLISECONDS,
    )
