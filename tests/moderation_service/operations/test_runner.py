"""The operation and the queries on a real database."""

from dataclasses import replace
from typing import Any

from moderation_service.domain.case.commands import ClaimCase, LiftSanction
from moderation_service.domain.case.entities import CaseState, ReportStatus
from moderation_service.domain.case.views import CaseView, ReportView
from moderation_service.domain.dispute.commands import (
    FireTimers,
    HoldPlaced,
    HoldRefused,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import DisputeState
from moderation_service.domain.sanctions.entities import Measure, SanctionKind
from moderation_service.domain.shared.commands import ExpireEvidence
from moderation_service.domain.shared.limits import DAY, Limits
from moderation_service.domain.shared.reasons import ReportReason
from moderation_service.domain.shared.refusals import Reason
from moderation_service.operations.restrictions import PlacedStanding
from moderation_service.operations.runner import operation
from moderation_service.operations.tasks import Answer, AnyTask, Task
from moderation_service.storage import targets
from service_kit.rules import Refusal
from service_kit.storage.clock import read_position
from tests.moderation_service import story
from tests.moderation_service.books import Books, check_books
from tests.support.serving import Database

carry_out = operation(story.LIMITS)
CONTENT = b'{"messages":[]}'


def run(database: Database, *commands: story.Asked) -> list[Any]:
    """Carry out commands in one transaction, and check the books after it."""
    tasks = [one if isinstance(one, Task) else Task(one) for one in commands]
    outcomes = database.run(carry_out, *tasks)
    check_books(database.engine)
    return outcomes


def reasons(outcomes: list[Any]) -> list[str]:
    """The reason of each outcome, empty for a success."""
    return [one.reason if isinstance(one, Refusal) else "" for one in outcomes]


def with_evidence(task: AnyTask, at: int = 1, content: bytes = CONTENT) -> AnyTask:
    """A report or a dispute with what was seen."""
    assert task.seen
    seen = replace(task.seen, snapshots=(story.snapshot(at, content),))
    return Task(task.command, seen=seen, ids=task.ids)


def decided(database: Database, *measures: Measure, **rest: Any) -> str:
    """Report, claim and decide at once; gives the id of the case."""
    report = story.reported(**rest)
    outcomes = run(
        database,
        with_evidence(report),
        ClaimCase("mia", story.MODERATOR, report.ids.case),
        story.decision(report.ids.case, *measures, version=2),
    )
    assert reasons(outcomes) == ["", "", ""]
    return report.ids.case


def books(database: Database) -> Books:
    """The checked books of the database."""
    return check_books(database.engine)


# --- Order --------------------------------------------------------------------------------------


def test_a_transaction_decides_in_the_order_of_arrival(database: Database) -> None:
    """Commands of every kind, in one transaction: each has what was before it."""
    report = story.reported()
    ruling = story.decision(report.ids.case, story.muted(database.now + DAY), version=2)
    dispute = story.disputed()
    outcomes = run(
        database,
        with_evidence(report),
        ClaimCase("mia", story.MODERATOR, report.ids.case),
        ClaimCase("max", story.MODERATOR, report.ids.case),
        ruling,
        story.decision(report.ids.case, story.banned(), version=3),
        story.appealed("bob", ruling.ids.made, "Not me."),
        with_evidence(dispute),
        HoldPlaced(dispute.ids.made, 10_000),
        with_evidence(story.disputed()),
        SubmitDisputeStatement("ann", dispute.ids.made, "It was fine."),
    )
    assert reasons(outcomes) == [
        "", "", Reason.CLAIMED_BY_OTHER, "", Reason.INVALID_STATE, "",
        "", "", Reason.OPEN_DISPUTE_EXISTS, "",
    ]  # fmt: skip
    found = books(database)
    assert found.cases[report.ids.case].state is CaseState.DECIDED
    assert found.disputes[dispute.ids.made].state is DisputeState.OPEN
    assert database.read(read_position).revision == 1


def test_reports_of_one_subject_are_one_case(database: Database) -> None:
    """In one transaction and in several, until it is decided; then the next begins another."""
    first, second, third = (
        story.reported(),
        story.reported("cid"),
        story.reported(reason=ReportReason.SPAM),
    )
    assert reasons(run(database, with_evidence(first), with_evidence(second))) == ["", ""]
    assert reasons(run(database, with_evidence(third))) == [""]
    assert set(books(database).cases) == {first.ids.case}
    claim = ClaimCase("mia", story.MODERATOR, first.ids.case)
    assert reasons(run(database, claim, story.decision(first.ids.case, version=4))) == ["", ""]
    fourth = story.reported()
    run(database, with_evidence(fourth))
    assert set(books(database).cases) == {first.ids.case, fourth.ids.case}


def test_a_refusal_stores_nothing(database: Database) -> None:
    """It spends no revision, and no evidence is kept of it."""
    report = story.reported()
    run(database, with_evidence(report))
    before = database.read(read_position)
    outcomes = run(
        database,
        with_evidence(story.reported()),
        with_evidence(story.reported("eve", participants=("ann", "bob"))),
        ClaimCase("ann", story.MODERATOR, report.ids.case),
        ClaimCase("mia", (), report.ids.case),
        LiftSanction("mia", story.MODERATOR, "nothing", "why"),
        FireTimers("nowhere"),
        Task(ExpireEvidence(), "nowhere"),
    )
    assert reasons(outcomes) == [
        Reason.ALREADY_REPORTED, Reason.MESSAGE_NOT_FOUND, Reason.CASE_NOT_FOUND,
        Reason.ROLE_REQUIRED, Reason.SANCTION_NOT_FOUND, Reason.DISPUTE_NOT_FOUND,
        Reason.CASE_NOT_FOUND,
    ]  # fmt: skip
    assert database.read(read_position) == before
    assert database.run(carry_out) == []


def test_a_case_does_not_pass_for_a_dispute(database: Database) -> None:
    report, dispute = story.reported(), story.disputed()
    run(database, with_evidence(report), with_evidence(dispute))
    outcomes = run(
        database,
        ClaimCase("mia", story.MODERATOR, dispute.ids.made),
        SubmitDisputeStatement("ann", report.ids.case, "words"),
        FireTimers(report.ids.case),
    )
    assert reasons(outcomes) == [
        Reason.CASE_NOT_FOUND, Reason.DISPUTE_NOT_FOUND, Reason.DISPUTE_NOT_FOUND,
    ]  # fmt: skip


# --- Who may do what ----------------------------------------------------------------------------


def test_the_actor_is_judged_by_what_stands_then(database: Database) -> None:
    """A ban of the same transaction counts, one that is lifted no more; the refusal shows it."""
    report = story.reported()
    ruling = story.decision(report.ids.case, story.banned(), version=2)
    outcomes = run(
        database,
        with_evidence(report),
        ClaimCase("mia", story.MODERATOR, report.ids.case),
        ruling,
        with_evidence(story.reported("bob", story.CONVERSATION)),
        LiftSanction("max", story.MODERATOR, ruling.ids.sanctions[0], "A mistake."),
        with_evidence(story.reported("bob", story.CONVERSATION)),
    )
    assert reasons(outcomes) == ["", "", "", Reason.SANCTIONED, "", ""]
    shown = outcomes[3].current
    assert isinstance(shown, PlacedStanding)
    assert (shown.view.banned, shown.view.sanctions[0].id) == (True, ruling.ids.sanctions[0])


def test_a_flood_is_stopped_within_a_transaction(database: Database) -> None:
    """Each report counts for the next; what is decided waits no more."""
    limits = Limits(open_reports=2, reports=3)
    carry_out = operation(limits)
    subjects = [replace(story.MESSAGE, id=f"message-{number}") for number in range(6)]
    first, *others = [story.reported(subject=one) for one in subjects]
    outcomes = database.run(
        carry_out,
        first,
        others[0],
        others[1],
        Task(ClaimCase("mia", story.MODERATOR, first.ids.case)),
        story.decision(first.ids.case, version=2),
        others[2],
        Task(ClaimCase("mia", story.MODERATOR, others[0].ids.case)),
        story.decision(others[0].ids.case, version=2),
        others[3],
    )
    assert reasons(outcomes) == [
        "", "", Reason.TOO_MANY_OPEN_REPORTS, "", "", "", "", "", Reason.RATE_LIMITED,
    ]  # fmt: skip
    assert outcomes[-1].retry_after == limits.report_window
    (again,) = database.run(carry_out, others[4])
    assert again.reason == Reason.RATE_LIMITED
    database.now += limits.report_window
    assert reasons(database.run(carry_out, others[4])) == [""]
    check_books(database.engine)


def test_what_reports_came_to_is_told_to_moderators(database: Database) -> None:
    """The standing of the reporter is that of the transaction in which the report was made."""
    for number in range(5):
        subject = replace(story.MESSAGE, id=f"message-{number}")
        decided(database, story.measure(SanctionKind.WARNING), subject=subject)
    report = story.reported(subject=replace(story.MESSAGE, id="the last"))
    run(database, with_evidence(report))
    assert books(database).cases[report.ids.case].reports[0].standing == "trusted"


# --- Idempotency --------------------------------------------------------------------------------


def test_a_key_replays_the_first_answer(database: Database) -> None:
    """Within a transaction, in a later one, and after the case went on."""
    report = story.reported(idempotency_key="k")
    again = Task(report.command)
    first, same = run(database, with_evidence(report), again)
    assert (same.view, same.duplicate, same.events) == (first.view, True, ())
    claim = ClaimCase("mia", story.MODERATOR, report.ids.case, idempotency_key="k")
    ruling = story.decision(report.ids.case, version=2, idempotency_key="d")
    claimed, ruled = run(database, claim, ruling)
    later = Task(ruling.command)
    replayed = run(database, again, claim, later)
    assert [one.view for one in replayed] == [first.view, claimed.view, ruled.view]
    assert all(one.duplicate for one in replayed)
    assert isinstance(replayed[0].view, ReportView)
    assert replayed[0].view.status is ReportStatus.RECEIVED
    assert isinstance(replayed[1].view, CaseView)


def test_a_key_is_not_used_for_two_things(database: Database) -> None:
    """In one transaction and later; another person's key is another key."""
    report = story.reported(idempotency_key="k")
    other = story.reported(reason=ReportReason.SPAM, idempotency_key="k")
    run(database, with_evidence(report), other)
    (refused,) = run(database, other)
    assert (refused.reason, refused.field) == (
        Reason.IDEMPOTENCY_KEY_CONFLICT, "idempotency_key",
    )  # fmt: skip
    theirs = story.reported("cid", idempotency_key="k")
    assert reasons(run(database, with_evidence(theirs))) == [""]


def test_a_refusal_leaves_its_key_unused(database: Database) -> None:
    report = story.reported()
    claim = ClaimCase("mia", story.MODERATOR, report.ids.case, idempotency_key="k")
    assert reasons(run(database, claim)) == [Reason.CASE_NOT_FOUND]
    assert reasons(run(database, with_evidence(report), claim)) == ["", ""]


# --- Time ---------------------------------------------------------------------------------------


def test_disputes_are_found_when_they_are_due(database: Database) -> None:
    """Pending ones by id, due ones by time; what fired is due no more."""
    one, other = story.disputed(), story.disputed(service="service-2")
    run(database, with_evidence(one), with_evidence(other))
    ids = sorted([one.ids.made, other.ids.made])
    pending = database.read(targets.find_pending, "", 10)
    assert [found.id for found in pending] == ids
    assert [found.id for found in database.read(targets.find_pending, ids[0], 10)] == ids[1:]
    run(database, HoldPlaced(one.ids.made, 10_000), HoldRefused(other.ids.made, "ON_HOLD"))
    due_at = database.now + story.LIMITS.statements
    assert database.read(targets.find_next_due, database.now) == due_at
    assert database.read(targets.find_due, due_at - 1, (-1, ""), 10) == []
    assert database.read(targets.find_due, due_at, (-1, ""), 10) == [(due_at, one.ids.made)]
    assert database.read(targets.find_due, due_at, (due_at, one.ids.made), 10) == []
    database.now = due_at
    (fired, again) = run(database, FireTimers(one.ids.made), FireTimers(one.ids.made))
    assert [event.cause for event in fired.events] == ["review_started"]
    assert again.events == ()
    assert fired.next_due == due_at + story.LIMITS.review


def test_evidence_expires_when_nothing_keeps_it(database: Database) -> None:
    """Once, and not before; the case stays."""
    case = decided(database)
    decided_at = books(database).cases[case].decisions[0].at
    expires_at = decided_at + story.LIMITS.appeal_window
    assert database.read(targets.find_expired, expires_at - 1, (-1, ""), 10) == []
    assert database.read(targets.find_expired, expires_at, (-1, ""), 10) == [(expires_at, case)]
    (early,) = run(database, Task(ExpireEvidence(), case))
    assert early.reason == Reason.KEPT
    database.now = expires_at
    (expired, again) = run(database, Task(ExpireEvidence(), case), Task(ExpireEvidence(), case))
    assert [event.cause for event in expired.events] == ["evidence_expired"]
    assert isinstance(again, Answer)
    assert again.events == ()
    assert database.read(targets.find_expired, database.now, (-1, ""), 10) == []
    assert database.read(targets.find_contents, case) == {}


def test_a_ban_keeps_the_evidence_until_it_is_lifted(database: Database) -> None:
    """While nobody can say how long, it is not looked for."""
    case = decided(database, story.banned())
    later = database.now + 10 * story.LIMITS.appeal_window
    assert database.read(targets.find_expired, later, (-1, ""), 10) == []
    database.now = later
    sanction = books(database).cases[case].sanctions[0].id
    run(database, LiftSanction("max", story.MODERATOR, sanction, "Enough."))
    ((_, found),) = database.read(targets.find_expired, database.now, (-1, ""), 10)
    assert found == case
