"""What each reader is shown of a dispute: both parties alike, moderators more, services less."""

from dataclasses import dataclass, replace

from moderation_service.domain.dispute.decide import dispute_actions, settle_dispute
from moderation_service.domain.dispute.entities import Dispute, Resolution, ResolutionCause
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal

# No user has this name, so that only a service can read a dispute in which it has no part.
INTERNAL = ""


@dataclass(frozen=True, slots=True)
class DisputeView:
    """A dispute as it stands now, without what the reader may not know.

    A party sees neither who decided nor the evidence, and an INTERNAL reader no words.
    """

    dispute: Dispute
    allowed_actions: tuple[str, ...]


def show_dispute(
    dispute: Dispute, reader: str, now: int, limits: Limits, *, moderates: bool = False
) -> DisputeView | Refusal:
    """Show a dispute to a party, to a moderator, or to an INTERNAL reader."""
    is_party = reader in dispute.parties
    if not is_party and not moderates and reader != INTERNAL:
        return not_found(Reason.DISPUTE_NOT_FOUND)
    settled = settle_dispute(dispute, now, limits).state
    # A moderator who is a party is a party.
    moderates = moderates and not is_party
    actions = dispute_actions(settled, reader, now, limits, moderates=moderates)
    if not moderates:
        settled = replace(settled, evidence=(), resolution=_unsigned(settled.resolution))
    if reader == INTERNAL and not moderates:
        settled = replace(settled, statements=())
    return DisputeView(settled, actions)


def _unsigned(resolution: Resolution | None) -> Resolution | None:
    """Leave out which moderator decided."""
    if resolution is None or resolution.cause is not ResolutionCause.DECIDED:
        return resolution
    return replace(resolution, by="")
