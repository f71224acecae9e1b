"""Statements of the people to whom each of several processes attends."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, delete, exists, insert, select, update

from messaging_service.storage.tables import attendance, attending, presence, presence_known
from service_kit.leases.table import stands
from service_kit.storage import bulk_statements

Rows = dict[str, int]
"""The processes that attend to one person, with when others last knew that they are there."""

_OF_REPLICA = "replica "
"""The name of the lease of a process begins with it."""

# --- Statements, each built once --------------------------------------------------------------

_BY_USERS = select(attendance).where(bulk_statements.among_given(attendance.c.user_id, "users"))
_OF_ONE = (
    select(attendance.c.user_id, attendance.c.seen_at)
    .where(attendance.c.replica == bindparam("the_replica"))
    .order_by(attendance.c.user_id)
    .limit(bindparam("count", type_=BigInteger))
)
_NEW_ROWS, _NEW_ITEMS = bulk_statements.given_items("rows", (*attendance.columns,))
# Of many in one statement: a burst of logins has a row for each, beside that of their presence.
_INSERT = insert(attendance).from_select(
    [column.name for column in attendance.columns], select(*_NEW_ITEMS).select_from(_NEW_ROWS)
)
_DELETE = delete(attendance).where(
    bulk_statements.among_given(attendance.c.user_id, "users"),
    attendance.c.replica == bindparam("the_replica"),
)
_SEE = (
    update(attendance)
    .where(
        attendance.c.user_id == bindparam("the_user"),
        attendance.c.replica == bindparam("the_replica"),
    )
    .values(seen_at=bindparam("at"))
)
_ATTENDING = select(attending.c.replica).where(attending.c.replica == bindparam("the_replica"))

HOT_STATEMENTS = {"attendance by user": _BY_USERS, "attendance of a process": _OF_ONE}
"""By name, so that their query plans can be looked at."""

# Read once, at the start, and so without an index that each change would have to keep.
_UNATTENDED = select(presence.c.user_id, presence.c.invisible).where(
    presence.c.online, ~exists().where(attendance.c.user_id == presence.c.user_id)
)


class Attender(NamedTuple):
    """A process that attends to people, and until when it knew of them."""

    replica: str
    known_at: int


def lease_of(replica: str) -> str:
    """Give the name of the lease by which a process is known to live."""
    return f"{_OF_REPLICA}{replica}"


def find_unattended(connection: Connection) -> tuple[int, list[tuple[str, bool]]]:
    """Find those who are online and to whom no process attends, (user, invisible), and when it was
    last known that they are there.
    """
    at = int(connection.execute(select(presence_known.c.at)).scalar_one())
    return at, [(row.user_id, row.invisible) for row in connection.execute(_UNATTENDED)]


def find_attendance(connection: Connection, users: Iterable[str]) -> dict[str, Rows]:
    """Find who attends to each of these people."""
    found: dict[str, Rows] = defaultdict(dict)
    given = bulk_statements.give_values("users", set(users))
    for row in bulk_statements.fetch(connection, _BY_USERS, given):
        found[row.user_id][row.replica] = row.seen_at
    return found


def store_attendance(
    connection: Connection, before: Mapping[str, Rows], after: Mapping[str, Rows]
) -> bool:
    """Store how the attendance of some people has changed; tells whether it has."""
    new: list[tuple[str, str, int]] = []
    moved: list[dict[str, Any]] = []
    old: dict[str, list[str]] = defaultdict(list)
    for user, rows in after.items():
        stored = before.get(user, {})
        for replica in stored.keys() - rows.keys():
            old[replica].append(user)
        for replica, seen_at in rows.items():
            if replica not in stored:
                new.append((user, replica, seen_at))
            elif stored[replica] != seen_at:
                moved.append({"the_user": user, "the_replica": replica, "at": seen_at})
    if new:
        connection.execute(_INSERT, bulk_statements.give_rows("rows", new))
    if moved:
        connection.execute(_SEE, moved)
    for replica, users in old.items():
        given = bulk_statements.give_values("users", users)
        connection.execute(_DELETE, {**given, "the_replica": replica})
    return bool(new or moved or old)


def ensure_attending(connection: Connection, replica: str, at: int) -> None:
    """Note a process that attends to people, unless that is known."""
    if not bulk_statements.fetch(connection, _ATTENDING, {"the_replica": replica}):
        connection.execute(insert(attending).values(replica=replica, known_at=at))


def note_known(connection: Connection, replica: str, at: int) -> None:
    """Store until when a process knows of its people; "" is the only one that there is."""
    if replica:
        known = update(attending).where(attending.c.replica == replica).values(known_at=at)
    else:
        known = update(presence_known).values(at=at)
    connection.execute(known)


def find_gone_attenders(connection: Connection, replica: str) -> list[Attender]:
    """Find the processes, but for one, that live no more or stand still. PostgreSQL alone."""
    return [
        one
        for row in connection.execute(select(attending))
        if (one := Attender(*row)).replica != replica and is_gone(connection, one.replica)
    ]


def is_gone(connection: Connection, replica: str) -> bool:
    """Tell whether a process lives no more or stands still. PostgreSQL alone."""
    return not stands(connection, lease_of(replica))


def find_people(connection: Connection, replica: str, count: int) -> dict[str, int]:
    """Find the first people to whom a process attends, with when others last knew of them."""
    given = {"the_replica": replica, "count": count}
    return dict(bulk_statements.fetch(connection, _OF_ONE, given))


def forget_attender(connection: Connection, replica: str) -> None:
    """Forget a process that attends to nobody any more."""
    connection.execute(delete(attending).where(attending.c.replica == replica))
