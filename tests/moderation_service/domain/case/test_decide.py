"""Each row of the tables of cases, reports, appeals and sanctions by an example, each refusal."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from moderation_service.domain.case.entities import AppealStatus, CaseState, ReportStatus, Subject
from moderation_service.domain.case.events import Cause, Undoing, replay
from moderation_service.domain.case.transitions import (
    APPEAL_TRANSITIONS,
    CASE_TRANSITIONS,
    SANCTION_TRANSITIONS,
)
from moderation_service.domain.sanctions.entities import LiftCause, Measure, SanctionKind, Scope
from moderation_service.domain.sanctions.measures import MEASURES, Activity, Inverse, Lasting
from moderation_service.domain.sanctions.standing import removed_authors, standing
from moderation_service.domain.sanctions.statement_of_reasons import missing
from moderation_service.domain.shared.limits import DAY, HOUR, MINUTE, Limits
from moderation_service.domain.shared.reasons import Severity
from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import INVALID_ARGUMENT
from tests.moderation_service.story import (
    CONVERSATION,
    LIMITS,
    MESSAGE,
    START,
    STATEMENT_OF_BOB,
    CaseStory,
    banned,
    decided_case,
    decided_for,
    measure,
    muted,
    refused,
)

WARNING, REMOVED, STATEMENT, LOCKED, MUTED, SUSPENDED, BANNED = SanctionKind


# --- Each row -----------------------------------------------------------------------------------

STEPS: dict[str, Callable[[CaseStory], object]] = {
    "report": lambda story: story.report(),
    "report again": lambda story: story.report("cid"),
    "claim": lambda story: story.claim(),
    "release": lambda story: story.release(),
    "ban": lambda story: story.decide(banned()),
    "clear": lambda story: story.decide(),
    "claim and ban": lambda story: story.rule(banned()),
    "appeal": lambda story: story.appeal(),
    "uphold": lambda story: story.review(AppealStatus.UPHELD),
    "lift": lambda story: story.lift(),
}
# What has been done before, then the step, where the case then stands, and as what it is told.
EXAMPLES: list[tuple[str, str, CaseState, Cause]] = [
    ("", "report", CaseState.OPEN, Cause.OPENED),
    ("report", "report again", CaseState.OPEN, Cause.REPORT_JOINED),
    ("report, claim", "report again", CaseState.CLAIMED, Cause.REPORT_JOINED),
    ("report", "claim", CaseState.CLAIMED, Cause.CLAIMED),
    ("report, claim", "claim", CaseState.CLAIMED, Cause.CLAIM_RENEWED),
    ("report, claim", "release", CaseState.OPEN, Cause.RELEASED),
    ("report, claim", "ban", CaseState.DECIDED, Cause.VIOLATION_FOUND),
    ("report, claim", "clear", CaseState.DECIDED, Cause.NO_VIOLATION_FOUND),
    ("report, claim and ban", "appeal", CaseState.DECIDED, Cause.APPEALED),
    ("report, claim and ban, appeal", "uphold", CaseState.DECIDED, Cause.APPEAL_UPHELD),
    ("report, claim and ban", "lift", CaseState.DECIDED, Cause.SANCTION_LIFTED),
]


@pytest.mark.parametrize(("before", "step", "state", "cause"), EXAMPLES)
def test_each_step_leads_where_the_table_says(
    before: str, step: str, state: CaseState, cause: Cause
) -> None:
    """One event with the cause of its row, the state of its row, and the next version."""
    story = CaseStory()
    for one in filter(None, before.split(", ")):
        STEPS[one](story)
    seq = len(story.events)
    STEPS[step](story)
    (event,) = story.events[seq:]
    assert (event.cause, event.state, story.case.state) == (cause, state, state)
    assert event.seq == story.case.seq == seq + 1
    assert replay(story.events) == story.case


def test_examples_miss_no_row() -> None:
    """Rows that follow from others have tests of their own; all the rest are among the examples."""
    following = {Cause.CLAIM_LAPSED, Cause.REOPENED, Cause.ANNULLED, Cause.APPEAL_OVERTURNED}
    tables = (*CASE_TRANSITIONS, *APPEAL_TRANSITIONS, *SANCTION_TRANSITIONS)
    assert {row.cause for row in tables} == following | {cause for *_, cause in EXAMPLES}


def test_a_claim_lapses_by_itself() -> None:
    """A lease that is over has ended when it was over, whoever looks and whenever."""
    story = CaseStory()
    story.report()
    story.claim()
    story.now += LIMITS.lease - 1
    refused(Reason.CLAIMED_BY_OTHER, story.claim, "max")
    story.now += HOUR
    lapsed, claimed = story.claim("max")
    assert (lapsed.cause, lapsed.at, lapsed.by) == (Cause.CLAIM_LAPSED, START + LIMITS.lease, "")
    assert (claimed.cause, claimed.seq) == (Cause.CLAIMED, 4)
    assert story.case.lease is not None
    assert story.case.lease.by == "max"


def test_renewing_lengthens_a_claim() -> None:
    story = CaseStory()
    story.report()
    story.claim()
    story.now += 20 * MINUTE
    story.claim()
    story.now += 20 * MINUTE
    story.decide(banned())
    assert story.case.state is CaseState.DECIDED


def test_overturning_for_the_sanctioned_undoes_each_measure_by_its_inverse() -> None:
    """M3: each measure is undone once, by the inverse that the table names; the reports follow."""
    until = START + DAY
    kinds = [muted(until), measure(REMOVED), measure(LOCKED), measure(WARNING), banned()]
    story = decided_case(*kinds, measure(SUSPENDED, until=until))
    story.appeal()
    events = story.review(AppealStatus.OVERTURNED)
    undoings = [one.details for one in events if isinstance(one.details, Undoing)]
    # A case about a message removes no statement.
    assert {one.inverse for one in undoings} == set(Inverse) - {Inverse.RESTORE_STATEMENT}
    for one in undoings:
        sanction = story.case.sanction(one.sanction)
        assert sanction is not None
        assert one.inverse is MEASURES[sanction.kind].inverse
        assert one.lift.cause is LiftCause.OVERTURNED
    assert [one.cause for one in events][-1] is Cause.ANNULLED
    assert standing("bob", story.case.sanctions, story.now).sanctions == ()
    assert story.case.reports[0].status is ReportStatus.NO_VIOLATION


def test_overturning_for_one_leaves_what_concerns_another() -> None:
    """Of a decision against two, who appeals gets undone what concerns them, also if both."""
    story = decided_case(banned("bob"), banned("cid"), measure(LOCKED))
    story.appeal("bob")
    story.review(AppealStatus.OVERTURNED)
    assert not standing("bob", story.case.sanctions, story.now).banned
    assert standing("cid", story.case.sanctions, story.now).banned
    assert story.case.reports[0].status is ReportStatus.ACTIONED, "something is left of it"


def test_overturning_for_a_reporter_has_the_case_decided_anew_by_another() -> None:
    """The inverse of finding nothing is to look again; the first moderator does not."""
    story = decided_case()
    first = story.case.decisions[0]
    assert story.case.reports[0].decision == first.id
    story.appeal("ann")
    events = story.review(AppealStatus.OVERTURNED)
    assert [one.cause for one in events] == [Cause.APPEAL_OVERTURNED, Cause.REOPENED]
    assert story.case.state is CaseState.OPEN
    assert story.case.reports[0].status is ReportStatus.IN_REVIEW
    assert story.case.due_at == START + LIMITS.due(Severity.HIGH)
    refused(Reason.SAME_MODERATOR, story.claim, "mia")
    second = story.rule(banned(), actor="max")
    assert [one.id for one in story.case.decisions] == [first.id, second]
    assert story.case.reports[0].decision == second


def test_what_was_reopened_once_is_not_reopened_again() -> None:
    """A reporter gets a second look and no third; who is sanctioned by it may still appeal."""
    story = decided_case()
    story.appeal("ann")
    story.review(AppealStatus.OVERTURNED)
    story.rule(banned(), actor="max")
    refused(Reason.NOTHING_TO_APPEAL, story.appeal, "ann")
    story.appeal("bob")


def test_two_appeals_of_reporters_reopen_a_case_once() -> None:
    story = CaseStory()
    story.report("ann")
    story.report("cid")
    story.rule()
    appeals = [story.appeal("ann"), story.appeal("cid")]
    story.review(AppealStatus.OVERTURNED, appeal=appeals[0])
    events = story.review(AppealStatus.OVERTURNED, appeal=appeals[1])
    assert [one.cause for one in events] == [Cause.APPEAL_OVERTURNED]
    assert story.case.reopenings == 1


def test_an_appeal_against_an_earlier_decision_reopens_nothing() -> None:
    """The decision was made anew meanwhile, though there may be another look."""
    story = CaseStory(limits=Limits(reopenings=2))
    story.report("ann")
    story.report("cid")
    story.rule()
    appeals = [story.appeal("ann"), story.appeal("cid")]
    story.review(AppealStatus.OVERTURNED, appeal=appeals[0])
    story.rule(banned(), actor="max")
    story.review(AppealStatus.OVERTURNED, "moe", appeal=appeals[1])
    assert story.case.state is CaseState.DECIDED
    assert story.case.reopenings == 1


def test_an_annulled_decision_leaves_reports_that_a_later_one_decided() -> None:
    """After a reopening the reports are the second decision's, whatever becomes of the first."""
    story = decided_case(measure(WARNING))
    first = story.case.decisions[0].id
    story.appeal("ann")
    of_bob = story.appeal("bob", first)
    story.review(AppealStatus.OVERTURNED, appeal=story.case.appeals[0].id)
    story.rule(banned(), actor="max")
    story.review(AppealStatus.OVERTURNED, actor="moe", appeal=of_bob)
    assert story.case.reports[0].status is ReportStatus.ACTIONED
    assert standing("bob", story.case.sanctions, story.now).banned


