"""Reports, cases, appeals, sanctions and standings into messages of the contract.

Without `words`, as services are told of them, everything that people wrote is left out.
"""

from collections.abc import Mapping
from typing import Any

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import enumerations, translation
from moderation_service.domain.case import entities, views
from moderation_service.domain.case.show import show_appeal
from moderation_service.domain.dispute.entities import parse_statement_id
from moderation_service.domain.sanctions.entities import Sanction, SanctionKind, Statement
from moderation_service.domain.sessions import NOTHING_REVOKED, Revocations
from moderation_service.operations.notifications import CaseChanged
from moderation_service.operations.restrictions import PlacedStanding
from service_kit.rpc.servicer import optional_timestamp, timestamp

# --- What people see ----------------------------------------------------------------------------


def report(given: views.ReportView, *, words: bool = True) -> pb.Report:
    """Translate a report as its reporter sees it; or, for services, without anybody's words."""
    return pb.Report(
        id=given.id,
        subject=_subject(given.subject),
        reason=enumerations.REPORT_REASONS.encode(given.reason),
        comment=given.comment if words else "",
        status=enumerations.REPORT_STATUSES.encode(given.status),
        create_time=timestamp(given.at),
        update_time=timestamp(given.status_at),
        decision_id=given.decision,
        appealable=given.appealable,
        appeal_until_time=optional_timestamp(given.appeal_until),
        appeal=appeal(given.appeal, words=words) if given.appeal else None,
        version=given.version,
    )


def appeal(given: views.AppealView, *, words: bool = True) -> pb.Appeal:
    """Translate an appeal as its author sees it."""
    return pb.Appeal(
        id=given.id,
        decision_id=given.decision,
        text=given.text if words else "",
        status=enumerations.APPEAL_STATUSES.encode(given.status),
        create_time=timestamp(given.at),
        answer=given.answer if words else "",
        decide_time=optional_timestamp(given.decided_at),
        version=given.version,
    )


def sanction(given: views.SanctionView, *, words: bool = True) -> pb.Sanction:
    """Translate a sanction as a user sees it whom it restricts."""
    return pb.Sanction(
        id=given.id,
        kind=enumerations.SANCTION_KINDS.encode(given.kind),
        until_time=optional_timestamp(given.until),
        conversation_id=given.conversation,
        **_removed(given),
        statement=_statement(given.statement),
        decision_id=given.decision,
        appealable=given.appealable,
        lift_time=optional_timestamp(given.lifted_at),
        appeal=appeal(given.appeal, words=words) if given.appeal else None,
        version=given.version,
    )


def standing(given: PlacedStanding, *, words: bool = True) -> pb.Standing:
    """Translate the standing of a user, and the position at which it was read."""
    view = given.view
    return pb.Standing(
        user=view.user,
        muted_until_time=optional_timestamp(view.muted_until),
        suspended_until_time=optional_timestamp(view.suspended_until),
        banned=view.banned,
        sanctions=[sanction(one, words=words) for one in view.sanctions],
        position=translation.position(given.position),
        revocations=_revocations(given.revocations),
    )


def _revocations(given: Revocations) -> pb.Revocations | None:
    if given == NOTHING_REVOKED:
        return None
    return pb.Revocations(
        issued_before_time=optional_timestamp(given.issued_before or None),
        token_ids=given.token_ids,
    )


# --- What moderators see ------------------------------------------------------------------------


def case(given: views.CaseView, contents: Mapping[str, bytes] | None = None) -> pb.Case:
    """Translate a case; `contents` are those of its evidence, None in lists."""
    whole = given.case
    return pb.Case(
        id=whole.id,
        version=whole.seq,
        subject=_subject(whole.subject),
        participants=whole.participants,
        accused=whole.accused,
        state=enumerations.CASE_STATES.encode(whole.state),
        severity=enumerations.SEVERITIES.encode(whole.severity),
        priority=whole.priority,
        create_time=timestamp(whole.created_at),
        due_time=timestamp(whole.due_at),
        claimed_by=whole.lease.by if whole.lease else "",
        claim_until_time=timestamp(whole.lease.until) if whole.lease else None,
        reports=map(_case_report, whole.reports),
        evidence=[translation.evidence(one, contents) for one in whole.evidence],
        decisions=[_decision(whole, one) for one in whole.decisions],
        appeals=[reviewed_appeal(views.ReviewedAppeal(whole, one)) for one in whole.appeals],
        reopenings=whole.reopenings,
        allowed_actions=given.allowed_actions,
    )


