"""The rows beside the documents, by which cases and disputes are found and counted.

They follow from the documents alone: what a transaction has changed of a case is compared with the
case before it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from moderation_service.domain.case.entities import Appeal, Case, Report, ReportStatus
from moderation_service.domain.case.reporters import Reporter
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.sanctions.entities import Sanction, SanctionKind
from moderation_service.storage import statements, tables
from service_kit.pages import NEWEST
from service_kit.storage.bulk_statements import bulk_insert, bulk_update, fetch, give_values

Part = TypeVar("Part", Report, Sanction, Appeal)


class InForce(NamedTuple):
    """A sanction in force: its case, and the revision that imposed it."""

    case: str
    kind: SanctionKind
    until: int
    revision: int


# --- Writing ------------------------------------------------------------------------------------


def store_cases(
    connection: Connection, cases: Sequence[tuple[Case | None, Case]], revision: int
) -> None:
    """Store what is looked for of cases, each as it was before and as it is."""
    rows = [
        (user, part, revision, after.id)
        for before, after in cases
        for user, part in sorted(_parts(after) - (_parts(before) if before else set()))
    ]
    bulk_insert(connection, tables.parts, tuple(tables.parts.c.keys()), rows)
    _store_reports(connection, cases, revision)
    made = [
        (decision.id, after.id)
        for before, after in cases
        for decision in after.decisions[len(before.decisions) if before else 0 :]
    ]
    bulk_insert(connection, tables.decisions, tuple(tables.decisions.c.keys()), made)
    _store_sanctions(connection, cases, revision)
    _store_appeals(connection, cases, revision)


def store_disputes(
    connection: Connection, disputes: Sequence[tuple[Dispute | None, Dispute]], revision: int
) -> None:
    """Store what is looked for of disputes, each as it was before and as it is."""
    rows = [
        (user, "party", revision, after.id)
        for before, after in disputes
        for user in sorted({*after.parties} - {*(before.parties if before else ())})
    ]
    bulk_insert(connection, tables.parts, tuple(tables.parts.c.keys()), rows)


def _parts(case: Case) -> set[tuple[str, str]]:
    return {
        *((one, "participant") for one in case.participants),
        *((one, "accused") for one in case.accused),
        *((one, "reporter") for one in case.reporters),
    }


def _store_reports(
    connection: Connection, cases: Sequence[tuple[Case | None, Case]], revision: int
) -> None:
    made, changed = [], []
    for before, after in cases:
        for report, is_new in _differences(before.reports if before else (), after.reports):
            if is_new:
                made.append(
                    (report.id, after.id, report.reporter, report.reason, report.status,
                     report.is_open, report.at, revision)
                )  # fmt: skip
            else:
                changed.append((report.status, report.is_open, report.id))
    bulk_insert(connection, tables.reports, tuple(tables.reports.c.keys()), made)
    bulk_update(connection, tables.reports, "id", ("status", "is_open"), changed)


def _store_sanctions(
    connection: Connection, cases: Sequence[tuple[Case | None, Case]], revision: int
) -> None:
    made, changed, users = [], [], []
    for before, after in cases:
        for one, is_new in _differences(before.sanctions if before else (), after.sanctions):
            is_lifted = one.lift is not None
            if not is_new:
                changed.append((is_lifted, one.id))
                continue
            until = NEWEST if one.until is None else one.until
            made.append(
                (one.id, after.id, one.kind, one.conversation, one.message, until, is_lifted,
                 revision)
            )  # fmt: skip
            users += [(user, revision, one.id, after.id, until, is_lifted) for user in one.users]
    bulk_insert(connection, tables.sanctions, tuple(tables.sanctions.c.keys()), made)
    bulk_insert(connection, tables.sanctioned, tuple(tables.sanctioned.c.keys()), users)
    bulk_update(connection, tables.sanctions, "id", ("is_lifted",), changed)
    for is_lifted, sanction in changed:
        connection.execute(statements.LIFT, {"sanction": sanction, "lifted": is_lifted})


def _store_appeals(
    connection: Connection, cases: Sequence[tuple[Case | None, Case]], revision: int
) -> None:
    made, changed = [], []
    for before, after in cases:
        for one, is_new in _differences(before.appeals if before else (), after.appeals):
            if is_new:
                decision = after.decision(one.decision)
                decided_by = decision.by if decision else ""
                made.append(
                    (one.id, after.id, one.by, decided_by, one.status, one.due_at, revision)
                )
            else:
                changed.append((one.status, one.id))
    bulk_insert(connection, tables.appeals, tuple(tables.appeals.c.keys()), made)
    bulk_update(connection, tables.appeals, "id", ("status",), changed)


def _differences(before: tuple[Part, ...], after: tuple[Part, ...]) -> list[tuple[Part, bool]]:
    """Give what is new or otherwise, and whether it is new."""
    known = {one.id: one for one in before}
    return [(one, one.id not in known) for one in after if known.get(one.id) != one]


def rename(connection: Connection, target: str, user: str, alias: str) -> None:
    """Let an alias take the place of a person's name in all that is looked for of a target."""
    for statement in statements.RENAME:
        connection.execute(statement, {"target": target, "user": user, "alias": alias})