# --- Deciding -----------------------------------------------------------------------------------


def test_two_moderators_do_not_decide_one_case_twice() -> None:
    """M5: the second learns how the case stands; nothing of what they asked for happens."""
    story = CaseStory()
    story.report()
    story.claim("mia")
    version = story.case.seq
    refused(Reason.CLAIMED_BY_OTHER, story.decide, actor="max", version=version)
    story.decide(banned(), version=version)
    before = story.case
    refusal = refused(Reason.INVALID_STATE, story.decide, version=version)
    assert refusal.current == story.case == before


def test_who_decides_has_seen_everything() -> None:
    """A report that came meanwhile makes the version stale, and the refusal shows it."""
    story = CaseStory()
    story.report()
    story.claim()
    version = story.case.seq
    story.report("cid")
    refusal = refused(Reason.STALE_CASE, story.decide, version=version)
    assert refusal.current == story.case
    story.decide(version=version + 1)


def test_a_case_is_claimed_before_it_is_decided() -> None:
    story = CaseStory()
    story.report()
    refused(Reason.NOT_CLAIMED, story.decide)
    refused(Reason.NOT_CLAIMED, story.release)


def test_a_claim_is_its_holders() -> None:
    story = CaseStory()
    story.report()
    story.claim("mia")
    for tell in (story.claim, story.release):
        refused(Reason.CLAIMED_BY_OTHER, tell, "max")


