"""Reasons for which a command is refused, and the refusals that several rules give."""

from enum import StrEnum

from service_kit.idempotency import IDEMPOTENCY_KEY_CONFLICT
from service_kit.rules import Refusal


class Reason(StrEnum):
    """The reason of a refusal; part of the contract as ErrorInfo.reason."""

    CONVERSATION_NOT_FOUND = "CONVERSATION_NOT_FOUND"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    IDEMPOTENCY_KEY_CONFLICT = IDEMPOTENCY_KEY_CONFLICT
    OPENING_NOT_ALLOWED = "OPENING_NOT_ALLOWED"
    OPENINGS_LIMIT_REACHED = "OPENINGS_LIMIT_REACHED"
    EVENT_MESSAGE = "EVENT_MESSAGE"
    MESSAGE_DELETED = "MESSAGE_DELETED"
    EDIT_TOO_LATE = "EDIT_TOO_LATE"
    TOO_MANY_EDITS = "TOO_MANY_EDITS"
    MESSAGE_REMOVED = "MESSAGE_REMOVED"
    SANCTIONED = "SANCTIONED"
    BLOCKED = "BLOCKED"
    TOO_MANY_BLOCKS = "TOO_MANY_BLOCKS"


def conversation_not_found() -> Refusal:
    """Refuse a conversation that does not exist, and in the same words one of others."""
    return Refusal(Reason.CONVERSATION_NOT_FOUND, "there is no such conversation for this user")


def message_not_found() -> Refusal:
    """Refuse a message that does not exist, and in the same words one of somebody else."""
    return Refusal(Reason.MESSAGE_NOT_FOUND, "there is no such message of this user")


def sanctioned(why: str) -> Refusal:
    """Refuse what moderation does not allow."""
    return Refusal(Reason.SANCTIONED, why)


def blocked() -> Refusal:
    """Refuse what would reach somebody whom the actor blocks."""
    return Refusal(Reason.BLOCKED, "whoever blocks the other can not write there")
