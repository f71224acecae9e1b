"""The reads of people and of parts of the system: a function for each RPC of the same name.

Each is one read transaction. What is due has happened: things are shown as they stand at `now`, in
milliseconds UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from moderation_service.domain.case.arguments import check_arguments as check_case
from moderation_service.domain.case.commands import Report
from moderation_service.domain.case.reporters import check_rate
from moderation_service.domain.case.show import show_appeal, show_report, show_standing
from moderation_service.domain.case.views import AppealView, ReportView
from moderation_service.domain.dispute.arguments import check_arguments as check_dispute
from moderation_service.domain.dispute.commands import CreateDispute
from moderation_service.domain.dispute.entities import DisputeState
from moderation_service.domain.dispute.show import show_dispute, show_part_of_dispute
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.sanctions.measures import Activity
from moderation_service.domain.sanctions.standing import check_activity, standing
from moderation_service.domain.sessions import NOTHING_REVOKED
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from moderation_service.operations import restrictions
from moderation_service.operations.paging import Page, begin, cut
from moderation_service.operations.restrictions import PlacedStanding
from moderation_service.operations.sessions import read_revocations
from moderation_service.storage import indexes, lists, targets
from service_kit.rules import Refusal, check_user, is_identifier
from service_kit.storage.clock import read_position


class ReportPage(NamedTuple):
    """Newest first; an empty token ends the list."""

    reports: list[ReportView]
    next_page_token: str


class OwnAppealPage(NamedTuple):
    """Newest first; an empty token ends the list."""

    appeals: list[AppealView]
    next_page_token: str


class DisputePage(NamedTuple):
    """One's own newest first, those of all by due time."""

    disputes: list[DisputeView]
    next_page_token: str


class WholeDispute(NamedTuple):
    """A dispute, for a moderator with what is kept of its evidence, by the id of that."""

    view: DisputeView
    contents: Mapping[str, bytes]


def needs_evidence(
    connection: Connection, command: Report | CreateDispute, now: int, limits: Limits
) -> bool | Refusal:
    """Check a report or a new dispute, and tell whether evidence has to be taken for it.

    A repeat is answered from what is stored; and what would be refused anyway, as in a flood of
    reports, is refused before anybody else is asked.
    """
    if refusal := (
        check_dispute(command, limits)
        if isinstance(command, CreateDispute)
        else check_case(command, limits)
    ):
        return refusal
    if command.key and targets.find_keys(connection, (command.key,)):
        return False
    cases = restrictions.find_cases_against(connection, (command.actor,), now)[command.actor]
    found = standing(command.actor, [one for case in cases for one in case.sanctions], now)
    activity = Activity.DISPUTE if isinstance(command, CreateDispute) else Activity.REPORT
    if refusal := check_activity(found, activity):
        view = show_standing(command.actor, cases, now, limits)
        return replace(refusal, current=PlacedStanding(view, read_position(connection)))
    if isinstance(command, CreateDispute):
        return True
    since = now - limits.report_window
    reporters = indexes.find_reporters(connection, (command.actor,), since)
    return check_rate(reporters[command.actor], now, limits) or True


def list_reports(
    connection: Connection, actor: str, page: Page, now: int, limits: Limits, *, open_only: bool
) -> ReportPage | Refusal:
    """The reports of an actor."""
    start = begin(page, 2)
    if isinstance(start, Refusal):
        return start
    if refusal := check_user("actor", actor):
        return refusal
    rows, token = cut(
        lists.page_of_reports(connection, actor, start.key, start.length + 1, open_only=open_only),
        start.length,
    )
    return ReportPage(
        [
            show_report(case, report, now, limits)
            for _, name, case in rows
            if (report := case.report(name))
        ],
        token,
    )


def list_own_appeals(connection: Connection, actor: str, page: Page) -> OwnAppealPage | Refusal:
    """The appeals of an actor, against sanctions and against decisions about reports."""
    start = begin(page, 2)
    if isinstance(start, Refusal):
        return start
    if refusal := check_user("actor", actor):
        return refusal
    rows, token = cut(
        lists.page_of_own_appeals(connection, actor, start.key, start.length + 1), start.length
    )
    return OwnAppealPage(
        [show_appeal(appeal) for _, name, case in rows if (appeal := case.appeal(name))], token
    )


def get_standing(
    connection: Connection, actor: str, now: int, limits: Limits
) -> PlacedStanding | Refusal:
    """The standing of an actor."""
    if refusal := check_user("actor", actor):
        return refusal
    return replace(
        batch_get_standings(connection, (actor,), now, limits)[0], revocations=NOTHING_REVOKED
    )


def batch_get_standings(
    connection: Connection, users: Sequence[str], now: int, limits: Limits
) -> list[PlacedStanding]:
    """The standings of users, in the same order; nothing restricts a name that nobody can have."""
    named = {one for one in users if check_user("users", one) is None}
    found = restrictions.read_standings(connection, named, now, limits)
    revoked = read_revocations(connection, named, now)
    position = read_position(connection)
    return [
        PlacedStanding(
            found.get(one) or show_standing(one, (), now, limits),
            position,
            revoked.get(one, NOTHING_REVOKED),
        )
        for one in users
    ]


def get_dispute(
    connection: Connection,
    actor: str,
    dispute: str,
    now: int,
    limits: Limits,
    *,
    moderates: bool,
) -> WholeDispute | Refusal:
    """A dispute of a party, or any for a moderator."""
    if refusal := check_user("actor", actor):
        return refusal
    ids = [dispute] if is_identifier(dispute) else []
    found = targets.find_disputes(connection, ids).get(dispute)
    if found is None:
        return not_found(Reason.DISPUTE_NOT_FOUND)
    view = show_dispute(found, actor, now, limits, moderates=moderates)
    if isinstance(view, Refusal):
        return view
    sees_evidence = bool(view.dispute.evidence)
    return WholeDispute(view, targets.find_contents(connection, dispute) if sees_evidence else {})


def list_own_disputes(
    connection: Connection,
    actor: str,
    service: str,
    page: Page,
    now: int,
    limits: Limits,
    *,
    open_only: bool,
) -> DisputePage | Refusal:
    """The disputes of an actor, of one service if it is named."""
    start = begin(page, 2)
    if isinstance(start, Refusal):
        return start
    if refusal := check_user("actor", actor):
        return refusal
    if service and not is_identifier(service):
        return DisputePage([], "")
    rows, token = cut(
        lists.page_of_own_disputes(
            connection, actor, service, start.key, start.length + 1, open_only=open_only
        ),
        start.length,
    )
    return DisputePage([show_part_of_dispute(one, actor, now, limits) for _, one in rows], token)


def list_disputes(
    connection: Connection,
    actor: str,
    state: DisputeState | None,
    page: Page,
    now: int,
    limits: Limits,
) -> DisputePage | Refusal:
    """The disputes in a state, or those that moderators can decide."""
    start = begin(page, 2)
    if isinstance(start, Refusal):
        return start
    if refusal := check_user("actor", actor):
        return refusal
    wanted = state or DisputeState.UNDER_REVIEW
    rows, token = cut(
        lists.page_of_disputes(connection, wanted, start.key, start.length + 1), start.length
    )
    shown = [show_part_of_dispute(one, actor, now, limits, moderates=True) for _, one in rows]
    # Time may have ended the state although nothing has fired yet.
    return DisputePage([one for one in shown if one.dispute.state is wanted], token)
