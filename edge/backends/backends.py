"""The services as the edge uses them, a method or a batcher for each RPC."""

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set
from typing import NamedTuple

from parley.messaging.v1 import messaging_pb2 as messaging
from parley.messaging.v1 import messaging_pb2_grpc
from parley.moderation.v1 import moderation_pb2 as moderation
from parley.moderation.v1 import moderation_pb2_grpc
from parley.negotiation.v1 import negotiation_pb2 as negotiation
from parley.negotiation.v1 import negotiation_pb2_grpc

from edge.backends.backend import Backend
from edge.backends.batcher import Batcher
from edge.metrics import Metrics
from edge.protocol.cursors import MESSAGING, MODERATION, NEGOTIATION
from edge.protocol.errors import Error
from edge.settings import Settings
from edge.translation.status import from_status

_DISPUTES_PAGE = 100


class Place(NamedTuple):
    """Who talks in a conversation, and about what."""

    participants: frozenset[str]
    subject: str


class MessagingBackend(Backend):
    """Conversations and messages. What people say in numbers travels in batches."""

    knows_presence = True

    def __init__(self, settings: Settings, credential: str, metrics: Metrics) -> None:
        super().__init__(
            MESSAGING,
            settings.messaging_target,
            messaging,
            messaging_pb2_grpc.MessagingServiceStub,
            settings,
            credential,
            metrics,
        )
        self._most_places = settings.known_standings
        self._places: dict[str, Place] = {}
        self._create_messages = self._exchange("StreamCreateMessages")
        self.create_message: Batcher[messaging.CreateMessageRequest, messaging.StoredMessage] = (
            self._batcher(
                "StreamCreateMessages",
                self._create_batch,
                lambda result: (
                    result.stored if result.HasField("stored") else from_status(result.status)
                ),
            )
        )
        self.mark_read: Batcher[messaging.Mark, messaging.Watermark] = self._batcher(
            "MarkRead",
            lambda marks, seconds: self._call(
                "MarkRead", messaging.MarkReadRequest(marks=marks), seconds=seconds
            ),
            _watermark_of,
        )
        self.mark_delivered: Batcher[messaging.Mark, messaging.Watermark] = self._batcher(
            "MarkDelivered",
            lambda marks, seconds: self._call(
                "MarkDelivered", messaging.MarkDeliveredRequest(marks=marks), seconds=seconds
            ),
            _watermark_of,
            settings.delivered_delay_seconds,
        )
        self.send_typing: Batcher[messaging.TypingSignal, None] = self._batcher(
            "SendTyping",
            lambda signals, seconds: self._call(
                "SendTyping", messaging.SendTypingRequest(signals=signals), seconds=seconds
            ),
            lambda result: from_status(result.status) if result.HasField("status") else None,
        )

    async def _create_batch(
        self, requests: list[messaging.CreateMessageRequest], seconds: float
    ) -> messaging.BatchCreateMessagesResponse | Error:
        batch = messaging.BatchCreateMessagesRequest(requests=requests)
        request = messaging.StreamCreateMessagesRequest(batch=batch)
        response: messaging.StreamCreateMessagesResponse | Error = await self._measured(
            "StreamCreateMessages", self._create_messages.ask(request, seconds)
        )
        if isinstance(response, Error):
            return response
        return from_status(response.status) if response.HasField("status") else response.batch

    async def list_conversations(
        self, request: messaging.ListConversationsRequest
    ) -> messaging.ListConversationsResponse | Error:
        answer: messaging.ListConversationsResponse | Error
        answer = await self._call("ListConversations", request)
        return answer

    async def list_messages(
        self, request: messaging.ListMessagesRequest
    ) -> messaging.ListMessagesResponse | Error:
        answer: messaging.ListMessagesResponse | Error = await self._call("ListMessages", request)
        return answer

    async def place(self, conversation: str, seconds: float) -> Place | Error:
        """Who talks in a conversation about what, which never changes: it is asked once."""
        if (known := self._places.get(conversation)) is not None:
            return known
        # In nobody's name: who is blocked there may not be shown it.
        request = messaging.GetConversationRequest(conversation_id=conversation)
        answer = await self._call("GetConversation", request, seconds=seconds)
        if isinstance(answer, Error):
            return answer
        found = answer.conversation
        place = self._places[conversation] = Place(frozenset(found.participants), found.subject)
        if len(self._places) > self._most_places:
            del self._places[next(iter(self._places))]
        return place

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


def _watermark_of(result: messaging.MarkResult) -> messaging.Watermark | Error:
    return result.watermark if result.HasField("watermark") else from_status(result.status)


class NegotiationBackend(Backend):
    """Services, their prices and notes. Commands about them are few, and each is a call."""

    def __init__(self, settings: Settings, target: str, credential: str, metrics: Metrics) -> None:
        super().__init__(
            NEGOTIATION,
            target,
            negotiation,
            negotiation_pb2_grpc.NegotiationServiceStub,
            settings,
            credential,
            metrics,
        )

    async def batch_get_services(
        self, actor: str, conversations: Sequence[str], seconds: float
    ) -> negotiation.BatchGetServicesResponse | Error:
        """The deal of each conversation, within what is left of the time for a question."""
        request = negotiation.BatchGetServicesRequest(actor=actor, conversation_ids=conversations)
        answer: negotiation.BatchGetServicesResponse | Error
        answer = await self._call("BatchGetServices", request, seconds=seconds)
        return answer


class ModerationBackend(Backend):
    """Reports, appeals and disputes; and what restricts whom, which travels in batches."""

    def __init__(self, settings: Settings, target: str, credential: str, metrics: Metrics) -> None:
        super().__init__(
            MODERATION,
            target,
            moderation,
            moderation_pb2_grpc.ModerationServiceStub,
            settings,
            credential,
            metrics,
        )
        self.get_standing: Batcher[str, moderation.Standing] = self._batcher(
            "BatchGetStandings",
            lambda users, seconds: self._call(
                "BatchGetStandings",
                moderation.BatchGetStandingsRequest(users=users),
                seconds=seconds,
            ),
            lambda standing: standing,
            size_of=len,
            results_of=lambda response: response.standings,
            budget_seconds=settings.moderation_timeout_seconds,
        )

    async def open_disputes(
        self, actor: str, wanted: Set[str], deadline: float
    ) -> Mapping[str, moderation.Dispute] | Error:
        """Those of the actor's open disputes that are wanted, by id.

        `deadline` is on the clock of the loop.
        """
        found: dict[str, moderation.Dispute] = {}
        request = moderation.ListOwnDisputesRequest(
            actor=actor, open_only=True, page_size=_DISPUTES_PAGE
        )
        while True:
            seconds = deadline - asyncio.get_running_loop().time()
            answer = await self._call("ListOwnDisputes", request, seconds=seconds)
            if isinstance(answer, Error):
                return answer
            found.update((one.id, one) for one in answer.disputes if one.id in wanted)
            request.page_token = answer.next_page_token
            if not request.page_token or wanted <= found.keys():
                return found