@pytest.mark.parametrize("who", ["ann", "bob", "cid"])
def test_nobody_moderates_what_they_have_a_part_in(who: str) -> None:
    """M4: reporter or participant, a moderator does not even learn that there is a case."""
    story = decided_case(banned())
    story.appeal("bob")
    case = story.case
    refused(Reason.CASE_NOT_FOUND, story.claim, who)
    refused(Reason.CASE_NOT_FOUND, story.release, who)
    refused(Reason.CASE_NOT_FOUND, story.decide, actor=who)
    refused(Reason.APPEAL_NOT_FOUND, story.review, AppealStatus.UPHELD, who)
    refused(Reason.SANCTION_NOT_FOUND, story.lift, actor=who)
    assert story.case == case


@pytest.mark.parametrize("subject", [MESSAGE, CONVERSATION])
def test_a_statement_is_removed_by_a_case_about_it(subject: Subject) -> None:
    """By no other; and such a case removes no message."""
    story = CaseStory()
    story.report(subject=subject)
    story.claim()
    refused(INVALID_ARGUMENT, story.decide, measure(STATEMENT), at="measures[0].kind")
    other = CaseStory()
    other.report(subject=STATEMENT_OF_BOB)
    other.claim()
    field = "measures[0].message_id"
    refused(INVALID_ARGUMENT, other.decide, measure(REMOVED), at=field)
    named = measure(STATEMENT, message="dispute-1.1")
    refused(INVALID_ARGUMENT, other.decide, named, at=field)
    other.decide(measure(STATEMENT))
    assert other.case.sanctions[0].users == ("bob",)


def test_of_a_message_with_words_of_both_each_is_removed() -> None:
    """As the measures say; without a name, those of who was accused first."""
    story = CaseStory()
    story.report("ann", author="bob")
    story.report("bob", author="ann")
    story.claim()
    story.decide(measure(REMOVED, "bob"), measure(REMOVED, "ann"))
    assert [one.users for one in story.case.sanctions] == [("bob",), ("ann",)]
    removed = removed_authors(MESSAGE.id, story.case.sanctions, story.now)
    assert removed == {"ann", "bob"}
    story.lift(story.case.sanctions[0].id)
    assert removed_authors(MESSAGE.id, story.case.sanctions, story.now) == {"ann"}


