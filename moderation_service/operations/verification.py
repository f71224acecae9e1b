"""Whether the database is what the audit log has recorded: `python -m moderation_service verify`.

Whoever reads the log over the contract sees that no entry was changed. Only here, where events and
salts are, can it be seen that each event says what it said when it was recorded, that cases and
disputes are what their events make, and that evidence is what was seen.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection

from moderation_service.domain import audit
from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.events import CaseEvent, Cause, replay
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import DisputeCause, DisputeEvent, replay_dispute
from moderation_service.domain.shared.evidence import is_intact
from moderation_service.settings import ModerationSettings
from moderation_service.storage import audit as audit_storage
from moderation_service.storage import documents, statements
from moderation_service.storage import targets as storage
from moderation_service.storage.documents import UnreadableDocument
from service_kit import audit as chain
from service_kit.audit import AuditEntry, Break, Head
from service_kit.storage import migrations
from service_kit.storage.bulk_statements import fetch, give_values
from service_kit.storage.engines import address_of, open_engine

MIGRATIONS = Path(__file__).parents[1] / "migrations"

_PAGE = 200
# Of one kind of damage there may be as many as there are rows; these are enough to see which kind.
_SHOWN = 100
_ERASURES = frozenset({Cause.ERASED.value, DisputeCause.ERASED.value})


class Problem(NamedTuple):
    """A difference from what was recorded; no words of people are in it."""

    where: str
    what: str


def verify(connection: Connection, page: int = _PAGE) -> Iterator[Problem | Head]:
    """Look through everything, page by page; the head of the log comes at the end.

    All of it has to be one transaction that sees one state.
    """
    head = yield from _chain(connection, page)
    after = ""
    while targets := _targets(connection, after, page):
        after = targets[-1]
        yield from _check_targets(connection, targets)
    yield head


def _chain(connection: Connection, page: int) -> Generator[Problem, None, Head]:
    """Go along the log; give its end. Behind a break it goes on, to show what else is broken."""
    head, more = Head(), True
    while more:
        head, problems, more = read_chain(connection, head, page)
        yield from problems
    return head


def read_chain(
    connection: Connection, head: Head, page: int = _PAGE
) -> tuple[Head, list[Problem], bool]:
    """Go along the log from its entry `head`, for a page: its new head, the first break if there
    is one, and whether there may be more.
    """
    entries = audit_storage.read_audit(connection, head.number, "", page)
    if not entries:
        return head, [], False
    found = chain.verify(head, entries)
    problems = [Problem(f"entry {found.number}", found.problem)] if isinstance(found, Break) else []
    return chain.head_of(entries[-1]), problems, len(entries) == page


def _targets(connection: Connection, after: str, count: int) -> list[str]:
    """The first ids beyond one of whatever is a case or dispute anywhere."""
    given = {"after": after, "count": count}
    found = {row[0] for one in statements.TARGETS for row in fetch(connection, one, given)}
    return sorted(found)[:count]


def _check_targets(connection: Connection, targets: Sequence[str]) -> Iterator[Problem]:
    given = give_values("ids", targets)
    events: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in fetch(connection, statements.HISTORIES, given):
        events[row.target_id][row.seq] = row
    entries: dict[str, list[AuditEntry]] = defaultdict(list)
    for row in fetch(connection, statements.ENTRIES, given):
        entries[row.target].append(AuditEntry(*row))
    states = {
        row.id: (load, row.document)
        for statement, load in (
            (statements.CASES, documents.load_case),
            (statements.DISPUTES, documents.load_dispute),
        )
        for row in fetch(connection, statement, given)
    }
    for one in targets:
        yield from _check_events(one, events[one], entries[one])
        try:
            state = _check_state(events[one].values(), states.get(one))
        except (UnreadableDocument, TypeError, AttributeError):
            # What the events say can not have happened to anything, or nobody can read it.
            state = None
        if state is None:
            yield Problem(one, "it is not what its events make")
        else:
            yield from _check_evidence(connection, state)


def _check_events(
    target: str, events: dict[int, Any], entries: Sequence[AuditEntry]
) -> Iterator[Problem]:
    """Compare each event with its entry; only an erasure, which has one too, rewrites events."""
    erased = max((one.version for one in entries if one.action in _ERASURES), default=0)
    recorded: set[int] = set()
    for entry in entries:
        where = f"{target}, event {entry.version}"
        event = events.get(entry.version)
        if entry.version in recorded:
            yield Problem(where, f"entry {entry.number} records it again")
        elif event is None:
            yield Problem(where, f"it is missing, and entry {entry.number} has recorded it")
        elif event.salt is None:
            if entry.version >= erased:
                yield Problem(where, f"it was rewritten after entry {entry.number}, by no erasure")
        elif not audit.matches(entry, event.document.encode(), bytes(event.salt)):
            yield Problem(where, f"it is not what entry {entry.number} has recorded")
        recorded.add(entry.version)
    for number in sorted(events.keys() - recorded):
        yield Problem(f"{target}, event {number}", "no entry has recorded it")


def _check_state(
    rows: Iterable[Any], stored: tuple[Callable[[str], Case | Dispute], str] | None
) -> Case | Dispute | None:
    """Give a case or dispute that is what its events make; None for any other."""
    if stored is None:
        return None
    load, document = stored
    state = load(document)
    made: Case | Dispute | None
    if isinstance(state, Case):
        happened: list[CaseEvent] = [documents.load_case_event(one.document) for one in rows]
        made = replay(happened)
    else:
        heard: list[DisputeEvent] = [documents.load_dispute_event(one.document) for one in rows]
        made = replay_dispute(heard)
    return state if state == made else None


def _check_evidence(connection: Connection, state: Case | Dispute) -> Iterator[Problem]:
    contents = storage.find_contents(connection, state.id)
    for one in state.evidence:
        where = f"{state.id}, evidence {one.id}"
        content = contents.pop(one.id, None)
        if one.erased_at is not None:
            if content is not None:
                yield Problem(where, "it is there, though it was deleted")
        elif content is None:
            yield Problem(where, "it is missing")
        elif not is_intact(one, content):
            yield Problem(where, "it is not what was seen")
    for name in contents:
        yield Problem(f"{state.id}, evidence {name}", "nobody has taken it")


def run(settings: ModerationSettings) -> int:
    """Verify the database that these settings name; writes what is wrong, or the head at last."""
    engine = open_engine(address_of(settings), "reader", timeouts=settings.timeouts())
    head, problems = Head(), 0
    try:
        migrations.check(engine, MIGRATIONS)
        with engine.connect() as connection, connection.begin():
            for one in verify(connection):
                if isinstance(one, Head):
                    head = one
                elif (problems := problems + 1) <= _SHOWN:
                    sys.stdout.write(f"{one.where}: {one.what}\n")
    finally:
        engine.dispose()
    if problems:
        sys.stdout.write(f"problems: {problems}\n")
        return 1
    sys.stdout.write(
        f"all is as {head.number} entries have recorded it\n{head.number}:{head.hash}\n"
    )
    return 0
