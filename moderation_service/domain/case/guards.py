"""Guards of the transitions of a case: a function for each condition of the tables.

The docstring of each is the condition in words, as docs/moderation.md shows it; a name in braces
is one of the limits.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from moderation_service.domain.case.commands import (
    CaseCommand,
    CaseFacts,
    CreateAppeal,
    DecideAppeal,
    DecideCase,
    Report,
)
from moderation_service.domain.case.entities import Case, Decision, Side, SubjectKind
from moderation_service.domain.case.reporters import check_rate
from moderation_service.domain.sanctions.entities import Measure, MessageMeasure, SanctionKind
from moderation_service.domain.sanctions.measures import MEASURES, Lasting
from moderation_service.domain.sanctions.statement_of_reasons import missing, state_reasons
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal, invalid

_SETTINGS = {SanctionKind.MUTED: "max_mute_days", SanctionKind.SUSPENDED: "max_suspension_days"}

# What is told of a subject in which the reporter has no part.
UNKNOWN: Mapping[SubjectKind, Reason] = {
    SubjectKind.MESSAGE: Reason.MESSAGE_NOT_FOUND,
    SubjectKind.CONVERSATION: Reason.CONVERSATION_NOT_FOUND,
    SubjectKind.STATEMENT: Reason.DISPUTE_NOT_FOUND,
}
# The removal of what a case is about.
_REMOVALS = {
    SubjectKind.MESSAGE: SanctionKind.MESSAGE_REMOVED,
    SubjectKind.STATEMENT: SanctionKind.STATEMENT_REMOVED,
}

# A guard takes the kind of command that its step comes from, which no type can say of a table.
Guard = Callable[[Any, Any, Any, int, Limits], Refusal | None]


# --- Reports ------------------------------------------------------------------------------------


def is_participant(
    _: Case | None, command: Report, facts: CaseFacts, __: int, ___: Limits
) -> Refusal | None:
    """participant of the conversation, or party of the dispute"""
    if command.actor in facts.seen.participants:
        return None
    return not_found(UNKNOWN[command.subject.kind])


def not_own(
    _: Case | None, command: Report, facts: CaseFacts, __: int, ___: Limits
) -> Refusal | None:
    """not one's own message or statement"""
    if facts.seen.author != command.actor:
        return None
    return Refusal(Reason.OWN_MESSAGE, "nobody reports what they wrote themselves")


def not_reported(
    case: Case | None, command: Report, _: CaseFacts, __: int, ___: Limits
) -> Refusal | None:
    """no open report of the same reporter for the same reason"""
    # A case that takes reports is undecided, and so are all its reports.
    if case is None:
        return None
    for one in case.reports:
        if (one.reporter, one.reason) == (command.actor, command.reason):
            return Refusal(Reason.ALREADY_REPORTED, "this report of the user waits to be decided")
    return None


def reports_left(
    _: Case | None, __: Report, facts: CaseFacts, now: int, limits: Limits
) -> Refusal | None:
    """at most {reports} in {report_window} ({unreliable_reports} if unreliable)"""
    return check_rate(facts.reporter, now, limits) if facts.reporter else None


# --- Cases --------------------------------------------------------------------------------------


def not_decided_before(
    case: Case, command: CaseCommand, _: CaseFacts, __: int, ___: Limits
) -> Refusal | None:
    """no decision of this case is the actor's"""
    if all(one.by != command.actor for one in case.decisions):
        return None
    return Refusal(Reason.SAME_MODERATOR, "another moderator decides this case anew")


def names_version(
    case: Case, command: DecideCase | DecideAppeal, _: CaseFacts, __: int, ___: Limits
) -> Refusal | None:
    """`version` is that of the case"""
    if command.version == case.seq:
        return None
    return Refusal(Reason.STALE_CASE, "the case has changed since it was read")


def concerns_participants(
    case: Case, command: DecideCase, facts: CaseFacts, _: int, __: Limits
) -> Refusal | None:
    """each measure concerns a participant, or a thing of the case"""
    for index, one in enumerate(resolve(command, case, facts)):
        if one.kind is SanctionKind.STATEMENT_REMOVED:
            if case.subject.kind is not SubjectKind.STATEMENT:
                return invalid(f"measures[{index}].kind", "goes with a statement of a dispute")
            if one.message != case.subject.id:
                return invalid(f"measures[{index}].message_id", "does not go with a statement")
            continue
        if one.kind is SanctionKind.MESSAGE_REMOVED:
            if not one.message:
                return invalid(f"measures[{index}].message_id", "is missing")
            if case.subject.kind is SubjectKind.MESSAGE and one.message != case.subject.id:
                return invalid(f"measures[{index}].message_id", "is not the message reported")
        elif one.message:
            return invalid(f"measures[{index}].message_id", "goes with the removal of a message")
        if one.kind is SanctionKind.CONVERSATION_LOCKED:
            if one.user:
                return invalid(f"measures[{index}].user", "does not go with a conversation")
        elif one.user not in case.participants and one.message:
            # Whose a message is, the evidence says; nobody can say it of one that it does not show.
            return invalid(f"measures[{index}].message_id", "is in no evidence of the case")
        elif one.user not in case.participants:
            return invalid(f"measures[{index}].user", "is no participant of the conversation")
    return None


def ends_in_time(
    _: Case, command: DecideCase, __: CaseFacts, now: int, limits: Limits
) -> Refusal | None:
    """a mute lasts at most {max_mute}, a suspension {max_suspension}, and nothing else ends"""
    longest = {SanctionKind.MUTED: limits.max_mute, SanctionKind.SUSPENDED: limits.max_suspension}
    for index, one in enumerate(command.measures):
        field = f"measures[{index}].until_time"
        if MEASURES[one.kind].lasting is not Lasting.UNTIL_TIME:
            if one.until is not None:
                return invalid(field, "does not go with this measure")
        elif one.until is None:
            return invalid(field, "is missing")
        elif one.until <= now:
            return invalid(field, "has passed")
        elif one.until > now + longest[one.kind]:
            return invalid(field, "is too far away", _SETTINGS[one.kind])
    return None


