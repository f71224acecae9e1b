"""The operation and the queries on a real database."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, select

from moderation_service.__main__ import SERVICE
from moderation_service.domain.case.commands import (
    ClaimCase,
    DecideAppeal,
    LiftSanction,
)
from moderation_service.domain.case.entities import AppealStatus, CaseState, ReportStatus
from moderation_service.domain.case.views import CaseView, ReportView
from moderation_service.domain.dispute.commands import (
    FireTimers,
    HoldPlaced,
    HoldRefused,
    HoldResolved,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import DisputeState
from moderation_service.domain.sanctions.entities import Measure, SanctionKind
from moderation_service.domain.shared.commands import ExpireEvidence
from moderation_service.domain.shared.erasure import ERASED, Kept, KeptBecause
from moderation_service.domain.shared.limits import DAY, Limits
from moderation_service.domain.shared.reasons import ReportReason
from moderation_service.domain.shared.refusals import Reason
from moderation_service.operations.notifications import (
    ConversationLockChanged,
    MessageRemovalChanged,
    ReportStatusChanged,
    Sanctioned,
    StandingChanged,
)
from moderation_service.operations.restrictions import PlacedStanding
from moderation_service.operations.runner import operation
from moderation_service.operations.tasks import Answer, AnyTask, Task
from moderation_service.settings import ModerationSettings
from moderation_service.storage import audit, statements, targets
from moderation_service.storage.tables import events, idempotency_keys, metadata, news
from service_kit.rules import Refusal
from service_kit.service import migrate
from service_kit.storage.clock import read_position
from service_kit.storage.engines import open_engine
from service_kit.storage.migrations import NotMigrated, check
from tests.moderation_service.books import Books, check_books
from tests.moderation_service.story import (
    CONVERSATION,
    LIMITS,
    MESSAGE,
    MODERATOR,
    Asked,
    appealed,
    banned,
    decision,
    disputed,
    erasure,
    measure,
    muted,
    reported,
    snapshot,
)
from tests.support.plans import explain
from tests.support.serving import Database

carry_out = operation(LIMITS)
CONTENT = b'{"messages":[]}'


def run(database: Database, *commands: Asked) -> list[Any]:
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
    seen = replace(task.seen, snapshots=(snapshot(at, content),))
    return Task(task.command, seen=seen, ids=task.ids)


def decided(database: Database, *measures: Measure, **rest: Any) -> str:
    """Report, claim and decide at once; gives the id of the case."""
    report = reported(**rest)
    outcomes = run(
        database,
        with_evidence(report),
        ClaimCase("mia", MODERATOR, report.ids.case),
        decision(report.ids.case, *measures, version=2),
    )
    assert reasons(outcomes) == ["", "", ""]
    return report.ids.case


def books(database: Database) -> Books:
    """The checked books of the database."""
    return check_books(database.engine)


# --- Order --------------------------------------------------------------------------------------


def test_a_transaction_decides_in_the_order_of_arrival(database: Database) -> None:
    """Commands of every kind, in one transaction: each has what was before it."""
    report = reported()
    ruling = decision(report.ids.case, muted(database.now + DAY), version=2)
    dispute = disputed()
    outcomes = run(
        database,
        with_evidence(report),
        ClaimCase("mia", MODERATOR, report.ids.case),
        ClaimCase("max", MODERATOR, report.ids.case),
        ruling,
        decision(report.ids.case, banned(), version=3),
        appealed("bob", ruling.ids.made, "Not me."),
        with_evidence(dispute),
        HoldPlaced(dispute.ids.made, 10_000),
        with_evidence(disputed()),
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
    first, second, third = reported(), reported("cid"), reported(reason=ReportReason.SPAM)
    assert reasons(run(database, with_evidence(first), with_evidence(second))) == ["", ""]
    assert reasons(run(database, with_evidence(third))) == [""]
    assert set(books(database).cases) == {first.ids.case}
    claim = ClaimCase("mia", MODERATOR, first.ids.case)
    assert reasons(run(database, claim, decision(first.ids.case, version=4))) == ["", ""]
    fourth = reported()
    run(database, with_evidence(fourth))
    assert set(books(database).cases) == {first.ids.case, fourth.ids.case}


def test_a_refusal_stores_nothing(database: Database) -> None:
    """It spends no revision, and no evidence is kept of it."""
    report = reported()
    run(database, with_evidence(report))
    before = database.read(read_position)
    outcomes = run(
        database,
        with_evidence(reported()),
        with_evidence(reported("eve", participants=("ann", "bob"))),
        ClaimCase("ann", MODERATOR, report.ids.case),
        ClaimCase("mia", (), report.ids.case),
        LiftSanction("mia", MODERATOR, "nothing", "why"),
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
    """Whatever is named by whichever id."""
    report, dispute = reported(), disputed()
    run(database, with_evidence(report), with_evidence(dispute))
    outcomes = run(
        database,
        ClaimCase("mia", MODERATOR, dispute.ids.made),
        SubmitDisputeStatement("ann", report.ids.case, "words"),
        FireTimers(report.ids.case),
    )
    assert reasons(outcomes) == [
        Reason.CASE_NOT_FOUND, Reason.DISPUTE_NOT_FOUND, Reason.DISPUTE_NOT_FOUND,
    ]  # fmt: skip


# --- Who may do what ----------------------------------------------------------------------------


def test_the_actor_is_judged_by_what_stands_then(database: Database) -> None:
    """A ban of the same transaction counts, one that is lifted no more; the refusal shows it."""
    report = reported()
    ruling = decision(report.ids.case, banned(), version=2)
    outcomes = run(
        database,
        with_evidence(report),
        ClaimCase("mia", MODERATOR, report.ids.case),
        ruling,
        with_evidence(reported("bob", CONVERSATION)),
        LiftSanction("max", MODERATOR, ruling.ids.sanctions[0], "A mistake."),
        with_evidence(reported("bob", CONVERSATION)),
    )
    assert reasons(outcomes) == ["", "", "", Reason.SANCTIONED, "", ""]
    shown = outcomes[3].current
    assert isinstance(shown, PlacedStanding)
    assert (shown.view.banned, shown.view.sanctions[0].id) == (True, ruling.ids.sanctions[0])


def test_a_flood_is_stopped_within_a_transaction(database: Database) -> None:
    """Each report counts for the next; what is decided waits no more."""
    limits = Limits(open_reports=2, reports=3)
    carry_out = operation(limits)
    subjects = [replace(MESSAGE, id=f"message-{number}") for number in range(6)]
    first, *others = [reported(subject=one) for one in subjects]
    outcomes = database.run(
        carry_out,
        first,
        others[0],
        others[1],
        Task(ClaimCase("mia", MODERATOR, first.ids.case)),
        decision(first.ids.case, version=2),
        others[2],
        Task(ClaimCase("mia", MODERATOR, others[0].ids.case)),
        decision(others[0].ids.case, version=2),
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
        subject = replace(MESSAGE, id=f"message-{number}")
        decided(database, measure(SanctionKind.WARNING), subject=subject)
    report = reported(subject=replace(MESSAGE, id="the last"))
    run(database, with_evidence(report))
    assert books(database).cases[report.ids.case].reports[0].standing == "trusted"


# --- What is told -------------------------------------------------------------------------------


def told(database: Database, kind: type[Any]) -> list[Any]:
    """Contents of a kind that were told so far, with their recipients."""
    return [(to, what) for _, to, what in database.events if isinstance(what, kind)]


def test_a_standing_is_made_of_all_cases(database: Database) -> None:
    """Lifting one of two mutes leaves the other, and what is told says so."""
    one = decided(database, muted(database.now + DAY))
    decided(database, muted(database.now + 2 * DAY), subject=CONVERSATION)
    first = books(database).cases[one].sanctions[0]
    run(database, LiftSanction("max", MODERATOR, first.id, "Enough."))
    standings = [what.standing for _, what in told(database, StandingChanged)]
    assert [len(shown.view.sanctions) for shown in standings] == [1, 2, 1]
    assert [shown.position.revision for shown in standings] == [1, 2, 3]
    assert all(to == ("bob",) for to, _ in told(database, StandingChanged))
    assert all(to == ("bob",) for to, _ in told(database, Sanctioned))


def test_locks_and_removals_are_told_to_services(database: Database) -> None:
    """To nobody else; a conversation that two cases lock is unlocked with the second."""
    lock, removal = (
        measure(SanctionKind.CONVERSATION_LOCKED),
        measure(SanctionKind.MESSAGE_REMOVED),
    )
    one = decided(database, lock, removal)
    two = decided(database, lock, subject=CONVERSATION)
    cases = books(database).cases
    for sanction in (cases[one].sanctions[0], cases[two].sanctions[0]):
        run(database, LiftSanction("max", MODERATOR, sanction.id, "Enough."))
    locks = told(database, ConversationLockChanged)
    assert [(to, what.locked) for to, what in locks] == [
        ((), True), ((), True), ((), True), ((), False),
    ]  # fmt: skip
    assert [what for _, what in told(database, MessageRemovalChanged)] == [
        MessageRemovalChanged("talk", MESSAGE.id, removed=True)
    ]


def test_who_was_reported_is_told_no_word_of_reports(database: Database) -> None:
    """Notifications of a report go to its reporter alone (M4)."""
    decided(database, muted(database.now + DAY))
    assert {to for to, _ in told(database, ReportStatusChanged)} == {("ann",)}


# --- Idempotency --------------------------------------------------------------------------------


def test_a_key_replays_the_first_answer(database: Database) -> None:
    """Within a transaction, in a later one, and after the case went on."""
    report = reported(idempotency_key="k")
    again = Task(report.command)
    first, same = run(database, with_evidence(report), again)
    assert (same.view, same.duplicate, same.events) == (first.view, True, ())
    claim = ClaimCase("mia", MODERATOR, report.ids.case, idempotency_key="k")
    ruling = decision(report.ids.case, version=2, idempotency_key="d")
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
    report = reported(idempotency_key="k")
    other = reported(reason=ReportReason.SPAM, idempotency_key="k")
    run(database, with_evidence(report), other)
    (refused,) = run(database, other)
    assert (refused.reason, refused.field) == (
        Reason.IDEMPOTENCY_KEY_CONFLICT, "idempotency_key",
    )  # fmt: skip
    theirs = reported("cid", idempotency_key="k")
    assert reasons(run(database, with_evidence(theirs))) == [""]


def test_a_refusal_leaves_its_key_unused(database: Database) -> None:
    """The same key may be used again after a refusal."""
    report = reported()
    claim = ClaimCase("mia", MODERATOR, report.ids.case, idempotency_key="k")
    assert reasons(run(database, claim)) == [Reason.CASE_NOT_FOUND]
    assert reasons(run(database, with_evidence(report), claim)) == ["", ""]


# --- Time ---------------------------------------------------------------------------------------


def test_disputes_are_found_when_they_are_due(database: Database) -> None:
    """Pending ones by id, due ones by time; what fired is due no more."""
    one, other = disputed(), disputed(service="service-2")
    run(database, with_evidence(one), with_evidence(other))
    ids = sorted([one.ids.made, other.ids.made])
    pending = database.read(targets.find_pending, "", 10)
    assert [found.id for found in pending] == ids
    assert [found.id for found in database.read(targets.find_pending, ids[0], 10)] == ids[1:]
    run(database, HoldPlaced(one.ids.made, 10_000), HoldRefused(other.ids.made, "ON_HOLD"))
    due_at = database.now + LIMITS.statements
    assert database.read(targets.find_next_due, database.now) == due_at
    assert database.read(targets.find_due, due_at - 1, (-1, ""), 10) == []
    assert database.read(targets.find_due, due_at, (-1, ""), 10) == [(due_at, one.ids.made)]
    assert database.read(targets.find_due, due_at, (due_at, one.ids.made), 10) == []
    database.now = due_at
    (fired, again) = run(database, FireTimers(one.ids.made), FireTimers(one.ids.made))
    assert [event.cause for event in fired.events] == ["review_started"]
    assert again.events == ()
    assert fired.next_due == due_at + LIMITS.review


def test_evidence_expires_when_nothing_keeps_it(database: Database) -> None:
    """Once, and not before; the case stays."""
    case = decided(database)
    expires_at = database.now + LIMITS.appeal_window
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
    case = decided(database, banned())
    later = database.now + 10 * LIMITS.appeal_window
    assert database.read(targets.find_expired, later, (-1, ""), 10) == []
    database.now = later
    sanction = books(database).cases[case].sanctions[0].id
    run(database, LiftSanction("max", MODERATOR, sanction, "Enough."))
    ((_, found),) = database.read(targets.find_expired, database.now, (-1, ""), 10)
    assert found == case


# --- Erasure ------------------------------------------------------------------------------------


def test_what_must_be_kept_is_kept(database: Database) -> None:
    """The answer says why; nothing is changed."""
    report = reported(comment="my own words")
    run(database, with_evidence(report))
    (kept,) = run(database, erasure("ann", report.ids.case))
    assert kept.current == Kept(KeptBecause.CASE_OPEN, None)
    assert books(database).cases[report.ids.case].reports[0].comment == "my own words"


def test_a_person_is_erased_everywhere(database: Database) -> None:
    """From documents, events, rows and keys; the audit log stays a chain that covers all (M8)."""
    report = reported(comment="my own words", idempotency_key="k")
    ruling = decision(report.ids.case, measure(SanctionKind.WARNING), version=2, note="about ann")
    run(
        database,
        with_evidence(report),
        ClaimCase("mia", MODERATOR, report.ids.case),
        ruling,
        appealed("bob", ruling.ids.made, "Not me."),
    )
    appeal = books(database).cases[report.ids.case].appeals[0].id
    review = DecideAppeal("max", MODERATOR, appeal, 4, AppealStatus.UPHELD, "It stands.")
    assert reasons(run(database, review)) == [""]
    before = books(database).head
    database.now += LIMITS.appeal_window
    assert reasons(run(database, erasure("ann", report.ids.case))) == [""]
    after = books(database)
    case = after.cases[report.ids.case]
    assert (case.reports[0].reporter, case.reports[0].comment) == ("erased-1", ERASED)
    assert case.decisions[0].note == ERASED
    assert case.appeals[0].text == "Not me."
    assert after.head.number == before.number + 1
    assert everything_written(database.engine).count("ann") == 0
    with database.engine.connect() as connection:
        rows = connection.execute(select(events.c.seq, events.c.salt)).all()
    assert [row.seq for row in rows if row.salt is None] == [1, 3]
    # The other one is still known, and goes when they ask.
    assert "bob" in everything_written(database.engine)
    assert reasons(run(database, erasure("bob", report.ids.case, "erased-2"))) == [""]
    assert "bob" not in everything_written(database.engine)


def everything_written(engine: Engine) -> str:
    """All that names people: documents, rows, news and keys."""
    written: list[str] = []
    with engine.connect() as connection:
        for table in metadata.tables.values():
            if table.name in {"clock", "positions", "audit"}:
                continue
            for row in connection.execute(select(table)):
                written += [str(one) for one in row if isinstance(one, str)]
    return "\n".join(written)


def test_a_person_is_erased_from_a_dispute(database: Database) -> None:
    """Their statements go, those of the other stay."""
    dispute = disputed()
    run(
        database,
        with_evidence(dispute),
        HoldPlaced(dispute.ids.made, 10_000),
        SubmitDisputeStatement("ann", dispute.ids.made, "It was fine."),
    )
    (kept,) = run(database, erasure("bob", dispute.ids.made))
    assert kept.current == Kept(KeptBecause.DISPUTE_OPEN, None)
    run(database, SubmitDisputeStatement("bob", dispute.ids.made, withdraw=True))
    run(database, FireTimers(dispute.ids.made))
    (resolved,) = database.read(targets.find_pending, "", 1)
    assert resolved.id == dispute.ids.made
    run(database, HoldResolved(dispute.ids.made))
    database.now += LIMITS.dispute_evidence
    (erased,) = run(database, erasure("bob", dispute.ids.made))
    assert isinstance(erased, Answer)
    assert "bob" not in everything_written(database.engine)
    assert "It fell apart." not in everything_written(database.engine)
    assert "It was fine." in everything_written(database.engine)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_no_file_holds_what_was_erased(database: Database, settings: ModerationSettings) -> None:
    """Once the log has moved to the file, which has no rest of it in unused places either."""
    report = reported("zebulon", comment="my own words", participants=("zebulon", "bob"))
    case, seen = report.ids.case, b"what zebulon has seen" * 1_000
    run(database, with_evidence(report, content=seen))
    run(database, ClaimCase("mia", MODERATOR, case), decision(case, version=2))
    database.now += LIMITS.appeal_window
    assert reasons(run(database, erasure("zebulon", case))) == [""]
    database.engine.dispose()
    content = Path(settings.database_url.removeprefix("sqlite:///")).read_bytes()
    assert case.encode() in content
    assert b"zebulon" not in content
    assert b"my own words" not in content


def test_an_erasure_follows_what_the_same_transaction_did(database: Database) -> None:
    """A command before it in the same transaction leaves no name behind either."""
    case = decided(database, measure(SanctionKind.WARNING))
    database.now += LIMITS.appeal_window
    sanction = books(database).cases[case].sanctions[0].id
    outcomes = run(
        database,
        LiftSanction("max", MODERATOR, sanction, "for bob"),
        erasure("bob", case),
        erasure("ann", case, "erased-2"),
    )
    assert reasons(outcomes) == ["", "", ""]
    written = everything_written(database.engine)
    assert '"bob"' not in written
    assert "for bob" not in written
    with database.engine.connect() as connection:
        told_to = connection.execute(select(news.c.first_id)).scalars().all()
        keys = connection.execute(select(idempotency_keys.c.key)).scalars().all()
    assert not {"ann", "bob"}.intersection(told_to)
    assert keys == []


def test_a_resend_after_an_erasure_shows_nobody(database: Database) -> None:
    """In the same transaction and later; the keys of whoever was erased are forgotten."""
    report = reported(idempotency_key="k")
    claim = ClaimCase("mia", MODERATOR, report.ids.case, idempotency_key="k")
    ruling = decision(report.ids.case, version=2, idempotency_key="d")
    database.run(carry_out, with_evidence(report), Task(claim))
    database.now += 1
    (decided_,) = database.run(carry_out, ruling)
    assert decided_.view.case.reports[0].reporter == "ann"
    database.now += LIMITS.appeal_window
    lone = Task(report.command)
    outcomes = run(database, claim, erasure("ann", report.ids.case), claim, ruling, lone)
    assert reasons(outcomes) == ["", "", "", "", Reason.MESSAGE_NOT_FOUND]
    assert [one.view.case.reports[0].reporter for one in outcomes[2:4]] == ["erased-1"] * 2
    again = run(database, claim, ruling)
    assert [one.view for one in again] == [one.view for one in outcomes[2:4]]


def test_a_failure_leaves_nothing_behind(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever of a transaction was written when it ends, all of it or nothing is stored."""
    run(database, with_evidence(reported()))
    before = books(database), database.read(read_position)

    def fail(*_: Any) -> None:
        raise RuntimeError("the power is gone")

    for module, last in (
        (targets, "insert_contents"),
        (audit, "insert_audit"),
        (targets, "insert_keys"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(module, last, fail)
            command = disputed(idempotency_key="k")
            with pytest.raises(RuntimeError, match="the power is gone"):
                database.run(carry_out, with_evidence(command))
        assert (books(database), database.read(read_position)) == before


# --- The database -------------------------------------------------------------------------------


def test_migrations_make_the_tables_that_the_queries_know(engine: Engine) -> None:
    """The migrated schema and the tables of tables.py do not drift apart."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_keeps_everything(settings: ModerationSettings, database: Database) -> None:
    """The command is harmless on a migrated database: same epoch, same revision."""
    run(database, with_evidence(reported()))
    before = database.read(read_position)
    migrate(SERVICE, settings)
    assert database.read(read_position) == before


def test_an_empty_database_is_not_served(empty_database: str) -> None:
    """A database without the newest migration is refused with what to do."""
    engine = open_engine(empty_database, "reader")
    with pytest.raises(NotMigrated, match="run the migrate command"):
        check(engine, SERVICE.migrations)
    engine.dispose()


def test_hot_statements_go_through_indexes(database: Database) -> None:
    """None walks through a table or sorts one, however many cases there are."""
    tasks: list[AnyTask] = []
    for number in range(30):
        report = reported(subject=replace(MESSAGE, id=f"message-{number}"))
        tasks += [
            report,
            Task(ClaimCase("mia", MODERATOR, report.ids.case, idempotency_key=f"k-{number}")),
        ]
        measures = banned("cid"), measure(SanctionKind.CONVERSATION_LOCKED)
        if number < 3:
            tasks.append(decision(report.ids.case, *measures, version=2))
        tasks.append(disputed(service=f"service-{number}", idempotency_key=f"k-{number}"))
    database.run(operation(Limits(open_reports=100, reports=100)), *tasks)
    for name, statement in statements.HOT_STATEMENTS.items():
        searches, bad = explain(database.engine, str(statement.compile(database.engine)))
        assert searches, name
        assert bad == [], name


def test_what_was_read_is_what_was_written(database: Database) -> None:
    """A report is what the command said, to the letter, whatever letters."""
    comment = "<script>alert('\u202eevil')</script> \N{CAT FACE}\ttab\nline"
    report = reported(comment=comment)
    run(database, with_evidence(report))
    assert books(database).cases[report.ids.case].reports[0].comment == comment
