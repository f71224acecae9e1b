"""Documents come back as they were written, whatever they hold."""

import json

import pytest

from moderation_service.domain.case.entities import AppealStatus
from moderation_service.domain.case.events import CaseEvent, Cause
from moderation_service.domain.dispute.entities import Outcome, Settlement
from moderation_service.domain.dispute.events import DisputeCause, DisputeEvent
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.shared.limits import DAY
from moderation_service.storage import documents
from moderation_service.storage.documents import UnreadableDocument
from tests.moderation_service.story import (
    START,
    CaseStory,
    DisputeStory,
    banned,
    measure,
    muted,
    snapshot,
)


def every_case_event() -> list[CaseEvent]:
    """Events of every cause that a case has."""
    story = CaseStory()
    story.report(evidence=(snapshot(START),), comment="words")
    story.report("cid")
    story.claim()
    story.claim()
    story.release()
    story.claim()
    story.now += story.limits.lease
    story.rule(muted(story.now + DAY), measure(SanctionKind.WARNING))
    story.lift()
    story.appeal("bob")
    story.review(AppealStatus.UPHELD)
    story.appeal("ann")
    story.review(AppealStatus.OVERTURNED)
    story.rule(banned(), actor="moe")
    story.appeal("bob")
    story.review(AppealStatus.OVERTURNED)
    story.now += story.limits.appeal_window
    story.expire()
    story.erase("ann")
    dismissed = CaseStory()
    dismissed.report()
    dismissed.rule()
    return story.events + dismissed.events


def every_dispute_event() -> list[DisputeEvent]:
    """Events of nearly every cause that a dispute has."""
    settled, decided = DisputeStory(), DisputeStory()
    settled.open()
    settled.state_case("ann")
    settled.propose("ann", 6_000, 4_000)
    settled.accept("bob")
    decided.to_review()
    decided.decide(Outcome.SPLIT, Settlement(1, 9_999))
    return settled.events + decided.events


def test_events_and_cases_come_back_as_they_were() -> None:
    """Each cause with its details, of which no two kinds are taken for one another."""
    events = every_case_event()
    assert {one.cause for one in events} == set(Cause)
    for one in events:
        assert documents.load_case_event(documents.dump_event(one)) == one
    story = CaseStory()
    story.report(evidence=(snapshot(START),))
    story.rule(muted(story.now + DAY))
    assert documents.load_case(documents.dump(story.case)) == story.case


def test_events_and_disputes_come_back_as_they_were() -> None:
    events = every_dispute_event()
    assert {DisputeCause.SETTLED, DisputeCause.DECIDED} <= {one.cause for one in events}
    for one in events:
        assert documents.load_dispute_event(documents.dump_event(one)) == one
    story = DisputeStory()
    story.to_review()
    assert documents.load_dispute(documents.dump(story.dispute)) == story.dispute


def test_a_field_of_later_has_its_default() -> None:
    """A document stored before the field was added is still read."""
    story = CaseStory()
    story.report()
    older = json.loads(documents.dump(story.case))
    del older["reopenings"]
    assert documents.load_case(json.dumps(older)) == story.case


def test_what_can_not_be_read_tells_nobody_what_it_says() -> None:
    """The problem is named, and no word of it."""
    story = CaseStory()
    story.report(comment="a secret")
    broken = documents.dump(story.case).replace('"open"', '"a secret state"')
    with pytest.raises(UnreadableDocument) as caught:
        documents.load_case(broken)
    assert "secret" not in str(caught.value)
    assert "state" in str(caught.value)
