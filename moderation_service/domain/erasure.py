"""The erasure of people from cases and disputes alike, and the expiry of evidence."""

from typing import Any

from moderation_service.domain.case import erasure as case_erasure
from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute import erasure as dispute_erasure
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.shared.erasure import Kept
from moderation_service.domain.shared.limits import Limits


def kept_because(state: Case | Dispute, now: int, limits: Limits) -> Kept | None:
    """Tell why a case or dispute is kept as it is; None when nothing says so any more."""
    if isinstance(state, Case):
        return case_erasure.kept_because(state, now, limits)
    return dispute_erasure.kept_because(state, now, limits)


def expires_at(state: Case | Dispute, now: int, limits: Limits) -> int | None:
    """Tell when evidence expires unless something happens; None while nobody can say."""
    if isinstance(state, Case):
        return case_erasure.expires_at(state, now, limits)
    return dispute_erasure.expires_at(state, now, limits)


def erase_user(thing: Any, user: str, alias: str) -> Any:
    """Give a case, a dispute or one of their events without what a user wrote and is called."""
    if isinstance(thing, Case):
        return case_erasure.erase_user(thing, user, alias)
    if isinstance(thing, CaseEvent):
        return case_erasure.erase_user(thing, user, alias)
    return dispute_erasure.erase_user(thing, user, alias)
