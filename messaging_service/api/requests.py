"""Messages of the contract into commands."""

from parley.messaging.v1 import messaging_pb2 as pb

from messaging_service.domain.blocks import SetBlock
from messaging_service.domain.conversations import CreateConversation
from messaging_service.domain.events import Typing
from messaging_service.domain.message_changes import DeleteMessage, EditMessage
from messaging_service.domain.messages import CreateMessage
from messaging_service.domain.watermarks import Mark


def create_conversation(request: pb.CreateConversationRequest) -> CreateConversation:
    """Translate a new conversation."""
    return CreateConversation(tuple(request.participants), request.subject)


def create_message(request: pb.CreateMessageRequest) -> CreateMessage:
    """Translate a new message."""
    return CreateMessage(
        request.actor,
        request.conversation_id,
        request.to,
        request.subject,
        request.text,
        request.idempotency_key,
        request.origin,
    )


def edit_message(request: pb.EditMessageRequest) -> EditMessage:
    """Translate an edit."""
    key, origin = request.idempotency_key, request.origin
    return EditMessage(request.actor, request.message_id, request.text, key, origin)


def delete_message(request: pb.DeleteMessageRequest) -> DeleteMessage:
    """Translate a deletion."""
    key, origin = request.idempotency_key, request.origin
    return DeleteMessage(request.actor, request.message_id, key, origin)


def mark(request: pb.Mark) -> Mark:
    """Translate a mark."""
    return Mark(request.actor, request.conversation_id, request.seq, request.origin)


def typing_signal(request: pb.TypingSignal) -> Typing:
    """Translate a typing signal."""
    return Typing(request.conversation_id, request.actor, request.typing)


def set_block(request: pb.SetBlockRequest) -> SetBlock:
    """Translate the beginning or the end of a block."""
    return SetBlock(request.actor, request.user, request.blocked, request.origin)
