"""The client of messaging: who takes part in a conversation, and who there blocks the other."""

from collections.abc import Sequence
from typing import NamedTuple

import grpc
import structlog
from parley.messaging.v1 import messaging_pb2 as pb

from negotiation_service.domain.refusals import Reason, conversation_not_found
from service_kit.rpc.client import Client
from service_kit.rules import Refusal

_RETRY_AFTER_MILLISECONDS = 1_000
# Messaging takes a thousand by default, and its operator may allow fewer.
_MOST_AT_ONCE = 100

_logger = structlog.get_logger(__name__)


class Parties(NamedTuple):
    """A conversation's participants, and those of them who block the other."""

    participants: tuple[str, ...]
    blockers: frozenset[str]


class Messaging:
    """The messaging service as this one uses it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def batch_get_parties(
        self, wanted: Sequence[tuple[str, str]], seconds_left: float | None
    ) -> list[Parties | Refusal]:
        """Ask for conversations by (actor, id), within the seconds that are left of the call.

        Each is answered by itself: what is not there, or not for the actor, is
        CONVERSATION_NOT_FOUND, and any other failure MESSAGING_UNAVAILABLE.
        """
        found: list[Parties | Refusal] = []
        for start in range(0, len(wanted), _MOST_AT_ONCE):
            found += await self._ask(wanted[start : start + _MOST_AT_ONCE], seconds_left)
        return found

    async def _ask(
        self, wanted: Sequence[tuple[str, str]], seconds_left: float | None
    ) -> list[Parties | Refusal]:
        one = pb.BatchGetPartiesRequest.Wanted
        request = pb.BatchGetPartiesRequest(
            wanted=[
                one(actor=actor, conversation_id=conversation) for actor, conversation in wanted
            ]
        )
        try:
            answer = await self._client.call("BatchGetParties", request, seconds_left)
        except grpc.aio.AioRpcError as error:
            _logger.warning(
                "messaging can not be asked", code=error.code().name, problem=error.details()
            )
            return [_unavailable()] * len(wanted)
        return [_parties(result) for result in answer.results]


def _parties(result: pb.BatchGetPartiesResponse.Result) -> Parties | Refusal:
    if result.HasField("parties"):
        found = result.parties
        return Parties(tuple(found.participants), frozenset(found.blockers))
    if result.status.code == grpc.StatusCode.NOT_FOUND.value[0]:
        return conversation_not_found()
    _logger.warning("messaging can not tell of a conversation", problem=result.status.message)
    return _unavailable()


def _unavailable() -> Refusal:
    return Refusal(
        Reason.MESSAGING_UNAVAILABLE,
        "the messaging service cannot be reached; nothing was stored, try again",
        retry_after=_RETRY_AFTER_MILLISECONDS,
    )
