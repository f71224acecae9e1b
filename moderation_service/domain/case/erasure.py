"""The erasure of people from cases, and the expiry of evidence."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

from moderation_service.domain.case import entities
from moderation_service.domain.case.events import CaseEvent, Cause, Review, Undoing, evolve
from moderation_service.domain.sanctions.entities import Lift, Sanction
from moderation_service.domain.sanctions.measures import MEASURES
from moderation_service.domain.shared import erasure
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.commands import EraseUser
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from service_kit.rules import Refusal

Something = TypeVar("Something", entities.Case, CaseEvent)


def kept_because(case: entities.Case, now: int, limits: Limits) -> erasure.Kept | None:
    """Tell why a case is kept as it is; None when nothing says so any more."""
    return erasure.longest(_reasons(case, now, limits), now)


def expires_at(case: entities.Case, now: int, limits: Limits) -> int | None:
    """Tell when the evidence of a case expires unless something happens."""
    return erasure.expiry(case.evidence, kept_because(case, now, limits), now)


def _reasons(case: entities.Case, now: int, limits: Limits) -> Iterator[erasure.Kept]:
    if case.state is not entities.CaseState.DECIDED:
        yield erasure.Kept(erasure.KeptBecause.CASE_OPEN, None)
    if any(one.status is entities.AppealStatus.OPEN for one in case.appeals):
        yield erasure.Kept(erasure.KeptBecause.APPEAL_OPEN, None)
    for decision in case.decisions:
        yield erasure.Kept(erasure.KeptBecause.APPEAL_POSSIBLE, decision.at + limits.appeal_window)
    for sanction in case.sanctions:
        if MEASURES[sanction.kind].forbids and sanction.is_in_force(now):
            yield erasure.Kept(erasure.KeptBecause.SANCTION_IN_FORCE, sanction.until)


def erase_user(
    case: entities.Case, command: EraseUser, alias: str, now: int, limits: Limits
) -> Effect[entities.Case, CaseEvent] | Refusal:
    """Erase a person from a case, if nothing keeps it.

    The event says only that it was done. The stored events are rewritten too, each by
    `without_user`, and the content of the evidence is deleted.
    """
    if kept := kept_because(case, now, limits):
        return erasure.refuse_kept(kept)
    erased_case = without_user(case, command.user, alias)
    return _forget(erased_case, Cause.ERASED, command.actor, Capacity.DATA_PROTECTION, now)


def expire_evidence(
    case: entities.Case, now: int, limits: Limits
) -> Effect[entities.Case, CaseEvent] | Refusal:
    """Let the evidence of a case expire, if nothing keeps it; its content is deleted."""
    if kept := kept_because(case, now, limits):
        return erasure.refuse_kept(kept)
    if erasure.is_deleted(case.evidence):
        return Effect(case, ())
    return _forget(case, Cause.EVIDENCE_EXPIRED, "", Capacity.TIME, now)


def _forget(
    case: entities.Case, cause: Cause, by: str, who: Capacity, now: int
) -> Effect[entities.Case, CaseEvent]:
    event = CaseEvent(case.id, case.seq + 1, cause, now, by, who, case.state)
    return Effect(evolve(case, event), (event,))


def without_user(thing: Something, user: str, alias: str) -> Something:
    """Give a case or one of its events without what a user wrote and is called."""
    return erasure.rewrite(thing, user, alias, _erase_words)  # type: ignore[no-any-return]  # as it came


def _erase_words(thing: Any, user: str) -> Any:
    """Give a thing without the words that a user wrote, or that moderators wrote about them."""
    match thing:
        case entities.Report(reporter=author) if author == user:
            return replace(thing, comment=erasure.erased(thing.comment))
        case entities.Appeal(by=author) if author == user:
            return replace(thing, text=erasure.ERASED, answer=erasure.erased(thing.answer))
        case Review(appellant=author) if author == user:
            return replace(thing, answer=erasure.erased(thing.answer))
        case Sanction(users=users) if user in users:
            told = replace(thing.statement, facts=erasure.ERASED)
            lift = _without_reason(thing.lift) if thing.lift else None
            return replace(thing, statement=told, lift=lift)
        case Undoing(users=users) if user in users:
            return replace(thing, lift=_without_reason(thing.lift))
        # What moderators said of the whole is about everybody in it.
        case entities.Decision():
            return replace(thing, note=erasure.erased(thing.note))
    return thing


def _without_reason(lift: Lift) -> Lift:
    return replace(lift, reason=erasure.erased(lift.reason))