def explains_itself(
    case: Case, command: DecideCase, facts: CaseFacts, now: int, limits: Limits
) -> Refusal | None:
    """each measure has a complete statement of reasons"""
    for index, one in enumerate(resolve(command, case, facts)):
        for part in missing(state_reasons(one, case.subject.conversation, now, limits)):
            return invalid(f"measures[{index}].{part}", "is missing")
    return None


def names_no_reporter(
    case: Case, command: DecideCase, facts: CaseFacts, _: int, __: Limits
) -> Refusal | None:
    """no statement names a reporter to somebody else"""
    for index, one in enumerate(resolve(command, case, facts)):
        for part in ("facts", "rule"):
            if _names(getattr(one, part), case.reporters - {one.user}):
                return invalid(f"measures[{index}].{part}", "names a reporter")
    return None


def resolve(command: DecideCase, case: Case, facts: CaseFacts) -> tuple[Measure, ...]:
    """Give the measures of a decision with the message and the user that each concerns."""
    return tuple(_resolve(one, case, facts) for one in command.measures)


def _resolve(measure: Measure | MessageMeasure, case: Case, facts: CaseFacts) -> Measure:
    if measure.kind is _REMOVALS.get(case.subject.kind):
        # Both are accused where a message reveals what both wrote: then the measure says who.
        named = measure.user if isinstance(measure, Measure) else ""
        user = named if named in case.accused else case.accused[0]
        message = measure.message or case.subject.id
    elif isinstance(measure, MessageMeasure):
        found = facts.written.get(measure.message)
        user, message = found.author if found else "", measure.message
    else:
        return measure
    return Measure(
        measure.kind, user, measure.facts, measure.rule, measure.ground, measure.until, message
    )


# --- Appeals ------------------------------------------------------------------------------------


def side_of(case: Case, decision: Decision, user: str) -> Side | None:
    """Tell for whom somebody would appeal; None for one whom the decision does not concern.

    Whom it restricts still appeals against that, also if they have reported.
    """
    if case.standing_sanctions(decision.id, user):
        return Side.SANCTIONED
    if any((one.reporter, one.decision) == (user, decision.id) for one in case.reports):
        return Side.REPORTER
    imposed = [one for one in case.sanctions if one.decision == decision.id]
    return Side.SANCTIONED if any(user in one.users for one in imposed) else None


def is_concerned(
    case: Case, command: CreateAppeal, _: CaseFacts, __: int, ___: Limits
) -> Refusal | None:
    """sanctioned by the decision, or a reporter whose report it decided"""
    decision = case.decision(command.decision)
    if decision is not None and side_of(case, decision, command.actor) is not None:
        return None
    return not_found(Reason.DECISION_NOT_FOUND)


def not_appealed(
    case: Case, command: CreateAppeal, _: CaseFacts, __: int, ___: Limits
) -> Refusal | None:
    """one appeal of each against a decision"""
    if case.appeal_of(command.actor, command.decision) is None:
        return None
    return Refusal(Reason.ALREADY_APPEALED, "this user has appealed against it already")


def within_window(
    case: Case, command: CreateAppeal, _: CaseFacts, now: int, limits: Limits
) -> Refusal | None:
    """within {appeal_window} of the decision"""
    decision = case.decision(command.decision)
    if decision is not None and now < decision.at + limits.appeal_window:
        return None
    return Refusal(Reason.TOO_LATE_TO_APPEAL, "the time to appeal is over")


def something_stands(
    case: Case, command: CreateAppeal, _: CaseFacts, __: int, limits: Limits
) -> Refusal | None:
    """something of it stands; for a reporter, the latest with less than {reopenings} reopening"""
    decision = case.decision(command.decision)
    if decision is None or case.standing_sanctions(decision.id, command.actor):
        return None
    reporter = side_of(case, decision, command.actor) is Side.REPORTER
    if reporter and may_reopen(case, decision, limits):
        return None
    return Refusal(Reason.NOTHING_TO_APPEAL, "nothing is left that an appeal could change")


def may_reopen(case: Case, decision: Decision, limits: Limits) -> bool:
    """Tell whether a case can be decided anew because of this decision, which is its latest."""
    latest = case.decisions[-1].id == decision.id
    return latest and case.reopenings < limits.reopenings


def other_moderator(
    case: Case, command: DecideAppeal, _: CaseFacts, __: int, ___: Limits
) -> Refusal | None:
    """the decision is not the actor's"""
    appeal = case.appeal(command.appeal)
    decision = case.decision(appeal.decision) if appeal else None
    if decision is None or decision.by != command.actor:
        return None
    return Refusal(Reason.SAME_MODERATOR, "another moderator decides an appeal against it")


def answers_without_reporter(
    case: Case, command: DecideAppeal, _: CaseFacts, __: int, ___: Limits
) -> Refusal | None:
    """the answer names no reporter to somebody else"""
    appeal = case.appeal(command.appeal)
    if appeal and _names(command.answer, case.reporters - {appeal.by}):
        return invalid("answer", "names a reporter")
    return None


def _names(text: str, users: frozenset[str]) -> bool:
    """Tell whether a text has the name of one of these users as a word of its own.

    Names of one or two characters are words of every text, and tell nobody anything.
    """
    return any(
        len(user) > 2 and re.search(rf"(?<!\w){re.escape(user)}(?!\w)", text, re.IGNORECASE)
        for user in users
    )
