"""Guards of the transitions of a dispute: a function for each condition of its table.

The docstring of each is the condition in words, as docs/moderation.md shows it; a name in braces
is one of the limits.
"""

from collections.abc import Callable
from typing import Any

from moderation_service.domain.dispute.commands import (
    CreateDispute,
    DecideDispute,
    DisputeFacts,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import Dispute, Settlement
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal, invalid

# A guard takes the kind of command that its step comes from, which no type can say of a table.
Guard = Callable[[Any, Any, Any, int, Limits], Refusal | None]


def is_party(
    _: Dispute | None, command: CreateDispute, facts: DisputeFacts, __: int, ___: Limits
) -> Refusal | None:
    """party of the service"""
    if command.actor in (facts.seen.provider, facts.seen.client):
        return None
    return not_found(Reason.SERVICE_NOT_FOUND)


def is_agreed(
    _: Dispute | None, __: CreateDispute, facts: DisputeFacts, ___: int, ____: Limits
) -> Refusal | None:
    """a price was agreed"""
    if facts.seen.price is not None:
        return None
    return Refusal(Reason.INVALID_STATE, "nothing was agreed that could be disputed")


def no_open_dispute(
    dispute: Dispute | None, _: CreateDispute, __: DisputeFacts, ___: int, ____: Limits
) -> Refusal | None:
    """no open dispute about it"""
    if dispute is None or not dispute.is_open:
        return None
    return Refusal(Reason.OPEN_DISPUTE_EXISTS, "a dispute about this service is under way")


def claims_within_price(
    _: Dispute | None, command: CreateDispute, facts: DisputeFacts, __: int, ___: Limits
) -> Refusal | None:
    """`refund` is at most the agreed price, in its currency"""
    refund, currency, price = command.refund, facts.seen.currency, facts.seen.price
    if refund is None or price is None:
        return None
    if refund.currency != currency:
        return invalid("refund.currency", f"is not that of the service, {currency}")
    if refund.amount_minor > price:
        return invalid("refund.amount_minor", f"is more than the agreed price, {price}")
    return None


def statements_left(
    dispute: Dispute, command: SubmitDisputeStatement, _: DisputeFacts, __: int, limits: Limits
) -> Refusal | None:
    """at most {dispute_statements} statements of each"""
    said = dispute.statements_of(command.actor)
    if not command.text or said < limits.dispute_statements:
        return None
    return _too_many(limits.dispute_statements, "dispute_statements_limit")


def offers_left(
    dispute: Dispute, command: SubmitDisputeStatement, _: DisputeFacts, __: int, limits: Limits
) -> Refusal | None:
    """at most {dispute_offers} offers of each"""
    if dispute.offers_of(command.actor) < limits.dispute_offers:
        return None
    return _too_many(limits.dispute_offers, "dispute_offers_limit")


def proposes_price(
    dispute: Dispute, command: SubmitDisputeStatement, _: DisputeFacts, __: int, ___: Limits
) -> Refusal | None:
    """the parts sum to the agreed price"""
    return _check_sum("propose", command.propose, dispute)


def names_offer(
    dispute: Dispute, command: SubmitDisputeStatement, _: DisputeFacts, __: int, ___: Limits
) -> Refusal | None:
    """number and settlement are those of the newest offer"""
    offer, named = dispute.offer, command.accept
    if offer and named and (named.offer, named.settlement) == (offer.number, offer.settlement):
        return None
    return Refusal(Reason.STALE_SETTLEMENT, "this is not the newest offer")


def names_dispute_version(
    dispute: Dispute, command: DecideDispute, _: DisputeFacts, __: int, ___: Limits
) -> Refusal | None:
    """`version` is that of the dispute"""
    if command.version == dispute.seq:
        return None
    return Refusal(Reason.STALE_DISPUTE, "the dispute has changed since it was read")


def not_party(
    dispute: Dispute, command: DecideDispute, _: DisputeFacts, __: int, ___: Limits
) -> Refusal | None:
    """not a party"""
    if command.actor not in dispute.parties:
        return None
    return Refusal(Reason.INVOLVED, "nobody decides about what they have a part in")


def splits_price(
    dispute: Dispute, command: DecideDispute, _: DisputeFacts, __: int, ___: Limits
) -> Refusal | None:
    """the parts of a split sum to the agreed price"""
    return _check_sum("split", command.split, dispute)


def _check_sum(field: str, parts: Settlement | None, dispute: Dispute) -> Refusal | None:
    if parts is None or parts.provider_minor + parts.client_minor == dispute.price:
        return None
    return invalid(field, f"does not sum to the agreed price, {dispute.price}")


def _too_many(limit: int, setting: str) -> Refusal:
    return Refusal(Reason.TOO_MANY_STATEMENTS, f"{limit} were submitted already", limit=setting)
