"""Why a command is refused."""

from enum import StrEnum

from service_kit.idempotency import IDEMPOTENCY_KEY_CONFLICT
from service_kit.rules import Refusal


class Reason(StrEnum):
    """The names of refusals; part of the contract as ErrorInfo.reason."""

    # Before anything is looked up.
    TOKEN_REFUSED = "TOKEN_REFUSED"  # noqa: S105 - the name of a reason
    KEYS_UNAVAILABLE = "KEYS_UNAVAILABLE"
    ROLE_REQUIRED = "ROLE_REQUIRED"
    SANCTIONED = "SANCTIONED"
    RATE_LIMITED = "RATE_LIMITED"
    IDEMPOTENCY_KEY_CONFLICT = IDEMPOTENCY_KEY_CONFLICT
    MESSAGING_UNAVAILABLE = "MESSAGING_UNAVAILABLE"
    NEGOTIATION_UNAVAILABLE = "NEGOTIATION_UNAVAILABLE"

    # Unknown, and in the same words what one may not see.
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    CONVERSATION_NOT_FOUND = "CONVERSATION_NOT_FOUND"
    SERVICE_NOT_FOUND = "SERVICE_NOT_FOUND"
    CASE_NOT_FOUND = "CASE_NOT_FOUND"
    DECISION_NOT_FOUND = "DECISION_NOT_FOUND"
    APPEAL_NOT_FOUND = "APPEAL_NOT_FOUND"
    SANCTION_NOT_FOUND = "SANCTION_NOT_FOUND"
    DISPUTE_NOT_FOUND = "DISPUTE_NOT_FOUND"

    # What the command was meant for is no longer how things stand.
    STALE_CASE = "STALE_CASE"
    STALE_DISPUTE = "STALE_DISPUTE"
    STALE_SETTLEMENT = "STALE_SETTLEMENT"

    # The state allows it to nobody.
    INVALID_STATE = "INVALID_STATE"
    OPEN_DISPUTE_EXISTS = "OPEN_DISPUTE_EXISTS"
    TOO_MANY_OPEN_REPORTS = "TOO_MANY_OPEN_REPORTS"
    TOO_MANY_STATEMENTS = "TOO_MANY_STATEMENTS"
    TOO_MANY_REVOKED_TOKENS = "TOO_MANY_REVOKED_TOKENS"
    TOO_LATE_TO_APPEAL = "TOO_LATE_TO_APPEAL"
    NOTHING_TO_APPEAL = "NOTHING_TO_APPEAL"

    # The state allows it, but not to the actor, or not again.
    ALREADY_REPORTED = "ALREADY_REPORTED"
    ALREADY_APPEALED = "ALREADY_APPEALED"
    OWN_MESSAGE = "OWN_MESSAGE"
    CLAIMED_BY_OTHER = "CLAIMED_BY_OTHER"
    NOT_CLAIMED = "NOT_CLAIMED"
    INVOLVED = "INVOLVED"
    SAME_MODERATOR = "SAME_MODERATOR"
    OPENER_ONLY = "OPENER_ONLY"
    OWN_SETTLEMENT = "OWN_SETTLEMENT"

    # What must be kept.
    KEPT = "KEPT"


_NOT_FOUND = {
    Reason.MESSAGE_NOT_FOUND: "message",
    Reason.CONVERSATION_NOT_FOUND: "conversation",
    Reason.SERVICE_NOT_FOUND: "service",
    Reason.CASE_NOT_FOUND: "case",
    Reason.DECISION_NOT_FOUND: "decision",
    Reason.APPEAL_NOT_FOUND: "appeal",
    Reason.SANCTION_NOT_FOUND: "sanction",
    Reason.DISPUTE_NOT_FOUND: "dispute",
}


def not_found(reason: Reason) -> Refusal:
    """Refuse what does not exist, and in the same words what one may not see."""
    return Refusal(reason, f"there is no such {_NOT_FOUND[reason]} for this user")
