"""The walk along an audit log: whole, changed, cut short, longer since."""

from collections.abc import Iterator
from typing import Any

import pytest
from parley.moderation.v1 import moderation_pb2 as pb

from command_line.display.console import CommandError
from command_line.moderation import audit
from moderation_service.domain.audit import append, digest
from service_kit.audit import AuditEntry, Head, head_of
from service_kit.rpc.documents import document
from service_kit.rpc.servicer import timestamp
from tests.moderation_service.story import banned, decided_case


def log() -> list[AuditEntry]:
    """The log of a case that was decided and appealed against."""
    case = decided_case(banned())
    case.appeal("bob")
    entries: list[AuditEntry] = []
    head = Head()
    for event in case.events:
        entries.append(append(head, event, digest(repr(event).encode(), b"salt")))
        head = head_of(entries[-1])
    return entries


def broken(*arguments: Any) -> int:
    """The number of the entry at which the walk finds the log broken."""
    with pytest.raises(audit.BrokenLogError) as caught:
        audit.walk(*arguments)
    return caught.value.number


ENTRIES = log()
END = head_of(ENTRIES[-1])


def served(entries: list[AuditEntry], head: Head | None = None, size: int = 2) -> Iterator[Any]:
    """The pages that the service would answer of these entries, each with this head."""
    end = head or head_of(entries[-1])
    messages = [
        pb.AuditEntry(
            number=one.number,
            create_time=timestamp(one.at),
            actor=one.actor,
            capacity=one.capacity,
            action=one.action,
            target_kind=one.target_kind,
            target_id=one.target,
            version=one.version,
            digest=one.digest,
            previous_hash=one.previous,
            hash=one.hash,
        )
        for one in entries
    ]
    for start in range(0, len(messages), size):
        page = pb.ListAuditResponse(
            entries=messages[start : start + size],
            head_number=end.number,
            head_hash=end.hash,
            more=start + size < len(messages),
        )
        yield document(page)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_whole_log_has_its_head(size: int) -> None:
    """Over any number of pages, and with any head that was noted on the way."""
    assert audit.walk(served(ENTRIES, size=size)) == END
    for entry in ENTRIES:
        assert audit.walk(served(ENTRIES, size=size), head_of(entry)) == END


def test_an_empty_log_is_whole() -> None:
    """A service that has just begun has no entries."""
    assert audit.walk(iter([document(pb.ListAuditResponse())])) == Head()


@pytest.mark.parametrize("field", ["action", "actor", "target", "digest"])
def test_a_changed_entry_is_found(field: str) -> None:
    """Whatever of it was changed, by its number."""
    changed = list(ENTRIES)
    fields = {name: getattr(changed[2], name) for name in AuditEntry.__slots__}
    changed[2] = AuditEntry(**{**fields, field: "another"})
    assert broken(served(changed)) == 3


def test_a_removed_entry_is_found() -> None:
    """In the middle by the chain, at the end by the head that the service names."""
    assert broken(served([*ENTRIES[:2], *ENTRIES[3:]])) == 3
    assert broken(served(ENTRIES[:-1], END)) == len(ENTRIES)


def test_a_log_cut_short_is_found_by_a_noted_head() -> None:
    """It is whole in itself, and only who noted a head sees what is missing."""
    assert audit.walk(served(ENTRIES[:-1])) == head_of(ENTRIES[-2])
    assert broken(served(ENTRIES[:-1]), END) == len(ENTRIES)


def test_a_log_made_anew_is_found_by_a_noted_head() -> None:
    """Its own hashes fit, but they are not those of the noted one."""
    assert broken(served(ENTRIES), Head(2, "f" * 64)) == 2


def test_a_long_walk_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time that so many entries more were looked at."""
    said: list[str] = []
    monkeypatch.setattr(audit, "REPORT_EVERY", 2)
    audit.walk(served(ENTRIES), None, said.append)
    assert said[0] == f"2 of {len(ENTRIES)} entries are whole"


@pytest.mark.parametrize("text", ["", "12", "12:", "12:xyz", f"-1:{'a' * 64}", f"1:{'A' * 64}"])
def test_what_is_no_head(text: str) -> None:
    """It is asked for as it was printed."""
    with pytest.raises(CommandError, match="NUMBER:HASH"):
        audit.read_head(text)
