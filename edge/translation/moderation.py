"""Translates messages of the moderation contract into payloads.

Fields that are for moderators are left out here, whatever a service may have put into them: who
reported must not reach whom a sanction concerns.
"""

from msgspec import UNSET, UnsetType
from parley.moderation.v1 import moderation_pb2 as pb

from edge.translation.common import money, optional, settlement, timestamp, words
from parley_protocol.payloads import moderation as payloads

_REPORT_STATUSES = words(pb.ReportStatus.DESCRIPTOR)
_REPORT_REASONS = words(pb.ReportReason.DESCRIPTOR)
_SUBJECT_KINDS = words(pb.SubjectKind.DESCRIPTOR)
_SANCTION_KINDS = words(pb.SanctionKind.DESCRIPTOR)
_GROUNDS = words(pb.Ground.DESCRIPTOR)
_APPEAL_STATUSES = words(pb.AppealStatus.DESCRIPTOR)
_DISPUTE_STATES = words(pb.DisputeState.DESCRIPTOR)
_DISPUTE_REASONS = words(pb.DisputeReason.DESCRIPTOR)
_DISPUTE_OUTCOMES = words(pb.DisputeOutcome.DESCRIPTOR)


def report_payload(
    report: pb.Report, *, duplicate: bool | UnsetType = UNSET
) -> payloads.ReportStatus:
    """A report as its reporter sees it."""
    return payloads.ReportStatus(
        report=report.id,
        status=_REPORT_STATUSES[report.status],
        subject=_subject(report.subject),
        reason=_REPORT_REASONS[report.reason],
        created_at=timestamp(report.create_time),
        updated_at=optional(report, "update_time", timestamp),
        version=report.version,
        decision=report.decision_id or UNSET,
        appealable=report.appealable,
        appeal_until=optional(report, "appeal_until_time", timestamp),
        appeal=optional(report, "appeal", appeal_payload),
        duplicate=duplicate,
    )


def _subject(subject: pb.Subject) -> payloads.Subject:
    conversation = subject.conversation_id
    match _SUBJECT_KINDS[subject.kind]:
        case "message":
            return payloads.Subject(conversation, message=subject.id)
        case "statement":
            return payloads.Subject(conversation, dispute=subject.id, number=subject.number)
    return payloads.Subject(conversation)


def appeal_payload(appeal: pb.Appeal) -> payloads.Appeal:
    """An appeal as its author sees it."""
    return payloads.Appeal(
        appeal=appeal.id,
        decision=appeal.decision_id,
        status=_APPEAL_STATUSES[appeal.status],
        text=appeal.text,
        created_at=timestamp(appeal.create_time),
        version=appeal.version,
        answer=appeal.answer or UNSET,
        decided_at=optional(appeal, "decide_time", timestamp),
    )


def _statement(statement: pb.Statement) -> payloads.Statement:
    return payloads.Statement(
        kind=_SANCTION_KINDS[statement.kind],
        scope=statement.scope,
        start=timestamp(statement.start_time),
        facts=statement.facts,
        ground=_GROUNDS[statement.ground],
        rule=statement.rule,
        automated_detection=statement.automated_detection,
        automated_decision=statement.automated_decision,
        scope_id=statement.scope_id or UNSET,
        until=optional(statement, "until_time", timestamp),
        appeal_until=optional(statement, "appeal_until_time", timestamp),
    )


def sanction_payload(sanction: pb.Sanction) -> payloads.Sanction:
    """A sanction as the user sees it whom it restricts."""
    return payloads.Sanction(
        sanction=sanction.id,
        kind=_SANCTION_KINDS[sanction.kind],
        statement=_statement(sanction.statement),
        decision=sanction.decision_id,
        appealable=sanction.appealable,
        version=sanction.version,
        lifted=sanction.HasField("lift_time"),
        until=optional(sanction, "until_time", timestamp),
        conversation=sanction.conversation_id or UNSET,
        message=sanction.message_id or UNSET,
        dispute=sanction.dispute_id or UNSET,
        number=sanction.number or UNSET,
        appeal=optional(sanction, "appeal", appeal_payload),
    )


def standing_payload(standing: pb.Standing) -> payloads.Standing:
    """The sanctions in force against a user, as the user sees them."""
    return payloads.Standing(
        user=standing.user,
        banned=standing.banned,
        sanctions=[sanction_payload(one) for one in standing.sanctions],
        muted_until=optional(standing, "muted_until_time", timestamp),
        suspended_until=optional(standing, "suspended_until_time", timestamp),
        truncated=standing.truncated or UNSET,
    )


def _resolution(resolution: pb.Resolution) -> payloads.Resolution:
    return payloads.Resolution(
        outcome=_DISPUTE_OUTCOMES[resolution.outcome],
        cause=resolution.cause,
        at=timestamp(resolution.create_time),
        split=optional(resolution, "split", settlement),
        facts=resolution.facts or UNSET,
        rule=resolution.rule or UNSET,
    )


def dispute_payload(dispute: pb.Dispute) -> payloads.Dispute:
    """A dispute as one of its parties sees it; of one that was cut no empty list stands for what is
    left out.
    """
    statements = [
        payloads.DisputeStatement(
            one.by, one.text, timestamp(one.create_time), one.number, one.removed or UNSET
        )
        for one in dispute.statements
    ]
    offers = [
        payloads.SettlementOffer(
            one.number, one.by, settlement(one.settlement), timestamp(one.create_time)
        )
        for one in dispute.offers
    ]
    cut = dispute.truncated
    return payloads.Dispute(
        dispute=dispute.id,
        service=dispute.service_id,
        conversation=dispute.conversation_id,
        provider=dispute.provider,
        client=dispute.client,
        opened_by=dispute.opened_by,
        reason=_DISPUTE_REASONS[dispute.reason],
        state=_DISPUTE_STATES[dispute.state],
        allowed_actions=list(dispute.allowed_actions),
        created_at=timestamp(dispute.create_time),
        version=dispute.version,
        statements=UNSET if cut and not statements else statements,
        offers=UNSET if cut and not offers else offers,
        price=optional(dispute, "price", money),
        claim=optional(dispute, "claim", lambda claim: payloads.Claim(money(claim))),
        due_at=optional(dispute, "due_time", timestamp),
        resolution=optional(dispute, "resolution", _resolution),
        refusal=dispute.refusal or UNSET,
        truncated=dispute.truncated or UNSET,
    )
