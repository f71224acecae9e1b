"""Checks of the arguments of commands, which need nothing but the command and the limits."""

from negotiation_service.domain import commands
from negotiation_service.domain.entities import Money, Outcome
from negotiation_service.domain.limits import SECOND, Limits
from negotiation_service.domain.refusals import conversation_not_found, service_not_found
from service_kit.rules import (
    Refusal,
    check_key,
    check_line,
    check_not_blank,
    check_text,
    check_user,
    invalid,
    is_identifier,
)


def check_arguments(command: commands.Command, limits: Limits) -> Refusal | None:
    """Refuse the first argument at fault; of services and conversations only what can exist."""
    match command:
        case commands.FireTimers():
            return None
        case commands.PlaceHold():
            refusal = _check_dispute(command.dispute) or check_user("opened_by", command.opened_by)
        case commands.ResolveHold():
            refusal = _check_dispute(command.dispute) or _check_split(command)
        case _:
            refusal = (
                check_user("actor", command.actor)
                or check_key(command.idempotency_key)
                or _check_party_command(command, limits)
            )
    if refusal is not None or isinstance(command, commands.CreateService):
        return refusal
    return None if is_identifier(command.service) else service_not_found()


def _check_dispute(dispute: str) -> Refusal | None:
    return None if is_identifier(dispute) else invalid("dispute", "is no id")


def _check_split(command: commands.ResolveHold) -> Refusal | None:
    if (command.outcome is Outcome.SPLIT) != (command.split is not None):
        return invalid("split", "goes with the outcome split, which needs it")
    if command.split is None:
        return None
    if command.split.provider_minor < 0:
        return invalid("split.provider_minor", "is negative")
    if command.split.client_minor < 0:
        return invalid("split.client_minor", "is negative")
    return None


def _check_party_command(command: commands.PartyCommand, limits: Limits) -> Refusal | None:
    match command:
        case commands.CreateService():
            return _check_creation(command, limits)
        case commands.EditPrice():
            if command.base_offer < 0:
                return invalid("base_offer", "is negative")
            return _check_amount("price", command.price, limits) or check_text(
                "note", command.note, limits.offer_note, "offer_note_limit"
            )
        case commands.EndNegotiation():
            if command.offer < 1:
                return invalid("offer", "is not positive")
            # A price that is none at all is not that of the live offer: stale is what it is.
            if command.outcome is commands.NegotiationOutcome.AGREED and command.price is None:
                return invalid("price", "is missing")
            return None
        case commands.TerminateService():
            return check_text("reason", command.reason, limits.reason, "reason_limit")
        case commands.SubmitNote():
            if not 1 <= command.score <= 5:
                return invalid("score", "is not one of 1 to 5")
            return check_text("comment", command.comment, limits.comment, "comment_limit")


def _check_creation(command: commands.CreateService, limits: Limits) -> Refusal | None:
    if not is_identifier(command.conversation):
        return conversation_not_found()
    if refusal := check_not_blank("title", command.title):
        return refusal
    if command.offer_ttl_seconds is not None and not (
        limits.min_offer_ttl <= command.offer_ttl_seconds * SECOND <= limits.max_offer_ttl
    ):
        shortest, longest = limits.min_offer_ttl // SECOND, limits.max_offer_ttl // SECOND
        return invalid("offer_ttl_seconds", f"is not one of {shortest} to {longest}")
    return (
        check_line("title", command.title, limits.title, "title_limit")
        or check_text("description", command.description, limits.description, "description_limit")
        or _check_money("price", command.price, limits)
    )


def _check_amount(field: str, money: Money, limits: Limits) -> Refusal | None:
    if money.amount_minor < limits.min_price:
        return invalid(
            f"{field}.amount_minor", f"is less than {limits.min_price}", "min_price_minor"
        )
    if money.amount_minor > limits.max_price:
        return invalid(
            f"{field}.amount_minor", f"is more than {limits.max_price}", "max_price_minor"
        )
    return None


def _check_money(field: str, money: Money, limits: Limits) -> Refusal | None:
    if money.currency not in limits.currencies:
        return invalid(f"{field}.currency", "is no currency of ISO 4217 that people pay with")
    return _check_amount(field, money, limits)
