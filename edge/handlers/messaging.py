"""Packets of the conversation: from a packet to an RPC, and from its answer to a reply."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from msgspec import UNSET
from parley.messaging.v1 import messaging_pb2 as pb

from edge.handlers import conversation_lookup
from edge.handlers.texts import text_of
from edge.protocol.cursors import MESSAGING, MODERATION, NEGOTIATION
from edge.protocol.errors import Error
from edge.protocol.packets import InvalidPayloadError, Op
from edge.protocol.payloads.messaging import (
    AskConversations,
    AskMessages,
    BlockedUser,
    BlockUser,
    CreateMsg,
    DeleteMsg,
    EditMsg,
    MsgSeen,
    OpenedConversation,
    ReturnConversations,
    ReturnMessages,
    SendTyping,
    StatusMsg,
)
from edge.protocol.payloads.moderation import Dispute
from edge.protocol.payloads.negotiation import Service
from edge.sessions.requests import Request
from edge.sessions.session import Session
from edge.translation.messaging import (
    changed_payload,
    conversation_payload,
    message_payload,
    optional,
)
from edge.translation.moderation import dispute_payload
from edge.translation.negotiation import service_payload
from edge.translation.status import TIMED_OUT
from edge.translation.times import timestamp

Answer = TypeVar("Answer")


async def _ask(
    session: Session, backend: str, asked_at: float, call: Callable[[], Awaitable[Answer | Error]]
) -> Answer | Error:
    """Call a backend for a page when it is its turn. What waited all the while behind a page for
    which the backend did not answer is not made to wait as long again.
    """
    if session.timed_out.get(backend, 0.0) > asked_at:
        return TIMED_OUT
    answer = await call()
    if isinstance(answer, Error) and answer.code == TIMED_OUT.code:
        session.timed_out[backend] = asyncio.get_running_loop().time()
    return answer


async def ask_conversations(session: Session, re: Request, payload: AskConversations) -> None:
    """Answered by RETURN CONVERSATIONS, each with its deal and the dispute that holds it; `missing`
    names who was not reached.
    """
    edge = session.edge
    request = pb.ListConversationsRequest(
        actor=session.user, page_size=payload.limit, page_token=text_of("page", payload.page)
    )
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    async with session.pages[Op.ASK_CONVERSATIONS]:
        deadline = loop.time() + edge.settings.call_timeout_seconds
        answer = await _ask(
            session, MESSAGING, asked_at, lambda: edge.messaging.call("ListConversations", request)
        )
        if isinstance(answer, Error):
            session.fail(re, answer)
            return
        found = answer.conversations
        services: dict[str, Service] = {}
        disputes: Mapping[str, Dispute] = {}
        missing: list[str] = []
        negotiation = edge.negotiation
        if negotiation is not None and found:
            ids = [one.id for one in found]
            deals = await _ask(
                session,
                NEGOTIATION,
                asked_at,
                lambda: negotiation.services(session.user, ids, deadline - loop.time()),
            )
            if isinstance(deals, Error):
                missing.append(NEGOTIATION)
            else:
                services = {one.conversation_id: service_payload(one) for one in deals}
        moderation = edge.moderation
        held = {one.hold.dispute for one in services.values() if one.hold}
        if moderation is not None and held:
            open_disputes = await _ask(
                session,
                MODERATION,
                asked_at,
                lambda: moderation.open_disputes(session.user, held, deadline),
            )
            if isinstance(open_disputes, Error):
                missing.append(MODERATION)
            else:
                disputes = {one.conversation_id: dispute_payload(one) for one in open_disputes}
        conversations = [
            conversation_payload(one, services.get(one.id, UNSET), disputes.get(one.id, UNSET))
            for one in found
        ]
        returned = ReturnConversations(
            conversations, optional(answer.next_page_token), missing or UNSET
        )
        await session.room()
        session.answer(re, Op.RETURN_CONVERSATIONS, returned)


def create_msg(
    session: Session, re: Request, payload: CreateMsg
) -> Coroutine[Any, Any, None] | None:
    """Answered by STATUS MSG after the commit; leaves with the next batch."""
    if (payload.conversation is UNSET) == (payload.to is UNSET):
        raise InvalidPayloadError("conversation", "exactly one of conversation and to is needed")
    if payload.subject is not UNSET and payload.to is UNSET:
        raise InvalidPayloadError("subject", "goes with to: a conversation has its subject")
    request = pb.CreateMessageRequest(
        actor=session.user,
        conversation_id=text_of("conversation", payload.conversation),
        to=text_of("to", payload.to),
        subject=text_of("subject", payload.subject),
        text=text_of("text", payload.text),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
        origin=session.id,
    )

    def done(result: pb.StoredMessage | Error) -> None:
        if isinstance(result, Error):
            session.fail(re, result)
        else:
            status = StatusMsg(
                message=result.id,
                conversation=result.conversation_id,
                seq=result.seq,
                status="stored",
                created_at=timestamp(result.create_time),
                duplicate=result.duplicate,
                idempotency_key=optional(result.idempotency_key),
            )
            session.answer(re, Op.STATUS_MSG, status)

    if session.edge.sanctions.locked(session.user):
        # All of them, so that what comes after one that is looked at keeps its place behind it.
        return _create_in_turn(session, re, request, done)
    session.edge.messaging.create_message.submit(request, done)
    return None


async def _create_in_turn(
    session: Session,
    re: Request,
    request: pb.CreateMessageRequest,
    done: Callable[[pb.StoredMessage | Error], None],
) -> None:
    seconds = session.edge.settings.call_timeout_seconds
    find = conversation_lookup.with_person(session, request.to, request.subject)
    async with session.changes:
        if error := await conversation_lookup.refused(session, re, find, seconds):
            session.fail(re, error)
            return
        session.edge.messaging.create_message.submit(request, done)


def opened_conversation(session: Session, re: Request, payload: OpenedConversation) -> None:
    """Answered by MSG SEEN; leaves with the next batch."""
    seq = 0 if payload.seq is UNSET else payload.seq
    conversation = text_of("conversation", payload.conversation)
    request = pb.Mark(actor=session.user, conversation_id=conversation, seq=seq, origin=session.id)

    def done(result: pb.Watermark | Error) -> None:
        if isinstance(result, Error):
            session.fail(re, result)
        else:
            seen = MsgSeen(
                conversation=conversation,
                message=result.message_id or None,
                seq=result.seq,
                reader=session.user,
                seen_at=timestamp(result.mark_time) if result.HasField("mark_time") else None,
            )
            session.answer(re, Op.MSG_SEEN, seen)

    session.edge.messaging.mark_read.submit(request, done)


async def ask_messages(session: Session, re: Request, payload: AskMessages) -> None:
    """Answered by RETURN MESSAGES, in ascending order of seq."""
    if payload.before is not UNSET and payload.after is not UNSET:
        raise InvalidPayloadError("before", "at most one of before and after is allowed")
    conversation = text_of("conversation", payload.conversation)
    request = pb.ListMessagesRequest(
        actor=session.user, conversation_id=conversation, page_size=payload.limit
    )
    if payload.before is not UNSET:
        request.before_seq = payload.before
    if payload.after is not UNSET:
        request.after_seq = payload.after
    asked_at = asyncio.get_running_loop().time()
    async with session.pages[Op.ASK_MESSAGES]:
        answer = await _ask(
            session,
            MESSAGING,
            asked_at,
            lambda: session.edge.messaging.call("ListMessages", request),
        )
        if isinstance(answer, Error):
            session.fail(re, answer)
            return
        messages = [message_payload(message) for message in answer.messages]
        await session.room()
        session.answer(re, Op.RETURN_MESSAGES, ReturnMessages(conversation, messages, answer.more))


async def edit_msg(session: Session, re: Request, payload: EditMsg) -> None:
    """Answered by MSG CHANGED after the commit."""
    request = pb.EditMessageRequest(
        actor=session.user,
        message_id=text_of("message", payload.message),
        text=text_of("text", payload.text),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
        origin=session.id,
    )
    await _change_message(session, re, "EditMessage", request)


async def delete_msg(session: Session, re: Request, payload: DeleteMsg) -> None:
    """Answered by MSG CHANGED after the commit."""
    request = pb.DeleteMessageRequest(
        actor=session.user,
        message_id=text_of("message", payload.message),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
        origin=session.id,
    )
    await _change_message(session, re, "DeleteMessage", request)


async def block_user(session: Session, re: Request, payload: BlockUser) -> None:
    """Answered by BLOCK USER after the commit. It is no writing, so the muted may do it as well."""
    request = pb.SetBlockRequest(
        actor=session.user,
        user=text_of("user", payload.user),
        blocked=payload.blocked,
        origin=session.id,
    )
    answer = await _change(session, re, "SetBlock", request, "")
    if isinstance(answer, Error):
        session.fail(re, answer)
    else:
        session.answer(re, Op.BLOCK_USER, BlockedUser(answer.user, answer.blocked))


async def _change_message(
    session: Session,
    re: Request,
    name: str,
    request: pb.EditMessageRequest | pb.DeleteMessageRequest,
) -> None:
    answer = await _change(session, re, name, request, request.message_id)
    if isinstance(answer, Error):
        session.fail(re, answer)
    else:
        session.answer(re, Op.MSG_CHANGED, changed_payload(answer.changed))


async def _change(session: Session, re: Request, name: str, request: Any, message: str) -> Any:
    """Call an RPC when those of earlier packets are answered, within the time for one; about a
    `message` when nobody has locked its conversation.
    """
    edge, loop = session.edge, asyncio.get_running_loop()
    deadline = loop.time() + edge.settings.call_timeout_seconds
    async with session.changes:
        find = conversation_lookup.of_message(session, message)
        if error := await conversation_lookup.refused(session, re, find, deadline - loop.time()):
            return error
        return await edge.messaging.call(name, request, deadline - loop.time())


def typing(session: Session, re: Request, payload: SendTyping) -> None:
    """Told to the other; only errors come back."""
    signal = pb.TypingSignal(
        actor=session.user,
        conversation_id=text_of("conversation", payload.conversation),
        typing=payload.typing,
    )

    def done(result: Error | None) -> None:
        if isinstance(result, Error):
            session.fail(re, result)
        else:
            re.done()

    session.edge.messaging.send_typing.submit(signal, done)
