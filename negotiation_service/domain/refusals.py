"""The refusals of commands, by their reasons.

The `current` of a refusal is the deal, for `views.snapshot` to show: it holds sealed notes.
"""

from enum import StrEnum

from service_kit.idempotency import IDEMPOTENCY_KEY_CONFLICT
from service_kit.rules import INVALID_ARGUMENT, Refusal


class Reason(StrEnum):
    """The reason of a refusal; part of the contract as ErrorInfo.reason."""

    INVALID_ARGUMENT = INVALID_ARGUMENT

    # Unknown, and in the same words what one may not see.
    CONVERSATION_NOT_FOUND = "CONVERSATION_NOT_FOUND"
    SERVICE_NOT_FOUND = "SERVICE_NOT_FOUND"

    # What the command names is no longer what lies on the table.
    STALE_OFFER = "STALE_OFFER"

    # The state allows it to nobody.
    INVALID_STATE = "INVALID_STATE"
    ON_HOLD = "ON_HOLD"
    OPEN_SERVICE_EXISTS = "OPEN_SERVICE_EXISTS"
    CANCELLATION_REQUESTED = "CANCELLATION_REQUESTED"
    TOO_MANY_ROUNDS = "TOO_MANY_ROUNDS"
    TOO_MANY_REOPENINGS = "TOO_MANY_REOPENINGS"
    TOO_MANY_DISPUTES = "TOO_MANY_DISPUTES"
    TOO_MANY_SUBMISSIONS = "TOO_MANY_SUBMISSIONS"

    # Later it is allowed.
    SERVICES_LIMIT_REACHED = "SERVICES_LIMIT_REACHED"

    # The state allows it, but to the other party.
    OWN_OFFER = "OWN_OFFER"
    OFFER_OF_THE_OTHER = "OFFER_OF_THE_OTHER"
    PROVIDER_ONLY = "PROVIDER_ONLY"
    CLIENT_ONLY = "CLIENT_ONLY"

    # Moderation does not allow it.
    SANCTIONED = "SANCTIONED"

    # The actor blocks the other party.
    BLOCKED = "BLOCKED"

    # Between moderation and here.
    HOLD_NOT_FOUND = "HOLD_NOT_FOUND"
    DECIDED_OTHERWISE = "DECIDED_OTHERWISE"

    # Before anything is decided.
    IDEMPOTENCY_KEY_CONFLICT = IDEMPOTENCY_KEY_CONFLICT
    MESSAGING_UNAVAILABLE = "MESSAGING_UNAVAILABLE"


def service_not_found() -> Refusal:
    """Refuse what does not exist, and in the same words what one may not see."""
    return Refusal(Reason.SERVICE_NOT_FOUND, "there is no such service for this user")


def conversation_not_found() -> Refusal:
    """Refuse what does not exist, and in the same words what one may not see."""
    return Refusal(Reason.CONVERSATION_NOT_FOUND, "there is no such conversation for this user")
