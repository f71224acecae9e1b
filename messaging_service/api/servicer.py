"""The contract's methods: each translates, delegates and translates back. No rule is in here."""

# The contract gives the names of the methods, and a context that few of them need.
# ruff: noqa: N802, ARG002

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc

from messaging_service.api import translation
from messaging_service.domain import messages as domain
from messaging_service.domain.events import Event, Typing
from messaging_service.operations import blocks, message_changes, queries
from messaging_service.operations import messages as operations
from messaging_service.operations.message_changes import ChangedMessage, ChangeMessage
from messaging_service.operations.messages import Commands, StoredMessage, Watermark
from messaging_service.settings import MessagingSettings
from messaging_service.workers.presence import PresenceKeeper
from service_kit.follow.sanctions import find_forbidden
from service_kit.resources import Resources
from service_kit.rpc.servicer import WatchMixin, accepted, check_batch, page_limit, write_one
from service_kit.rules import Position, Refusal, check_user
from service_kit.storage.writer import Events, Operation
from service_kit.watch.changes import ChangePage

Context = grpc.aio.ServicerContext[Any, Any]


class MessagingServicer(WatchMixin, messaging_pb2_grpc.MessagingServiceServicer):
    """Serves the contract from a writer, readers and a hub."""

    _contract = pb

    def __init__(self, resources: Resources[MessagingSettings], presence: PresenceKeeper) -> None:
        self._settings = resources.settings
        self._writer = resources.writer
        self._readers = resources.readers
        self._hub = resources.hub
        self._failures = resources.failures
        self._limits = resources.limits
        self._presence = presence
        limits = resources.settings.limits()
        self._commands = Commands(limits)
        self._change_messages = message_changes.operation(limits)
        self._set_blocks = blocks.operation(limits, presence=resources.settings.presence)

    async def CreateConversation(
        self, request: pb.CreateConversationRequest, context: Context
    ) -> pb.CreateConversationResponse:
        command = operations.CreateConversation(tuple(request.participants), request.subject)
        created = await write_one(self._writer, self._commands.create_conversations, command)
        view = queries.ConversationView(created.conversation, created.last_message)
        return pb.CreateConversationResponse(
            conversation=translation.conversation(view, ""), created=created.created
        )

    async def CreateMessage(
        self, request: pb.CreateMessageRequest, context: Context
    ) -> pb.CreateMessageResponse:
        stored = await write_one(
            self._writer, self._commands.create_messages, _create_message(request)
        )
        return pb.CreateMessageResponse(stored=translation.stored_message(stored))

    async def StreamCreateMessages(
        self,
        request_iterator: AsyncIterator[pb.StreamCreateMessagesRequest],
        context: Context,
    ) -> AsyncIterator[pb.StreamCreateMessagesResponse]:
        async for request in request_iterator:
            try:
                batch = await self.BatchCreateMessages(request.batch, context)
            except Exception as error:
                status = self._failures.translate(error)
                if status is None:
                    raise
                yield pb.StreamCreateMessagesResponse(status=status)
            else:
                yield pb.StreamCreateMessagesResponse(batch=batch)

    async def BatchCreateMessages(
        self, request: pb.BatchCreateMessagesRequest, context: Context
    ) -> pb.BatchCreateMessagesResponse:
        check_batch("requests", request.requests, self._settings.max_batch)
        commands = [_create_message(one) for one in request.requests]
        outcomes = await self._writer.submit(self._commands.create_messages, commands)
        result = pb.BatchCreateMessagesResponse.Result
        return pb.BatchCreateMessagesResponse(
            results=[
                result(stored=translation.stored_message(outcome))
                if isinstance(outcome, StoredMessage)
                else result(status=self._failures.status(outcome))
                for outcome in outcomes
            ]
        )

    async def EditMessage(
        self, request: pb.EditMessageRequest, context: Context
    ) -> pb.EditMessageResponse:
        answer = await self._change(
            message_changes.EditMessage(
                request.actor,
                request.message_id,
                request.text,
                request.idempotency_key,
                request.origin,
            )
        )
        return pb.EditMessageResponse(
            changed=translation.message_changed(answer.changed), duplicate=answer.duplicate
        )

    async def DeleteMessage(
        self, request: pb.DeleteMessageRequest, context: Context
    ) -> pb.DeleteMessageResponse:
        answer = await self._change(
            message_changes.DeleteMessage(
                request.actor, request.message_id, request.idempotency_key, request.origin
            )
        )
        return pb.DeleteMessageResponse(
            changed=translation.message_changed(answer.changed), duplicate=answer.duplicate
        )

    async def ListConversations(
        self, request: pb.ListConversationsRequest, context: Context
    ) -> pb.ListConversationsResponse:
        page = accepted(
            await self._readers.run(
                queries.list_conversations,
                request.actor,
                request.page_size,
                request.page_token,
                self._page_limit("conversations_page", request.page_size),
                presence=self._settings.presence,
            )
        )
        return pb.ListConversationsResponse(
            conversations=[
                translation.conversation(view, request.actor) for view in page.conversations
            ],
            next_page_token=page.next_page_token,
        )

    async def ListMessages(
        self, request: pb.ListMessagesRequest, context: Context
    ) -> pb.ListMessagesResponse:
        page = accepted(
            await self._readers.run(
                queries.list_messages,
                request.actor,
                request.conversation_id,
                request.before_seq if request.HasField("before_seq") else None,
                request.after_seq if request.HasField("after_seq") else None,
                request.page_size,
                self._page_limit("messages_page", request.page_size),
            )
        )
        messages = map(translation.message, page.messages)
        return pb.ListMessagesResponse(messages=messages, more=page.more)

    async def GetConversation(
        self, request: pb.GetConversationRequest, context: Context
    ) -> pb.GetConversationResponse:
        view = accepted(
            await self._readers.run(
                queries.get_conversation,
                request.actor,
                request.conversation_id,
                presence=self._settings.presence,
            )
        )
        return pb.GetConversationResponse(
            conversation=translation.conversation(view, request.actor),
            blocked=view.conversation.blocked,
        )

    async def GetMessages(
        self, request: pb.GetMessagesRequest, context: Context
    ) -> pb.GetMessagesResponse:
        check_batch("message_ids", request.message_ids, self._settings.max_batch)
        found = await self._readers.run(
            queries.get_messages, request.actor, tuple(request.message_ids)
        )
        return pb.GetMessagesResponse(messages=map(translation.message, found))

    async def ListEvidence(
        self, request: pb.ListEvidenceRequest, context: Context
    ) -> pb.ListEvidenceResponse:
        most = self._page_limit("messages_page", max(request.before, request.after))
        page = accepted(
            await self._readers.run(
                queries.list_evidence,
                request.message_id,
                request.conversation_id,
                request.before,
                request.after,
                most,
                request.actor,
            )
        )
        return pb.ListEvidenceResponse(
            evidence=map(translation.evidence, page.evidence), participants=page.participants
        )

    async def MarkRead(self, request: pb.MarkReadRequest, context: Context) -> pb.MarkReadResponse:
        return pb.MarkReadResponse(
            results=await self._mark(self._commands.mark_read, request.marks)
        )

    async def MarkDelivered(
        self, request: pb.MarkDeliveredRequest, context: Context
    ) -> pb.MarkDeliveredResponse:
        return pb.MarkDeliveredResponse(
            results=await self._mark(self._commands.mark_delivered, request.marks)
        )

    async def SendTyping(
        self, request: pb.SendTypingRequest, context: Context
    ) -> pb.SendTypingResponse:
        check_batch("signals", request.signals, self._settings.max_batch)
        ids = tuple({one.conversation_id for one in request.signals})
        known = await self._readers.run(queries.get_conversations, ids)
        actors = {one.actor for one in request.signals}
        forbidden = await self._readers.run(find_forbidden, actors, ids, _now())
        results: list[pb.SendTypingResponse.Result] = []
        events: Events = []
        for signal in request.signals:
            refusal = check_user("actor", signal.actor)
            conversation = known.get(signal.conversation_id)
            shown = conversation is not None and conversation.is_shown_to(signal.actor)
            if refusal is None and not shown:
                refusal = domain.conversation_not_found()
            if refusal is None and (why := forbidden.why(signal.actor, signal.conversation_id)):
                refusal = domain.sanctioned(why)
            status = self._failures.status(refusal) if refusal else None
            results.append(pb.SendTypingResponse.Result(status=status))
            # Across a block nothing is told, and whoever types does not learn it.
            if refusal is None and conversation is not None and not conversation.blocked:
                others = (conversation.peer(signal.actor).user,)
                events.append((others, Typing(signal.conversation_id, signal.actor, signal.typing)))
        self._hub.publish_ephemeral(events)
        return pb.SendTypingResponse(results=results)

    async def SetInvisible(
        self, request: pb.SetInvisibleRequest, context: Context
    ) -> pb.SetInvisibleResponse:
        accepted(await self._presence.set_invisible(request.actor, invisible=request.invisible))
        return pb.SetInvisibleResponse()

    async def SetBlock(self, request: pb.SetBlockRequest, context: Context) -> pb.SetBlockResponse:
        command = blocks.SetBlock(request.actor, request.user, request.blocked, request.origin)
        await write_one(self._writer, self._set_blocks, command)
        return pb.SetBlockResponse(user=request.user, blocked=request.blocked)

    async def ListBlocks(
        self, request: pb.ListBlocksRequest, context: Context
    ) -> pb.ListBlocksResponse:
        page = accepted(
            await self._readers.run(
                queries.list_blocks,
                request.actor,
                request.page_size,
                request.page_token,
                self._page_limit("blocks_page", request.page_size),
            )
        )
        return pb.ListBlocksResponse(
            blocks=map(translation.block, page.blocks), next_page_token=page.next_page_token
        )

    async def _read_changes(
        self, request: pb.ListChangesRequest, after: Position, until: Position
    ) -> ChangePage[Event] | Refusal:
        return await self._readers.run(
            queries.list_changes,
            request.user,
            after,
            until,
            request.page_size,
            request.page_token,
            self._page_limit("changes_page", request.page_size),
            self._settings.presence_limit(),
        )

    def _encode_changes(self, events: list[Event], user: str) -> list[pb.Event]:
        return [translation.event((user,), one) for one in events]

    async def _change(self, command: ChangeMessage) -> ChangedMessage:
        return await write_one(self._writer, self._change_messages, command)

    async def _mark(
        self,
        operation: Operation[operations.Mark, Watermark | Refusal],
        marks: Sequence[pb.Mark],
    ) -> list[pb.MarkResult]:
        check_batch("marks", marks, self._settings.max_batch)
        commands = [
            operations.Mark(one.actor, one.conversation_id, one.seq, one.origin) for one in marks
        ]
        return [
            pb.MarkResult(watermark=translation.watermark(outcome))
            if isinstance(outcome, Watermark)
            else pb.MarkResult(status=self._failures.status(outcome))
            for outcome in await self._writer.submit(operation, commands)
        ]

    def _page_limit(self, name: str, asked: int) -> int:
        return page_limit(self._settings, self._limits, name, asked)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _create_message(request: pb.CreateMessageRequest) -> operations.CreateMessage:
    return operations.CreateMessage(
        request.actor,
        request.conversation_id,
        request.to,
        request.subject,
        request.text,
        request.idempotency_key,
        request.origin,
    )
