"""Disputes into messages of the contract."""

from collections.abc import Mapping

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import enumerations, translation
from moderation_service.domain.dispute import entities
from moderation_service.domain.dispute.views import DisputeView
from service_kit.rpc.servicer import optional_timestamp, timestamp


def dispute(given: DisputeView, contents: Mapping[str, bytes] | None = None) -> pb.Dispute:
    """Translate a dispute as its reader sees it; `contents` are those of its evidence."""
    whole = given.dispute
    currency = whole.currency
    return pb.Dispute(
        id=whole.id,
        version=whole.seq,
        service_id=whole.service,
        conversation_id=whole.conversation,
        provider=whole.provider,
        client=whole.client,
        opened_by=whole.opened_by,
        reason=enumerations.DISPUTE_REASONS.encode(whole.reason),
        price=pb.Money(amount_minor=whole.price, currency=currency),
        claim=(
            pb.Money(amount_minor=whole.refund, currency=currency)
            if whole.refund is not None
            else None
        ),
        state=enumerations.DISPUTE_STATES.encode(whole.state),
        statements=[
            pb.DisputeStatement(
                by=one.by,
                text=one.text,
                create_time=timestamp(one.at),
                number=number,
                removed=one.removed,
            )
            for number, one in enumerate(whole.statements, 1)
        ],
        offers=map(_offer, whole.offers),
        evidence=[translation.evidence(one, contents) for one in whole.evidence],
        due_time=optional_timestamp(whole.due_at),
        resolution=_resolution(whole.resolution) if whole.resolution else None,
        refusal=whole.refusal,
        create_time=timestamp(whole.created_at),
        allowed_actions=given.allowed_actions,
    )


def _offer(given: entities.SettlementOffer) -> pb.SettlementOffer:
    return pb.SettlementOffer(
        number=given.number,
        by=given.by,
        settlement=_settlement(given.settlement),
        create_time=timestamp(given.at),
    )


def _resolution(given: entities.Resolution) -> pb.Resolution:
    return pb.Resolution(
        outcome=enumerations.DISPUTE_OUTCOMES.encode(given.outcome),
        split=_settlement(given.split) if given.split else None,
        cause=given.cause,
        facts=given.facts,
        rule=given.rule,
        create_time=timestamp(given.at),
        by=given.by,
    )


def _settlement(given: entities.Settlement) -> pb.Settlement:
    return pb.Settlement(provider_minor=given.provider_minor, client_minor=given.client_minor)
