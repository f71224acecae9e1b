"""What must be kept, until when, and what is left of a person when they ask to be erased.

Evidence is kept while something can still depend on it: a case that is not decided, an appeal that
is open or possible, a sanction in force, a dispute and the time after it. Then it expires. On
request what a person wrote goes with it, from the events as well, and an alias takes the place of
their name; that something was erased stays, and that something had happened.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from moderation_service.domain.case.entities import (
    Appeal,
    AppealStatus,
    Case,
    CaseState,
    Decision,
    Lift,
    Report,
    Sanction,
)
from moderation_service.domain.case.events import CaseEvent, Cause, Review, Undoing, Who, evolve
from moderation_service.domain.case.measures import MEASURES
from moderation_service.domain.commands import EraseUser, ExpireEvidence
from moderation_service.domain.decision import Change
from moderation_service.domain.dispute.entities import Dispute, DisputeStatement, Resolution
from moderation_service.domain.dispute.events import DisputeCause, DisputeEvent, evolve_dispute
from moderation_service.domain.limits import Limits
from moderation_service.domain.refusals import Reason
from service_kit.rules import Refusal

ERASED = "[erased]"

Something = TypeVar("Something")
State = TypeVar("State", Case, Dispute)


class KeptBecause(StrEnum):
    """Why something is kept, also from who asks to be erased (Regulation (EU) 2016/679, 17, 3)."""

    CASE_OPEN = "CASE_OPEN"
    APPEAL_OPEN = "APPEAL_OPEN"
    APPEAL_POSSIBLE = "APPEAL_POSSIBLE"
    SANCTION_IN_FORCE = "SANCTION_IN_FORCE"
    DISPUTE_OPEN = "DISPUTE_OPEN"
    DISPUTE_RECENT = "DISPUTE_RECENT"


@dataclass(frozen=True, slots=True)
class Kept:
    """A reason, and until when it holds; None while nobody can say."""

    because: KeptBecause
    until: int | None


def kept_because(state: Case | Dispute, now: int, limits: Limits) -> Kept | None:
    """Tell why a case or dispute is kept as it is; None when nothing says so any more.

    Of several reasons it is the one that holds longest, as far as anybody can say.
    """
    reasons = (
        _of_case(state, now, limits) if isinstance(state, Case) else _of_dispute(state, limits)
    )
    holding = [one for one in reasons if one.until is None or now < one.until]
    return max(holding, key=lambda one: (one.until is None, one.until or 0), default=None)


def expires_at(state: Case | Dispute, now: int, limits: Limits) -> int | None:
    """Tell when evidence expires unless something happens; None while nobody can say, or if there
    is none.
    """
    if all(one.erased_at is not None for one in state.evidence):
        return None
    kept = kept_because(state, now, limits)
    return now if kept is None else kept.until


def _of_case(case: Case, now: int, limits: Limits) -> Iterator[Kept]:
    if case.state is not CaseState.DECIDED:
        yield Kept(KeptBecause.CASE_OPEN, None)
    if any(one.status is AppealStatus.OPEN for one in case.appeals):
        yield Kept(KeptBecause.APPEAL_OPEN, None)
    for decision in case.decisions:
        yield Kept(KeptBecause.APPEAL_POSSIBLE, decision.at + limits.appeal_window)
    for sanction in case.sanctions:
        if MEASURES[sanction.kind].forbids and sanction.is_in_force(now):
            yield Kept(KeptBecause.SANCTION_IN_FORCE, sanction.until)


def _of_dispute(dispute: Dispute, limits: Limits) -> Iterator[Kept]:
    if dispute.ended_at is None:
        yield Kept(KeptBecause.DISPUTE_OPEN, None)
    else:
        yield Kept(KeptBecause.DISPUTE_RECENT, dispute.ended_at + limits.dispute_evidence)


def forget(
    state: State, command: EraseUser | ExpireEvidence, now: int, limits: Limits
) -> Change[State] | Refusal:
    """Erase a person from a case or dispute, or let its evidence expire, if nothing keeps it.

    The event says only that it was done. With an erasure the stored events are rewritten too, each
    by `erase_user`; the content of the evidence is deleted in both cases.
    """
    if kept := kept_because(state, now, limits):
        message = f"this is kept: {kept.because}"
        return Refusal(Reason.KEPT, message, current=kept)
    if isinstance(command, EraseUser):
        by, who, erased = command.actor, Who.DATA_PROTECTION, True
        state = erase_user(state, command.user, command.alias)
    elif all(one.erased_at is not None for one in state.evidence):
        return Change(state, ())
    else:
        by, who, erased = "", Who.TIME, False
    if isinstance(state, Case):
        cause = Cause.ERASED if erased else Cause.EVIDENCE_EXPIRED
        event = CaseEvent(state.id, state.seq + 1, cause, now, by, who, state.state)
        return Change(evolve(state, event), (event,))
    dispute_cause = DisputeCause.ERASED if erased else DisputeCause.EVIDENCE_EXPIRED
    told = DisputeEvent(state.id, state.seq + 1, dispute_cause, now, by, who, state.state)
    return Change(evolve_dispute(state, told), (told,))


def erase_user(thing: Something, user: str, alias: str) -> Something:
    """Give a case, a dispute or one of their events without what a user wrote and is called."""
    return _rewrite(_erase_words(thing, user), user, alias)  # type: ignore[no-any-return]  # as it came


def _rewrite(thing: Any, user: str, alias: str) -> Any:
    if isinstance(thing, tuple):
        return tuple(_rewrite(_erase_words(one, user), user, alias) for one in thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        changed = {
            field.name: _rewrite(_erase_words(value, user), user, alias)
            for field in fields(thing)
            if isinstance(value := getattr(thing, field.name), str | tuple) or is_dataclass(value)
        }
        return replace(thing, **changed)
    # Members of an enumeration are words of ours, whatever anybody is called.
    return alias if type(thing) is str and thing == user else thing


def _erase_words(thing: Any, user: str) -> Any:
    """Give a thing without the words that a user wrote, or that moderators wrote about them."""
    match thing:
        case Report(reporter=author) if author == user:
            return replace(thing, comment=_erased(thing.comment))
        case Appeal(by=author) if author == user:
            return replace(thing, text=ERASED, answer=_erased(thing.answer))
        case Review(appellant=author) if author == user:
            return replace(thing, answer=_erased(thing.answer))
        case DisputeStatement(by=author) if author == user:
            return replace(thing, text=ERASED)
        case Sanction(users=users) if user in users:
            told = replace(thing.statement, facts=ERASED)
            lift = _without_reason(thing.lift) if thing.lift else None
            return replace(thing, statement=told, lift=lift)
        case Undoing(users=users) if user in users:
            return replace(thing, lift=_without_reason(thing.lift))
        # What moderators said of the whole is about everybody in it.
        case Decision():
            return replace(thing, note=_erased(thing.note))
        case Resolution():
            return replace(thing, facts=_erased(thing.facts))
    return thing


def _erased(words: str) -> str:
    return ERASED if words else ""


def _without_reason(lift: Lift) -> Lift:
    return replace(lift, reason=_erased(lift.reason))
