"""Of cases and disputes the checker finds nothing in what is right, and each kind of what is wrong.

Cid reports a message of Bob's, who is muted for it until a while later; Bob disputes a service of
Ann's. What is stored of it is what the rules make of it.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from moderation_service.domain import audit
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute.entities import DisputeState, Outcome
from moderation_service.domain.events import Event
from moderation_service.storage.documents import dump_event
from negotiation_service.domain.entities import Hold
from service_kit import audit as chain
from service_kit.rules import Position
from tests.crash.books import Books, ServiceRow
from tests.crash.findings import Findings
from tests.crash.moderation_books import ModerationBooks, StoredEvent, StoredKey
from tests.crash.moderation_checks import MODERATION_CHECKS
from tests.crash.recording import (
    DeviceRecord,
    Entry,
    Filed,
    Granted,
    Recording,
    Refused,
    Restricted,
    Sent,
    Stored,
)
from tests.moderation_service.story import CaseStory, DisputeStory, muted
from tests.negotiation_service.story import Story

SALT = b"salt"
MINUTE = 60_000
C = "talk"


def books_of(cases: CaseStory, disputes: DisputeStory) -> ModerationBooks:
    """The books of such a service, each command under a key of its own."""
    events: list[Event] = [*cases.events, *disputes.events]
    log: list[chain.AuditEntry] = []
    head = chain.Head()
    stored: dict[str, list[StoredEvent]] = {}
    for event in events:
        document = dump_event(event).encode()
        log.append(audit.append(head, event, audit.digest(document, SALT)))
        head = chain.head_of(log[-1])
        stored.setdefault(log[-1].target, []).append(StoredEvent(event, document, SALT))
    keys = {
        (one.by, f"{one.by}-{one.seq}"): StoredKey(target_of(one), one.seq, "")
        for one in events
        if one.by
    }
    return ModerationBooks(
        {cases.case.id: cases.case}, {disputes.dispute.id: disputes.dispute}, stored, keys, log
    )


def target_of(event: Event) -> str:
    return event.case if isinstance(event, CaseEvent) else event.dispute


def held_service(dispute: str) -> ServiceRow:
    deal = replace(Story().deal, id="service-1", hold=Hold(dispute, "bob", 0))
    return ServiceRow(C, deal.provider, deal.client, 1, 0, 1, deal.state, is_open=True, deal=deal)


@dataclass
class Whole:
    """All that the checks compare."""

    case: CaseStory = field(default_factory=CaseStory)
    dispute: DisputeStory = field(default_factory=DisputeStory)
    recording: dict[str, DeviceRecord] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.case.report("cid")
        self.case.claim()
        until = self.case.now + MINUTE
        self.case.decide(muted(until))
        self.dispute.open()
        self.books = books_of(self.case, self.dispute)
        self.held: dict[str, ServiceRow] = {"service-1": held_service(self.dispute.dispute.id)}
        (self.mute,) = self.case.case.sanctions
        (report,) = self.case.case.reports
        keys = dict(self.books.keys)
        keys["cid", "cid-1"] = keys["cid", "cid-1"]._replace(about=report.id)
        self.books = replace(self.books, keys=keys)
        self.recording = {
            "cid.0": DeviceRecord("cid", [Filed("cid-1"), Granted("cid-1", report.id)]),
            "bob.0": DeviceRecord(
                "bob",
                [
                    Sent("k1", "before"),
                    Restricted(self.mute.id, lifted=False),
                    Stored("k1", C, 1, "m1"),
                    Sent("k2", "under it"),
                    Refused("k2", "SANCTIONED", retryable=False),
                    Sent("k3", "after"),
                    Stored("k3", C, 2, "m2"),
                ],
            ),
        }
        self.entries = [
            Entry(1, "m1", "bob", "before", None, until - 1),
            Entry(2, "m2", "bob", "after", None, until),
        ]

    def names(self) -> set[str]:
        books = Books(Position("epoch", 0), None, services=self.held, moderation=self.books)
        recording: Recording = self.recording
        findings = Findings(recording, {C: {"bob": self.entries, "cid": self.entries}}, books)
        return {one.name for check in MODERATION_CHECKS for one in check(findings)}

    def change(self, **parts: Any) -> None:
        self.books = replace(self.books, **parts)


@pytest.fixture
def whole() -> Whole:
    return Whole()


def test_what_is_right_is_found_right(whole: Whole) -> None:
    assert whole.names() == set()


# What is stored.


def test_an_event_that_is_missing_is_a_hole(whole: Whole) -> None:
    """And the audit log has an entry of nothing."""
    events = dict(whole.books.events)
    events[whole.case.case.id] = events[whole.case.case.id][1:]
    whole.change(events=events)
    assert {"HOLE", "AUDIT DIFFERS"} <= whole.names()


def test_a_case_that_is_not_what_its_events_make_is_found(whole: Whole) -> None:
    case = whole.case.case
    whole.change(cases={case.id: replace(case, reopenings=7)})
    assert whole.names() == {"ROW DIFFERS"}


def test_an_entry_of_the_log_that_was_changed_is_found(whole: Whole) -> None:
    log = list(whole.books.audit)
    log[1] = replace(log[1], actor="somebody")
    whole.change(audit=log)
    assert whole.names() == {"AUDIT BROKEN"}


def test_a_log_that_was_cut_short_is_found(whole: Whole) -> None:
    """By the events of which it tells nothing."""
    whole.change(audit=whole.books.audit[:-1])
    assert whole.names() == {"AUDIT DIFFERS"}


def test_an_event_that_was_rewritten_is_found(whole: Whole) -> None:
    """The log's entry is of another one."""
    events = {name: list(rows) for name, rows in whole.books.events.items()}
    first = events[whole.case.case.id][0]
    events[whole.case.case.id][0] = first._replace(document=first.document + b" ")
    whole.change(events=events)
    assert whole.names() == {"AUDIT DIFFERS"}


