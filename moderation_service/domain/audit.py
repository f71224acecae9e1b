"""The audit log: an entry for each event, which commits to it (service_kit/audit.py has the chain).

The entry bears a salted digest of its event and names nobody but moderators and their like. So a
person can be erased from the events without touching the log, which still proves how many events
there were, in which order, and of those that were not erased what they said.
"""

import hmac
from dataclasses import replace
from hashlib import sha256

from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute.events import DisputeEvent
from moderation_service.domain.shared.capacities import NAMED
from service_kit.audit import AuditEntry, Head, seal


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
    return replace(entry, hash=seal(entry))


def matches(entry: AuditEntry, document: bytes, salt: bytes) -> bool:
    """Tell whether a stored event is the one that its entry recorded."""
    return hmac.compare_digest(entry.digest, digest(document, salt))
