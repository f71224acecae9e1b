"""The reads of moderators and of those who control them: a function for each RPC of that name.

A case in which the moderator has a part does not exist for them, in no list either.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from moderation_service.domain.case.entities import AppealStatus
from moderation_service.domain.case.show import show_case, show_whole_case
from moderation_service.domain.case.transitions import settle_case
from moderation_service.domain.case.views import CaseView, ReviewedAppeal
from moderation_service.domain.sanctions.entities import Sanction
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from moderation_service.operations.paging import Page, begin, cut
from moderation_service.storage import audit, indexes, lists, targets
from moderation_service.storage.lists import CaseFilter, CaseOrder
from service_kit.audit import AuditEntry, Head
from service_kit.pages import bounded_size
from service_kit.rules import Refusal, check_user, invalid, is_identifier


class CasePage(NamedTuple):
    """In the order that was asked for; an empty token ends the list, here and below."""

    cases: list[CaseView]
    next_page_token: str


class AppealPage(NamedTuple):
    """By due time."""

    appeals: list[ReviewedAppeal]
    next_page_token: str


class SanctionPage(NamedTuple):
    """Newest first."""

    sanctions: list[Sanction]
    next_page_token: str


class AuditPage(NamedTuple):
    """In their order; `more` says that there are others after them."""

    entries: list[AuditEntry]
    head: Head
    more: bool


class WholeCase(NamedTuple):
    """A case with what is kept of its evidence, by the id of that."""

    view: CaseView
    contents: Mapping[str, bytes]


def list_cases(
    connection: Connection, actor: str, wanted: CaseFilter, page: Page, now: int, limits: Limits
) -> CasePage | Refusal:
    """The cases that a filter lets through."""
    start = begin(page, 2 if wanted.order is CaseOrder.DUE else 3)
    if isinstance(start, Refusal):
        return start
    if refusal := check_user("actor", actor):
        return refusal
    for field in ("accused", "claimed_by"):
        name = getattr(wanted, field)
        if name and (refusal := check_user(field, name)):
            return refusal
    rows, token = cut(
        lists.page_of_cases(connection, actor, wanted, start.key, start.length + 1, now),
        start.length,
    )
    return CasePage([show_whole_case(case, actor, now, limits) for _, case in rows], token)


def get_case(
    connection: Connection, actor: str, case: str, now: int, limits: Limits
) -> WholeCase | Refusal:
    """One case with everything that is known of it."""
    if refusal := check_user("actor", actor):
        return refusal
    found = targets.find_cases(connection, filter(is_identifier, (case,))).get(case)
    if found is None:
        return not_found(Reason.CASE_NOT_FOUND)
    view = show_case(found, actor, now, limits)
    if isinstance(view, Refusal):
        return view
    return WholeCase(view, targets.find_contents(connection, case))


def list_appeals(
    connection: Connection,
    actor: str,
    status: AppealStatus | None,
    page: Page,
    now: int,
    *,
    decidable_only: bool,
) -> AppealPage | Refusal:
    """The appeals in a status, or those that are open."""
    start = begin(page, 2)
    if isinstance(start, Refusal):
        return start
    if refusal := check_user("actor", actor):
        return refusal
    rows, token = cut(
        lists.page_of_appeals(
            connection,
            actor,
            status or AppealStatus.OPEN,
            start.key,
            start.length + 1,
            decidable_only=decidable_only,
        ),
        start.length,
    )
    return AppealPage(
        [
            ReviewedAppeal(settle_case(case, now).state, appeal)
            for _, name, case in rows
            if (appeal := case.appeal(name))
        ],
        token,
    )


def list_sanctions(
    connection: Connection, actor: str, user: str, page: Page, now: int, *, in_force_only: bool
) -> SanctionPage | Refusal:
    """The sanctions of a user, or of everybody."""
    start = begin(page, 2)
    if isinstance(start, Refusal):
        return start
    if refusal := check_user("actor", actor) or (check_user("user", user) if user else None):
        return refusal
    rows, token = cut(
        lists.page_of_sanctions(
            connection, actor, user, start.key, start.length + 1, now, in_force_only=in_force_only
        ),
        start.length,
    )
    return SanctionPage(
        [sanction for _, name, case in rows if (sanction := case.sanction(name))],
        token,
    )


def list_audit(
    connection: Connection, actor: str, after: int, target: str, page_size: int, most: int
) -> AuditPage | Refusal:
    """Entries of the audit log with a higher number, and how far the log goes."""
    count = bounded_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    if refusal := check_user("actor", actor):
        return refusal
    if after < 0:
        return invalid("after", "is negative")
    head = audit.find_head(connection)
    if target and not is_identifier(target):
        return AuditPage([], head, more=False)
    entries = audit.read_audit(connection, after, target, count + 1)
    return AuditPage(entries[:count], head, len(entries) > count)


def find_targets_of(
    connection: Connection, actor: str, user: str, after: str, count: int
) -> list[str] | Refusal:
    """The ids of cases and disputes in which a person has a part, beyond one."""
    if refusal := check_user("actor", actor) or check_user("user", user):
        return refusal
    return indexes.find_targets_of(connection, user, after, count)
