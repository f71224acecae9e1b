"""The removal of statements: a case removes one, and nobody but moderators is shown it any more."""

from dataclasses import replace

from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import (
    DisputeCause,
    DisputeEvent,
    StatementRemoval,
    evolve_dispute,
)
from moderation_service.domain.dispute.timers import settle_dispute
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits


def remove_statement(
    dispute: Dispute, number: int, now: int, limits: Limits, *, removed: bool
) -> Effect[Dispute, DisputeEvent]:
    """Remove a statement, or show it again; nothing happens where that is so already.

    It happens in every state and changes none: a statement that is removed still counts as said.
    """
    due = settle_dispute(dispute, now, limits)
    dispute = due.state
    statement = dispute.statement(number)
    if statement is None or statement.removed is removed:
        return due
    event = DisputeEvent(
        dispute=dispute.id,
        seq=dispute.seq + 1,
        cause=DisputeCause.STATEMENT_REMOVED if removed else DisputeCause.STATEMENT_RESTORED,
        at=now,
        # The event of the case says who decided.
        by="",
        who=Capacity.MODERATOR,
        state=dispute.state,
        due_at=dispute.due_at,
        details=StatementRemoval(number, removed),
    )
    return Effect(evolve_dispute(dispute, event), (*due.events, event))


def with_removals_of(past: Dispute, present: Dispute) -> Dispute:
    """Give a dispute as it stood, without what is removed by now."""
    statements = tuple(
        replace(then, removed=then.removed or now.removed)
        for then, now in zip(past.statements, present.statements, strict=False)
    )
    return replace(past, statements=statements)
