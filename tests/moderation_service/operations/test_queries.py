"""Lists: every row once, whatever comes meanwhile; and nothing that is not for the reader."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event

from moderation_service.domain.case.commands import ClaimCase, LiftSanction, ReleaseCase
from moderation_service.domain.case.entities import AppealStatus, CaseState
from moderation_service.domain.dispute.commands import HoldPlaced
from moderation_service.domain.dispute.entities import DisputeState
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.shared.limits import DAY
from moderation_service.domain.shared.reasons import ReportReason, Severity
from moderation_service.domain.shared.refusals import Reason
from moderation_service.operations import changes, moderator_queries, queries
from moderation_service.operations.notifications import ConversationLockChanged, StandingChanged
from moderation_service.operations.paging import Page
from moderation_service.operations.restrictions import MOST_CASES
from moderation_service.operations.tasks import Task
from moderation_service.storage.backlog import read_backlog
from moderation_service.storage.lists import CaseFilter, CaseOrder
from service_kit.rules import Position, Refusal
from service_kit.storage.clock import read_position
from tests.moderation_service.operations.test_runner import carry_out, decided, with_evidence
from tests.moderation_service.story import (
    CONVERSATION,
    LIMITS,
    MESSAGE,
    MODERATOR,
    appealed,
    banned,
    decision,
    disputed,
    measure,
    muted,
    new,
    reported,
)
from tests.support.plans import explain, indexes_of
from tests.support.serving import Database

REASONS = list(ReportReason)
WHOLE = Page(0, "", 1_000)


def fill(database: Database, count: int) -> list[str]:
    """Cases of all kinds, some of them reported twice; gives their ids."""
    made: list[str] = []
    for number in range(count):
        subject = replace(MESSAGE, id=new("message"))
        reason = REASONS[number % len(REASONS)]
        given = {"comment": "c", **people(number)}
        report = reported(f"u{number}", subject, reason=reason, **given)
        tasks = [report]
        if number % 3 == 0:
            tasks.append(reported(f"u{number}", subject, reason=ReportReason.HATE, **given))
        database.run(carry_out, *tasks)
        made.append(report.ids.case)
    return made


def people(number: int) -> dict[str, Any]:
    """The participants of a conversation."""
    return {"participants": (f"u{number}", "bob")}


def walk(read: Callable[[Page], Any], between: Callable[[], object], size: int = 3) -> list[Any]:
    """All pages, one after the other, with something that happens before each next one."""
    pages: list[Any] = [read(Page(size, "", 1_000))]
    while token := pages[-1].next_page_token:
        assert len(pages[-1][0]) == size
        between()
        pages.append(read(Page(size, token, 1_000)))
        assert len(pages) < 100
    return [one for page in pages for one in page[0]]


@pytest.mark.parametrize("order", CaseOrder)
def test_list_cases_walks_every_case_once(database: Database, order: CaseOrder) -> None:
    """In their order, while others arrive."""
    made = fill(database, 14)

    def read(page: Page) -> Any:
        wanted = CaseFilter(order=order)
        return database.read(
            moderator_queries.list_cases, "mia", wanted, page, database.now, LIMITS
        )

    found = [one.case for one in walk(read, lambda: fill(database, 1))]
    ids = [one.id for one in found]
    assert len(ids) == len(set(ids))
    assert set(made) <= set(ids)
    key: Callable[[Any], Any] = {
        CaseOrder.DUE: lambda one: one.due_at,
        CaseOrder.REPORTS: lambda one: -len(one.reports),
        CaseOrder.SEVERITY: lambda one: -one.severity,
        CaseOrder.PRIORITY: lambda one: -one.priority,
    }[order]
    assert all(key(one) <= key(other) for one, other in pairwise(found))


def listed(database: Database, actor: str = "mia", **wanted: Any) -> list[str]:
    page = database.read(
        moderator_queries.list_cases, actor, CaseFilter(**wanted), WHOLE, database.now, LIMITS
    )
    return [one.case.id for one in page.cases]


def test_list_cases_finds_cases_by_what_they_are(database: Database) -> None:
    """By state, severity, reason, accused and holder; a claim that has lapsed is none."""
    open_, claimed = reported(), reported(subject=CONVERSATION, reason=ReportReason.VIOLENCE)
    database.run(carry_out, open_, claimed, Task(ClaimCase("mia", MODERATOR, claimed.ids.case)))
    done = decided(database, subject=replace(MESSAGE, id="other"))
    assert set(listed(database)) == {open_.ids.case, claimed.ids.case}
    assert listed(database, state=CaseState.OPEN) == [open_.ids.case]
    assert listed(database, state=CaseState.CLAIMED) == [claimed.ids.case]
    assert listed(database, state=CaseState.DECIDED) == [done]
    assert listed(database, min_severity=Severity.CRITICAL) == [claimed.ids.case]
    assert listed(database, reason=ReportReason.SCAM) == [open_.ids.case]
    assert set(listed(database, accused="bob")) == {open_.ids.case, claimed.ids.case}
    assert listed(database, accused="cid") == [claimed.ids.case]
    assert listed(database, claimed_by="mia") == [claimed.ids.case]
    database.now += LIMITS.lease
    assert set(listed(database, state=CaseState.OPEN)) == {open_.ids.case, claimed.ids.case}
    assert listed(database, claimed_by="mia") == []


@pytest.mark.parametrize("wanted", [{"state": CaseState.CLAIMED}, {"claimed_by": "mia"}])
def test_list_cases_looks_up_claimed_ones(database: Database, wanted: dict[str, Any]) -> None:
    """They are few: nobody waits for a walk through all that are not decided."""
    asked: list[str] = []
    fill(database, 3)

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    listed(database, **wanted)
    event.remove(database.engine, "before_cursor_execute", note)
    searches, _ = explain(database.engine, asked[-1])
    assert any("claim_until>" in one.replace(" ", "") for one in searches)


INDEXES = {
    CaseOrder.DUE: "cases_severity_rank",
    CaseOrder.REPORTS: "cases_severity_reports_rank",
    CaseOrder.SEVERITY: "cases_severity_rank",
    CaseOrder.PRIORITY: "cases_severity_priority_rank",
}


@pytest.mark.parametrize("order", CaseOrder)
def test_less_grave_cases_do_not_lie_in_the_way(database: Database, order: CaseOrder) -> None:
    """Whoever fills the list with reports of spam delays nobody who looks for the grave ones: pages
    of these have all of them, in their order, and are read from an index of each severity.
    """
    reasons = (ReportReason.VIOLENCE, ReportReason.SPAM, ReportReason.SCAM, ReportReason.OTHER)
    for number in range(16):
        subject = replace(MESSAGE, id=new("message"))
        report = reported(f"u{number}", subject, reason=reasons[number % 4], **people(number))
        (outcome,) = database.run(carry_out, report)
        assert not isinstance(outcome, Refusal)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    def read(page: Page, least: Severity | None = Severity.HIGH) -> Any:
        wanted = CaseFilter(order=order, min_severity=least)
        return database.read(
            moderator_queries.list_cases, "mia", wanted, page, database.now, LIMITS
        )

    event.listen(database.engine, "before_cursor_execute", note)
    found = [one.case for one in walk(read, lambda: None)]
    event.remove(database.engine, "before_cursor_execute", note)
    whole = [one.case for one in read(WHOLE, None).cases]
    assert [one.id for one in found] == [one.id for one in whole if one.severity >= Severity.HIGH]
    assert len(found) == 8
    for statement in dict.fromkeys(one for one in asked if "FROM cases" in one):
        searches, bad = explain(database.engine, statement)
        assert any("severity_rank" in one.replace("cases_severity_rank", "") for one in searches)
        assert INDEXES[order] in indexes_of(database.engine, statement)
        assert not any("Sort" in one or "B-TREE" in one for one in bad)


def test_get_standing_is_bounded(database: Database) -> None:
    """A user warned ever so often is still told at once what they may not do, and why."""
    long, short = muted(database.now + 30 * DAY), muted(database.now + DAY)
    for number in range(MOST_CASES + 5):
        subject = replace(MESSAGE, id=new("message"))
        report = reported(f"u{number}", subject, **people(number))
        given = {0: banned(), 1: long, 2: short}.get(number, measure(SanctionKind.WARNING))
        claim = ClaimCase("mia", MODERATOR, report.ids.case)
        ruling = decision(report.ids.case, given, version=2)
        outcomes = database.run(carry_out, report, Task(claim), ruling)
        assert not any(isinstance(one, Refusal) for one in outcomes)
    shown = database.read(queries.get_standing, "bob", database.now, LIMITS).view
    assert (shown.banned, shown.muted_until) == (True, long.until)
    assert len(shown.sanctions) == MOST_CASES
    kinds = [one.kind for one in shown.sanctions]
    assert (kinds.count(SanctionKind.BANNED), kinds.count(SanctionKind.MUTED)) == (1, 2)
    (refusal,) = database.run(carry_out, reported("bob", author="ann"))
    assert refusal.reason == Reason.SANCTIONED


def test_who_has_a_part_finds_nothing(database: Database) -> None:
    """A moderator who takes part or has reported: no case, no sanction, no appeal."""
    case = decided(database, banned())
    ruling = database.read(
        moderator_queries.get_case, "mia", case, database.now, LIMITS
    ).view.case.decisions[0]
    appeal = appealed("bob", ruling.id, "Not me.")
    database.run(carry_out, appeal)
    for actor, count in (("max", 1), ("ann", 0), ("bob", 0), ("cid", 0)):
        assert len(listed(database, actor, state=CaseState.DECIDED)) == count
        found = database.read(
            moderator_queries.list_sanctions, actor, "", WHOLE, database.now, in_force_only=False
        )
        assert len(found.sanctions) == count
        appeals = database.read(
            moderator_queries.list_appeals, actor, None, WHOLE, database.now, decidable_only=False
        )
        assert len(appeals.appeals) == count
        shown = database.read(moderator_queries.get_case, actor, case, database.now, LIMITS)
        assert isinstance(shown, Refusal) is (count == 0)
        if isinstance(shown, Refusal):
            assert shown.reason == Reason.CASE_NOT_FOUND


def test_list_appeals_for_other_moderators(database: Database) -> None:
    """By due time; whoever decided is not shown what they may not decide, if they say so."""
    case = decided(database, banned())
    whole = database.read(moderator_queries.get_case, "mia", case, database.now, LIMITS)
    name = whole.view.case.decisions[0].id
    database.run(carry_out, appealed("bob", name, "Not me."))

    def appeals(actor: str, status: AppealStatus | None = None, *, mine: bool = False) -> int:
        page = database.read(
            moderator_queries.list_appeals, actor, status, WHOLE, database.now, decidable_only=mine
        )
        return len(page.appeals)

    assert (appeals("mia"), appeals("mia", mine=True)) == (1, 0)
    assert (appeals("max"), appeals("max", mine=True)) == (1, 1)
    assert appeals("max", AppealStatus.UPHELD) == 0


def test_list_sanctions_newest_first(database: Database) -> None:
    """Of all and of one; those that are lifted or over are left out on request."""
    first = decided(database, muted(database.now + DAY))
    second = decided(database, banned(), subject=CONVERSATION)
    cid = decided(database, banned("cid"), subject=replace(MESSAGE, id="other"))

    def sanctions(user: str, *, in_force_only: bool = False) -> list[str]:
        def read(page: Page) -> Any:
            return database.read(
                moderator_queries.list_sanctions,
                "mia",
                user,
                page,
                database.now,
                in_force_only=in_force_only,
            )

        return [one.case for one in walk(read, lambda: None, size=1)]

    assert sanctions("") == [cid, second, first]
    assert sanctions("bob") == [second, first]
    assert sanctions("nobody") == []
    database.now += DAY
    assert sanctions("bob", in_force_only=True) == [second]
    whole = database.read(moderator_queries.get_case, "mia", second, database.now, LIMITS)
    lift = LiftSanction("max", MODERATOR, whole.view.case.sanctions[0].id, "Enough.")
    database.run(carry_out, Task(lift))
    assert sanctions("", in_force_only=True) == [cid]


def test_list_reports_newest_first(database: Database) -> None:
    """Nobody's but one's own; the open ones alone on request."""
    reports = [reported(subject=replace(MESSAGE, id=f"m{number}")) for number in range(5)]
    for one in reports:
        database.run(carry_out, one)
    database.run(
        carry_out,
        Task(ClaimCase("mia", MODERATOR, reports[0].ids.case)),
        decision(reports[0].ids.case, version=2),
    )
    for open_only, expected in ((False, reports[::-1]), (True, reports[:0:-1])):

        def read(page: Page, wanted: bool = open_only) -> Any:
            return database.read(
                queries.list_reports, "ann", page, database.now, LIMITS, open_only=wanted
            )

        found = walk(read, lambda: None, size=2)
        assert [one.id for one in found] == [one.ids.made for one in expected]


def test_list_own_appeals_newest_first(database: Database) -> None:
    """Those against sanctions and those against reports; nobody's but one's own."""
    first, second = (reported(subject=replace(MESSAGE, id=f"m{number}")) for number in range(2))
    database.run(carry_out, first, second)
    for report, measures in ((first, ()), (second, (muted(database.now + DAY),))):
        case = report.ids.case
        database.run(carry_out, Task(ClaimCase("mia", MODERATOR, case)))
        database.run(carry_out, decision(case, *measures, version=2, decision=f"d-{case}"))
    appeals = {
        "ann": appealed("ann", f"d-{first.ids.case}", "Look again."),
        "bob": appealed("bob", f"d-{second.ids.case}", "Look again."),
    }
    for one in appeals.values():
        database.run(carry_out, one)

    def own(actor: str) -> list[Any]:
        return walk(
            lambda page: database.read(queries.list_own_appeals, actor, page), lambda: None, size=1
        )

    for actor, made in appeals.items():
        assert [(one.id, one.text) for one in own(actor)] == [(made.ids.made, "Look again.")]
    assert own("mia") == []


def test_list_own_disputes_newest_first(database: Database) -> None:
    """Nobody's but one's own; the open ones alone, or those of one service, on request."""
    disputes = [disputed(service=f"service-{number}") for number in range(3)]
    for dispute in disputes:
        database.run(carry_out, dispute)

    def own(page: Page) -> Any:
        return database.read(
            queries.list_own_disputes, "ann", "", page, database.now, LIMITS, open_only=True
        )

    found = walk(own, lambda: None, size=1)
    assert [one.dispute.id for one in found] == [one.ids.made for one in disputes[::-1]]
    page = database.read(
        queries.list_own_disputes, "ann", "service-1", WHOLE, database.now, LIMITS, open_only=False
    )
    assert [one.dispute.id for one in page.disputes] == [disputes[1].ids.made]
    page = database.read(
        queries.list_own_disputes, "cid", "", WHOLE, database.now, LIMITS, open_only=False
    )
    assert page.disputes == []


def test_list_disputes_by_due_time(database: Database) -> None:
    dispute = disputed()
    database.run(carry_out, with_evidence(dispute), Task(HoldPlaced(dispute.ids.made, 10_000)))

    def disputes(state: DisputeState | None = None) -> list[str]:
        page = database.read(queries.list_disputes, "mia", state, WHOLE, database.now, LIMITS)
        return [one.dispute.id for one in page.disputes]

    assert disputes() == []
    assert disputes(DisputeState.OPEN) == [dispute.ids.made]
    database.now += LIMITS.statements
    # Nothing has fired yet, and yet it is not open any more.
    assert disputes(DisputeState.OPEN) == []


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_list_changes_converges_to_what_is(database: Database, size: int) -> None:
    """A service that begins anew knows in the end what is locked and who is restricted."""
    lock = measure(SanctionKind.CONVERSATION_LOCKED)
    first = decided(database, muted(database.now + DAY), lock)
    decided(database, lock, subject=CONVERSATION)
    whole = database.read(moderator_queries.get_case, "mia", first, database.now, LIMITS)
    for sanction in whole.view.case.sanctions:
        database.run(carry_out, Task(LiftSanction("max", MODERATOR, sanction.id, "Enough.")))
    now = database.read(read_position)
    told: list[Any] = []
    token = ""
    while True:
        page = database.read(
            changes.list_changes,
            "",
            Position(now.epoch, 0),
            now,
            Page(size, token, 1_000),
            database.now,
            LIMITS,
            everything=True,
        )
        assert page.complete
        told += [event for change in page.changes for event in change.events]
        token = page.next_page_token
        if not token:
            break
    assert len(told) == len(database.events)
    assert [to for to, _ in told] == [to for _, to, _ in database.events]
    locks = [what for _, what in told if isinstance(what, ConversationLockChanged)]
    assert locks[-1].locked
    standings = [what for _, what in told if isinstance(what, StandingChanged)]
    assert [one.standing.view.muted_until for one in standings] == [None, None]
    mine = database.read(
        changes.list_changes,
        "ann",
        Position(now.epoch, 0),
        now,
        WHOLE,
        database.now,
        LIMITS,
        everything=False,
    )
    told_live = [what for _, to, what in database.events if "ann" in to]
    told_again = [what for change in mine.changes for _, what in change.events]
    assert [type(one) for one in told_again] == [type(one) for one in told_live]


def test_what_waits_is_counted(database: Database) -> None:
    report, dispute = reported(), disputed()
    database.run(carry_out, report, dispute)
    found = database.read(read_backlog, database.now)
    assert (found.cases.many, found.cases.overdue) == (1, 0)
    assert found.disputes == {"pending_hold": 1}
    database.now = found.cases.due_at
    assert database.read(read_backlog, database.now).cases.overdue == 1
    assert found.appeals == (0, 0, None)


def test_release_case_opens_it_again(database: Database) -> None:
    report = reported()
    database.run(
        carry_out,
        report,
        Task(ClaimCase("mia", MODERATOR, report.ids.case)),
        Task(ReleaseCase("mia", MODERATOR, report.ids.case)),
    )
    assert listed(database, state=CaseState.OPEN) == [report.ids.case]
