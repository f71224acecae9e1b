"""Evidence is kept as long as it has to be, and nothing is left of who is erased."""

from dataclasses import replace

import pytest

from moderation_service.domain.case.entities import AppealStatus
from moderation_service.domain.case.erasure import expires_at, kept_because, without_user
from moderation_service.domain.case.events import Cause, replay
from moderation_service.domain.dispute import erasure as dispute_erasure
from moderation_service.domain.dispute.commands import HoldResolved
from moderation_service.domain.dispute.events import replay_dispute
from moderation_service.domain.notifications import of_case, of_dispute
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence
from moderation_service.domain.shared.erasure import ERASED, Kept, KeptBecause
from moderation_service.domain.shared.limits import DAY
from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import Refusal
from tests.moderation_service.story import (
    LIMITS,
    MODERATOR,
    START,
    CaseStory,
    DisputeStory,
    banned,
    decide,
    decided_case,
    erasure,
    measure,
    muted,
    refused,
    snapshot,
)

ROLES = ("data_protection",)


def full_case() -> CaseStory:
    """Everything that a case can have, with evidence, of which nothing is open any more."""
    story = CaseStory()
    story.report("ann", comment="bob did this to me", evidence=(snapshot(START),))
    story.report("cid", comment="I saw it")
    story.rule(muted(START + DAY), measure(SanctionKind.WARNING))
    story.appeal("bob")
    story.review(AppealStatus.UPHELD)
    story.now += LIMITS.appeal_window
    return story


def test_evidence_is_kept_while_anything_can_depend_on_it() -> None:
    """M6: a case that is open, an appeal that is open or possible, a sanction in force."""
    story = CaseStory()
    story.report(evidence=(snapshot(START),))
    refusal = refused(Reason.KEPT, story.expire)
    assert refusal.current == Kept(KeptBecause.CASE_OPEN, None)
    story.rule(muted(START + DAY))
    possible = Kept(KeptBecause.APPEAL_POSSIBLE, START + LIMITS.appeal_window)
    assert kept_because(story.case, story.now, LIMITS) == possible
    story.appeal("bob")
    story.now += LIMITS.appeal_window
    assert kept_because(story.case, story.now, LIMITS) == Kept(KeptBecause.APPEAL_OPEN, None)
    story.review(AppealStatus.UPHELD)
    assert kept_because(story.case, story.now, LIMITS) is None
    (event,) = story.expire()
    assert event.cause is Cause.EVIDENCE_EXPIRED
    assert [one.erased_at for one in story.case.evidence] == [story.now]
    assert story.expire() == (), "it expires once"
    assert replay(story.events) == story.case


def test_what_a_ban_rests_on_is_kept_while_it_stands() -> None:
    story = decided_case(banned())
    story.now += 10 * LIMITS.appeal_window
    kept = kept_because(story.case, story.now, LIMITS)
    assert kept == Kept(KeptBecause.SANCTION_IN_FORCE, None)
    refused(Reason.KEPT, story.erase, "bob")
    story.lift()
    story.erase("bob")


def test_evidence_under_dispute_is_kept() -> None:
    story = DisputeStory()
    story.open(evidence=(snapshot(START),))
    command = erasure("ann")
    refusal = decide(story.dispute, command, story.now, LIMITS)
    assert isinstance(refusal, Refusal)
    assert refusal.current == Kept(KeptBecause.DISPUTE_OPEN, None)
    end_dispute(story)
    kept = dispute_erasure.kept_because(story.dispute, story.now, LIMITS)
    assert kept == Kept(KeptBecause.DISPUTE_RECENT, story.now + LIMITS.dispute_evidence)
    change = decide(story.dispute, ExpireEvidence(), story.now + LIMITS.dispute_evidence, LIMITS)
    assert not isinstance(change, Refusal)
    assert change.state.evidence[0].erased_at is not None


def end_dispute(story: DisputeStory) -> None:
    story.state_case("ann", "I am ann, and it was not so.")
    story.propose("ann", 5_000, 5_000)
    story.accept("bob")
    story.send(HoldResolved(story.dispute.id))


