"""Arguments of commands: every field with bad and hostile input."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.case import commands
from moderation_service.domain.case.entities import AppealStatus, SubjectKind, Verdict
from moderation_service.domain.dispute.commands import (
    Acceptance,
    DecideDispute,
    FireTimers,
    HoldPlaced,
    HoldRefused,
    HoldResolved,
    HoldUnresolvable,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import Outcome, Settlement
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.shared.commands import Command, EraseUser, ExpireEvidence
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.reasons import ReportReason
from moderation_service.domain.shared.refusals import Reason
from moderation_service.operations.runner import check_arguments as check
from moderation_service.operations.tasks import Task
from service_kit.idempotency import fingerprint
from service_kit.rules import INVALID_ARGUMENT, Refusal
from tests.moderation_service import story

ERASER = ("data_protection",)


def check_arguments(command: Command[Any, Any], limits: Limits) -> Refusal | None:
    return check(Task(command), limits)


REPORT: Any = story.reported().command
APPEAL = commands.CreateAppeal("bob", "d", "That was not me.")
DISPUTE: Any = story.disputed().command
SAYING = SubmitDisputeStatement("ann", "d", "It was so.")
DECISION = commands.DecideCase(
    "mia", story.MODERATOR, "c", 1, Verdict.VIOLATION, (story.banned(),), "A clear case."
)
REVIEW = commands.DecideAppeal("mia", story.MODERATOR, "a", 1, AppealStatus.UPHELD, "It stands.")
LIFTING = commands.LiftSanction("mia", story.MODERATOR, "s", "It was enough.")
RULING = DecideDispute("mia", story.MODERATOR, "d", 1, Outcome.RESUME, "facts", "rule")
COMMANDS: list[Any] = [
    REPORT,
    APPEAL,
    DISPUTE,
    SAYING,
    commands.ClaimCase("mia", story.MODERATOR, "c"),
    commands.ReleaseCase("mia", story.MODERATOR, "c"),
    DECISION,
    REVIEW,
    LIFTING,
    RULING,
]
PLAIN: list[Command[Any, Any]] = [
    HoldPlaced("d", 1),
    HoldRefused("d", "no"),
    HoldResolved("d"),
    HoldUnresolvable("d", "no"),
    FireTimers("d"),
    ExpireEvidence(),
    EraseUser("dora", ERASER, "bob"),
]


def kind(command: object) -> str:
    return type(command).__name__


@pytest.mark.parametrize("command", [*COMMANDS, *PLAIN], ids=kind)
def test_good_arguments_are_good(command: Command[Any, Any]) -> None:
    assert check_arguments(command, story.LIMITS) is None


@pytest.mark.parametrize("command", COMMANDS, ids=kind)
@pytest.mark.parametrize("actor", ["", "x" * 129, "a\nb", "a\0b", "\ud800"])
def test_an_actor_has_a_name(command: Any, actor: str) -> None:
    refusal = check_arguments(replace(command, actor=actor), story.LIMITS)
    assert refusal is not None
    assert (refusal.reason, refusal.field) == (INVALID_ARGUMENT, "actor")


@pytest.mark.parametrize("command", COMMANDS, ids=kind)
@pytest.mark.parametrize("key", ["x" * 65, "a\nb"])
def test_a_key_is_a_line(command: Any, key: str) -> None:
    refusal = check_arguments(replace(command, idempotency_key=key), story.LIMITS)
    assert refusal is not None
    assert refusal.field == "idempotency_key"


WORDS: list[tuple[Any, str, str, int]] = [
    (REPORT, "comment", "comment_limit", story.LIMITS.comment),
    (APPEAL, "text", "appeal_limit", story.LIMITS.appeal),
    (DISPUTE, "statement", "statement_limit", story.LIMITS.statement),
    (SAYING, "text", "statement_limit", story.LIMITS.statement),
    (DECISION, "note", "note_limit", story.LIMITS.note),
    (REVIEW, "answer", "facts_limit", story.LIMITS.facts),
    (LIFTING, "reason", "note_limit", story.LIMITS.note),
    (RULING, "facts", "facts_limit", story.LIMITS.facts),
    (RULING, "rule", "rule_limit", story.LIMITS.rule),
]


@pytest.mark.parametrize(("command", "field", "limit", "longest"), WORDS)
def test_words_are_bounded_and_can_be_stored(
    command: Any, field: str, limit: str, longest: int
) -> None:
    """As many characters as the setting says; none that a database could not keep."""
    assert check_arguments(replace(command, **{field: "é" * longest}), story.LIMITS) is None
    too_long = check_arguments(replace(command, **{field: "é" * (longest + 1)}), story.LIMITS)
    assert too_long is not None
    assert (too_long.field, too_long.limit) == (field, limit)
    for bad in ("a\0b", "half \ud83d of a pair"):
        refusal = check_arguments(replace(command, **{field: bad}), story.LIMITS)
        assert refusal is not None
        assert (refusal.reason, refusal.field) == (INVALID_ARGUMENT, field)


@pytest.mark.parametrize(
    ("command", "field"),
    [(one, field) for one, field, *_ in WORDS if field not in {"comment", "note"}],
)
@pytest.mark.parametrize("blank", ["", " \n\t"])
def test_what_must_be_said_is_said(command: Any, field: str, blank: str) -> None:
    refusal = check_arguments(replace(command, **{field: blank}), story.LIMITS)
    assert refusal is not None
    assert (refusal.reason, refusal.field) == (INVALID_ARGUMENT, field)


@pytest.mark.parametrize("blank", ["", " "])
def test_another_reason_needs_a_comment(blank: str) -> None:
    other = replace(REPORT, reason=ReportReason.OTHER, comment=blank)
    refusal = check_arguments(other, story.LIMITS)
    assert refusal is not None
    assert refusal.field == "comment"
    assert check_arguments(replace(other, comment="It is odd."), story.LIMITS) is None


NAMES: list[tuple[Any, str, Reason]] = [
    (APPEAL, "decision", Reason.DECISION_NOT_FOUND),
    (DISPUTE, "service", Reason.SERVICE_NOT_FOUND),
    (SAYING, "dispute", Reason.DISPUTE_NOT_FOUND),
    (COMMANDS[4], "case", Reason.CASE_NOT_FOUND),
    (COMMANDS[5], "case", Reason.CASE_NOT_FOUND),
    (DECISION, "case", Reason.CASE_NOT_FOUND),
    (REVIEW, "appeal", Reason.APPEAL_NOT_FOUND),
    (LIFTING, "sanction", Reason.SANCTION_NOT_FOUND),
    (RULING, "dispute", Reason.DISPUTE_NOT_FOUND),
]


@pytest.mark.parametrize(("command", "field", "reason"), NAMES)
@pytest.mark.parametrize("name", ["", "x" * 65, "é", "a\0b"])
def test_what_cannot_exist_is_not_found(
    command: Any, field: str, reason: Reason, name: str
) -> None:
    """In the words for what does not, so that nobody learns what a name looks like."""
    refusal = check_arguments(replace(command, **{field: name}), story.LIMITS)
    assert refusal is not None
    assert refusal.reason is reason


@pytest.mark.parametrize("subject_kind", SubjectKind)
def test_a_subject_that_cannot_exist(subject_kind: SubjectKind) -> None:
    subject = commands.SubjectName(subject_kind, "a\0b")
    refusal = check_arguments(replace(REPORT, subject=subject), story.LIMITS)
    assert refusal is not None
    thing = "dispute" if subject_kind is SubjectKind.STATEMENT else subject_kind
    assert refusal.reason == f"{thing.upper()}_NOT_FOUND"


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (replace(DECISION, measures=()), "measures"),
        (replace(DECISION, verdict=Verdict.NO_VIOLATION), "measures"),
        (replace(DECISION, measures=(story.banned(), story.banned())), "measures"),
        (replace(DECISION, measures=(story.banned(),) * 11), "measures"),
        (
            replace(DECISION, measures=(replace(story.banned(), facts="x" * 4_001),)),
            "measures[0].facts",
        ),
        (replace(DECISION, measures=(replace(story.banned(), facts="a\0b"),)), "measures[0].facts"),
        (
            replace(DECISION, measures=(replace(story.banned(), rule="x" * 201),)),
            "measures[0].rule",
        ),
        (replace(DECISION, measures=(replace(story.banned(), rule="a\nb"),)), "measures[0].rule"),
        (
            replace(DECISION, measures=(story.measure(SanctionKind.MESSAGE_REMOVED, message="é"),)),
            "measures[0].message_id",
        ),
        (replace(REVIEW, outcome=AppealStatus.OPEN), "outcome"),
        (replace(SAYING, withdraw=True, propose=Settlement(1, 1)), "action"),
        (replace(SAYING, propose=Settlement(-1, 1)), "propose.provider_minor"),
        (replace(SAYING, propose=Settlement(1, -1)), "propose.client_minor"),
        (
            replace(SAYING, accept=Acceptance(1, Settlement(1, -1))),
            "accept.settlement.client_minor",
        ),
        (replace(RULING, outcome=Outcome.SPLIT), "split"),
        (replace(RULING, split=Settlement(1, 1)), "split"),
        (
            replace(RULING, outcome=Outcome.SPLIT, split=Settlement(-1, 1)),
            "split.provider_minor",
        ),
        (EraseUser("", ERASER, "bob"), "actor"),
        (EraseUser("dora", ERASER, ""), "user"),
    ],
)
def test_other_arguments(command: Command[Any, Any], field: str) -> None:
    refusal = check_arguments(command, story.LIMITS)
    assert refusal is not None
    assert (refusal.reason, refusal.field) == (INVALID_ARGUMENT, field)


def test_words_may_be_left_out_beside_an_act() -> None:
    for act in ({"withdraw": True}, {"propose": Settlement(1, 1)}):
        assert check_arguments(replace(SAYING, text="", **act), story.LIMITS) is None


@given(st.data())
def test_nothing_that_people_send_is_an_error(data: st.DataObject) -> None:
    command = data.draw(st.sampled_from(COMMANDS))
    words = st.text(st.characters(exclude_categories=()), max_size=200)
    texts = [name for name in command.__slots__ if type(getattr(command, name)) is str]
    changes = {name: data.draw(words) for name in texts}
    refusal = check_arguments(replace(command, **changes), Limits(comment=50, appeal=50))
    assert refusal is None or isinstance(refusal, Refusal)


def test_the_same_words_are_the_same_command() -> None:
    """The words of the client make the difference, and neither the key nor the roles."""
    assert fingerprint(replace(REPORT, idempotency_key="k")) == fingerprint(REPORT)
    for other in (
        replace(REPORT, comment="And this."),
        replace(REPORT, reason=ReportReason.HATE),
        replace(
            REPORT, subject=commands.SubjectName(story.CONVERSATION.kind, story.CONVERSATION.id)
        ),
    ):
        assert fingerprint(other) != fingerprint(REPORT)
    assert fingerprint(replace(DISPUTE, statement="Else.")) != fingerprint(DISPUTE)
    assert fingerprint(replace(SAYING, withdraw=True)) != fingerprint(SAYING)
    assert fingerprint(replace(DECISION, roles=())) == fingerprint(DECISION)
    assert fingerprint(replace(DECISION, version=2)) != fingerprint(DECISION)
