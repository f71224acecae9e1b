"""From the messages of the moderation contract to the payloads of packets.

Fields that are for moderators are left out here, whatever a service may have put into them: who
reported must not reach whom a sanction concerns.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import UNSET, UnsetType
from parley.moderation.v1 import moderation_pb2 as pb

from edge.protocol.payloads import moderation as payloads
from edge.protocol.payloads.fields import Money, Settlement
from edge.translation.times import timestamp
from edge.translation.words import words

_REPORT_STATUSES = words(pb.ReportStatus, "REPORT_STATUS_")
_REPORT_REASONS = words(pb.ReportReason, "REPORT_REASON_")
SANCTION_KINDS = words(pb.SanctionKind, "SANCTION_KIND_")
_GROUNDS = words(pb.Ground, "GROUND_")
_APPEAL_STATUSES = words(pb.AppealStatus, "APPEAL_STATUS_")
_DISPUTE_STATES = words(pb.DisputeState, "DISPUTE_STATE_")
_DISPUTE_REASONS = words(pb.DisputeReason, "DISPUTE_REASON_")
_DISPUTE_OUTCOMES = words(pb.DisputeOutcome, "DISPUTE_OUTCOME_")
REPORT_REASONS: Mapping[str, Any] = {word: number for number, word in _REPORT_REASONS.items()}
DISPUTE_REASONS: Mapping[str, Any] = {word: number for number, word in _DISPUTE_REASONS.items()}


def _time(message: Any, field: str) -> str | UnsetType:
    """A time that may be absent."""
    if not message.HasField(field):
        return UNSET
    value: Timestamp = getattr(message, field)
    return timestamp(value)


def report_payload(
    report: pb.Report, *, duplicate: bool | UnsetType = UNSET
) -> payloads.ReportStatus:
    """A report as its reporter sees it."""
    is_message = report.subject.kind == pb.SUBJECT_KIND_MESSAGE
    return payloads.ReportStatus(
        report=report.id,
        status=_REPORT_STATUSES[report.status],
        subject=payloads.Subject(
            report.subject.conversation_id, report.subject.id if is_message else UNSET
        ),
        reason=_REPORT_REASONS[report.reason],
        created_at=timestamp(report.create_time),
        updated_at=_time(report, "update_time"),
        decision=report.decision_id or UNSET,
        appealable=report.appealable,
        appeal_until=_time(report, "appeal_until_time"),
        appeal=appeal_payload(report.appeal) if report.HasField("appeal") else UNSET,
        duplicate=duplicate,
    )


def appeal_payload(appeal: pb.Appeal) -> payloads.Appeal:
    """An appeal as the one sees it who made it."""
    return payloads.Appeal(
        appeal=appeal.id,
        decision=appeal.decision_id,
        status=_APPEAL_STATUSES[appeal.status],
        text=appeal.text,
        created_at=timestamp(appeal.create_time),
        answer=appeal.answer or UNSET,
        decided_at=_time(appeal, "decide_time"),
    )


def _statement(statement: pb.Statement) -> payloads.Statement:
    return payloads.Statement(
        kind=SANCTION_KINDS[statement.kind],
        scope=statement.scope,
        start=timestamp(statement.start_time),
        facts=statement.facts,
        ground=_GROUNDS[statement.ground],
        rule=statement.rule,
        automated_detection=statement.automated_detection,
        automated_decision=statement.automated_decision,
        scope_id=statement.scope_id or UNSET,
        until=_time(statement, "until_time"),
        appeal_until=_time(statement, "appeal_until_time"),
    )


def sanction_payload(sanction: pb.Sanction) -> payloads.Sanction:
    """A sanction as the one sees it whom it concerns."""
    return payloads.Sanction(
        sanction=sanction.id,
        kind=SANCTION_KINDS[sanction.kind],
        statement=_statement(sanction.statement),
        decision=sanction.decision_id,
        appealable=sanction.appealable,
        lifted=sanction.HasField("lift_time"),
        until=_time(sanction, "until_time"),
        conversation=sanction.conversation_id or UNSET,
        message=sanction.message_id or UNSET,
        appeal=appeal_payload(sanction.appeal) if sanction.HasField("appeal") else UNSET,
    )


def standing_payload(standing: pb.Standing) -> payloads.Standing:
    """What restricts a user, as the user sees it."""
    return payloads.Standing(
        user=standing.user,
        banned=standing.banned,
        sanctions=[sanction_payload(one) for one in standing.sanctions],
        muted_until=_time(standing, "muted_until_time"),
        suspended_until=_time(standing, "suspended_until_time"),
    )


def _money(money: pb.Money) -> Money:
    return Money(money.amount_minor, money.currency)


def _settlement(settlement: pb.Settlement) -> Settlement:
    return Settlement(settlement.provider_minor, settlement.client_minor)


def _resolution(resolution: pb.Resolution) -> payloads.Resolution:
    return payloads.Resolution(
        outcome=_DISPUTE_OUTCOMES[resolution.outcome],
        cause=resolution.cause,
        at=timestamp(resolution.create_time),
        split=_settlement(resolution.split) if resolution.HasField("split") else UNSET,
        facts=resolution.facts or UNSET,
        rule=resolution.rule or UNSET,
    )


def dispute_payload(dispute: pb.Dispute) -> payloads.Dispute:
    """A dispute as one of its parties sees it."""
    return payloads.Dispute(
        dispute=dispute.id,
        service=dispute.service_id,
        conversation=dispute.conversation_id,
        provider=dispute.provider,
        client=dispute.client,
        opened_by=dispute.opened_by,
        reason=_DISPUTE_REASONS[dispute.reason],
        state=_DISPUTE_STATES[dispute.state],
        statements=[
            payloads.DisputeStatement(one.by, one.text, timestamp(one.create_time))
            for one in dispute.statements
        ],
        offers=[
            payloads.SettlementOffer(
                one.number, one.by, _settlement(one.settlement), timestamp(one.create_time)
            )
            for one in dispute.offers
        ],
        allowed_actions=list(dispute.allowed_actions),
        created_at=timestamp(dispute.create_time),
        version=dispute.version,
        price=_money(dispute.price) if dispute.HasField("price") else UNSET,
        claim=payloads.Claim(_money(dispute.claim)) if dispute.HasField("claim") else UNSET,
        due_at=_time(dispute, "due_time"),
        resolution=_resolution(dispute.resolution) if dispute.HasField("resolution") else UNSET,
        refusal=dispute.refusal or UNSET,
    )
