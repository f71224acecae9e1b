"""The words of packets, as enumerations whose members are strings: `deal.state == "offered"` holds.

A word that this release does not know is read as `UNSPECIFIED`, as docs/protocol.md asks for.
"""

import enum
from typing import Self


class Word(enum.StrEnum):
    """A word of a closed list, one of which is `unspecified`."""

    @classmethod
    def _missing_(cls, value: object) -> Self:  # noqa: ARG003 - how enum calls it
        return cls("unspecified")


class MessageKind(Word):
    """The kind of a message: somebody's text, or something that happened to a deal."""

    TEXT = "text"
    EVENT = "event"
    UNSPECIFIED = "unspecified"


class Tombstone(Word):
    """The way in which the text of a message went: its author deleted it, moderation removed it."""

    DELETED = "deleted"
    REMOVED = "removed"
    UNSPECIFIED = "unspecified"


class Change(Word):
    """The kind of a change of a message that stands already."""

    EDITED = "edited"
    DELETED = "deleted"
    REMOVED = "removed"
    RESTORED = "restored"
    UNSPECIFIED = "unspecified"


class DealState(Word):
    """The state of a deal; see docs/negotiation.md."""

    OFFERED = "offered"
    AGREED = "agreed"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    UNSPECIFIED = "unspecified"


class DisputeState(Word):
    """The state of a dispute; see docs/moderation.md."""

    PENDING_HOLD = "pending_hold"
    OPEN = "open"
    UNDER_REVIEW = "under_review"
    RESOLVED_PENDING = "resolved_pending"
    RESOLVED = "resolved"
    REFUSED = "refused"
    UNSPECIFIED = "unspecified"


class DisputeReason(Word):
    """The reason for a dispute about a deal."""

    NOT_DELIVERED = "not_delivered"
    NOT_AS_AGREED = "not_as_agreed"
    QUALITY = "quality"
    PAYMENT = "payment"
    NO_SHOW = "no_show"
    OTHER = "other"
    UNSPECIFIED = "unspecified"


class Outcome(Word):
    """The outcome of a dispute for its deal."""

    RESUME = "resume"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    SPLIT = "split"
    UNSPECIFIED = "unspecified"


class ReportReason(Word):
    """The reason for a report of a message, a conversation or a statement."""

    SPAM = "spam"
    SCAM = "scam"
    HARASSMENT = "harassment"
    HATE = "hate"
    SEXUAL = "sexual"
    VIOLENCE = "violence"
    SELF_HARM = "self_harm"
    ILLEGAL_GOODS = "illegal_goods"
    OFF_PLATFORM_PAYMENT = "off_platform_payment"
    IMPERSONATION = "impersonation"
    PRIVACY = "privacy"
    OTHER = "other"
    UNSPECIFIED = "unspecified"


class ReportState(Word):
    """The state of a report."""

    RECEIVED = "received"
    IN_REVIEW = "in_review"
    ACTIONED = "actioned"
    NO_VIOLATION = "no_violation"
    UNSPECIFIED = "unspecified"


class AppealState(Word):
    """The state of an appeal."""

    OPEN = "open"
    UPHELD = "upheld"
    OVERTURNED = "overturned"
    UNSPECIFIED = "unspecified"


class SanctionKind(Word):
    """The kind of a restriction; docs/protocol.md "Sanctions" says what each forbids."""

    WARNING = "warning"
    MESSAGE_REMOVED = "message_removed"
    STATEMENT_REMOVED = "statement_removed"
    CONVERSATION_LOCKED = "conversation_locked"
    MUTED = "muted"
    SUSPENDED = "suspended"
    BANNED = "banned"
    UNSPECIFIED = "unspecified"


class Ground(Word):
    """The ground of a restriction."""

    TERMS = "terms"
    LAW = "law"
    UNSPECIFIED = "unspecified"
