"""Who is to learn of an event, and of what: one reader at a time, for not all may know the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from moderation_service.domain.case.entities import Appeal, Case, Sanction, Scope
from moderation_service.domain.case.events import CaseEvent, Review, Ruling, Undoing
from moderation_service.domain.case.measures import MEASURES
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import DisputeCause, DisputeEvent


class NewsKind(StrEnum):
    """What a piece of news is about, as the contract's events are called."""

    REPORT_STATUS_CHANGED = "report_status_changed"
    SANCTIONED = "sanctioned"
    SANCTION_LIFTED = "sanction_lifted"
    APPEAL_STATUS_CHANGED = "appeal_status_changed"
    DISPUTE_CHANGED = "dispute_changed"


@dataclass(frozen=True, slots=True)
class News:
    """Something that `recipients` are told; `id` is that of what it is about."""

    kind: NewsKind
    id: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Touched:
    """Whose standing, which conversation's lock, which message's removal may have changed.

    What they are now follows from all sanctions in force, of this case and of others.
    """

    users: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()
    messages: tuple[tuple[str, str], ...] = ()


def news(case: Case, event: CaseEvent) -> tuple[News, ...]:
    """Tell who learns what of an event; `case` is the case after it, at that time or later."""
    return tuple(_news(case, event))


def _news(case: Case, event: CaseEvent) -> Iterator[News]:
    for one in event.reports:
        if report := case.report(one):
            yield News(NewsKind.REPORT_STATUS_CHANGED, one, (report.reporter,))
    match event.details:
        case Ruling(sanctions=sanctions):
            for sanction in sanctions:
                yield News(NewsKind.SANCTIONED, sanction.id, sanction.users)
        case Undoing(sanction=lifted, users=users):
            yield News(NewsKind.SANCTION_LIFTED, lifted, users)
        case Appeal(id=made, by=by):
            yield News(NewsKind.APPEAL_STATUS_CHANGED, made, (by,))
        case Review(appeal=reviewed, appellant=by):
            yield News(NewsKind.APPEAL_STATUS_CHANGED, reviewed, (by,))


def dispute_news(dispute: Dispute, event: DisputeEvent) -> tuple[News, ...]:
    """Tell who learns of an event of a dispute: both, but nobody of what was deleted."""
    if event.cause in {DisputeCause.ERASED, DisputeCause.EVIDENCE_EXPIRED}:
        return ()
    return (News(NewsKind.DISPUTE_CHANGED, dispute.id, dispute.parties),)


def touched(case: Case, event: CaseEvent) -> Touched:
    """Tell what an event may have changed for those who refuse what is not allowed."""
    match event.details:
        case Ruling(sanctions=sanctions):
            return _touched(sanctions)
        case Undoing(sanction=lifted):
            found = case.sanction(lifted)
            return _touched((found,) if found else ())
    return Touched()


def _touched(sanctions: tuple[Sanction, ...]) -> Touched:
    by_scope: dict[Scope, list[Sanction]] = {scope: [] for scope in Scope}
    for one in sanctions:
        by_scope[MEASURES[one.kind].scope].append(one)
    users = [user for one in by_scope[Scope.ACCOUNT] for user in one.users]
    return Touched(
        users=tuple(dict.fromkeys(users)),
        conversations=tuple(dict.fromkeys(x.conversation for x in by_scope[Scope.CONVERSATION])),
        messages=tuple((one.conversation, one.message) for one in by_scope[Scope.MESSAGE]),
    )
