"""What can be said of a command without looking anything up."""

from negotiation_service.commands import (
    Command,
    CreateService,
    EditPrice,
    EndNegotiation,
    FireTimers,
    NegotiationOutcome,
    PlaceHold,
    ResolveHold,
    SubmitNote,
    TerminateService,
)
from negotiation_service.entities import Outcome
from negotiation_service.limits import SECOND, Limits
from negotiation_service.money import check_amount, check_money
from negotiation_service.refusals import (
    Refusal,
    conversation_not_found,
    invalid,
    service_not_found,
)

USER_LIMIT = 128
KEY_LIMIT = 64
ID_LIMIT = 64


def is_identifier(text: str) -> bool:
    """Tell whether `text` can be the id of a service, conversation or dispute at all."""
    return 0 < len(text) <= ID_LIMIT and text.isascii() and text.isprintable()


def check_user(field: str, user: str) -> Refusal | None:
    """Users are named by 1 to 128 printable characters."""
    if not user:
        return invalid(field, "is missing")
    return check_line(field, user, USER_LIMIT)


def check_line(field: str, text: str, limit: int) -> Refusal | None:
    """A line of at most `limit` characters, all of which can be printed."""
    if len(text) > limit:
        return invalid(field, f"is longer than {limit} characters")
    if text and not text.isprintable():
        return invalid(field, "has characters that can not be printed")
    return None


def check_text(field: str, text: str, limit: int) -> Refusal | None:
    """Text of at most `limit` characters, kept as it is, that a database can keep."""
    if len(text) > limit:
        return invalid(field, f"is longer than {limit} characters")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return invalid(field, "has a NUL or half of a surrogate pair")
    return None


def check_arguments(command: Command, limits: Limits) -> Refusal | None:
    """Refuse the first argument at fault; of services and conversations only what can exist."""
    match command:
        case FireTimers():
            return None
        case PlaceHold():
            refusal = check_dispute(command.dispute) or check_user("opened_by", command.opened_by)
        case ResolveHold():
            refusal = check_dispute(command.dispute) or _check_split(command)
        case _:
            refusal = (
                check_user("actor", command.actor)
                or check_line("idempotency_key", command.idempotency_key, KEY_LIMIT)
                or _check_party_command(command, limits)
            )
    if refusal is not None:
        return refusal
    return None if is_identifier(command.service) else service_not_found()


def check_dispute(dispute: str) -> Refusal | None:
    """A dispute is named as everything else is."""
    return None if is_identifier(dispute) else invalid("dispute", "is no id")


def _check_split(command: ResolveHold) -> Refusal | None:
    if (command.outcome is Outcome.SPLIT) != (command.split is not None):
        return invalid("split", "goes with the outcome split, which needs it")
    if command.split is None:
        return None
    if command.split.provider_minor < 0:
        return invalid("split.provider_minor", "is negative")
    if command.split.client_minor < 0:
        return invalid("split.client_minor", "is negative")
    return None


def _check_party_command(
    command: CreateService | EditPrice | EndNegotiation | TerminateService | SubmitNote,
    limits: Limits,
) -> Refusal | None:
    match command:
        case CreateService():
            return _check_creation(command, limits)
        case EditPrice():
            if command.base_offer < 0:
                return invalid("base_offer", "is negative")
            return check_amount("price", command.price, limits) or check_text(
                "note", command.note, limits.offer_note
            )
        case EndNegotiation():
            if command.offer < 1:
                return invalid("offer", "is not positive")
            # A price that is none at all is not that of the live offer: stale is what it is.
            if command.outcome is NegotiationOutcome.AGREED and command.price is None:
                return invalid("price", "is missing")
            return None
        case TerminateService():
            return check_text("reason", command.reason, limits.reason)
        case SubmitNote():
            if not 1 <= command.score <= 5:
                return invalid("score", "is not one of 1 to 5")
            return check_text("comment", command.comment, limits.comment)


def _check_creation(command: CreateService, limits: Limits) -> Refusal | None:
    if not is_identifier(command.conversation):
        return conversation_not_found()
    if not command.title or command.title.isspace():
        return invalid("title", "is empty")
    if command.offer_ttl_s is not None and not (
        limits.min_offer_ttl <= command.offer_ttl_s * SECOND <= limits.max_offer_ttl
    ):
        shortest, longest = limits.min_offer_ttl // SECOND, limits.max_offer_ttl // SECOND
        return invalid("offer_ttl_s", f"is not one of {shortest} to {longest}")
    return (
        check_line("title", command.title, limits.title)
        or check_text("description", command.description, limits.description)
        or check_money("price", command.price, limits)
    )
