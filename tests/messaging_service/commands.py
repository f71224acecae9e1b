"""Commands, each in one word."""

from messaging_service.domain.message_changes import DeleteMessage, EditMessage
from messaging_service.domain.messages import CreateMessage


def said(
    actor: str,
    text: str = "hello",
    *,
    to: str = "bob",
    conversation: str = "",
    key: str = "",
    subject: str = "",
) -> CreateMessage:
    """Write something, in a conversation or to somebody."""
    to = "" if conversation else to
    return CreateMessage(actor, conversation, to, subject, text, key, "origin")


def edited(message: str, text: str, key: str = "", actor: str = "alice") -> EditMessage:
    return EditMessage(actor, message, text, key, "origin")


def deleted(message: str, key: str = "", actor: str = "alice") -> DeleteMessage:
    return DeleteMessage(actor, message, key, "origin")