@pytest.mark.parametrize("kind", SanctionKind)
def test_each_sanction_explains_itself(kind: SanctionKind) -> None:
    """M1: what, what it reaches, how long, facts, rule, whether a machine did it, how to appeal."""
    lasts = MEASURES[kind].lasting is Lasting.UNTIL_TIME
    story = decided_for(measure(kind, until=START + DAY if lasts else None))
    (sanction,) = story.case.sanctions
    statement = sanction.statement
    assert missing(statement) == ()
    assert statement.kind is sanction.kind is kind
    reached = {
        Scope.ACCOUNT: "bob",
        Scope.MESSAGE: MESSAGE.id,
        Scope.STATEMENT: STATEMENT_OF_BOB.id,
        Scope.CONVERSATION: "talk",
    }
    assert statement.scope_id == reached[statement.scope]
    assert statement.until == sanction.until
    assert not statement.automated_detection
    assert not statement.automated_decision
    assert statement.appeal_until == START + LIMITS.appeal_window


@pytest.mark.parametrize(
    ("changes", "part"),
    [({"facts": " "}, "facts"), ({"rule": ""}, "rule"), ({"until": None}, "until_time")],
)
def test_no_sanction_without_its_reasons(changes: dict[str, Any], part: str) -> None:
    """M1: a decision that leaves one unsaid is refused as a whole."""
    story = CaseStory()
    story.report()
    story.claim()
    bad = replace(muted(START + DAY), **changes)
    refused(INVALID_ARGUMENT, story.decide, banned(), bad, at=f"measures[1].{part}")
    assert story.case.sanctions == ()


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"scope_id": ""}, "scope_id"),
        ({"until": None}, "until"),
        ({"facts": ""}, "facts"),
        ({"rule": " "}, "rule"),
        ({"appeal_until": START}, "appeal_until"),
    ],
)
def test_what_a_statement_must_say(changes: dict[str, Any], part: str) -> None:
    """M1: each part that can be left unsaid is missed."""
    statement = decided_case(muted(START + DAY)).case.sanctions[0].statement
    assert missing(replace(statement, **changes)) == (part,)


@pytest.mark.parametrize("name", ["ann", "ANN", "@ann,"])
def test_no_statement_names_a_reporter(name: str) -> None:
    """M4: what is told to the sanctioned is looked through before it is told."""
    story = CaseStory()
    story.report("ann")
    story.claim()
    told = measure(WARNING, facts=f"You pestered {name} with this.")
    refused(INVALID_ARGUMENT, story.decide, told, at="measures[0].facts")
    story.decide(measure(WARNING, facts="This annoyed an annual fair."))


def test_an_answer_names_no_reporter_to_the_sanctioned() -> None:
    story = decided_case(banned())
    story.appeal("bob")
    refused(
        INVALID_ARGUMENT, story.review, AppealStatus.UPHELD, answer="ann was right.", at="answer"
    )


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (banned("eve"), "user"),
        (measure(WARNING, message="message-1"), "message_id"),
        (measure(REMOVED, message="message-2"), "message_id"),
        (replace(measure(LOCKED), user="bob"), "user"),
        (muted(START), "until_time"),
        (muted(START + LIMITS.max_mute + 1), "until_time"),
        (measure(SUSPENDED, until=START + LIMITS.max_suspension + 1), "until_time"),
        (measure(BANNED, until=START + 1), "until_time"),
        (measure(WARNING, until=START + 1), "until_time"),
    ],
)
def test_a_measure_is_what_its_table_says(bad: Measure, field: str) -> None:
    """It concerns only some, and lasts only so long."""
    story = CaseStory()
    story.report()
    story.claim()
    refused(INVALID_ARGUMENT, story.decide, bad, at=f"measures[0].{field}")


def test_messages_of_a_reported_conversation_are_removed_by_their_ids() -> None:
    story = CaseStory()
    story.report(subject=CONVERSATION)
    story.claim()
    refused(INVALID_ARGUMENT, story.decide, measure(REMOVED), at="measures[0].message_id")
    story.decide(measure(REMOVED, message="m-1"), measure(REMOVED, message="m-2"))
    assert [one.message for one in story.case.sanctions] == ["m-1", "m-2"]


def test_what_ends_by_itself_needs_nobody() -> None:
    """A mute is over when its time is over; nothing has to happen."""
    story = decided_case(muted(START + DAY))
    (mute,) = story.case.sanctions
    before = standing("bob", [mute], START + DAY - 1)
    assert before.muted_until == START + DAY
    assert before.forbidden == {Activity.WRITE}
    assert standing("bob", [mute], START + DAY).sanctions == ()
    story.now += DAY
    refused(Reason.INVALID_STATE, story.lift)
