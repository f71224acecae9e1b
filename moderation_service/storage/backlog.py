"""The backlog of moderators: undecided cases and appeals, and disputes by state."""

from typing import NamedTuple

from sqlalchemy import Connection

from moderation_service.storage import statements
from service_kit.storage.bulk_statements import fetch


class Waiting(NamedTuple):
    """Counts of those that wait, and wait too long; the earliest due time, None for none."""

    many: int
    overdue: int
    due_at: int | None


class Backlog(NamedTuple):
    """The counts of one moment."""

    cases: Waiting
    appeals: Waiting
    disputes: dict[str, int]


def read_backlog(connection: Connection, now: int) -> Backlog:
    """Count everything that is undecided."""
    cases = Waiting(*connection.execute(statements.WAITING_CASES, {"now": now}).one())
    appeals = Waiting(*connection.execute(statements.OPEN_APPEALS, {"now": now}).one())
    disputes = {
        state: int(count) for state, count in fetch(connection, statements.DISPUTES_BY_STATE, {})
    }
    return Backlog(cases, appeals, disputes)
