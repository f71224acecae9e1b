"""The database of moderation in the end."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, select

from moderation_service.domain.case.entities import Case
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.events import Event
from moderation_service.storage.documents import (
    load_case,
    load_case_event,
    load_dispute,
    load_dispute_event,
)
from moderation_service.storage.tables import audit, cases, disputes, events, idempotency_keys
from service_kit.audit import AuditEntry


class StoredEvent(NamedTuple):
    """A row of events: what happened, as it was written down, with what the audit log salts."""

    event: Event
    document: bytes
    salt: bytes | None


class StoredKey(NamedTuple):
    """A row of idempotency_keys: the answer was the target after its event `seq`, or what of it
    the command was about.
    """

    target: str
    seq: int
    about: str


@dataclass(frozen=True)
class ModerationBooks:
    """All rows: events by case or dispute in their order, keys by actor and key."""

    cases: Mapping[str, Case] = field(default_factory=dict)
    disputes: Mapping[str, Dispute] = field(default_factory=dict)
    events: Mapping[str, Sequence[StoredEvent]] = field(default_factory=dict)
    keys: Mapping[tuple[str, str], StoredKey] = field(default_factory=dict)
    audit: Sequence[AuditEntry] = ()


def read_moderation(connection: Connection) -> ModerationBooks:
    """Read everything, in one transaction."""
    happened = defaultdict(list)
    for row in connection.execute(select(events).order_by(events.c.target_id, events.c.seq)):
        load = load_case_event if row.is_case else load_dispute_event
        one = StoredEvent(load(row.document), row.document.encode(), row.salt)
        happened[row.target_id].append(one)
    return ModerationBooks(
        {row.id: load_case(row.document) for row in connection.execute(select(cases))},
        {row.id: load_dispute(row.document) for row in connection.execute(select(disputes))},
        happened,
        {
            (row.actor_id, row.key): StoredKey(row.target_id, row.seq, row.about_id)
            for row in connection.execute(select(idempotency_keys))
        },
        [AuditEntry(*row) for row in connection.execute(select(audit).order_by(audit.c.number))],
    )
