"""Packets of the conversation: from a packet to an RPC, and from its answer to a reply."""

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType
from parley.messaging.v1 import messaging_pb2 as pb

from edge.packets import InvalidPayloadError, Op
from edge.payloads import (
    AskConversations,
    AskMessages,
    CreateMsg,
    Error,
    MsgSeen,
    OpenedConversation,
    ReturnConversations,
    ReturnMessages,
    SendTyping,
    StatusMsg,
)
from edge.translation import conversation_payload, message_payload, optional, timestamp

if TYPE_CHECKING:
    from edge.session import Session


def _text(field: str, value: str | UnsetType) -> str:
    """A text for the contract. JSON can spell lone surrogates, which UTF-8 can not carry."""
    if value is UNSET:
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidPayloadError(field, "holds text that is not valid Unicode") from None
    return value


async def ask_conversations(
    session: "Session", re: int | str | None, payload: AskConversations
) -> None:
    """Answered by RETURN CONVERSATIONS.

    The packet has room for each conversation's deal, and for `missing`, the names of the services
    that could not be asked; both come with the negotiation service.
    """
    request = pb.ListConversationsRequest(
        actor=session.user, page_size=payload.limit, page_token=_text("page", payload.page)
    )
    async with session.pages:
        answer = await session.edge.messaging.list_conversations(request)
        if isinstance(answer, Error):
            session.fail(re, answer)
        elif re is not None:
            conversations = [conversation_payload(found) for found in answer.conversations]
            returned = ReturnConversations(conversations, optional(answer.next_page_token))
            await session.room()
            session.send(Op.RETURN_CONVERSATIONS, returned, re=re)


def create_msg(session: "Session", re: int | str | None, payload: CreateMsg) -> None:
    """Answered by STATUS MSG after the commit; leaves with the next batch."""
    if (payload.conversation is UNSET) == (payload.to is UNSET):
        raise InvalidPayloadError("conversation", "exactly one of conversation and to is needed")
    if payload.subject is not UNSET and payload.to is UNSET:
        raise InvalidPayloadError("subject", "goes with to: a conversation has its subject")
    request = pb.CreateMessageRequest(
        actor=session.user,
        conversation_id=_text("conversation", payload.conversation),
        to=_text("to", payload.to),
        subject=_text("subject", payload.subject),
        text=_text("text", payload.text),
        idempotency_key=_text("idempotency_key", payload.idempotency_key),
        origin=session.id,
    )

    def done(result: pb.StoredMessage | Error) -> None:
        if isinstance(result, Error):
            session.fail(re, result)
        elif re is not None:
            status = StatusMsg(
                message=result.id,
                conversation=result.conversation_id,
                seq=result.seq,
                status="stored",
                created_at=timestamp(result.create_time),
                duplicate=result.duplicate,
                idempotency_key=optional(result.idempotency_key),
            )
            session.send(Op.STATUS_MSG, status, re=re)

    session.edge.messaging.create_message.submit(request, done)


def opened_conversation(
    session: "Session", re: int | str | None, payload: OpenedConversation
) -> None:
    """Answered by MSG SEEN; leaves with the next batch."""
    seq = 0 if payload.seq is UNSET else payload.seq
    conversation = _text("conversation", payload.conversation)
    request = pb.Mark(actor=session.user, conversation_id=conversation, seq=seq, origin=session.id)

    def done(result: pb.Watermark | Error) -> None:
        if isinstance(result, Error):
            session.fail(re, result)
        elif re is not None:
            seen = MsgSeen(
                conversation=conversation,
                message=result.message_id or None,
                seq=result.seq,
                reader=session.user,
                seen_at=timestamp(result.mark_time) if result.HasField("mark_time") else None,
            )
            session.send(Op.MSG_SEEN, seen, re=re)

    session.edge.messaging.mark_read.submit(request, done)


async def ask_messages(session: "Session", re: int | str | None, payload: AskMessages) -> None:
    """Answered by RETURN MESSAGES, in ascending order of seq."""
    if payload.before is not UNSET and payload.after is not UNSET:
        raise InvalidPayloadError("before", "at most one of before and after is allowed")
    conversation = _text("conversation", payload.conversation)
    request = pb.ListMessagesRequest(
        actor=session.user, conversation_id=conversation, page_size=payload.limit
    )
    if payload.before is not UNSET:
        request.before_seq = payload.before
    if payload.after is not UNSET:
        request.after_seq = payload.after
    async with session.pages:
        answer = await session.edge.messaging.list_messages(request)
        if isinstance(answer, Error):
            session.fail(re, answer)
        elif re is not None:
            messages = [message_payload(message) for message in answer.messages]
            returned = ReturnMessages(conversation, messages, answer.more)
            await session.room()
            session.send(Op.RETURN_MESSAGES, returned, re=re)


def typing(session: "Session", re: int | str | None, payload: SendTyping) -> None:
    """Told to the other; only errors come back."""
    signal = pb.TypingSignal(
        actor=session.user,
        conversation_id=_text("conversation", payload.conversation),
        typing=payload.typing,
    )

    def done(result: Error | None) -> None:
        if isinstance(result, Error):
            session.fail(re, result)

    session.edge.messaging.send_typing.submit(signal, done)
