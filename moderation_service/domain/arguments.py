"""What can be said of a command without looking anything up."""

from moderation_service.domain.case.commands import (
    ClaimCase,
    CreateAppeal,
    CreateReport,
    DecideAppeal,
    DecideCase,
    LiftSanction,
    ReleaseCase,
)
from moderation_service.domain.case.entities import AppealStatus, SubjectKind, Verdict
from moderation_service.domain.case.guards import same_thing
from moderation_service.domain.commands import Command
from moderation_service.domain.dispute.commands import (
    CreateDispute,
    DecideDispute,
    FireTimers,
    HoldPlaced,
    HoldRefused,
    HoldResolved,
    HoldUnresolvable,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import Outcome, Settlement
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.reasons import ReportReason
from moderation_service.domain.shared.refusals import Reason, not_found
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


def check_arguments(command: Command, limits: Limits) -> Refusal | None:
    """Refuse the first argument at fault; of what is named only what can exist."""
    match command:
        case HoldPlaced() | HoldRefused() | HoldResolved() | HoldUnresolvable():
            return None
        case FireTimers() | ExpireEvidence():
            return None
        case EraseUser():
            return check_user("actor", command.actor) or check_user("user", command.user)
    return (
        check_user("actor", command.actor)
        or check_key(command.idempotency_key)
        or _check_person(command, limits)
    )


def _check_person(command: Command, limits: Limits) -> Refusal | None:
    match command:
        case CreateReport():
            return _check_report(command, limits)
        case CreateAppeal():
            return _check_name(command.decision, Reason.DECISION_NOT_FOUND) or _check_words(
                "text", command.text, limits.appeal, "appeal_limit"
            )
        case ClaimCase() | ReleaseCase():
            return _check_name(command.case, Reason.CASE_NOT_FOUND)
        case DecideCase():
            return _check_decision(command, limits)
        case DecideAppeal():
            if command.outcome is AppealStatus.OPEN:
                return invalid("outcome", "is no outcome")
            return _check_name(command.appeal, Reason.APPEAL_NOT_FOUND) or _check_words(
                "answer", command.answer, limits.facts, "facts_limit"
            )
        case LiftSanction():
            return _check_name(command.sanction, Reason.SANCTION_NOT_FOUND) or _check_words(
                "reason", command.reason, limits.note, "note_limit"
            )
        case CreateDispute():
            return _check_dispute(command, limits)
        case SubmitDisputeStatement():
            return _check_submission(command, limits)
        case DecideDispute():
            return _check_ruling(command, limits)
    raise TypeError(f"nobody knows the arguments of a {type(command).__name__}")


def _check_name(name: str, reason: Reason) -> Refusal | None:
    return None if is_identifier(name) else not_found(reason)


def _check_words(field: str, text: str, limit: int, setting: str) -> Refusal | None:
    return check_not_blank(field, text) or check_text(field, text, limit, setting)


def _check_report(command: CreateReport, limits: Limits) -> Refusal | None:
    is_message = command.subject.kind is SubjectKind.MESSAGE
    unknown = Reason.MESSAGE_NOT_FOUND if is_message else Reason.CONVERSATION_NOT_FOUND
    if refusal := _check_name(command.subject.id, unknown):
        return refusal
    if command.reason is ReportReason.OTHER and (
        refusal := check_not_blank("comment", command.comment)
    ):
        return refusal
    return check_text("comment", command.comment, limits.comment, "comment_limit")


def _check_decision(command: DecideCase, limits: Limits) -> Refusal | None:
    if (command.verdict is Verdict.VIOLATION) != bool(command.measures):
        return invalid("measures", "go with the verdict violation, which needs one")
    if len(command.measures) > limits.measures:
        return invalid("measures", f"are more than {limits.measures}", "measures_limit")
    if len({same_thing(one) for one in command.measures}) < len(command.measures):
        return invalid("measures", "say the same twice")
    for index, one in enumerate(command.measures):
        field = f"measures[{index}]"
        if refusal := (
            check_text(f"{field}.facts", one.facts, limits.facts, "facts_limit")
            or check_line(f"{field}.rule", one.rule, limits.rule, "rule_limit")
        ):
            return refusal
        if one.message and not is_identifier(one.message):
            return invalid(f"{field}.message_id", "is no id")
    return _check_name(command.case, Reason.CASE_NOT_FOUND) or check_text(
        "note", command.note, limits.note, "note_limit"
    )


def _check_dispute(command: CreateDispute, limits: Limits) -> Refusal | None:
    if refusal := _check_name(command.service, Reason.SERVICE_NOT_FOUND):
        return refusal
    if command.refund is not None and command.refund.amount_minor <= 0:
        return invalid("refund.amount_minor", "is not positive")
    return _check_words("statement", command.statement, limits.statement, "statement_limit")


def _check_submission(command: SubmitDisputeStatement, limits: Limits) -> Refusal | None:
    if refusal := _check_name(command.dispute, Reason.DISPUTE_NOT_FOUND):
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


def _check_ruling(command: DecideDispute, limits: Limits) -> Refusal | None:
    if (command.outcome is Outcome.SPLIT) != (command.split is not None):
        return invalid("split", "goes with the outcome split, which needs it")
    return (
        _check_name(command.dispute, Reason.DISPUTE_NOT_FOUND)
        or _check_settlement("split", command.split)
        or _check_words("facts", command.facts, limits.facts, "facts_limit")
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
