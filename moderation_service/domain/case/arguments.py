"""Checks of the arguments of commands about cases."""

from moderation_service.domain.case import commands
from moderation_service.domain.case.entities import AppealStatus, Verdict
from moderation_service.domain.case.guards import UNKNOWN
from moderation_service.domain.sanctions.entities import Measure, MessageMeasure
from moderation_service.domain.shared.arguments import check_actor, check_name, check_words
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.reasons import ReportReason
from moderation_service.domain.shared.refusals import Reason
from service_kit import rules


def check_arguments(command: commands.AnyCaseCommand, limits: Limits) -> rules.Refusal | None:
    """Refuse a command without the role that it needs, or the first argument at fault."""
    return check_actor(command) or _check_own(command, limits)


def _check_own(command: commands.AnyCaseCommand, limits: Limits) -> rules.Refusal | None:
    match command:
        case (
            commands.ReportMessage()
            | commands.ReportConversation()
            | commands.ReportDisputeStatement()
        ):
            return _check_report(command, limits)
        case commands.CreateAppeal():
            return check_name(command.decision, Reason.DECISION_NOT_FOUND) or check_words(
                "text", command.text, limits.appeal, "appeal_limit"
            )
        case commands.ClaimCase() | commands.ReleaseCase():
            return check_name(command.case, Reason.CASE_NOT_FOUND)
        case commands.DecideCase():
            return _check_decision(command, limits)
        case commands.DecideAppeal():
            if command.outcome is AppealStatus.OPEN:
                return rules.invalid("outcome", "is no outcome")
            return check_name(command.appeal, Reason.APPEAL_NOT_FOUND) or check_words(
                "answer", command.answer, limits.facts, "facts_limit"
            )
        case commands.LiftSanction():
            return check_name(command.sanction, Reason.SANCTION_NOT_FOUND) or check_words(
                "reason", command.reason, limits.note, "note_limit"
            )
    return None


def _check_report(command: commands.Report, limits: Limits) -> rules.Refusal | None:
    if refusal := check_name(command.subject.id, UNKNOWN[command.subject.kind]):
        return refusal
    if command.reason is ReportReason.OTHER and (
        refusal := rules.check_not_blank("comment", command.comment)
    ):
        return refusal
    return rules.check_text("comment", command.comment, limits.comment, "comment_limit")


def _check_decision(command: commands.DecideCase, limits: Limits) -> rules.Refusal | None:
    if (command.verdict is Verdict.VIOLATION) != bool(command.measures):
        return rules.invalid("measures", "go with the verdict violation, which needs one")
    if len(command.measures) > limits.measures:
        return rules.invalid("measures", f"are more than {limits.measures}", "measures_limit")
    if len({_same_thing(one) for one in command.measures}) < len(command.measures):
        return rules.invalid("measures", "say the same twice")
    for index, one in enumerate(command.measures):
        field = f"measures[{index}]"
        if refusal := (
            rules.check_text(f"{field}.facts", one.facts, limits.facts, "facts_limit")
            or rules.check_line(f"{field}.rule", one.rule, limits.rule, "rule_limit")
        ):
            return refusal
        if one.message and not rules.is_identifier(one.message):
            return rules.invalid(f"{field}.message_id", "is no id")
    return check_name(command.case, Reason.CASE_NOT_FOUND) or rules.check_text(
        "note", command.note, limits.note, "note_limit"
    )


def _same_thing(measure: Measure | MessageMeasure) -> tuple[str, str, str]:
    """Give what makes two measures the same."""
    user = measure.user if isinstance(measure, Measure) else ""
    return (measure.kind, user, measure.message)
