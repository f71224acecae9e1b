"""The contract's methods: each checks, delegates, maps and answers. No rule is in here."""

# The contract gives the names of the methods, and a context that few of them need.
# ruff: noqa: N802, ARG002

import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import grpc
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc
from sqlalchemy import Connection

from messaging_service.api import requests, translation
from messaging_service.domain.conversations import Conversation
from messaging_service.domain.events import Event
from messaging_service.domain.watermarks import Mark
from messaging_service.operations import conversations
from messaging_service.operations.blocks import list_blocks, set_block
from messaging_service.operations.changes import list_changed_users, list_changes
from messaging_service.operations.evidence import list_evidence
from messaging_service.operations.message_changes import change_messages
from messaging_service.operations.messages import (
    StoredMessage,
    create_message,
    get_messages,
    list_messages,
)
from messaging_service.operations.typing_signals import send_typing
from messaging_service.operations.watermarks import Watermark, mark_delivered, mark_read
from messaging_service.settings import MessagingSettings
from messaging_service.workers.presence import PresenceTracker
from messaging_service.workers.typing_signals import TypingTracker
from service_kit.resources import Resources
from service_kit.rpc.servicer import (
    WatchMixin,
    accepted,
    check_batch,
    fitting,
    page_limit,
    write_one,
)
from service_kit.rules import Position, Refusal
from service_kit.storage.writer import Operation
from service_kit.watch.changes import ChangedUsers, ChangePage