# --- Reading ------------------------------------------------------------------------------------


def find_targets_of(connection: Connection, user: str, after: str, count: int) -> list[str]:
    """The first `count` ids, beyond one, of cases and disputes in which a person has a part."""
    given = {"user": user, "after": after, "count": count}
    return [row.target_id for row in fetch(connection, statements.TARGETS_OF, given)]


def find_sanctioning(
    connection: Connection, users: Iterable[str], now: int
) -> dict[str, list[InForce]]:
    """Find what is in force against users, by user."""
    wanted = set(users)
    found: dict[str, list[InForce]] = defaultdict(list)
    if wanted:
        given = give_values("ids", wanted) | {"now": now}
        for user, case, until, revision, kind in fetch(connection, statements.SANCTIONING, given):
            found[user].append(InForce(case, SanctionKind(kind), int(until), int(revision)))
    return found


def find_locking(connection: Connection, conversations: Iterable[str], now: int) -> set[str]:
    """Find the cases that have something in force about conversations."""
    return _standing(connection, "locking", conversations, now)


def find_removing(connection: Connection, things: Iterable[str], now: int) -> set[str]:
    """Find the cases that have something in force about messages and statements."""
    return _standing(connection, "removing", things, now)


def _standing(connection: Connection, what: str, ids: Iterable[str], now: int) -> set[str]:
    wanted = set(ids)
    if not wanted:
        return set()
    given = give_values("ids", wanted) | {"now": now}
    statement = statements.LOCKING if what == "locking" else statements.REMOVING
    return {row.case_id for row in fetch(connection, statement, given)}


def find_reporters(connection: Connection, users: Iterable[str], since: int) -> dict[str, Reporter]:
    """Count what users have reported, and give the times of what they did after `since`."""
    wanted = set(users)
    if not wanted:
        return {}
    given = give_values("ids", wanted)
    counts: dict[str, dict[str, int]] = {user: {} for user in wanted}
    for user, status, count in fetch(connection, statements.REPORTER_COUNTS, given):
        counts[user][status] = int(count)
    recent: dict[str, list[int]] = defaultdict(list)
    for user, at in fetch(connection, statements.RECENT_REPORTS, given | {"since": since}):
        recent[user].append(int(at))
    return {
        user: Reporter(
            user,
            open=of.get(ReportStatus.RECEIVED, 0) + of.get(ReportStatus.IN_REVIEW, 0),
            actioned=of.get(ReportStatus.ACTIONED, 0),
            no_violation=of.get(ReportStatus.NO_VIOLATION, 0),
            recent=tuple(sorted(recent[user])),
        )
        for user, of in counts.items()
    }
