"""Payloads about reports, sanctions and disputes.

Nothing in them leads from a restriction to whoever reported: what moderators alone are told has no
field here.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from parley_protocol.payloads.fields import (
    IdempotencyKey,
    Identifier,
    Integer,
    Money,
    PageToken,
    Settlement,
    Unspecified,
)

ReportReason = Literal[
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
DisputeReason = Literal["not_delivered", "not_as_agreed", "quality", "payment", "no_show", "other"]
SanctionKind = Literal[
    "warning",
    "message_removed",
    "statement_removed",
    "conversation_locked",
    "muted",
    "suspended",
    "banned",
]


# From the client.


class ReportMsg(Struct, frozen=True):
    """Reports a message of a conversation of this user. Nobody else in it learns of that. The
    reason "other" needs a comment. Answered by REPORT STATUS.
    """

    message: Identifier
    reason: ReportReason
    comment: str | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class ReportConversations(Struct, frozen=True):
    """Reports a conversation of this user. Nobody else in it learns of that. The reason "other"
    needs a comment. Answered by REPORT STATUS.
    """

    conversation: Identifier
    reason: ReportReason
    comment: str | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class ReportStatement(Struct, frozen=True):
    """Reports a statement of a dispute of this user, by its number. The other party does not learn
    of that. The reason "other" needs a comment. Answered by REPORT STATUS.
    """

    dispute: Identifier
    number: Integer
    reason: ReportReason
    comment: str | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class SendAppeal(Struct, frozen=True):
    """Asks another moderator to look at a decision again: that of a sanction, or of a report that
    was decided. Answered by REPORT STATUS with `appeal`.
    """

    decision: Identifier
    text: str
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class Claim(Struct, frozen=True):
    """The amount that the client of the service is to have back."""

    refund: Money


class LitigeCreated(Struct, frozen=True):
    """Opens a dispute about a service, which negotiation is asked to hold; see
    [Disputes](#disputes). Answered by UPDATE CONVERSATION DATAS with `dispute`.
    """

    service: Identifier
    reason: DisputeReason
    statement: str
    claim: Claim | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class Acceptance(Struct, frozen=True):
    """The number of the newest offer and what it says, so that nobody accepts what they have not
    seen.
    """

    offer: Integer
    settlement: Settlement


class LitigeStatement(Struct, frozen=True):
    """States one's case in a dispute with `text`. Beside it, or without one, at most one of three:
    `settlement` proposes one, `accept` takes the newest by its number and amounts, `withdraw` ends
    the dispute that one has opened. Answered by UPDATE CONVERSATION DATAS with `dispute`.
    """

    dispute: Identifier
    text: str | UnsetType = UNSET
    settlement: Settlement | UnsetType = UNSET
    accept: Acceptance | UnsetType = UNSET
    withdraw: bool = False
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class AskReports(Struct, frozen=True):
    """Asks for the user's own reports, newest first; with `open_only` those that are not decided.
    Answered by RETURN REPORTS.
    """

    open_only: bool = False
    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    page: PageToken | UnsetType = UNSET


class AskAppeals(Struct, frozen=True):
    """Asks for the user's own appeals, newest first. Answered by RETURN APPEALS."""

    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    page: PageToken | UnsetType = UNSET


class AskDisputes(Struct, frozen=True):
    """Asks for the disputes in which the user is a party, newest first; with `service` those about
    one service, with `open_only` those that are not over. Answered by RETURN DISPUTES.
    """

    service: Identifier | UnsetType = UNSET
    open_only: bool = False
    # A dispute may hold 40 statements.
    limit: Annotated[int, Meta(ge=1, le=5)] = 5
    page: PageToken | UnsetType = UNSET


class AskDispute(Struct, frozen=True):
    """Asks how a dispute stands, with all that both parties said. Answered by UPDATE CONVERSATION
    DATAS with `dispute` and the cause "asked".
    """

    dispute: Identifier


class AskStanding(Struct, frozen=True):
    """Asks what restricts the user now. Answered by RETURN STANDING."""


# To the client.


class Appeal(Struct, frozen=True):
    """An appeal as its author sees it. `answer` is what the reviewer says, once it is decided."""

    appeal: str
    decision: str
    status: Literal["open", "upheld", "overturned"] | Unspecified
    text: str
    created_at: str
    version: int
    answer: str | UnsetType = UNSET
    decided_at: str | UnsetType = UNSET


class Subject(Struct, frozen=True):
    """The reported message, or the statement `number` of a `dispute`; with neither the reported
    conversation.
    """

    conversation: str
    message: str | UnsetType = UNSET
    dispute: str | UnsetType = UNSET
    number: int | UnsetType = UNSET


class ReportStatus(Struct, frozen=True):
    """The state of one's own report, or with `appeal` alone of one's own appeal against a sanction.
    The answer to the packets that make them, and pushed when the state changes. `decision` is what
    an appeal names, until `appeal_until` if it is `appealable`. `version` is that of the report.
    """

    report: str | UnsetType = UNSET
    status: (
        Literal["received", "in_review", "actioned", "no_violation"] | Unspecified | UnsetType
    ) = UNSET
    subject: Subject | UnsetType = UNSET
    reason: ReportReason | Unspecified | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    updated_at: str | UnsetType = UNSET
    version: int | UnsetType = UNSET
    decision: str | UnsetType = UNSET
    appealable: bool | UnsetType = UNSET
    appeal_until: str | UnsetType = UNSET
    appeal: Appeal | UnsetType = UNSET
    duplicate: bool | UnsetType = UNSET


class Statement(Struct, frozen=True):
    """A statement of reasons: why somebody is restricted. Without `until` it lasts until it is
    lifted.
    """

    kind: SanctionKind | Unspecified
    scope: str
    start: str
    facts: str
    ground: Literal["terms", "law"] | Unspecified
    rule: str
    automated_detection: bool
    automated_decision: bool
    scope_id: str | UnsetType = UNSET
    until: str | UnsetType = UNSET
    appeal_until: str | UnsetType = UNSET


class Sanction(Struct, frozen=True):
    """A restriction of this user, or with `lifted` its end before the time; see
    [Sanctions](#sanctions). Also comes after HELLO, for each that stands. Without `until` it lasts
    until it is lifted. `decision` is what an appeal names. What is removed is a `message`, or the
    statement `number` of a `dispute`.
    """

    sanction: str
    kind: SanctionKind | Unspecified
    statement: Statement
    decision: str
    appealable: bool
    version: int
    lifted: bool = False
    until: str | UnsetType = UNSET
    conversation: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    appeal: Appeal | UnsetType = UNSET
    dispute: str | UnsetType = UNSET
    number: int | UnsetType = UNSET


class Standing(Struct, frozen=True):
    """The sanctions that restrict a user now, each with its statement of reasons; not all of them
    when it is `truncated`.
    """

    user: str
    banned: bool
    sanctions: list[Sanction]
    muted_until: str | UnsetType = UNSET
    suspended_until: str | UnsetType = UNSET
    truncated: bool | UnsetType = UNSET


class ReturnReports(Struct, frozen=True):
    """One page of the user's own reports; without `next` it is the last."""

    reports: list[ReportStatus]
    next: str | UnsetType = UNSET


class ReturnAppeals(Struct, frozen=True):
    """One page of the user's own appeals; without `next` it is the last."""

    appeals: list[Appeal]
    next: str | UnsetType = UNSET


class ReturnStanding(Struct, frozen=True):
    """The sanctions that restrict the user now, and the warnings that stand: those of the newest 50
    cases, and those that restrict longest.
    """

    standing: Standing


class DisputeStatement(Struct, frozen=True):
    """A statement of one party in a dispute; `number` names it within the dispute. The text is
    empty while moderators have `removed` it.
    """

    by: str
    text: str
    at: str
    number: int
    removed: bool | UnsetType = UNSET


class SettlementOffer(Struct, frozen=True):
    """A settlement that one party has proposed. The newest is the one that can be accepted."""

    number: int
    by: str
    settlement: Settlement
    created_at: str


class Resolution(Struct, frozen=True):
    """The end of a dispute; `facts` and `rule` are what the moderators say, where they decided."""

    outcome: Literal["resume", "completed", "cancelled", "split"] | Unspecified
    cause: str
    at: str
    split: Settlement | UnsetType = UNSET
    facts: str | UnsetType = UNSET
    rule: str | UnsetType = UNSET


class Dispute(Struct, frozen=True):
    """A dispute as its reader may see it. `due_at` is when the present state ends by itself.
    `refusal` is why the service was not held. `statements` are always there unless it is
    `truncated`, and so are `offers`.
    """

    dispute: str
    service: str
    conversation: str
    provider: str
    client: str
    opened_by: str
    reason: DisputeReason | Unspecified
    state: (
        Literal["pending_hold", "open", "under_review", "resolved_pending", "resolved", "refused"]
        | Unspecified
    )
    allowed_actions: list[str]
    created_at: str
    version: int
    statements: list[DisputeStatement] | UnsetType = UNSET
    offers: list[SettlementOffer] | UnsetType = UNSET
    price: Money | UnsetType = UNSET
    claim: Claim | UnsetType = UNSET
    due_at: str | UnsetType = UNSET
    resolution: Resolution | UnsetType = UNSET
    refusal: str | UnsetType = UNSET
    truncated: bool | UnsetType = UNSET


class ReturnDisputes(Struct, frozen=True):
    """One page of the user's disputes; without `next` it is the last."""

    disputes: list[Dispute]
    next: str | UnsetType = UNSET