Context = grpc.aio.ServicerContext[Any, Any]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class MessagingServicer(WatchMixin, messaging_pb2_grpc.MessagingServiceServicer):
    """Serves the contract from a writer, readers and a hub."""

    _contract = pb

    def __init__(
        self,
        resources: Resources[MessagingSettings],
        presence: PresenceTracker,
        typing: TypingTracker,
    ) -> None:
        self._settings = resources.settings
        self._most_users = resources.settings.max_batch
        self._writer = resources.writer
        self._readers = resources.readers
        self._hub = resources.hub
        self._changes_bytes = resources.settings.changes_bytes
        self._failures = resources.failures
        self._reached = resources.limits
        self._presence = presence
        self._typing = typing
        limits = resources.settings.limits()
        # Bound once: the writer groups commands by the identity of their operation.
        self._create_conversation = partial(conversations.create_conversation, limits)
        self._create_message = partial(create_message, limits, presence=resources.settings.presence)
        self._change_messages = partial(change_messages, limits)
        self._set_block = partial(set_block, limits, presence=resources.settings.presence)

    async def CreateConversation(
        self, request: pb.CreateConversationRequest, context: Context
    ) -> pb.CreateConversationResponse:
        command = requests.create_conversation(request)
        created = await write_one(self._writer, self._create_conversation, command)
        view = conversations.ConversationView(created.conversation, created.last_message)
        return pb.CreateConversationResponse(
            conversation=translation.conversation(view, ""), created=created.created
        )

    async def CreateMessage(
        self, request: pb.CreateMessageRequest, context: Context
    ) -> pb.CreateMessageResponse:
        command = requests.create_message(request)
        stored = await write_one(self._writer, self._create_message, command)
        self._typing.end(command.actor, stored.message.conversation_id)
        response = pb.CreateMessageResponse()
        translation.fill_stored(response.stored, stored)
        return response

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
        commands = [requests.create_message(one) for one in request.requests]
        outcomes = await self._writer.submit(
            self._create_message, commands, messages=request.requests
        )
        response = pb.BatchCreateMessagesResponse()
        for command, outcome in zip(commands, outcomes, strict=True):
            result = response.results.add()
            if isinstance(outcome, StoredMessage):
                self._typing.end(command.actor, outcome.message.conversation_id)
                translation.fill_stored(result.stored, outcome)
            else:
                result.status.CopyFrom(self._failures.status(outcome))
        return response

    async def EditMessage(
        self, request: pb.EditMessageRequest, context: Context
    ) -> pb.EditMessageResponse:
        command = requests.edit_message(request)
        answer = await write_one(self._writer, self._change_messages, command)
        changed = translation.message_changed(answer.changed, request.actor)
        return pb.EditMessageResponse(changed=changed, duplicate=answer.duplicate)

    async def DeleteMessage(
        self, request: pb.DeleteMessageRequest, context: Context
    ) -> pb.DeleteMessageResponse:
        command = requests.delete_message(request)
        answer = await write_one(self._writer, self._change_messages, command)
        changed = translation.message_changed(answer.changed, request.actor)
        return pb.DeleteMessageResponse(changed=changed, duplicate=answer.duplicate)

    async def ListConversations(
        self, request: pb.ListConversationsRequest, context: Context
    ) -> pb.ListConversationsResponse:
        page = await self._read(
            conversations.list_conversations,
            request.actor,
            request.page_size,
            request.page_token,
            self._page_limit("conversations_page", request.page_size),
            presence=self._settings.presence,
            strangers=self._settings.presence_to_strangers,
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
        page = await self._read(
            list_messages,
            request.actor,
            request.conversation_id,
            request.before_seq if request.HasField("before_seq") else None,
            request.after_seq if request.HasField("after_seq") else None,
            request.page_size,
            self._page_limit("messages_page", request.page_size),
        )
        messages = [translation.message(one, request.actor) for one in page.messages]
        # Those that lie next to where the page begins.
        near = messages if request.HasField("after_seq") else messages[::-1]
        shown = fitting(near, self._settings.messages_bytes)
        if shown == len(messages):
            return pb.ListMessagesResponse(messages=messages, more=page.more)
        self._reached.reached("messages_bytes")
        kept = near[:shown] if near is messages else near[:shown][::-1]
        return pb.ListMessagesResponse(messages=kept, more=True)

    async def GetConversation(
        self, request: pb.GetConversationRequest, context: Context
    ) -> pb.GetConversationResponse:
        view = await self._read(
            conversations.get_conversation,
            request.actor,
            request.conversation_id,
            presence=self._settings.presence,
            strangers=self._settings.presence_to_strangers,
        )
        return pb.GetConversationResponse(
            conversation=translation.conversation(view, request.actor),
            blocked=view.conversation.blocked,
            blockers=view.conversation.blockers,
        )

    async def BatchGetParties(
        self, request: pb.BatchGetPartiesRequest, context: Context
    ) -> pb.BatchGetPartiesResponse:
        check_batch("wanted", request.wanted, self._settings.max_batch)
        found = await self._readers.run_each(
            conversations.batch_get_parties,
            [(one.actor, one.conversation_id) for one in request.wanted],
        )
        response = pb.BatchGetPartiesResponse
        return response(
            results=[
                response.Result(
                    parties=response.Parties(
                        participants=(one.first.user, one.second.user), blockers=one.blockers
                    )
                )
                if isinstance(one, Conversation)
                else response.Result(status=self._failures.status(one))
                for one in found
            ]
        )

    async def GetMessages(
        self, request: pb.GetMessagesRequest, context: Context
    ) -> pb.GetMessagesResponse:
        check_batch("message_ids", request.message_ids, self._settings.max_batch)
        found = await self._readers.run(get_messages, request.actor, tuple(request.message_ids))
        messages = [translation.message(one, request.actor) for one in found]
        return pb.GetMessagesResponse(messages=messages)

    async def ListEvidence(
        self, request: pb.ListEvidenceRequest, context: Context
    ) -> pb.ListEvidenceResponse:
        most = self._page_limit("messages_page", max(request.before, request.after))
        page = await self._read(
            list_evidence,
            request.message_id,
            request.conversation_id,
            request.before,
            request.after,
            most,
            request.actor,
        )
        return pb.ListEvidenceResponse(
            evidence=map(translation.evidence, page.evidence),
            participants=page.participants,
            subject=page.subject,
        )

    async def MarkRead(self, request: pb.MarkReadRequest, context: Context) -> pb.MarkReadResponse:
        return pb.MarkReadResponse(results=await self._mark(mark_read, request.marks))

    async def MarkDelivered(
        self, request: pb.MarkDeliveredRequest, context: Context
    ) -> pb.MarkDeliveredResponse:
        return pb.MarkDeliveredResponse(results=await self._mark(mark_delivered, request.marks))

    async def SendTyping(
        self, request: pb.SendTypingRequest, context: Context
    ) -> pb.SendTypingResponse:
        check_batch("signals", request.signals, self._settings.max_batch)
        signals = [requests.typing_signal(one) for one in request.signals]
        now = time.time_ns() // 1_000_000
        outcomes = await self._readers.run_each(send_typing, signals, now)
        results: list[pb.SendTypingResponse.Result] = []
        for outcome in outcomes:
            if isinstance(outcome, list):
                self._typing.publish(outcome)
                results.append(pb.SendTypingResponse.Result())
            else:
                status = self._failures.status(outcome)
                results.append(pb.SendTypingResponse.Result(status=status))
        return pb.SendTypingResponse(results=results)

    async def SetInvisible(
        self, request: pb.SetInvisibleRequest, context: Context
    ) -> pb.SetInvisibleResponse:
        accepted(await self._presence.set_invisible(request.actor, invisible=request.invisible))
        return pb.SetInvisibleResponse()

    async def SetBlock(self, request: pb.SetBlockRequest, context: Context) -> pb.SetBlockResponse:
        block = await write_one(self._writer, self._set_block, requests.set_block(request))
        if request.blocked:
            self._typing.end_between(request.actor, request.user)
        return pb.SetBlockResponse(user=block.user, blocked=block.blocked, version=block.version)

    async def ListBlocks(
        self, request: pb.ListBlocksRequest, context: Context
    ) -> pb.ListBlocksResponse:
        page = await self._read(
            list_blocks,
            request.actor,
            request.page_size,
            request.page_token,
            self._page_limit("blocks_page", request.page_size),
        )
        return pb.ListBlocksResponse(
            blocks=map(translation.block, page.blocks), next_page_token=page.next_page_token
        )

    async def _read_changes(
        self, request: pb.ListChangesRequest, after: Position, until: Position
    ) -> ChangePage[Event] | Refusal:
        return await self._readers.run(
            list_changes,
            request.user,
            after,
            until,
            request.page_size,
            request.page_token,
            self._page_limit("changes_page", request.page_size),
            self._settings.presence_limit(),
            strangers=self._settings.presence_to_strangers,
        )

    async def _find_changed_users(
        self, users: Sequence[str], after: Position, until: Position
    ) -> ChangedUsers | Refusal:
        presence = self._settings.presence_limit()
        return await self._readers.run(
            list_changed_users,
            users,
            after,
            until,
            presence,
            strangers=self._settings.presence_to_strangers,
        )

    def _encode_changes(self, events: list[Event], user: str) -> list[pb.Event]:
        return [translation.event((user,), one) for one in events]

    async def _read(
        self,
        operation: Callable[Concatenate[Connection, Arguments], Result | Refusal],
        *arguments: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result:
        return accepted(await self._readers.run(operation, *arguments, **options))

    async def _mark(
        self, operation: Operation[Mark, Watermark | Refusal], marks: Sequence[pb.Mark]
    ) -> list[pb.MarkResult]:
        check_batch("marks", marks, self._settings.max_batch)
        commands = [requests.mark(one) for one in marks]
        return [
            pb.MarkResult(watermark=translation.watermark(outcome))
            if isinstance(outcome, Watermark)
            else pb.MarkResult(status=self._failures.status(outcome))
            for outcome in await self._writer.submit(operation, commands, messages=marks)
        ]

    def _page_limit(self, name: str, asked: int) -> int:
        return page_limit(self._settings, self._reached, name, asked)
