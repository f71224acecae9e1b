"""The client of the negotiation service: packets about deals are few, and each is a call."""

from collections.abc import Sequence
from typing import Any, ClassVar

from parley.negotiation.v1 import negotiation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2_grpc

from edge.backends.backend import Backend
from edge.cursors import NEGOTIATION
from parley_protocol.errors import Error


class NegotiationBackend(Backend):
    """Services, their prices and notes."""

    name = NEGOTIATION
    contract: ClassVar[Any] = pb
    stub: ClassVar[type[Any]] = negotiation_pb2_grpc.NegotiationServiceStub

    async def services(
        self, actor: str, conversations: Sequence[str], seconds: float
    ) -> Sequence[pb.Service] | Error:
        """Find the deal of each conversation that has one."""
        request = pb.BatchGetServicesRequest(actor=actor, conversation_ids=conversations)
        answer = await self.call("BatchGetServices", request, seconds)
        if isinstance(answer, Error):
            return answer
        found: Sequence[pb.Service] = answer.services
        return found
