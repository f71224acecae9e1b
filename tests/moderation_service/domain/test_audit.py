"""M8: the log has an entry for each event, in order, and no entry can be changed unnoticed."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain import audit
from moderation_service.domain.case.entities import AppealStatus
from moderation_service.domain.events import Event
from moderation_service.domain.shared.evidence import EvidenceKind, is_intact, take, write_down
from service_kit import audit as chain
from tests.moderation_service.story import DisputeStory, banned, decided_case

SALT = b"16 random octets"


def document(event: object) -> bytes:
    return repr(event).encode()


def logged() -> tuple[list[Event], list[chain.AuditEntry]]:
    """All that happened to a case and to a dispute, and its log."""
    case = decided_case(banned())
    case.appeal("bob")
    case.review(AppealStatus.OVERTURNED)
    dispute = DisputeStory()
    dispute.open()
    dispute.withdraw()
    events: list[Event] = [*case.events, *dispute.events]
    entries: list[chain.AuditEntry] = []
    head = chain.Head()
    for event in events:
        entries.append(audit.append(head, event, audit.digest(document(event), SALT)))
        head = chain.head_of(entries[-1])
    return events, entries


EVENTS, ENTRIES = logged()


def test_a_log_that_nobody_touched_is_good() -> None:
    """From its beginning, or on from any head, page by page."""
    end = chain.Head(len(ENTRIES), ENTRIES[-1].hash)
    assert chain.verify(chain.Head(), ENTRIES) == end
    middle = chain.verify(chain.Head(), ENTRIES[:3])
    assert middle == chain.Head(3, ENTRIES[2].hash)
    assert isinstance(middle, chain.Head)
    assert chain.verify(middle, ENTRIES[3:]) == end
    assert chain.verify(end, []) == end


def test_each_entry_says_who_did_what_to_what() -> None:
    """It names moderators; of everybody else only in which capacity they acted."""
    told = [(one.actor, one.capacity, one.action, one.target_kind) for one in ENTRIES]
    assert told[0] == ("", "reporter", "opened", "case")
    assert ("mia", "moderator who has claimed it", "violation_found", "case") in told
    assert ("max", "moderator who did not decide it", "appeal_overturned", "case") in told
    assert ("", "negotiation", "hold_placed", "dispute") in told
    assert {one.actor for one in ENTRIES} == {"", "mia", "max"}
    assert [one.number for one in ENTRIES] == list(range(1, len(ENTRIES) + 1))
    assert ENTRIES[0].previous == chain.GENESIS


def test_entries_prove_what_the_events_said() -> None:
    """The digest fits the event and its salt, and nothing else."""
    for event, entry in zip(EVENTS, ENTRIES, strict=True):
        assert audit.matches(entry, document(event), SALT)
        assert not audit.matches(entry, document(event) + b" ", SALT)
        assert not audit.matches(entry, document(event), b"another salt")


@given(st.data())
def test_each_change_of_an_entry_shows(data: st.DataObject) -> None:
    """Whatever is changed, also with the hash made anew, the log breaks there or right after."""
    index = data.draw(st.integers(0, len(ENTRIES) - 2))
    entry = ENTRIES[index]
    field = data.draw(st.sampled_from(sorted(asdict(entry))))
    value = getattr(entry, field)
    other: Any = value + 1 if isinstance(value, int) else None
    if other is None:
        other = data.draw(st.text().filter(value.__ne__))
    changed = replace(entry, **{field: other})
    if data.draw(st.booleans()) and field != "hash":
        changed = replace(changed, hash=chain.seal(changed))
    found = chain.verify(chain.Head(), [*ENTRIES[:index], changed, *ENTRIES[index + 1 :]])
    assert isinstance(found, chain.Break)
    assert found.number in (entry.number, entry.number + 1)


@pytest.mark.parametrize("index", range(len(ENTRIES) - 1))
def test_each_removal_insertion_and_swap_shows(index: int) -> None:
    """But of what is cut off at the end, which only a head kept elsewhere tells."""
    entry = ENTRIES[index]
    for spoiled in (
        [*ENTRIES[:index], *ENTRIES[index + 1 :]],
        [*ENTRIES[: index + 1], entry, *ENTRIES[index + 1 :]],
        [*ENTRIES[:index], ENTRIES[index + 1], entry, *ENTRIES[index + 2 :]],
    ):
        assert isinstance(chain.verify(chain.Head(), spoiled), chain.Break)
    cut = chain.verify(chain.Head(), ENTRIES[:index])
    assert isinstance(cut, chain.Head)
    assert cut != chain.Head(len(ENTRIES), ENTRIES[-1].hash)


def test_a_log_rewritten_from_the_middle_has_another_head() -> None:
    """Making all hashes anew changes the head, and heads are kept elsewhere."""
    forged, head = list(ENTRIES[:2]), chain.head_of(ENTRIES[1])
    for one in ENTRIES[2:]:
        body = replace(one, actor="eve", previous=head.hash)
        forged.append(replace(body, hash=chain.seal(body)))
        head = chain.head_of(forged[-1])
    assert chain.verify(chain.Head(), forged) == head
    assert head != chain.head_of(ENTRIES[-1])


@given(st.binary(), st.binary())
def test_evidence_is_what_was_seen(content: bytes, other: bytes) -> None:
    """M6: the hash tells the content from any other."""
    evidence = take("e", EvidenceKind.DEAL, content, 1)
    assert (evidence.size, len(evidence.sha256)) == (len(content), 64)
    assert is_intact(evidence, content)
    assert is_intact(evidence, other) is (content == other)


def test_the_same_snapshot_is_written_in_one_way() -> None:
    """Whatever the order of its keys, and in ASCII, so that no encoding changes it."""
    assert write_down({"b": "é", "a": [1, None, True]}) == b'{"a":[1,null,true],"b":"\\u00e9"}'