def case_changed(given: CaseChanged) -> pb.CaseChanged:
    """Translate what happened to a case, for those who watch over all of them."""
    whole = given.case
    return pb.CaseChanged(
        case_id=whole.id,
        version=given.version,
        cause=given.cause,
        by=given.by,
        state=enumerations.CASE_STATES.encode(whole.state),
        claimed_by=whole.lease.by if whole.lease else "",
        claim_until_time=timestamp(whole.lease.until) if whole.lease else None,
        hidden_from=sorted(whole.involved),
    )


def reviewed_appeal(given: views.ReviewedAppeal) -> pb.Appeal:
    """Translate an appeal as moderators see it."""
    whole = given.appeal
    decision = given.case.decision(whole.decision)
    translated = appeal(show_appeal(whole))
    translated.by = whole.by
    translated.side = whole.side
    translated.case_id = given.case.id
    translated.decided_by = decision.by if decision else ""
    translated.reviewed_by = whole.reviewer
    translated.due_time.CopyFrom(timestamp(whole.due_at))
    translated.version = given.case.seq
    return translated


def imposed_sanction(whole: Sanction) -> pb.Sanction:
    """Translate a sanction as moderators see it."""
    return pb.Sanction(
        id=whole.id,
        kind=enumerations.SANCTION_KINDS.encode(whole.kind),
        until_time=optional_timestamp(whole.until),
        conversation_id=whole.conversation,
        **_removed(whole),
        statement=_statement(whole.statement),
        decision_id=whole.decision,
        lift_time=timestamp(whole.lift.at) if whole.lift else None,
        users=whole.users,
        case_id=whole.case,
        imposed_by=whole.imposed_by,
        lifted_by=whole.lift.by if whole.lift else "",
        lift_reason=whole.lift.reason if whole.lift else "",
    )


# --- Parts --------------------------------------------------------------------------------------


def _subject(given: entities.Subject) -> pb.Subject:
    is_statement = given.kind is entities.SubjectKind.STATEMENT
    name, number = parse_statement_id(given.id) if is_statement else (given.id, 0)
    return pb.Subject(
        kind=enumerations.SUBJECT_KINDS.encode(given.kind),
        id=name,
        conversation_id=given.conversation,
        number=number,
    )


def _removed(given: Sanction | views.SanctionView) -> dict[str, Any]:
    """Name what a sanction removes, if it does."""
    if given.kind is SanctionKind.STATEMENT_REMOVED:
        dispute, number = parse_statement_id(given.message)
        return {"dispute_id": dispute, "number": number}
    return {"message_id": given.message}


def _statement(given: Statement) -> pb.Statement:
    return pb.Statement(
        kind=enumerations.SANCTION_KINDS.encode(given.kind),
        scope=given.scope,
        scope_id=given.scope_id,
        start_time=timestamp(given.since),
        until_time=optional_timestamp(given.until),
        facts=given.facts,
        ground=enumerations.GROUNDS.encode(given.ground),
        rule=given.rule,
        automated_detection=given.automated_detection,
        automated_decision=given.automated_decision,
        appeal_until_time=timestamp(given.appeal_until),
    )


def _case_report(given: entities.Report) -> pb.CaseReport:
    return pb.CaseReport(
        id=given.id,
        reporter=given.reporter,
        reason=enumerations.REPORT_REASONS.encode(given.reason),
        comment=given.comment,
        status=enumerations.REPORT_STATUSES.encode(given.status),
        create_time=timestamp(given.at),
        reporter_standing=given.standing,
        evidence_ids=given.evidence,
    )


def _decision(whole: entities.Case, given: entities.Decision) -> pb.Decision:
    return pb.Decision(
        id=given.id,
        number=given.number,
        verdict=enumerations.VERDICTS.encode(given.verdict),
        by=given.by,
        create_time=timestamp(given.at),
        sanctions=[imposed_sanction(one) for one in whole.sanctions if one.decision == given.id],
        note=given.note,
    )
