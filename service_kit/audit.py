"""The chain of an audit log: entries that are chained by hashes, so that none can be changed.

The service that writes the log and whoever verifies it follow the same rules, which need the
standard library alone. The chain shows each change, each removal and each insertion before its end.
That it was cut short at the end shows only who has kept its head (number and hash) somewhere else.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

GENESIS = "0" * 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry; `actor` is empty for all but moderators. Hashes are hexadecimal digits."""

    number: int
    at: int
    actor: str
    capacity: str
    action: str
    target_kind: str
    target: str
    version: int
    digest: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a log: the number and the hash of its newest entry."""

    number: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Break:
    """A break of a log; `number` is that of the entry that should be there."""

    number: int
    problem: str


def head_of(entry: AuditEntry) -> Head:
    """Give the head of a log that ends with this entry."""
    return Head(entry.number, entry.hash)


def entry_of(document: Mapping[str, Any]) -> AuditEntry:
    """Give an entry as the contract writes it in a document: the rules take milliseconds."""
    at = datetime.fromisoformat(document["create_time"]) - _EPOCH
    return AuditEntry(
        number=document["number"],
        at=at // timedelta(milliseconds=1),
        actor=document["actor"],
        capacity=document["capacity"],
        action=document["action"],
        target_kind=document["target_kind"],
        target=document["target_id"],
        version=document["version"],
        digest=document["digest"],
        previous=document["previous_hash"],
        hash=document["hash"],
    )


def seal(entry: AuditEntry) -> str:
    """Give the hash that an entry must have: of everything else in it, in one way of writing."""
    body = asdict(entry)
    del body["hash"]
    words = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(words.encode()).hexdigest()


def verify(head: Head, entries: Iterable[AuditEntry]) -> Head | Break:
    """Go along the log from `head`, page by page; give its new head, or what is wrong."""
    for entry in entries:
        number = head.number + 1
        if entry.number != number:
            return Break(number, f"the entry is missing, {entry.number} stands in its place")
        if entry.previous != head.hash:
            return Break(number, "it does not follow on the entry before")
        if seal(entry) != entry.hash:
            return Break(number, "its hash is not that of what it says")
        head = head_of(entry)
    return head
