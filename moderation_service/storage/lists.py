"""Lists for people and moderators: which rows, in which order, after which key.

A key is the values of the order in the last row that was given, so that what comes meanwhile
moves no page.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, tuple_

from moderation_service.domain.case.entities import AppealStatus, Case, CaseState
from moderation_service.domain.dispute.entities import Dispute, DisputeState
from moderation_service.domain.shared.reasons import ReportReason, Severity
from moderation_service.storage import documents
from moderation_service.storage.tables import (
    appeals,
    cases,
    disputes,
    parts,
    reports,
    sanctioned,
    sanctions,
)

PageKey = tuple[int | str, ...]
"""The values of the order in one row."""


class CaseOrder(StrEnum):
    """The orders of a list of cases."""

    DUE = "due"
    REPORTS = "reports"
    SEVERITY = "severity"
    PRIORITY = "priority"


_ORDERS: dict[CaseOrder, tuple[Any, ...]] = {
    CaseOrder.DUE: (cases.c.due_at, cases.c.id),
    CaseOrder.REPORTS: (cases.c.reports_rank, cases.c.due_at, cases.c.id),
    CaseOrder.SEVERITY: (cases.c.severity_rank, cases.c.due_at, cases.c.id),
    CaseOrder.PRIORITY: (cases.c.priority_rank, cases.c.due_at, cases.c.id),
}


class CaseFilter(NamedTuple):
    """A filter of cases; without a state, undecided ones. Empty names stand for anybody."""

    state: CaseState | None = None
    min_severity: Severity | None = None
    reason: ReportReason | None = None
    accused: str = ""
    claimed_by: str = ""
    order: CaseOrder = CaseOrder.DUE


def page_of_cases(
    connection: Connection, reader: str, wanted: CaseFilter, after: PageKey, count: int, now: int
) -> list[tuple[PageKey, Case]]:
    """The first `count` cases after a key in which the reader has no part."""
    query = _cases(reader, wanted, after, count, now)
    queries = [query]
    if wanted.min_severity is not None and wanted.order is CaseOrder.SEVERITY:
        queries = [query.where(cases.c.severity_rank <= -int(wanted.min_severity))]
    elif wanted.min_severity is not None:
        # A page of each severity by itself: so nobody's reports lie in the way of graver ones.
        grave = (one for one in Severity if one >= wanted.min_severity)
        queries = [query.where(cases.c.severity_rank == -int(one)) for one in grave]
    found = [(tuple(row[:-1]), row[-1]) for one in queries for row in connection.execute(one)]
    found.sort(key=lambda row: row[0])
    return [(key, documents.load_case(document)) for key, document in found[:count]]


def _cases(reader: str, wanted: CaseFilter, after: PageKey, count: int, now: int) -> Select[Any]:
    """Look for the first `count` cases after a key, of any severity."""
    order = _ORDERS[wanted.order]
    is_claimed = cases.c.claim_until > now
    query = select(*order, cases.c.document).where(_no_part(reader)).order_by(*order).limit(count)
    if wanted.state is CaseState.CLAIMED or (wanted.claimed_by and wanted.state is None):
        # None of them is decided, and without that said they are looked up, for they are few.
        query = query.where(is_claimed)
    else:
        query = query.where(cases.c.is_decided == (wanted.state is CaseState.DECIDED))
    if wanted.state is CaseState.OPEN:
        query = query.where(~is_claimed)
    if wanted.reason is not None:
        given = select(reports.c.id).where(
            reports.c.case_id == cases.c.id, reports.c.reason == wanted.reason
        )
        query = query.where(given.exists())
    if wanted.accused:
        against = select(parts.c.target_id).where(
            parts.c.user_id == wanted.accused, parts.c.part == "accused"
        )
        # Found once, and not asked of each case: then an index alone tells which ones are not.
        query = query.where(cases.c.id.in_(against))
    if wanted.claimed_by:
        query = query.where(cases.c.claimed_by == wanted.claimed_by, is_claimed)
    return _after(query, order, after)


def page_of_reports(
    connection: Connection, reporter: str, below: PageKey, count: int, *, open_only: bool
) -> list[tuple[PageKey, str, Case]]:
    """The first `count` reports of somebody below a key, newest first, each with its case."""
    order = (reports.c.created_revision, reports.c.id)
    query = (
        select(*order, cases.c.document)
        .join(cases, cases.c.id == reports.c.case_id)
        .where(reports.c.reporter_id == reporter)
    )
    if open_only:
        query = query.where(reports.c.is_open)
    rows = connection.execute(_below(query, order, below, count)).all()
    return [((row[0], row[1]), row[1], documents.load_case(row[2])) for row in rows]


def page_of_sanctions(
    connection: Connection,
    reader: str,
    user: str,
    below: PageKey,
    count: int,
    now: int,
    *,
    in_force_only: bool,
) -> list[tuple[PageKey, str, Case]]:
    """The first `count` sanctions below a key, newest first, each with its case."""
    order: tuple[Any, ...] = (sanctions.c.created_revision, sanctions.c.id)
    query = select(*order, cases.c.document).join(cases, cases.c.id == sanctions.c.case_id)
    if user:
        order = (sanctioned.c.created_revision, sanctioned.c.sanction_id)
        query = query.join(sanctioned, sanctioned.c.sanction_id == sanctions.c.id).where(
            sanctioned.c.user_id == user
        )
    query = query.where(_no_part(reader))
    if in_force_only:
        query = query.where(~sanctions.c.is_lifted, sanctions.c.until > now)
    rows = connection.execute(_below(query, order, below, count)).all()
    return [((row[0], row[1]), row[1], documents.load_case(row[2])) for row in rows]


def page_of_appeals(
    connection: Connection,
    reader: str,
    status: AppealStatus,
    after: PageKey,
    count: int,
    *,
    decidable_only: bool,
) -> list[tuple[PageKey, str, Case]]:
    """The first `count` appeals after a key, by due time, each with its case."""
    order = (appeals.c.due_at, appeals.c.id)
    query = (
        select(*order, cases.c.document)
        .join(cases, cases.c.id == appeals.c.case_id)
        .where(appeals.c.status == status, _no_part(reader))
        .order_by(*order)
        .limit(count)
    )
    if decidable_only:
        query = query.where(appeals.c.status == AppealStatus.OPEN, appeals.c.decided_by != reader)
    rows = connection.execute(_after(query, order, after)).all()
    return [((row[0], row[1]), row[1], documents.load_case(row[2])) for row in rows]


def page_of_own_appeals(
    connection: Connection, author: str, below: PageKey, count: int
) -> list[tuple[PageKey, str, Case]]:
    """The first `count` appeals of somebody below a key, newest first, each with its case."""
    order = (appeals.c.created_revision, appeals.c.id)
    query = (
        select(*order, cases.c.document)
        .join(cases, cases.c.id == appeals.c.case_id)
        .where(appeals.c.by_id == author)
    )
    rows = connection.execute(_below(query, order, below, count)).all()
    return [((row[0], row[1]), row[1], documents.load_case(row[2])) for row in rows]


def page_of_disputes(
    connection: Connection, state: DisputeState, after: PageKey, count: int
) -> list[tuple[PageKey, Dispute]]:
    """The first `count` disputes in a state after a key, by due time."""
    order = (disputes.c.sort_at, disputes.c.id)
    query = (
        select(*order, disputes.c.document)
        .where(disputes.c.state == state)
        .order_by(*order)
        .limit(count)
    )
    rows = connection.execute(_after(query, order, after)).all()
    return [((row[0], row[1]), documents.load_dispute(row[2])) for row in rows]


def page_of_own_disputes(
    connection: Connection, party: str, service: str, below: PageKey, count: int, *, open_only: bool
) -> list[tuple[PageKey, Dispute]]:
    """The first `count` disputes of a party below a key, newest first."""
    order = (parts.c.created_revision, parts.c.target_id)
    query = (
        select(*order, disputes.c.document)
        .join(disputes, disputes.c.id == parts.c.target_id)
        .where(parts.c.user_id == party, parts.c.part == "party")
    )
    if service:
        query = query.where(disputes.c.service_id == service)
    if open_only:
        query = query.where(disputes.c.is_open)
    rows = connection.execute(_below(query, order, below, count)).all()
    return [((row[0], row[1]), documents.load_dispute(row[2])) for row in rows]


def _after(query: Select[Any], order: Sequence[Any], after: PageKey) -> Select[Any]:
    return query.where(tuple_(*order) > tuple_(*after)) if after else query


def _below(query: Select[Any], order: Sequence[Any], below: PageKey, count: int) -> Select[Any]:
    if below:
        query = query.where(tuple_(*order) < tuple_(*below))
    return query.order_by(*(one.desc() for one in order)).limit(count)


def _has_part(user: str, target: Any, *which: str) -> ColumnElement[bool]:
    found = select(parts.c.part).where(
        parts.c.user_id == user,
        parts.c.target_id == target,
        or_(*(parts.c.part == one for one in which)),
    )
    return found.exists()


def _no_part(reader: str) -> ColumnElement[bool]:
    """Say that somebody neither reported a case nor takes part in its conversation."""
    return and_(~_has_part(reader, cases.c.id, "participant", "reporter"))
