"""Statements of presence; those that are run while serving go through an index."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Select,
    bindparam,
    func,
    or_,
    select,
)

from messaging_service.domain.presence import Presence
from messaging_service.storage.tables import conversations, presence
from service_kit.storage import bulk_statements
from service_kit.storage.bulk_statements import Lookup

_COLUMNS = tuple(column.name for column in presence.columns)
_SIDES = (("first", "second"), ("second", "first"))

# --- Statements, each built once --------------------------------------------------------------

_BY_USERS = select(presence).where(bulk_statements.among_given(presence.c.user_id, "users"))
_CHANGED = select(presence.c.user_id).where(
    presence.c.revision > bindparam("after"), presence.c.revision <= bindparam("until")
)


def _peers(mine: str, other: str, shown_to: str) -> Select[Any]:
    """Select the others of the newest conversations of many users: for each user a list of them,
    each with the activity there.

    The activity at which the newest ones begin is looked up first, so that the rest is never read.
    Nothing is told across a block, nor to one of the sides, `shown_to`, who is not shown the
    conversation.
    """
    columns = conversations.c
    user_id, activity = columns[f"{mine}_id"], columns[f"{mine}_activity"]
    given, (user,) = bulk_statements.given_items("users", (user_id,))
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
    near = (
        select(bulk_statements.listed(activity, columns[f"{other}_id"]))
        .where(
            user_id == user,
            activity >= func.coalesce(end, 0),
            # As no range, by which an index of the other side could be searched instead.
            columns[f"{shown_to}_activity"] != 0,
            columns.first_blocked_revision == 0,
            columns.second_blocked_revision == 0,
            # One who has opened it, and was not answered, is a stranger.
            or_(
                bindparam("strangers", type_=Boolean),
                columns.opened_by != columns[f"{shown_to}_id"],
                columns[f"{other if shown_to == mine else mine}_spoke_revision"] > 0,
            ),
        )
        .correlate(given)
        .scalar_subquery()
    )
    return select(user.label("user_id"), near.label("near")).select_from(given)


_OBSERVERS = tuple(_peers(mine, other, shown_to=other) for mine, other in _SIDES)
_OBSERVED = tuple(_peers(mine, other, shown_to=mine) for mine, other in _SIDES)


_ANY_CHANGED = _CHANGED.limit(1)

HOT_STATEMENTS = {
    "presence by user": _BY_USERS,
    "presence changed": _CHANGED,
    "any presence changed": _ANY_CHANGED,
    "observers, first": _OBSERVERS[0],
    "observers, second": _OBSERVERS[1],
    "observed, first": _OBSERVED[0],
    "observed, second": _OBSERVED[1],
}
"""By name, so that their query plans can be looked at."""


_Near = Sequence[tuple[str, Sequence[tuple[int, str]] | None]]


class Peers(NamedTuple):
    """The others of a person's newest conversations, and whether that person has `more`."""

    users: tuple[str, ...]
    more: bool


def find_presence(connection: Connection, users: Iterable[str]) -> dict[str, Presence]:
    """Find the presence of people, by user; those who were never seen have none."""
    return bulk_statements.look_up(connection, presence_of(users))


def presence_of(users: Iterable[str]) -> Lookup[dict[str, Presence]]:
    """The presence of any of these people."""
    wanted = set(users)

    def read(rows: Sequence[Any]) -> dict[str, Presence]:
        return {one.user: one for one in map(Presence._make, rows)}

    given = bulk_statements.give_values("users", wanted) if wanted else None
    return Lookup(_BY_USERS, given, read)


def find_observers(
    connection: Connection, users: Iterable[str], count: int, *, strangers: bool = False
) -> dict[str, Peers]:
    """Find the others who are told of the presence of each user: those of the user's `count`
    conversations of newest activity, whom the user has answered or all.
    """
    return _find_peers(connection, _OBSERVERS, users, count, strangers=strangers)


def _find_peers(
    connection: Connection,
    sides: Iterable[Select[Any]],
    users: Iterable[str],
    count: int,
    *,
    strangers: bool,
) -> dict[str, Peers]:
    lookups = _peers_of(sides, users, count, strangers=strangers)
    return _join_sides(bulk_statements.look_up_all(connection, *lookups), count)


def _peers_of(
    sides: Iterable[Select[Any]],
    users: Iterable[str],
    count: int,
    *,
    strangers: bool,
) -> list[Lookup[_Near]]:
    rows = [(user,) for user in users]
    given = None
    if rows:
        # One more on each side tells whether there are more.
        given = bulk_statements.give_rows("users", rows)
        given |= {"before_last": count, "strangers": strangers}
    return [Lookup(side, given, tuple) for side in sides]


def _join_sides(sides: Iterable[_Near], count: int) -> dict[str, Peers]:
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for user, near in chain(*sides):
        if near:
            found[user] += ((activity, peer) for activity, peer in near)
    return {user: _newest(near, count) for user, near in found.items()}


def _newest(near: list[tuple[int, str]], count: int) -> Peers:
    more = len(near) > count
    if more:
        near = sorted(near, reverse=True)[:count]
    return Peers(tuple(dict.fromkeys(peer for _activity, peer in near)), more)


def any_changed_presence(after: int, until: int) -> Lookup[bool]:
    """Look whether the presence of anybody changed with after < revision <= until.

    For most who resume it did not: then who takes part in what need not be looked up.
    """
    return Lookup(_ANY_CHANGED, {"after": after, "until": until}, bool)


def observed_by(user: str, count: int, *, strangers: bool) -> list[Lookup[_Near]]:
    """Look for those whose presence a user is told: `users_of` makes them of what is found."""
    return _peers_of(_OBSERVED, (user,), count, strangers=strangers)


def users_of(sides: Iterable[_Near], count: int) -> set[str]:
    """Those of whom `observed_by` found the `count` conversations of newest activity."""
    return {one for near in _join_sides(sides, count).values() for one in near.users}


def find_told_of_changed(
    connection: Connection,
    users: Collection[str],
    after: int,
    until: int,
    count: int,
    *,
    strangers: bool,
) -> set[str]:
    """Find those of `users` who are told of the presence of anybody that changed with
    after < revision <= until; others may be among them. Both look at `count` conversations.

    It is looked for from whichever are fewer, `users` or those whose presence changed: after an
    edge's restart the latter are all.
    """
    if not users:
        return set()
    given = {"after": after, "until": until}
    changed = {row.user_id for row in bulk_statements.fetch(connection, _CHANGED, given)}
    if len(changed) < len(users):
        observers = find_observers(connection, changed, count, strangers=strangers)
        return {user for near in observers.values() for user in near.users}
    observed = _find_peers(connection, _OBSERVED, users, count, strangers=strangers)
    return {user for user, near in observed.items() if not changed.isdisjoint(near.users)}


def insert_presence(connection: Connection, new: Iterable[Presence]) -> None:
    """Store the presence of people who had none."""
    bulk_statements.bulk_insert(connection, presence, _COLUMNS, list(new))


def update_presence(connection: Connection, changed: Iterable[Presence]) -> None:
    """Store the new presence of people who had one."""
    rows = [(*one[1:], one.user) for one in changed]
    bulk_statements.bulk_update(connection, presence, "user_id", _COLUMNS[1:], rows)
