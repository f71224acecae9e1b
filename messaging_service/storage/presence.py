"""Tables and queries of presence; what is read while serving goes through an index."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    func,
    select,
    update,
)

from messaging_service.domain.messages import Presence
from messaging_service.storage.messages import conversations, metadata
from service_kit.storage.bulk_statements import (
    among_given,
    bulk_insert,
    bulk_update,
    give_rows,
    give_values,
    given_items,
)
from service_kit.storage.engines import STORED_BY_KEY, TEXT

presence = Table(
    "presence",
    metadata,
    Column("user_id", TEXT, primary_key=True),
    Column("online", Boolean, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("invisible", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    **STORED_BY_KEY,
)

known = Table("presence_known", metadata, Column("at", BigInteger, nullable=False))
"""One row: when the service last knew that those who are online are there."""

_COLUMNS = tuple(column.name for column in presence.columns)
_SIDES = (("first", "second"), ("second", "first"))

# --- Statements, each built once --------------------------------------------------------------

_BY_USERS = select(presence).where(among_given(presence.c.user_id, "users"))


def _peers(mine: str, other: str, shown_to: str) -> Select[Any]:
    """The others of the newest conversations of many users, each with the activity there.

    Where the newest end is looked up for each user first, so that the rest is never read. Those
    of the same activity come as well. Nothing is told across a block, nor to one of the sides,
    `shown_to`, who is not shown the conversation.
    """
    columns = conversations.c
    user_id, activity = columns[f"{mine}_id"], columns[f"{mine}_activity"]
    given, (user,) = given_items("users", (user_id,))
    newer = conversations.alias("newer")
    end = (
        select(newer.c[activity.name])
        .where(newer.c[user_id.name] == user)
        .order_by(newer.c[activity.name].desc())
        .limit(1)
        .offset(bindparam("before_last", type_=BigInteger))
        .correlate(given)
        .scalar_subquery()
    )
    ends = select(user.label("user_id"), func.coalesce(end, 0).label("activity")).cte("ends")
    return select(ends.c.user_id, columns[f"{other}_id"], activity).select_from(
        ends.join(
            conversations,
            and_(
                user_id == ends.c.user_id,
                activity >= ends.c.activity,
                columns[f"{shown_to}_activity"] > 0,
                columns.first_blocked_revision == 0,
                columns.second_blocked_revision == 0,
            ),
        )
    )


_TOLD = tuple(_peers(mine, other, shown_to=other) for mine, other in _SIDES)
_TELLING = tuple(_peers(mine, other, shown_to=mine) for mine, other in _SIDES)


# Read once, at the start, and so without an index that each change would have to keep.
_ONLINE = select(presence.c.user_id, presence.c.invisible).where(presence.c.online)

HOT_STATEMENTS = {
    "presence by user": _BY_USERS,
    "told, first": _TOLD[0],
    "told, second": _TOLD[1],
    "telling, first": _TELLING[0],
    "telling, second": _TELLING[1],
}
"""By name, for whoever wants to see their query plans."""


class Peers(NamedTuple):
    """Each person once, and whether there are conversations beyond those that count."""

    users: tuple[str, ...]
    more: bool


# --- Reading -----------------------------------------------------------------------------------


def find_presence(connection: Connection, users: Iterable[str]) -> dict[str, Presence]:
    """Find what is shown of people, and what they wish; who was never seen has no entry."""
    wanted = set(users)
    if not wanted:
        return {}
    rows = connection.execute(_BY_USERS, give_values(connection, "users", wanted))
    return {row.user_id: Presence._make(row) for row in rows}


def find_told(connection: Connection, users: Iterable[str], count: int) -> dict[str, Peers]:
    """Find who is told of the presence of each of `users`: those with whom that one shares one of
    its `count` conversations of newest activity.
    """
    return _find_peers(connection, _TOLD, users, count)


def _find_peers(
    connection: Connection, sides: Iterable[Select[Any]], users: Iterable[str], count: int
) -> dict[str, Peers]:
    rows = [(user,) for user in users]
    if not rows:
        return {}
    # One more on each side tells whether there are more.
    given = give_rows(connection, "users", rows) | {"before_last": count}
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for side in sides:
        for user, peer, activity in connection.execute(side, given):
            found[user].append((activity, peer))
    return {user: _newest(near, count) for user, near in found.items()}


def _newest(near: list[tuple[int, str]], count: int) -> Peers:
    more = len(near) > count
    if more:
        near = sorted(near, reverse=True)[:count]
    return Peers(tuple(dict.fromkeys(peer for _activity, peer in near)), more)


def changed_presence(
    connection: Connection, user: str, after: int, until: int, count: int
) -> list[Presence]:
    """The presence, changed with after < revision <= until, of those with whom `user` shares one
    of the `count` conversations of newest activity.
    """
    near = _find_peers(connection, _TELLING, (user,), count).get(user)
    found = find_presence(connection, near.users if near else ())
    return [one for one in found.values() if after < one.revision <= until]


def find_online(connection: Connection) -> tuple[int, list[tuple[str, bool]]]:
    """Find who was online when the service last knew, and when that was: (user, invisible)."""
    at = int(connection.execute(select(known.c.at)).scalar_one())
    return at, [(row.user_id, row.invisible) for row in connection.execute(_ONLINE)]


# --- Writing -----------------------------------------------------------------------------------


def insert_presence(connection: Connection, new: Iterable[Presence]) -> None:
    """Store the presence of people who had none."""
    bulk_insert(connection, presence, _COLUMNS, list(new))


def update_presence(connection: Connection, changed: Iterable[Presence]) -> None:
    """Store the new presence of people who had one."""
    rows = [(*one[1:], one.user) for one in changed]
    bulk_update(connection, presence, "user_id", _COLUMNS[1:], rows)


def remember(connection: Connection, at: int) -> None:
    """Store until when the service has known who is there."""
    connection.execute(update(known).values(at=bindparam("now")), {"now": at})
