"""Invariants of a database of moderation, whatever happened to it."""

from typing import Any, NamedTuple

from sqlalchemy import Engine, select

from moderation_service.domain import audit
from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.events import CaseEvent, replay
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import DisputeEvent, replay_dispute
from moderation_service.domain.shared.evidence import is_intact
from moderation_service.storage import documents
from moderation_service.storage.audit import read_audit
from moderation_service.storage.tables import (
    appeals,
    cases,
    decisions,
    disputes,
    events,
    evidence,
    parts,
    reports,
    sanctioned,
    sanctions,
)
from service_kit import audit as chain
from service_kit.audit import Head

EVERYTHING = 10**9


class Books(NamedTuple):
    cases: dict[str, Case]
    disputes: dict[str, Dispute]
    head: Head


def check_books(engine: Engine) -> Books:
    """Check that documents, events, rows and the audit log agree, and give what they say."""
    with engine.connect() as connection, connection.begin():
        found = read_books(connection)
        check_audit(connection)
        check_rows(connection, found)
        check_evidence(connection, found)
        return found


def read_books(connection: Any) -> Books:
    histories: dict[str, list[Any]] = {}
    for row in connection.execute(select(events).order_by(events.c.target_id, events.c.seq)):
        load = documents.load_case_event if row.is_case else documents.load_dispute_event
        histories.setdefault(row.target_id, []).append(load(row.document))
    found = {row.id: documents.load_case(row.document) for row in connection.execute(select(cases))}
    held = {
        row.id: documents.load_dispute(row.document) for row in connection.execute(select(disputes))
    }
    assert histories.keys() == {*found, *held}
    for name, history in histories.items():
        assert [one.seq for one in history] == list(range(1, len(history) + 1))
        if name in found:
            assert all(isinstance(one, CaseEvent) for one in history)
            assert replay(history) == found[name]
        else:
            assert all(isinstance(one, DisputeEvent) for one in history)
            assert replay_dispute(history) == held[name]
    entries = read_audit(connection, 0, "", EVERYTHING)
    return Books(found, held, chain.head_of(entries[-1]) if entries else Head())


def check_audit(connection: Any) -> None:
    """Check that the log is a chain, and has an entry for each event and for nothing else (M8)."""
    entries = read_audit(connection, 0, "", EVERYTHING)
    assert isinstance(chain.verify(Head(), entries), Head)
    stored = {(row.target_id, row.seq): row for row in connection.execute(select(events))}
    assert {(one.target, one.version) for one in entries} == stored.keys()
    assert len(entries) == len(stored)
    for one in entries:
        row = stored[one.target, one.version]
        if row.salt is not None:
            assert audit.matches(one, row.document.encode(), bytes(row.salt))


def check_rows(connection: Any, found: Books) -> None:
    """Check that what lists look for is what the documents say."""
    expected = _Rows()
    for case in found.cases.values():
        expected.add(case)
    for dispute in found.disputes.values():
        expected.add(dispute)
    assert _all(connection, parts, "user_id", "part", "target_id") == sorted(expected.parts)
    columns: tuple[str, ...] = (
        "id",
        "case_id",
        "reporter_id",
        "reason",
        "status",
        "is_open",
        "created_at",
    )
    assert _all(connection, reports, *columns) == sorted(expected.reports)
    assert _all(connection, decisions, "id", "case_id") == sorted(expected.decisions)
    columns = ("id", "case_id", "kind", "conversation_id", "message_id", "is_lifted")
    assert _all(connection, sanctions, *columns) == sorted(expected.sanctions)
    columns = ("user_id", "sanction_id", "case_id", "is_lifted")
    assert _all(connection, sanctioned, *columns) == sorted(expected.sanctioned)
    columns = ("id", "case_id", "by_id", "decided_by", "status", "due_at")
    assert _all(connection, appeals, *columns) == sorted(expected.appeals)


class _Rows:
    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.reports: list[Any] = []
        self.decisions: list[Any] = []
        self.sanctions: list[Any] = []
        self.sanctioned: list[Any] = []
        self.appeals: list[Any] = []

    def add(self, target: Case | Dispute) -> None:
        name = target.id
        if isinstance(target, Dispute):
            self.parts += [(one, "party", name) for one in set(target.parties)]
            return
        for part, people in (
            ("participant", target.participants),
            ("accused", target.accused),
            ("reporter", target.reporters),
        ):
            self.parts += [(one, part, name) for one in set(people)]
        self.reports += [
            (one.id, name, one.reporter, one.reason, one.status, one.is_open, one.at)
            for one in target.reports
        ]
        self.decisions += [(one.id, name) for one in target.decisions]
        self.sanctions += [
            (one.id, name, one.kind, one.conversation, one.message, one.lift is not None)
            for one in target.sanctions
        ]
        self.sanctioned += [
            (user, one.id, name, one.lift is not None)
            for one in target.sanctions
            for user in one.users
        ]
        for one in target.appeals:
            decision = target.decision(one.decision)
            assert decision is not None
            self.appeals.append((one.id, name, one.by, decision.by, one.status, one.due_at))


def _all(connection: Any, table: Any, *columns: str) -> list[Any]:
    query = select(*(table.c[one] for one in columns))
    return sorted(tuple(row) for row in connection.execute(query))


def check_evidence(connection: Any, found: Books) -> None:
    """Check that evidence is kept intact until it is erased, and nothing of it after that (M6)."""
    kept = {row.id: bytes(row.content) for row in connection.execute(select(evidence))}
    known = [one for target in found.cases.values() for one in target.evidence]
    known += [one for target in found.disputes.values() for one in target.evidence]
    assert kept.keys() == {one.id for one in known if one.erased_at is None}
    assert all(is_intact(one, kept[one.id]) for one in known if one.id in kept)
