"""Words and values of which structures are made."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

MOST_PAGE = 100

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A time that is told: RFC 3339 in UTC, with milliseconds."""

Moment = Annotated[datetime, Meta(tz=True)]
"""A time that is said: RFC 3339 with an offset."""

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Version = Annotated[int, Meta(ge=1)]
PageSize = Annotated[int, Meta(ge=1, le=MOST_PAGE)]
Minor = Annotated[int, Meta(ge=0, le=2**53 - 1)]
# How long a text may be is moderation's to say, which refuses longer ones by the name of the field.
Text = str

Role = Literal["moderator", "auditor", "data_protection"]

CaseState = Literal["", "open", "claimed", "decided"]
Severity = Literal["", "low", "normal", "high", "critical"]
CaseOrder = Literal["due", "reports", "severity", "priority"]
ReportReason = Literal[
    "",
    "spam",
    "scam",
    "harassment",
    "hate",
    "sexual",
    "violence",
    "self_harm",
    "illegal_goods",
    "off_platform_payment",
    "impersonation",
    "privacy",
    "other",
]
ReportStatus = Literal["", "received", "in_review", "actioned", "no_violation"]
SubjectKind = Literal["", "message", "conversation", "statement"]
SanctionKind = Literal[
    "",
    "warning",
    "message_removed",
    "conversation_locked",
    "muted",
    "suspended",
    "banned",
    "statement_removed",
]
Ground = Literal["", "terms", "law"]
Verdict = Literal["", "no_violation", "violation"]
AppealStatus = Literal["", "open", "upheld", "overturned"]
DisputeReason = Literal[
    "", "not_delivered", "not_as_agreed", "quality", "payment", "no_show", "other"
]
DisputeState = Literal[
    "", "pending_hold", "open", "under_review", "resolved_pending", "resolved", "refused"
]
DisputeOutcome = Literal["", "resume", "completed", "cancelled", "split"]


class Told(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The base of what the desk tells: what has a default is left out where it is absent."""


class Said(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of what the desk is told: a name that it does not know is refused."""


class Money(Told, frozen=True):
    """An amount in minor units of its currency (ISO 4217)."""

    amount_minor: int
    currency: str
