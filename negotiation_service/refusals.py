"""Why a command is refused."""

from dataclasses import dataclass
from enum import StrEnum

from negotiation_service.entities import Deal


class Reason(StrEnum):
    """The names of refusals; part of the contract as ErrorInfo.reason."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"

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

    # The state allows it, but to the other party.
    OWN_OFFER = "OWN_OFFER"
    OFFER_OF_THE_OTHER = "OFFER_OF_THE_OTHER"
    PROVIDER_ONLY = "PROVIDER_ONLY"
    CLIENT_ONLY = "CLIENT_ONLY"

    # Between moderation and here.
    HOLD_NOT_FOUND = "HOLD_NOT_FOUND"
    DECIDED_OTHERWISE = "DECIDED_OTHERWISE"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A named no. `field` is the argument at fault.

    `current` is how the deal really stands, for `views.snapshot` to show: it holds sealed notes.
    """

    reason: Reason
    message: str
    field: str = ""
    current: Deal | None = None


def invalid(field: str, problem: str) -> Refusal:
    """Refuse an argument."""
    return Refusal(Reason.INVALID_ARGUMENT, f"{field} {problem}", field)


def service_not_found() -> Refusal:
    """Refuse what does not exist, and in the same words what one may not see."""
    return Refusal(Reason.SERVICE_NOT_FOUND, "there is no such service for this user")


def conversation_not_found() -> Refusal:
    """Refuse what does not exist, and in the same words what one may not see."""
    return Refusal(Reason.CONVERSATION_NOT_FOUND, "there is no such conversation for this user")
