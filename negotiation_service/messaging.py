"""What this service asks of messaging, and nothing else does: about a conversation, who takes part
in it, and whether anything new may begin there.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import grpc
import structlog
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc

from negotiation_service.refusals import Reason, conversation_not_found
from service_kit.failures import Refused
from service_kit.rules import Refusal

_CHANNEL_OPTIONS = [
    # A dead peer is noticed within seconds even while no call is under way.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Any replica will do.
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
]
_RETRY_AFTER_MILLISECONDS = 1_000

_logger = structlog.get_logger(__name__)


class Conversation(NamedTuple):
    """Who takes part; and whether it is `blocked`, so that no deal begins there."""

    participants: tuple[str, ...]
    blocked: bool


class Messaging:
    """The messaging service as this one uses it."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        credential: str,
        timeout_seconds: float,
        reached: Callable[[str], None],
    ) -> None:
        self._stub = messaging_pb2_grpc.MessagingServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {credential}"),)
        self._timeout_seconds = timeout_seconds
        self._reached = reached

    async def conversation(
        self, actor: str, conversation: str, seconds_left: float | None
    ) -> Conversation:
        """Tell of a conversation of the actor, within what is left of the call.

        A refusal ends the call: CONVERSATION_NOT_FOUND, or MESSAGING_UNAVAILABLE, whatever the
        cause may be.
        """
        timeout = self._timeout_seconds
        if seconds_left is not None:
            timeout = max(0.0, min(timeout, seconds_left))
        request = pb.GetConversationRequest(actor=actor, conversation_id=conversation)
        try:
            answer: pb.GetConversationResponse = await self._stub.GetConversation(
                request, metadata=self._metadata, timeout=timeout
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise Refused(conversation_not_found()) from error
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._reached("messaging_timeout_seconds")
            _logger.warning(
                "messaging can not be asked", code=error.code().name, problem=error.details()
            )
            raise Refused(_unavailable()) from error
        return Conversation(tuple(answer.conversation.participants), answer.blocked)


@asynccontextmanager
async def dial(
    target: str, credential: str, timeout_seconds: float, reached: Callable[[str], None]
) -> AsyncIterator[Messaging]:
    """Keep a connection to messaging while the context lasts; it is made with the first call.

    `reached` is told the names of limits.
    """
    async with grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS) as channel:
        yield Messaging(channel, credential, timeout_seconds, reached)


def _unavailable() -> Refusal:
    return Refusal(
        Reason.MESSAGING_UNAVAILABLE,
        "who takes part in the conversation can not be asked now; nothing was stored",
        retry_after=_RETRY_AFTER_MILLISECONDS,
    )
