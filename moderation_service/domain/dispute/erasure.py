"""The erasure of people from disputes, and the expiry of evidence."""

from dataclasses import replace
from typing import Any, TypeVar

from moderation_service.domain.dispute.entities import Dispute, DisputeStatement, Resolution
from moderation_service.domain.dispute.events import DisputeCause, DisputeEvent, evolve_dispute
from moderation_service.domain.shared import erasure
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.commands import EraseUser
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from service_kit.rules import Refusal

Something = TypeVar("Something", Dispute, DisputeEvent)


def kept_because(dispute: Dispute, now: int, limits: Limits) -> erasure.Kept | None:
    """Tell why a dispute is kept as it is; None when nothing says so any more."""
    if dispute.ended_at is None:
        return erasure.Kept(erasure.KeptBecause.DISPUTE_OPEN, None)
    recent = erasure.Kept(
        erasure.KeptBecause.DISPUTE_RECENT, dispute.ended_at + limits.dispute_evidence
    )
    return erasure.longest((recent,), now)


def expires_at(dispute: Dispute, now: int, limits: Limits) -> int | None:
    """Tell when the evidence of a dispute expires unless something happens."""
    return erasure.expiry(dispute.evidence, kept_because(dispute, now, limits), now)


def erase_user(
    dispute: Dispute, command: EraseUser, alias: str, now: int, limits: Limits
) -> Effect[Dispute, DisputeEvent] | Refusal:
    """Erase a person from a dispute, if nothing keeps it.

    The event says only that it was done. The stored events are rewritten too, each by
    `without_user`, and the content of the evidence is deleted.
    """
    if kept := kept_because(dispute, now, limits):
        return erasure.refuse_kept(kept)
    erased_dispute = without_user(dispute, command.user, alias)
    cause, who = DisputeCause.ERASED, Capacity.DATA_PROTECTION
    return _forget(erased_dispute, cause, command.actor, who, now)


def expire_evidence(
    dispute: Dispute, now: int, limits: Limits
) -> Effect[Dispute, DisputeEvent] | Refusal:
    """Let the evidence of a dispute expire, if nothing keeps it; its content is deleted."""
    if kept := kept_because(dispute, now, limits):
        return erasure.refuse_kept(kept)
    if erasure.is_deleted(dispute.evidence):
        return Effect(dispute, ())
    return _forget(dispute, DisputeCause.EVIDENCE_EXPIRED, "", Capacity.TIME, now)


def _forget(
    dispute: Dispute, cause: DisputeCause, by: str, who: Capacity, now: int
) -> Effect[Dispute, DisputeEvent]:
    event = DisputeEvent(dispute.id, dispute.seq + 1, cause, now, by, who, dispute.state)
    return Effect(evolve_dispute(dispute, event), (event,))


def without_user(thing: Something, user: str, alias: str) -> Something:
    """Give a dispute or one of its events without what a user wrote and is called."""
    return erasure.rewrite(thing, user, alias, _erase_words)  # type: ignore[no-any-return]  # as it came


def _erase_words(thing: Any, user: str) -> Any:
    """Give a thing without the words that a user wrote, or that moderators wrote about them."""
    match thing:
        case DisputeStatement(by=author) if author == user:
            return replace(thing, text=erasure.ERASED)
        # What moderators said of the whole is about everybody in it.
        case Resolution():
            return replace(thing, facts=erasure.erased(thing.facts))
    return thing