# Holds.


def test_an_open_dispute_without_a_hold_is_found(whole: Whole) -> None:
    whole.held.clear()
    assert whole.names() == {"NOT HELD"}


def test_a_hold_without_an_open_dispute_is_found(whole: Whole) -> None:
    whole.held["service-2"] = held_service("another")
    assert whole.names() == {"HELD"}


@pytest.mark.parametrize("state", [DisputeState.PENDING_HOLD, DisputeState.RESOLVED_PENDING])
def test_a_dispute_that_waits_for_ever_is_found(whole: Whole, state: DisputeState) -> None:
    """In either state in which negotiation must be asked."""
    story = DisputeStory()
    if state is DisputeState.PENDING_HOLD:
        story.create()
    else:
        story.to_review()
        story.decide(Outcome.RESUME)
    whole.books = books_of(whole.case, story)
    whole.recording.clear()
    whole.held.clear()
    assert whole.names() == {"UNFINISHED"}


# Commands.


def test_a_report_that_no_key_has_made_is_doubled(whole: Whole) -> None:
    keys = dict(whole.books.keys)
    keys["cid", "cid-2"] = keys.pop(("cid", "cid-1"))._replace(seq=2)
    whole.change(keys=keys)
    whole.recording.clear()
    assert whole.names() == {"DOUBLED", "DIFFERENT COMMAND"}


def test_a_key_that_stands_for_nothing_is_found(whole: Whole) -> None:
    whole.change(keys={**whole.books.keys, ("cid", "k9"): StoredKey("nowhere", 1, "")})
    assert whole.names() == {"DIFFERENT COMMAND"}


def test_an_answered_report_that_is_not_there_is_lost(whole: Whole) -> None:
    whole.recording["cid.0"].events.append(Granted("cid-9", "report-9"))
    assert whole.names() == {"LOST"}


def test_a_key_that_was_answered_with_two_reports_is_found(whole: Whole) -> None:
    whole.recording["cid.0"].events.append(Granted("cid-1", "report-9"))
    assert whole.names() == {"DIFFERENT ANSWER", "LOST"}


# Sanctions.


def test_what_was_written_by_who_knew_of_the_mute_is_found(whole: Whole) -> None:
    """Messages on their way before may still arrive; afterwards there is nothing until the end."""
    whole.entries.append(Entry(3, "m3", "bob", "under it", None, whole.case.now + MINUTE - 1))
    assert whole.names() == {"WRITTEN UNDER A MUTE"}


def test_a_mute_that_was_lifted_forbids_nothing_more(whole: Whole) -> None:
    whole.case.now += 1
    whole.case.lift()
    keys = whole.books.keys
    lifted = books_of(whole.case, whole.dispute)
    whole.books = replace(lifted, keys={**lifted.keys, **keys})
    whole.entries.append(Entry(3, "m3", "bob", "under it", None, whole.case.now))
    assert whole.names() == set()


def test_a_refusal_of_who_was_never_sanctioned_is_found(whole: Whole) -> None:
    whole.recording["cid.0"].events.append(Refused("k8", "SANCTIONED", retryable=False))
    assert whole.names() == {"REFUSED"}
