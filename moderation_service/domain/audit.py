"""The audit log: an entry for each event, chained by hashes so that no entry can be changed.

An entry commits to its event by a salted digest and names nobody but moderators and their like. So
a person can be erased from the events without touching the log, which still proves how many events
there were, in which order, and of those that were not erased what they said.

The chain shows each change, each removal and each insertion before its end. That it was cut short
at the end shows only who has kept its head (number and hash) somewhere else.
"""

import hmac
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256

from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute.events import DisputeEvent
from moderation_service.domain.shared.capacities import NAMED

GENESIS = "0" * 64


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


def digest(document: bytes, salt: bytes) -> str:
    """Commit to an event as it is stored; without the salt nobody can find out what it said."""
    return hmac.new(salt, document, sha256).hexdigest()


def append(head: Head, event: CaseEvent | DisputeEvent, event_digest: str) -> AuditEntry:
    """Make the entry of an event that follows on `head`."""
    is_case = isinstance(event, CaseEvent)
    entry = AuditEntry(
        number=head.number + 1,
        at=event.at,
        actor=event.by if event.who in NAMED else "",
        capacity=event.who,
        action=event.cause,
        target_kind="case" if is_case else "dispute",
        target=event.case if isinstance(event, CaseEvent) else event.dispute,
        version=event.seq,
        digest=event_digest,
        previous=head.hash,
        hash="",
    )
    return AuditEntry(**{**asdict(entry), "hash": seal(entry)})


def head_of(entry: AuditEntry) -> Head:
    """Give the head of a log that ends with this entry."""
    return Head(entry.number, entry.hash)


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


def matches(entry: AuditEntry, document: bytes, salt: bytes) -> bool:
    """Tell whether a stored event is the one that its entry recorded."""
    return hmac.compare_digest(entry.digest, digest(document, salt))
