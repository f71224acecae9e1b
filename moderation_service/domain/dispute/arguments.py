"""Checks of the arguments of commands about disputes."""

from moderation_service.domain.dispute import commands
from moderation_service.domain.dispute.entities import Outcome, Settlement
from moderation_service.domain.shared.arguments import check_actor, check_name, check_words
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import Refusal, check_line, check_not_blank, check_text, invalid


def check_arguments(command: commands.AnyDisputeCommand, limits: Limits) -> Refusal | None:
    """Refuse a command without the role that it needs, or the first argument at fault."""
    return check_actor(command) or _check_own(command, limits)


def _check_own(command: commands.AnyDisputeCommand, limits: Limits) -> Refusal | None:
    match command:
        case commands.CreateDispute():
            return _check_creation(command, limits)
        case commands.SubmitDisputeStatement():
            return _check_submission(command, limits)
        case commands.DecideDispute():
            return _check_ruling(command, limits)
    # What negotiation and time say is sound.
    return None


def _check_creation(command: commands.CreateDispute, limits: Limits) -> Refusal | None:
    if refusal := check_name(command.service, Reason.SERVICE_NOT_FOUND):
        return refusal
    if command.refund is not None and command.refund.amount_minor <= 0:
        return invalid("refund.amount_minor", "is not positive")
    return check_words("statement", command.statement, limits.statement, "statement_limit")


def _check_submission(command: commands.SubmitDisputeStatement, limits: Limits) -> Refusal | None:
    if refusal := check_name(command.dispute, Reason.DISPUTE_NOT_FOUND):
        return refusal
    acts = (command.propose is not None, command.accept is not None, command.withdraw)
    if sum(acts) > 1:
        return invalid("action", "is more than one")
    if not any(acts) and (refusal := check_not_blank("text", command.text)):
        return refusal
    return (
        check_text("text", command.text, limits.statement, "statement_limit")
        or _check_settlement("propose", command.propose)
        or _check_settlement(
            "accept.settlement", command.accept.settlement if command.accept else None
        )
    )


def _check_ruling(command: commands.DecideDispute, limits: Limits) -> Refusal | None:
    if (command.outcome is Outcome.SPLIT) != (command.split is not None):
        return invalid("split", "goes with the outcome split, which needs it")
    return (
        check_name(command.dispute, Reason.DISPUTE_NOT_FOUND)
        or _check_settlement("split", command.split)
        or check_words("facts", command.facts, limits.facts, "facts_limit")
        or check_not_blank("rule", command.rule)
        or check_line("rule", command.rule, limits.rule, "rule_limit")
    )


def _check_settlement(field: str, settlement: Settlement | None) -> Refusal | None:
    if settlement is None:
        return None
    if settlement.provider_minor < 0:
        return invalid(f"{field}.provider_minor", "is negative")
    if settlement.client_minor < 0:
        return invalid(f"{field}.client_minor", "is negative")
    return None
