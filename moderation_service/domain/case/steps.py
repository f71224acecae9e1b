"""What all rules of a case share: the first guard that refuses, and one more event."""

from moderation_service.domain.case.commands import CaseCommand
from moderation_service.domain.case.entities import Case, CaseState
from moderation_service.domain.case.events import CaseEvent, Details, Reported, evolve, moves
from moderation_service.domain.case.transitions import CASE_TRANSITIONS, Step, Transition, rows_of
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from service_kit.rules import Refusal


def settle_case(case: Case, now: int) -> Effect[Case, CaseEvent]:
    """Let a lease lapse that is over by now."""
    start: Effect[Case, CaseEvent] = Effect(case, ())
    if case.lease is None or now < case.lease.until:
        return start
    (row,) = rows_of(CASE_TRANSITIONS, Step.LAPSE, case.state)
    return append(start, row, "", None, case.lease.until)


def first_refusal(
    row: Transition, case: Case | None, command: CaseCommand, now: int, limits: Limits
) -> Refusal | None:
    """Give what the first guard of a row says that does not let a command pass."""
    return next((no for guard in row.guards if (no := guard(case, command, now, limits))), None)


def append(
    before: Effect[Case, CaseEvent], row: Transition, by: str, details: Details, at: int
) -> Effect[Case, CaseEvent]:
    """Let a row happen to a case."""
    case = before.state
    # The tables of appeals and sanctions leave the case where it is.
    target = row.target if isinstance(row.target, CaseState) else case.state
    begun = (details.report.id,) if isinstance(details, Reported) else ()
    event = CaseEvent(
        case=case.id,
        seq=case.seq + 1,
        cause=row.cause,
        at=at,
        by=by,
        who=row.who,
        state=target,
        details=details,
        reports=begun or moves(case, row.cause, details),
    )
    return Effect(evolve(case, event), (*before.events, event))
