"""Reads and writes cases and disputes with their events, evidence and idempotency keys."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select

from moderation_service.domain.case.entities import Case, CaseState
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.saga import due_call
from moderation_service.domain.events import Event, target_of
from moderation_service.storage import documents, statements
from moderation_service.storage.tables import cases, disputes, events, evidence, idempotency_keys
from service_kit.storage.bulk_statements import (
    bulk_insert,
    bulk_update,
    fetch,
    give_rows,
    give_values,
)


class StoredEvent(NamedTuple):
    """An event as it is stored. Without a salt it was rewritten since the audit log took it."""

    revision: int
    event: Event
    document: str
    salt: bytes | None


class UsedKey(NamedTuple):
    """The use of an idempotency key: the answer was `about` of the target after `seq`."""

    fingerprint: str
    target: str
    seq: int
    about: str


# --- Cases and disputes -------------------------------------------------------------------------


def find_cases(connection: Connection, ids: Iterable[str]) -> dict[str, Case]:
    """Find cases by id."""
    return _cases(connection, statements.CASES, set(ids))


def find_disputes(connection: Connection, ids: Iterable[str]) -> dict[str, Dispute]:
    """Find disputes by id."""
    return _disputes(connection, statements.DISPUTES, set(ids))


def find_undecided(connection: Connection, subjects: Iterable[tuple[str, str]]) -> dict[str, Case]:
    """Find the undecided cases about subjects, given by kind and id; by the id of the case."""
    wanted = set(subjects)
    if not wanted:
        return {}
    rows = fetch(connection, statements.UNDECIDED, give_rows("rows", wanted))
    return {case.id: case for case in (documents.load_case(row.document) for row in rows)}


def find_open_disputes(connection: Connection, services: Iterable[str]) -> dict[str, Dispute]:
    """Find the open disputes about services, by the id of the dispute."""
    return _disputes(connection, statements.OPEN_DISPUTES, set(services))


def find_case_ids(connection: Connection, kind: str, ids: Iterable[str]) -> dict[str, str]:
    """Find the cases that decisions, appeals or sanctions belong to, by the id of those."""
    wanted = set(ids)
    if not wanted:
        return {}
    given = give_values("ids", wanted)
    return {row.id: row.case_id for row in fetch(connection, statements.CASE_IDS[kind], given)}


def insert_cases(
    connection: Connection, made: Iterable[tuple[Case, int | None]], revision: int
) -> None:
    """Store new cases, each with when its evidence expires."""
    rows = [
        (one.id, one.subject.kind, one.subject.id, *_columns(one, at), revision,
         documents.dump(one))
        for one, at in made
    ]  # fmt: skip
    bulk_insert(connection, cases, tuple(cases.c.keys()), rows)


def insert_disputes(
    connection: Connection, made: Iterable[tuple[Dispute, int | None]], revision: int
) -> None:
    """Store new disputes, each with when its evidence expires."""
    rows = [
        (one.id, one.service, *_dispute_columns(one, at), revision, documents.dump(one))
        for one, at in made
    ]
    bulk_insert(connection, disputes, tuple(disputes.c.keys()), rows)


def update_cases(connection: Connection, changed: Iterable[tuple[Case, int | None]]) -> None:
    """Store the new state of cases that stand already."""
    columns = (
        "is_decided",
        "due_at",
        "severity_rank",
        "reports_rank",
        "priority_rank",
        "claimed_by",
        "claim_until",
        "expires_at",
        "document",
    )
    rows = [(*_columns(one, at), documents.dump(one), one.id) for one, at in changed]
    bulk_update(connection, cases, "id", columns, rows)


def update_disputes(connection: Connection, changed: Iterable[tuple[Dispute, int | None]]) -> None:
    """Store the new state of disputes that stand already."""
    columns = ("state", "is_open", "is_pending", "due_at", "sort_at", "expires_at", "document")
    rows = [(*_dispute_columns(one, at), documents.dump(one), one.id) for one, at in changed]
    bulk_update(connection, disputes, "id", columns, rows)


def _columns(case: Case, expires_at: int | None) -> tuple[object, ...]:
    return (
        case.state is CaseState.DECIDED,
        case.due_at,
        -int(case.severity),
        -len(case.reports),
        -case.priority,
        case.lease.by if case.lease else "",
        case.lease.until if case.lease else 0,
        expires_at,
    )


def _dispute_columns(dispute: Dispute, expires_at: int | None) -> tuple[object, ...]:
    sort_at = dispute.created_at if dispute.due_at is None else dispute.due_at
    is_pending = due_call(dispute) is not None
    return (dispute.state, dispute.is_open, is_pending, dispute.due_at, sort_at, expires_at)


# --- Events -------------------------------------------------------------------------------------


def find_histories(connection: Connection, ids: Iterable[str]) -> dict[str, list[StoredEvent]]:
    """Find all events of cases and disputes, in their order, by the id of those."""
    wanted = set(ids)
    found: dict[str, list[StoredEvent]] = defaultdict(list)
    if wanted:
        for row in fetch(connection, statements.HISTORIES, give_values("ids", wanted)):
            load = documents.load_case_event if row.is_case else documents.load_dispute_event
            salt = None if row.salt is None else bytes(row.salt)
            found[row.target_id].append(
                StoredEvent(row.revision, load(row.document), row.document, salt)
            )
    return found


def insert_events(
    connection: Connection, happened: Iterable[tuple[Event, str, bytes]], revision: int
) -> None:
    """Store new events as they are written, each with the salt of its digest."""
    rows = [
        (target_of(event), event.seq, revision, isinstance(event, CaseEvent), document, salt)
        for event, document, salt in happened
    ]
    bulk_insert(connection, events, tuple(events.c.keys()), rows)


def rewrite_events(connection: Connection, target: str, rewritten: Iterable[Event]) -> None:
    """Store other words for events, of which the audit log shall prove no more what they said."""
    for one in rewritten:
        given = {"target": target, "number": one.seq, "written": documents.dump_event(one)}
        connection.execute(statements.REWRITE_EVENT, given)


# --- Evidence -----------------------------------------------------------------------------------


def find_contents(connection: Connection, target: str) -> dict[str, bytes]:
    """Find what is still kept of the evidence of a case or dispute, by the id of the evidence."""
    rows = fetch(connection, statements.CONTENTS, {"target": target})
    return {row.id: bytes(row.content) for row in rows}


def insert_contents(connection: Connection, taken: Iterable[tuple[str, str, bytes]]) -> None:
    """Store contents, each with its target and the id of its evidence."""
    bulk_insert(connection, evidence, tuple(evidence.c.keys()), list(taken))


def forget_contents(connection: Connection, targets: Sequence[str]) -> None:
    """Delete all that is kept of the evidence of cases and disputes."""
    if targets:
        given = give_values("ids", targets)
        connection.execute(statements.FORGET_CONTENTS, given)


# --- Idempotency keys ---------------------------------------------------------------------------


def find_keys(
    connection: Connection, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], UsedKey]:
    """Find what idempotency keys were used for, by (actor, key)."""
    wanted = set(keys)
    if not wanted:
        return {}
    rows = fetch(connection, statements.KEYS, give_rows("rows", wanted))
    return {
        (row.actor_id, row.key): UsedKey(row.fingerprint, row.target_id, row.seq, row.about_id)
        for row in rows
    }


def insert_keys(
    connection: Connection, used: Iterable[tuple[tuple[str, str], UsedKey]], now: int
) -> None:
    """Store what idempotency keys were used for, and when (milliseconds UTC)."""
    rows = [(*key, one.fingerprint, one.target, one.seq, one.about, now) for key, one in used]
    bulk_insert(connection, idempotency_keys, tuple(idempotency_keys.c.keys()), rows)


def forget_keys(connection: Connection, targets: Sequence[str]) -> None:
    """Delete the used keys of cases and disputes, whose digests would tell short words."""
    if targets:
        connection.execute(statements.FORGET_KEYS, give_values("ids", targets))


# --- What is due --------------------------------------------------------------------------------


def find_pending(connection: Connection, after: str, count: int) -> list[Dispute]:
    """The first `count` disputes that wait for negotiation, by id, with a higher id."""
    rows = fetch(connection, statements.PENDING, {"after": after, "count": count})
    return [documents.load_dispute(row.document) for row in rows]


def find_due(
    connection: Connection, now: int, after: tuple[int, str], count: int
) -> list[tuple[int, str]]:
    """The first `count` (due at, dispute) that are due by `now` and come after another one."""
    return _find_times(connection, statements.DUE, now, after, count)


def find_next_due(connection: Connection, now: int) -> int | None:
    """Tell when the next dispute after `now` is due; None if there is none."""
    ((due_at,),) = fetch(connection, statements.NEXT_DUE, {"now": now})
    return due_at if due_at is None else int(due_at)


def find_expired(
    connection: Connection, now: int, after: tuple[int, str], count: int
) -> list[tuple[int, str]]:
    """The first `count` (since when, id) of cases and disputes whose evidence nothing keeps."""
    found = [
        one
        for statement in (statements.EXPIRED_CASES, statements.EXPIRED_DISPUTES)
        for one in _find_times(connection, statement, now, after, count)
    ]
    return sorted(found)[:count]


def _find_times(
    connection: Connection, statement: Select[Any], now: int, after: tuple[int, str], count: int
) -> list[tuple[int, str]]:
    given = {"now": now, "when": after[0], "id": after[1], "count": count}
    return [(int(row[0]), row[1]) for row in fetch(connection, statement, given)]


def _cases(connection: Connection, statement: Select[Any], wanted: set[str]) -> dict[str, Case]:
    if not wanted:
        return {}
    rows = fetch(connection, statement, give_values("ids", wanted))
    return {case.id: case for case in (documents.load_case(row.document) for row in rows)}


def _disputes(
    connection: Connection, statement: Select[Any], wanted: set[str]
) -> dict[str, Dispute]:
    if not wanted:
        return {}
    rows = fetch(connection, statement, give_values("ids", wanted))
    return {one.id: one for one in (documents.load_dispute(row.document) for row in rows)}
