"""The client of the messaging service: what people do in great numbers travels in batches."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc

from edge.backends.backend import Backend
from edge.backends.batcher import PACE_SECONDS, Batcher
from edge.cursors import MESSAGING
from edge.translation.status import from_status
from parley_protocol.errors import Error
from parley_protocol.packets import Op


class Parties(NamedTuple):
    """The participants of a conversation, and its subject."""

    participants: frozenset[str]
    subject: str


class MessagingBackend(Backend):
    """Conversations and messages."""

    name = MESSAGING
    contract: ClassVar[Any] = pb
    stub: ClassVar[type[Any]] = messaging_pb2_grpc.MessagingServiceStub
    knows_presence = True

    def _prepare(self) -> None:
        self._most_parties = self._settings.known_standings
        self._parties: dict[str, Parties] = {}
        self._stream = self._exchange(Op.CREATE_MSG.rpc, _is_repeatable)
        self.create_message: Batcher[pb.CreateMessageRequest, pb.StoredMessage] = self._batcher(
            Op.CREATE_MSG.rpc,
            lambda requests: pb.StreamCreateMessagesRequest(
                batch=pb.BatchCreateMessagesRequest(requests=requests)
            ),
            lambda result: (
                result.stored if result.HasField("stored") else from_status(result.status)
            ),
            call=self._create_messages,
            pace_seconds=PACE_SECONDS,
            # Without a key it would be there twice.
            repeatable=False,
        )
        self.mark_read: Batcher[pb.Mark, pb.Watermark] = self._batcher(
            Op.OPENED_CONVERSATION.rpc, lambda marks: pb.MarkReadRequest(marks=marks), _watermark_of
        )
        self.mark_delivered: Batcher[pb.Mark, pb.Watermark] = self._batcher(
            Op.PONG.rpc,
            lambda marks: pb.MarkDeliveredRequest(marks=marks),
            _watermark_of,
            linger_seconds=self._settings.delivered_delay_seconds,
        )
        self.send_typing: Batcher[pb.TypingSignal, None] = self._batcher(
            Op.TYPING.rpc,
            lambda signals: pb.SendTypingRequest(signals=signals),
            lambda result: from_status(result.status) if result.HasField("status") else None,
        )

    async def _create_messages(
        self, request: pb.StreamCreateMessagesRequest, seconds: float
    ) -> pb.BatchCreateMessagesResponse | Error:
        response: pb.StreamCreateMessagesResponse | Error = await self._stream(request, seconds)
        if isinstance(response, Error):
            return response
        return from_status(response.status) if response.HasField("status") else response.batch

    async def parties(self, conversation: str, seconds: float) -> Parties | Error:
        """Look up the parties of a conversation. They never change, so they are asked once."""
        if (known := self._parties.get(conversation)) is not None:
            return known
        # In nobody's name: who is blocked there may not be shown it.
        request = pb.GetConversationRequest(conversation_id=conversation)
        answer = await self.call("GetConversation", request, seconds)
        if isinstance(answer, Error):
            return answer
        found = answer.conversation
        parties = Parties(frozenset(found.participants), found.subject)
        self._parties[conversation] = parties
        if len(self._parties) > self._most_parties:
            del self._parties[next(iter(self._parties))]
        return parties

    def stop_typing(self, user: str, conversation: str) -> None:
        """Tell, with the next batch, that somebody does not type there any more."""
        signal = pb.TypingSignal(actor=user, conversation_id=conversation)
        # If that fails it ends by itself after a while.
        self.send_typing.submit(signal, lambda _result: None)

    def refuse_waiting(self, refusal_of: Callable[[str, str], Error | None]) -> None:
        """Send no more of what waits and is refused now, given its author and conversation."""
        self.create_message.withdraw(lambda one: refusal_of(one.actor, one.conversation_id))
        self.send_typing.withdraw(lambda one: refusal_of(one.actor, one.conversation_id))

    async def flush(self) -> None:
        await asyncio.gather(
            self.create_message.flush(),
            self.mark_read.flush(),
            self.mark_delivered.flush(),
            self.send_typing.flush(),
        )


def _is_repeatable(request: pb.StreamCreateMessagesRequest) -> bool:
    return all(one.idempotency_key for one in request.batch.requests)


def _watermark_of(result: pb.MarkResult) -> pb.Watermark | Error:
    return result.watermark if result.HasField("watermark") else from_status(result.status)