@pytest.mark.parametrize("user", ["ann", "bob", "cid"])
def test_nothing_is_left_of_who_is_erased(user: str) -> None:
    """Neither the name nor a word of theirs, in the case, its events, or what the erasure tells."""
    story = full_case()
    before, events = story.case, list(story.events)
    (event,) = story.erase(user)
    rewritten = [without_user(one, user, "erased-1") for one in events]
    assert replay([*rewritten, event]) == story.case
    for thing in (story.case, *rewritten, event):
        assert repr(user) not in repr(thing)
    words = {"ann": "bob did this to me", "bob": "That was not me.", "cid": "I saw it"}
    assert words[user] in repr(before)
    assert words[user] not in repr(story.case)
    assert all(one.erased_at == story.now for one in story.case.evidence)
    for other in {"ann", "bob", "cid"} - {user}:
        assert words[other] in repr(story.case), "what others wrote is theirs"
    assert of_case(story.case, event) == []


def test_facts_about_the_erased_go_with_them() -> None:
    """The facts of a statement are about somebody; that there was one stays."""
    story = CaseStory()
    story.report()
    story.claim()
    story.decide(muted(START + DAY), measure(SanctionKind.WARNING), note="bob again")
    story.lift()
    story.now += LIMITS.appeal_window
    events = list(story.events)
    (event,) = story.erase("bob")
    assert replay([*(without_user(one, "bob", "erased-1") for one in events), event]) == story.case
    assert story.case.decisions[0].note == ERASED
    assert story.case.sanctions[0].lift is not None
    assert story.case.sanctions[0].lift.reason == ERASED
    assert {one.statement.facts for one in story.case.sanctions} == {ERASED}
    assert [one.kind for one in story.case.sanctions] == [SanctionKind.MUTED, SanctionKind.WARNING]


def test_nothing_is_left_of_a_party_that_is_erased() -> None:
    story = DisputeStory()
    story.open(evidence=(snapshot(START),))
    end_dispute(story)
    story.now += LIMITS.dispute_evidence
    command = erasure("ann")
    change = decide(story.dispute, command, story.now, LIMITS)
    assert not isinstance(change, Refusal)
    (event,) = change.events
    rewritten = [dispute_erasure.without_user(one, "ann", "erased-1") for one in story.events]
    assert replay_dispute([*rewritten, event]) == change.state
    assert "ann" not in repr((change.state, *rewritten, event))
    assert change.state.ended_at == story.dispute.ended_at
    assert of_dispute(change.state, event) == []


@pytest.mark.parametrize("user", ["open", "decided", "moderator", "scam"])
def test_a_name_that_is_a_word_of_ours_does_no_harm(user: str) -> None:
    """States and reasons are not people, whatever people are called."""
    case = full_case().case
    assert without_user(case, user, "erased-1") == case


def test_only_data_protection_erases() -> None:
    story = full_case()
    command = EraseUser("mia", MODERATOR, "bob")
    refusal = decide(story.case, command, story.now, LIMITS)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.ROLE_REQUIRED
    assert replace(command, roles=ROLES).roles == ROLES


def test_evidence_expires_when_the_last_reason_is_over() -> None:
    """Nobody can say while the case is open or a ban stands; and once it is erased, never again."""
    story = CaseStory()
    story.report(evidence=(snapshot(story.now),))
    assert expires_at(story.case, story.now, story.limits) is None
    mute = story.now + story.limits.appeal_window - 1
    story.limits = replace(story.limits, max_mute=story.limits.appeal_window)
    story.rule(muted(mute))
    assert expires_at(story.case, story.now, story.limits) == story.now + story.limits.appeal_window
    story.now += story.limits.appeal_window
    assert expires_at(story.case, story.now, story.limits) == story.now
    story.expire()
    assert expires_at(story.case, story.now, story.limits) is None
    ban = decided_case(banned())
    assert expires_at(ban.case, ban.now, ban.limits) is None
