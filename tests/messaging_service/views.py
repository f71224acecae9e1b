"""Messages as readers are shown them, in the answers and events of operations."""

from typing import Any, NamedTuple

from messaging_service.domain.events import MessageChanged, WatermarkMoved
from messaging_service.domain.messages import Message, shown_text


class MessageView(NamedTuple):
    """All that a reader is shown of a message; times are milliseconds UTC, 0 for never."""

    id: str
    conversation_id: str
    seq: int
    sender: str
    kind: str
    text: str
    created_at: int
    idempotency_key: str | None
    edited_at: int = 0
    tombstone: str = ""


def view(message: Message, reader: str = "") -> MessageView:
    conversation_id, seq, id_, sender, kind, _, created_at, _, key = message[:9]
    fixed = (id_, conversation_id, seq, sender, kind)
    text, edited_at = shown_text(message, reader)
    return MessageView(*fixed, text, created_at, key, edited_at, message.tombstone)


def as_shown(answer: Any, reader: str) -> Any:
    match answer:
        case MessageChanged():
            # tests/messaging_service/test_any_order.py looks at the counts.
            message = as_shown(answer.message, reader)
            return answer._replace(message=message, unread=(), versions=())
        case Message():
            return view(answer, reader)
        case list():
            return [as_shown(one, reader) for one in answer]
        case tuple():
            reader = answer.reader if isinstance(answer, WatermarkMoved) else reader
            parts = [as_shown(one, reader) for one in answer]
            return answer._make(parts) if hasattr(answer, "_make") else tuple(parts)
    return answer
