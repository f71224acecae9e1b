"""The client of the negotiation service: commands about deals travel in batches."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from parley.negotiation.v1 import negotiation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2_grpc

from edge.backends.backend import Backend
from edge.backends.batcher import Batcher
from edge.cursors import NEGOTIATION
from edge.translation.status import from_status
from parley_protocol.errors import Error

_RPC = "StreamCommands"

Command = (
    pb.CreateServiceRequest
    | pb.EditPriceRequest
    | pb.EndNegotiationRequest
    | pb.TerminateServiceRequest
    | pb.SubmitNoteRequest
)
# The field of a message of the stream that takes each, by the name of its type.
_KINDS = {
    message.full_name: one.name
    for one in pb.Command.DESCRIPTOR.oneofs_by_name["command"].fields
    if (message := one.message_type) is not None
}
# Where the words of each kind stand; the others have none.
_WORDS = {
    "create_service": "title",
    "edit_price": "note",
    "terminate_service": "reason",
    "submit_note": "comment",
}


class _Waiting(NamedTuple):
    """A command that waits to be sent, and what forbids it by now."""

    command: pb.Command
    forbidden: Callable[[], Error | None]


class NegotiationBackend(Backend):
    """Services, their prices and notes."""

    name = NEGOTIATION
    contract: ClassVar[Any] = pb
    stub: ClassVar[type[Any]] = negotiation_pb2_grpc.NegotiationServiceStub

    def _prepare(self) -> None:
        self._plain = self._commands("plain")
        # About words messaging is asked, for which the others need not wait.
        self._worded = self._commands("worded")

    def _commands(self, kind: str) -> Batcher[_Waiting, pb.CommandAnswer]:
        stream = self._exchange(_RPC, _is_repeatable)

        async def call(
            request: pb.StreamCommandsRequest, seconds: float
        ) -> pb.StreamCommandsResponse | Error:
            response: pb.StreamCommandsResponse | Error = await stream(request, seconds)
            if isinstance(response, Error) or not response.HasField("status"):
                return response
            return from_status(response.status)

        return self._batcher(
            f"{_RPC} {kind}",
            lambda waiting: pb.StreamCommandsRequest(commands=[one.command for one in waiting]),
            lambda result: (
                result.answer if result.HasField("answer") else from_status(result.status)
            ),
            call=call,
            size_of=lambda one: one.command.ByteSize(),
            # Without a key it would be done twice.
            repeatable=False,
            traced=lambda one: one.command,
        )

    def carry_out(
        self,
        request: Command,
        forbidden: Callable[[], Error | None],
        done: Callable[[pb.CommandAnswer | Error], None],
    ) -> None:
        """Send a command with the next batch, unless it is `forbidden` meanwhile; `done` gets its
        answer.
        """
        kind = _KINDS[request.DESCRIPTOR.full_name]
        words = _WORDS.get(kind)
        batcher = self._worded if words and getattr(request, words) else self._plain
        command = pb.Command()
        getattr(command, kind).CopyFrom(request)
        batcher.submit(_Waiting(command, forbidden), done)

    def refuse_waiting(self) -> None:
        """Send no more of what waits and is forbidden by now."""
        for batcher in (self._plain, self._worded):
            batcher.withdraw(lambda one: one.forbidden())

    async def flush(self) -> None:
        await asyncio.gather(self._plain.flush(), self._worded.flush())

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


def _is_repeatable(request: pb.StreamCommandsRequest) -> bool:
    return all(
        getattr(one, kind).idempotency_key
        for one in request.commands
        if (kind := one.WhichOneof("command")) is not None
    )
