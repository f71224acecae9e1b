"""The unit of work: what is written and told, and no word of who is erased."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from moderation_service.domain.case import commands
from moderation_service.domain.case.entities import AppealStatus, Subject, SubjectKind
from moderation_service.domain.dispute.commands import (
    FireTimers,
    HoldPlaced,
    HoldResolved,
    SubmitDisputeStatement,
)
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.shared.commands import ExpireEvidence
from moderation_service.domain.shared.erasure import ERASED, Kept, KeptBecause
from moderation_service.domain.shared.limits import DAY
from moderation_service.domain.shared.refusals import Reason
from moderation_service.operations.changes import list_changes
from moderation_service.operations.notifications import (
    ConversationLockChanged,
    DisputeChanged,
    MessageRemovalChanged,
    ReportStatusChanged,
    Sanctioned,
    StandingChanged,
)
from moderation_service.operations.paging import Page
from moderation_service.operations.queries import get_dispute, list_own_disputes
from moderation_service.operations.tasks import Answer, Task
from moderation_service.settings import ModerationSettings
from moderation_service.storage import audit, targets
from moderation_service.storage.tables import events, idempotency_keys, metadata, notifications
from service_kit.idempotency import IdempotentCommand, fingerprint
from service_kit.rules import Position
from service_kit.storage.clock import read_position
from tests.moderation_service.operations.test_runner import (
    books,
    carry_out,
    decided,
    reasons,
    run,
    with_evidence,
)
from tests.moderation_service.story import (
    CONVERSATION,
    LIMITS,
    MESSAGE,
    MODERATOR,
    appealed,
    decision,
    disputed,
    erasure,
    measure,
    muted,
    reported,
)
from tests.support.serving import Database

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
        commands.ClaimCase("mia", MODERATOR, report.ids.case),
        ruling,
        appealed("bob", ruling.ids.made, "Not me."),
    )
    appeal = books(database).cases[report.ids.case].appeals[0].id
    review = commands.DecideAppeal("max", MODERATOR, appeal, 4, AppealStatus.UPHELD, "It stands.")
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
    run(database, commands.ClaimCase("mia", MODERATOR, case), decision(case, version=2))
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
        commands.LiftSanction("max", MODERATOR, sanction, "for bob"),
        erasure("bob", case),
        erasure("ann", case, "erased-2"),
    )
    assert reasons(outcomes) == ["", "", ""]
    written = everything_written(database.engine)
    assert '"bob"' not in written
    assert "for bob" not in written
    with database.engine.connect() as connection:
        told_to = connection.execute(select(notifications.c.first_id)).scalars().all()
        keys = connection.execute(select(idempotency_keys.c.key)).scalars().all()
    assert not {"ann", "bob"}.intersection(told_to)
    assert keys == []


def fingerprints(database: Database) -> set[str]:
    with database.engine.connect() as connection:
        return set(connection.execute(select(idempotency_keys.c.fingerprint)).scalars())


def test_with_erased_words_their_digests_are_gone(database: Database) -> None:
    """Of the person's own, and of what moderators said of them: whoever has the database finds no
    short text by trying. Those of other cases stay.
    """
    report = reported(comment="1234", idempotency_key="k")
    case = report.ids.case
    warning = replace(measure(SanctionKind.WARNING), facts="5678")
    ruling = decision(case, warning, version=2, note="90", idempotency_key="k")
    elsewhere = reported("cid", CONVERSATION, idempotency_key="k")
    claim = commands.ClaimCase("mia", MODERATOR, case)
    run(database, with_evidence(report), claim, ruling, with_evidence(elsewhere))
    appeal = appealed("bob", ruling.ids.made, "21", idempotency_key="k")
    run(database, appeal)
    review = commands.DecideAppeal(
        "max", MODERATOR, appeal.ids.made, 4, AppealStatus.UPHELD, "43", idempotency_key="k"
    )
    run(database, review)
    asked = (report.command, ruling.command, appeal.command, review)
    digests = {fingerprint(one) for one in asked if isinstance(one, IdempotentCommand)}
    assert len(digests) == 4
    assert digests < fingerprints(database)
    database.now += LIMITS.appeal_window
    assert reasons(run(database, erasure("bob", case))) == [""]
    other = elsewhere.command
    assert isinstance(other, IdempotentCommand)
    assert fingerprints(database) == {fingerprint(other)}


def test_with_erased_statements_their_digests_are_gone(database: Database) -> None:
    """Of a dispute that has ended: of both parties, and of who decided."""
    dispute = disputed(statement="1234", idempotency_key="k")
    said = SubmitDisputeStatement("ann", dispute.ids.made, "5678", idempotency_key="k")
    run(database, with_evidence(dispute), HoldPlaced(dispute.ids.made, 10_000), said)
    run(database, SubmitDisputeStatement("bob", dispute.ids.made, withdraw=True))
    run(database, HoldResolved(dispute.ids.made))
    assert len(fingerprints(database)) == 2
    database.now += LIMITS.dispute_evidence
    assert reasons(run(database, erasure("bob", dispute.ids.made))) == [""]
    assert fingerprints(database) == set()


def test_when_evidence_expires_no_words_of_commands_go(database: Database) -> None:
    """So that a digest beside them tells nothing: they stand in the same database."""
    report = reported(comment="my own words", idempotency_key="k")
    case = report.ids.case
    claim = commands.ClaimCase("mia", MODERATOR, case)
    ruling = decision(case, version=2, note="a note")
    made = run(database, with_evidence(report), claim, ruling)
    assert reasons(made) == ["", "", ""]
    database.now += LIMITS.appeal_window + DAY
    assert reasons(run(database, Task(ExpireEvidence(), case))) == [""]
    assert "my own words" in everything_written(database.engine)
    assert "a note" in everything_written(database.engine)
    assert run(database, report)[0].duplicate


def test_a_resend_after_an_erasure_shows_nobody(database: Database) -> None:
    """In the same transaction and later: the keys of the case are forgotten."""
    report = reported(idempotency_key="k")
    claim = commands.ClaimCase("mia", MODERATOR, report.ids.case, idempotency_key="k")
    ruling = decision(report.ids.case, version=2, idempotency_key="d")
    database.run(carry_out, with_evidence(report), Task(claim))
    database.now += 1
    (decided_,) = database.run(carry_out, ruling)
    assert decided_.view.case.reports[0].reporter == "ann"
    database.now += LIMITS.appeal_window
    lone = Task(report.command)
    outcomes = run(database, claim, erasure("ann", report.ids.case), claim, ruling, lone)
    assert outcomes[0].duplicate
    decided_already = [Reason.INVALID_STATE] * 2
    assert reasons(outcomes) == ["", "", *decided_already, Reason.MESSAGE_NOT_FOUND]
    seen = [one.current for one in outcomes[2:4]]
    assert [one.case.reports[0].reporter for one in seen] == ["erased-1"] * 2
    assert reasons(run(database, claim, ruling)) == decided_already


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


# --- What is told -------------------------------------------------------------------------------


def told(database: Database, kind: type[Any]) -> list[Any]:
    """Contents of a kind that were told so far, with their recipients."""
    return [(to, what) for _, to, what in database.events if isinstance(what, kind)]


def test_a_standing_is_made_of_all_cases(database: Database) -> None:
    """Lifting one of two mutes leaves the other, and what is told says so."""
    one = decided(database, muted(database.now + DAY))
    decided(database, muted(database.now + 2 * DAY), subject=CONVERSATION)
    first = books(database).cases[one].sanctions[0]
    run(database, commands.LiftSanction("max", MODERATOR, first.id, "Enough."))
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
        run(database, commands.LiftSanction("max", MODERATOR, sanction.id, "Enough."))
    locks = told(database, ConversationLockChanged)
    assert [(to, what.locked) for to, what in locks] == [
        ((), True), ((), True), ((), True), ((), False),
    ]  # fmt: skip
    assert [what for _, what in told(database, MessageRemovalChanged)] == [
        MessageRemovalChanged("talk", MESSAGE.id, removed=True)
    ]


def statement_of(dispute: str, number: int) -> Subject:
    return Subject(SubjectKind.STATEMENT, f"{dispute}.{number}", "talk")


def texts(database: Database, dispute: str, reader: str = "ann") -> list[str]:
    """What a party is shown of a dispute, in each of the ways that there are."""
    now, limits = database.now, LIMITS
    page = Page(10, "", 10)
    whole = database.read(get_dispute, reader, dispute, now, limits, moderates=False)
    listed = database.read(list_own_disputes, reader, "", page, now, limits, open_only=False)
    shown = [one.text for one in whole.view.dispute.statements]
    (same,) = [one for one in listed.disputes if one.dispute.id == dispute]
    assert [one.text for one in same.dispute.statements] == shown
    return shown


def replayed(database: Database, dispute: str) -> str:
    """All that a resume from the beginning tells a party of a dispute, with its words."""
    position = database.read(read_position)
    start = Position(position.epoch, 0)
    found = database.read(
        list_changes, "ann", start, position, Page(100, "", 100), database.now, LIMITS,
        everything=False,
    )  # fmt: skip
    contents = [what for one in found.changes for _, what in one.events]
    told = [one for one in contents if isinstance(one, DisputeChanged)]
    assert told
    return str([one.view("ann") for one in told if one.dispute.id == dispute])


def test_a_removed_statement_is_gone_for_both_until_nothing_removes_it(database: Database) -> None:
    """In pages, answers, repeats, pushes and after a resume, under a new version; two cases remove
    it, and the end of one changes nothing.
    """
    dispute = disputed("bob", statement="You filthy liar.", idempotency_key="k")
    made = dispute.ids.made
    run(database, with_evidence(dispute), HoldPlaced(made, 10_000))
    run(database, SubmitDisputeStatement("ann", made, "It was fine."))
    removal = measure(SanctionKind.STATEMENT_REMOVED)
    cases = [decided(database, removal, subject=statement_of(made, 1)) for _ in range(2)]
    version = books(database).disputes[made].seq
    assert texts(database, made) == texts(database, made, "bob") == ["", "It was fine."]
    assert "filthy" not in replayed(database, made)
    (repeat,) = run(database, dispute)
    assert (repeat.duplicate, repeat.view.dispute.statements[0].text) == (True, "")
    (answer,) = run(database, SubmitDisputeStatement("ann", made, "I mean it."))
    assert answer.view.dispute.statements[0].text == ""
    pushed = told(database, DisputeChanged)
    (removed,) = [one for one in pushed if one[1].cause == "statement_removed"]
    assert removed[0] == ("ann", "bob")
    assert "filthy" not in str([removed[1].view(one) for one in removed[0]])
    whole = database.read(get_dispute, "mia", made, database.now, LIMITS, moderates=True)
    first = whole.view.dispute.statements[0]
    assert (first.text, first.removed) == ("You filthy liar.", True)
    for case in cases:
        assert texts(database, made)[0] == ""
        sanction = books(database).cases[case].sanctions[0].id
        run(database, commands.LiftSanction("max", MODERATOR, sanction, "Enough."))
    assert texts(database, made)[0] == "You filthy liar."
    assert "filthy" in replayed(database, made)
    assert books(database).disputes[made].seq == version + 2
    assert told(database, MessageRemovalChanged) == []


def test_who_was_reported_is_told_no_word_of_reports(database: Database) -> None:
    """Notifications of a report go to its reporter alone (M4)."""
    decided(database, muted(database.now + DAY))
    assert {to for to, _ in told(database, ReportStatusChanged)} == {("ann",)}
