"""Makes the view of a dispute."""

from dataclasses import replace

from moderation_service.domain.dispute.decide import allowed_actions
from moderation_service.domain.dispute.entities import Dispute, Resolution, ResolutionCause
from moderation_service.domain.dispute.timers import settle_dispute
from moderation_service.domain.dispute.views import INTERNAL, DisputeView
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal


def show_dispute(
    dispute: Dispute, reader: str, now: int, limits: Limits, *, moderates: bool = False
) -> DisputeView | Refusal:
    """Show a dispute to a party, to a moderator, or to an INTERNAL reader."""
    if reader not in dispute.parties and not moderates and reader != INTERNAL:
        return not_found(Reason.DISPUTE_NOT_FOUND)
    return show_part_of_dispute(dispute, reader, now, limits, moderates=moderates)


def show_part_of_dispute(
    dispute: Dispute, reader: str, now: int, limits: Limits, *, moderates: bool = False
) -> DisputeView:
    """Show one who may see a dispute the part that is theirs."""
    settled = settle_dispute(dispute, now, limits).state
    # A moderator who is a party is a party.
    moderates = moderates and reader not in dispute.parties
    actions = allowed_actions(settled, reader, now, limits, moderates=moderates)
    if not moderates:
        statements = tuple(
            replace(one, text="") if one.removed else one for one in settled.statements
        )
        resolution = _unsigned(settled.resolution)
        settled = replace(settled, evidence=(), resolution=resolution, statements=statements)
    if reader == INTERNAL and not moderates:
        settled = replace(settled, statements=())
    return DisputeView(settled, actions)


def _unsigned(resolution: Resolution | None) -> Resolution | None:
    """Leave out which moderator decided."""
    if resolution is None or resolution.cause is not ResolutionCause.DECIDED:
        return resolution
    return replace(resolution, by="")
