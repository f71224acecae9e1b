"""The effects of time on a dispute.

A dispute always ends: each state has a deadline and an outcome for it, or waits for negotiation to
answer a call that is made until it does.
"""

from moderation_service.domain.dispute.entities import (
    Dispute,
    DisputeState,
    Outcome,
    Resolution,
    ResolutionCause,
    Settlement,
)
from moderation_service.domain.dispute.events import DisputeEvent
from moderation_service.domain.dispute.transitions import ROWS, DisputeStep, append
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Default, Limits


def settle_dispute(dispute: Dispute, now: int, limits: Limits) -> Effect[Dispute, DisputeEvent]:
    """Let everything happen that was due by now, in its order."""
    effect: Effect[Dispute, DisputeEvent] = Effect(dispute, ())
    while (due_at := effect.state.due_at) is not None and due_at <= now:
        step = _step_of_time(effect.state, limits)
        row = ROWS[step, effect.state.state]
        resolution = _by_default(effect.state, step, due_at, limits)
        effect = append(effect, row, "", resolution, due_at, limits)
    return effect


def _step_of_time(dispute: Dispute, limits: Limits) -> DisputeStep:
    if dispute.state is DisputeState.UNDER_REVIEW:
        return DisputeStep.MODERATORS_SILENT
    if _respondent_is_silent(dispute, limits):
        return DisputeStep.RESPONDENT_SILENT
    return DisputeStep.START_REVIEW


def _respondent_is_silent(dispute: Dispute, limits: Limits) -> bool:
    """Tell whether the other party has not answered, and that ends the dispute."""
    silent = not (
        dispute.statements_of(dispute.respondent) or dispute.offers_of(dispute.respondent)
    )
    return silent and limits.respondent_silence is not Default.REVIEW


def _by_default(dispute: Dispute, step: DisputeStep, at: int, limits: Limits) -> Resolution | None:
    """Give the outcome that silence has; None where it leads to a review."""
    if step is DisputeStep.START_REVIEW:
        return None
    moderators = step is DisputeStep.MODERATORS_SILENT
    default = limits.moderator_silence if moderators else limits.respondent_silence
    cause = ResolutionCause.MODERATORS_SILENT if moderators else ResolutionCause.RESPONDENT_SILENT
    outcome, split = _outcome(default, dispute)
    return Resolution(outcome, split, cause, "", "", "", at)


def _outcome(default: Default, dispute: Dispute) -> tuple[Outcome, Settlement | None]:
    match default:
        case Default.COMPLETED:
            return Outcome.COMPLETED, None
        case Default.CANCELLED:
            return Outcome.CANCELLED, None
        case Default.CLAIM if dispute.refund is not None:
            # The price may have been amended before the hold.
            refund = min(dispute.refund, dispute.price)
            return Outcome.SPLIT, Settlement(dispute.price - refund, refund)
    return Outcome.RESUME, None
