"""Handlers of the packets about conversations and messages: each becomes an RPC."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from google.protobuf.message import Message
from msgspec import UNSET
from parley.messaging.v1 import messaging_pb2 as pb

from edge.cursors import MESSAGING, MODERATION, NEGOTIATION
from edge.handlers import conversation_lookup
from edge.sessions.requests import Request
from edge.sessions.session import Session
from edge.translation.common import request_of, timestamp
from edge.translation.messaging import (
    changed_payload,
    conversation_payload,
    message_payload,
    read_payload,
)
from edge.translation.moderation import dispute_payload
from edge.translation.negotiation import service_payload
from edge.translation.status import TIMED_OUT
from parley_protocol.errors import Error
from parley_protocol.packets import InvalidPayloadError, Op
from parley_protocol.payloads import messaging as payloads
from parley_protocol.payloads.moderation import Dispute
from parley_protocol.payloads.negotiation import Service
from service_kit.names import normalise

Answer = TypeVar("Answer")


async def _ask(
    session: Session, backend: str, asked_at: float, call: Callable[[], Awaitable[Answer | Error]]
) -> Answer | Error:
    """Call a backend for a page, unless it has timed out for another one since this was asked: a
    page that waited behind that one does not wait as long again.
    """
    timed_out = session.person.timed_out
    if timed_out.get(backend, 0.0) > asked_at:
        return TIMED_OUT
    answer = await call()
    if isinstance(answer, Error) and answer.code == TIMED_OUT.code:
        timed_out[backend] = asyncio.get_running_loop().time()
    return answer


async def ask_conversations(
    session: Session, re: Request, payload: payloads.AskConversations
) -> None:
    """List conversations, each with its deal and the dispute that holds it; `missing` names the
    backends that were not reached. Answered by RETURN CONVERSATIONS.
    """
    messaging, loop = session.edge.messaging, asyncio.get_running_loop()
    request = request_of(pb.ListConversationsRequest, payload, session.user)
    asked_at = loop.time()
    async with session.page(Op.ASK_CONVERSATIONS):
        deadline = loop.time() + session.edge.settings.call_timeout_seconds
        answer = await _ask(
            session, MESSAGING, asked_at, lambda: messaging.call(Op.ASK_CONVERSATIONS.rpc, request)
        )
        if isinstance(answer, Error):
            session.fail(re, answer)
            return
        found = [one.id for one in answer.conversations]
        services = await _services(session, found, asked_at, deadline)
        known = {} if services is None else services
        held = {one.hold.dispute for one in known.values() if one.hold}
        disputes = await _disputes(session, held, asked_at, deadline)
        missing = [NEGOTIATION] * (services is None) + [MODERATION] * (disputes is None)
    conversations = [
        conversation_payload(
            one, session.user, known.get(one.id, UNSET), (disputes or {}).get(one.id, UNSET)
        )
        for one in answer.conversations
    ]
    returned = payloads.ReturnConversations(
        conversations, answer.next_page_token or UNSET, missing or UNSET
    )
    await session.answer_page(re, returned)


async def _services(
    session: Session, conversations: list[str], asked_at: float, deadline: float
) -> Mapping[str, Service] | None:
    """Look up the deals of conversations, by conversation; None: negotiation did not answer."""
    negotiation = session.edge.negotiation
    if negotiation is None or not conversations:
        return {}
    seconds = deadline - asyncio.get_running_loop().time()
    deals = await _ask(
        session,
        NEGOTIATION,
        asked_at,
        lambda: negotiation.services(session.user, conversations, seconds),
    )
    if isinstance(deals, Error):
        return None
    return {one.conversation_id: service_payload(one) for one in deals}


async def _disputes(
    session: Session, wanted: set[str], asked_at: float, deadline: float
) -> Mapping[str, Dispute] | None:
    """Look up disputes, by conversation; None: moderation did not answer."""
    moderation = session.edge.moderation
    if moderation is None or not wanted:
        return {}
    disputes = await _ask(
        session,
        MODERATION,
        asked_at,
        lambda: moderation.open_disputes(session.user, wanted, deadline),
    )
    if isinstance(disputes, Error):
        return None
    return {one.conversation_id: dispute_payload(one) for one in disputes}


def create_msg(session: Session, re: Request, payload: payloads.CreateMsg) -> None:
    """Store a message, with the next batch; answered by STATUS MSG after the commit."""
    if (payload.conversation is UNSET) == (payload.to is UNSET):
        raise InvalidPayloadError("conversation", "exactly one of conversation and to is needed")
    if payload.subject is not UNSET and payload.to is UNSET:
        raise InvalidPayloadError("subject", "goes with to: a conversation has its subject")
    request = request_of(pb.CreateMessageRequest, payload, session.user, session.originate(re))

    def done(result: pb.StoredMessage | Error) -> None:
        if isinstance(result, Error):
            session.fail(re, result)
        else:
            status = payloads.StatusMsg(
                message=result.id,
                conversation=result.conversation_id,
                seq=result.seq,
                status="stored",
                created_at=timestamp(result.create_time),
                duplicate=result.duplicate,
                idempotency_key=result.idempotency_key or UNSET,
            )
            session.answer(re, status)

    if session.in_turn or session.edge.sanctions.locked(session.user):
        # All of them, so that what comes after one that is looked at keeps its place behind it,
        # also when nothing is locked any more.
        session.start_in_turn(re, _create_in_turn(session, re, request, done))
    else:
        session.edge.messaging.create_message.submit(request, done)


async def _create_in_turn(
    session: Session,
    re: Request,
    request: pb.CreateMessageRequest,
    done: Callable[[pb.StoredMessage | Error], None],
) -> None:
    seconds = session.edge.settings.call_timeout_seconds
    # As the service will read them.
    to, subject = normalise(request.to), normalise(request.subject)
    find = conversation_lookup.with_person(session, to, subject)
    async with session.changes:
        if error := await conversation_lookup.refused(session, re, find, seconds):
            session.fail(re, error)
            return
        session.edge.messaging.create_message.submit(request, done)


def opened_conversation(
    session: Session, re: Request, payload: payloads.OpenedConversation
) -> None:
    """Mark messages as read, with the next batch; answered by MSG SEEN."""
    mark = request_of(pb.Mark, payload, session.user, session.id)

    def done(result: pb.Watermark | Error) -> None:
        if isinstance(result, Error):
            session.fail(re, result)
        else:
            session.answer(re, read_payload(result))

    session.edge.messaging.mark_read.submit(mark, done)


async def ask_messages(session: Session, re: Request, payload: payloads.AskMessages) -> None:
    """List messages of a conversation; answered by RETURN MESSAGES, ascending by seq."""
    if payload.before is not UNSET and payload.after is not UNSET:
        raise InvalidPayloadError("before", "at most one of before and after is allowed")
    messaging = session.edge.messaging
    request = request_of(pb.ListMessagesRequest, payload, session.user)
    asked_at = asyncio.get_running_loop().time()
    async with session.page(Op.ASK_MESSAGES):
        answer = await _ask(
            session,
            MESSAGING,
            asked_at,
            lambda: messaging.call(Op.ASK_MESSAGES.rpc, request),
        )
    if isinstance(answer, Error):
        session.fail(re, answer)
        return
    messages = [message_payload(message) for message in answer.messages]
    returned = payloads.ReturnMessages(payload.conversation, messages, answer.more)
    others = [one.seq for one in answer.messages if one.sender != session.user]
    confirms = (payload.conversation, max(others)) if others else None
    await session.answer_page(re, returned, confirms)


async def ask_blocks(session: Session, re: Request, payload: payloads.AskBlocks) -> None:
    """List whom the user blocks; answered by RETURN BLOCKS."""
    request = request_of(pb.ListBlocksRequest, payload, session.user)
    async with session.page(Op.ASK_BLOCKS):
        answer = await session.edge.messaging.call(Op.ASK_BLOCKS.rpc, request)
    if isinstance(answer, Error):
        session.fail(re, answer)
        return
    blocks = [
        payloads.BlockedUser(one.user, blocked=True, version=one.version) for one in answer.blocks
    ]
    returned = payloads.ReturnBlocks(blocks, answer.next_page_token or UNSET)
    await session.answer_page(re, returned)


async def edit_msg(session: Session, re: Request, payload: payloads.EditMsg) -> None:
    """Edit a message; answered by MSG CHANGED after the commit."""
    request = request_of(pb.EditMessageRequest, payload, session.user, session.originate(re))
    answer = await _change(session, re, Op.EDIT_MSG, request, request.message_id)
    if answer is not None:
        session.answer(re, changed_payload(answer.changed))


async def delete_msg(session: Session, re: Request, payload: payloads.DeleteMsg) -> None:
    """Delete a message; answered by MSG CHANGED after the commit."""
    request = request_of(pb.DeleteMessageRequest, payload, session.user, session.originate(re))
    answer = await _change(session, re, Op.DELETE_MSG, request, request.message_id)
    if answer is not None:
        session.answer(re, changed_payload(answer.changed))


async def block_user(session: Session, re: Request, payload: payloads.BlockUser) -> None:
    """Block a user or no longer, as the muted may as well; answered by BLOCK USER."""
    request = request_of(pb.SetBlockRequest, payload, session.user, session.originate(re))
    answer = await _change(session, re, Op.BLOCK_USER, request)
    if answer is not None:
        block = payloads.BlockedUser(answer.user, answer.blocked, answer.version)
        session.answer(re, block)


async def _change(
    session: Session, re: Request, op: Op, request: Message, message: str = ""
) -> Any:
    """Call the RPC of a packet when those of earlier packets are answered, within the time for one;
    about a `message` when nobody has locked its conversation. Its response, or None after the
    packet was refused.
    """
    edge, loop = session.edge, asyncio.get_running_loop()
    deadline = loop.time() + edge.settings.call_timeout_seconds
    async with session.changes:
        find = conversation_lookup.of_message(session, message)
        answer = await conversation_lookup.refused(session, re, find, deadline - loop.time())
        if answer is None:
            answer = await edge.messaging.call(op.rpc, request, deadline - loop.time())
    if isinstance(answer, Error):
        session.fail(re, answer)
        return None
    return answer


def typing(session: Session, re: Request, payload: payloads.SendTyping) -> None:
    """Tell the other that somebody is typing, with the next batch; only errors come back."""
    signal = request_of(pb.TypingSignal, payload, session.user)
    if payload.typing:
        session.type_in(payload.conversation)
    elif session.typing == payload.conversation:
        session.typing = ""

    def done(result: Error | None) -> None:
        if isinstance(result, Error):
            session.fail(re, result)
        else:
            re.done()

    session.edge.messaging.send_typing.submit(signal, done)
