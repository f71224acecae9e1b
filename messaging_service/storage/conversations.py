"""Statements of conversations. Each goes through an index, and none sorts a page."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, bindparam, select, text, tuple_

from messaging_service.domain.conversations import Conversation, Side
from messaging_service.storage.tables import conversations
from service_kit.storage.bulk_statements import (
    Lookup,
    Update,
    among_given,
    bulk_insert,
    bulk_update,
    fetch,
    give_rows,
    give_values,
    given_rows,
    look_up,
)
from service_kit.storage.changed_users import changed_users
from service_kit.storage.engines import TEXT

_COLUMNS = tuple(column.name for column in conversations.columns)
# What few messages change stands at the end of a side, so that the others do not write it.
_RARE = Side._fields.index("blocked_revision")
_RARE_COLUMNS = tuple(
    f"{side}_{name}" for side in ("first", "second") for name in Side._fields[_RARE:]
)
_CHANGING_COLUMNS = tuple(
    name
    for name in _COLUMNS
    if name not in {"id", "subject", "opened_by", "created_at", "first_id", "second_id"}
    and name not in _RARE_COLUMNS
)
_CHANGING = Conversation._fields.index("revision")
_FIRST_SIDE = len(Conversation._fields) - 2
_SECOND_SIDE = _FIRST_SIDE + len(Side._fields)


def _conversation(row: Row[Any]) -> Conversation:
    first, second = row[_FIRST_SIDE:_SECOND_SIDE], row[_SECOND_SIDE:]
    return Conversation._make((*row[:_FIRST_SIDE], Side._make(first), Side._make(second)))


# --- Statements, each built once --------------------------------------------------------------

_BY_IDS = select(conversations).where(among_given(conversations.c.id, "ids"))

_pairs, _pairs_match = given_rows(
    "rows", (conversations.c.first_id, conversations.c.second_id, conversations.c.subject)
)
_BY_PAIRS = select(conversations).select_from(_pairs.join(conversations, _pairs_match))

_couples, _couples_match = given_rows("rows", (conversations.c.first_id, conversations.c.second_id))
_BY_COUPLES = select(conversations).select_from(_couples.join(conversations, _couples_match))

_OPENINGS = select(conversations.c.opened_by, conversations.c.created_at).where(
    among_given(conversations.c.opened_by, "users"),
    conversations.c.created_at > bindparam("since"),
)

_PAGES = tuple(
    select(conversations)
    .where(
        side == bindparam("user"),
        activity > 0,
        tuple_(activity, conversations.c.id)
        < tuple_(bindparam("activity", type_=BigInteger), bindparam("id", type_=TEXT)),
    )
    .order_by(activity.desc(), conversations.c.id.desc())
    .limit(bindparam("count", type_=BigInteger))
    for side, activity in (
        (conversations.c.first_id, conversations.c.first_activity),
        (conversations.c.second_id, conversations.c.second_activity),
    )
)

_CHANGED = tuple(
    select(conversations).where(
        conversations.c[f"{side}_id"] == bindparam("user"),
        text(f"{side}_activity > 0"),
        conversations.c.revision > bindparam("after"),
    )
    for side in ("first", "second")
)

CHANGED_PARTICIPANTS = tuple(
    changed_users(
        conversations.c[f"{side}_id"],
        conversations.c.revision,
        text(f"{side}_activity > 0"),
        whole=False,
    )
    for side in ("first", "second")
)
"""The participants, among many users, of conversations in which anything happened."""

HOT_STATEMENTS = {
    "conversations by id": _BY_IDS,
    "conversations by pair": _BY_PAIRS,
    "conversations by couple": _BY_COUPLES,
    "openings": _OPENINGS,
    "conversations page, first": _PAGES[0],
    "conversations page, second": _PAGES[1],
    "conversations changed, first": _CHANGED[0],
    "conversations changed, second": _CHANGED[1],
    "participants changed, first": CHANGED_PARTICIPANTS[0],
    "participants changed, second": CHANGED_PARTICIPANTS[1],
}
"""By name, so that their query plans can be looked at."""


def conversations_by_id(ids: Iterable[str]) -> Lookup[dict[str, Conversation]]:
    """The conversations with any of these ids."""
    wanted = set(ids)

    def read(rows: Sequence[Any]) -> dict[str, Conversation]:
        return {row.id: _conversation(row) for row in rows}

    return Lookup(_BY_IDS, give_values("ids", wanted) if wanted else None, read)


def find_conversations(connection: Connection, ids: Iterable[str]) -> dict[str, Conversation]:
    """Find conversations by id."""
    return look_up(connection, conversations_by_id(ids))


def conversations_by_pair(
    pairs: Iterable[tuple[str, str, str]],
) -> Lookup[dict[tuple[str, str, str], Conversation]]:
    """The conversations with any of these (first user, second user, subject)."""
    wanted = set(pairs)

    def read(rows: Sequence[Any]) -> dict[tuple[str, str, str], Conversation]:
        found = map(_conversation, rows)
        return {(one.first.user, one.second.user, one.subject): one for one in found}

    return Lookup(_BY_PAIRS, give_rows("rows", wanted) if wanted else None, read)


def find_conversations_between(
    connection: Connection, couples: Iterable[tuple[str, str]]
) -> list[Conversation]:
    """Find all conversations between each (first user, second user)."""
    wanted = set(couples)
    if not wanted:
        return []
    given = give_rows("rows", wanted)
    return [_conversation(row) for row in fetch(connection, _BY_COUPLES, given)]


def find_openings(connection: Connection, users: Iterable[str], since: int) -> dict[str, list[int]]:
    """Find when each of `users` opened conversations after `since`."""
    found: dict[str, list[int]] = {user: [] for user in users}
    if found:
        given = give_values("users", found) | {"since": since}
        for row in fetch(connection, _OPENINGS, given):
            found[row.opened_by].append(row.created_at)
    return found


def find_conversation_page(
    connection: Connection, user: str, below: tuple[int, str], count: int
) -> list[Conversation]:
    """Find the first `count` conversations of `user` below (activity, id), the newest first."""
    given = {"user": user, "activity": below[0], "id": below[1], "count": count}
    # One ordered page of each index, joined here, for a database would sort their union.
    found = [_conversation(row) for page in _PAGES for row in fetch(connection, page, given)]
    found.sort(key=lambda one: (one.side(user).activity, one.id), reverse=True)
    return found[:count]


def changed_conversations(user: str, after: int) -> list[Lookup[list[Conversation]]]:
    """Look for those that `user` is shown in which anything happened after a revision, on either
    side.
    """

    def read(rows: Sequence[Any]) -> list[Conversation]:
        return [_conversation(row) for row in rows]

    given = {"user": user, "after": after}
    return [Lookup(side, given, read) for side in _CHANGED]


def insert_conversations(connection: Connection, opened: Iterable[Conversation]) -> None:
    """Store new conversations."""
    rows = [(*one[:_FIRST_SIDE], *one.first, *one.second) for one in opened]
    bulk_insert(connection, conversations, _COLUMNS, rows)


def update_of(changed: Iterable[Conversation]) -> Update:
    """The new state of conversations that stand already, without what changes rarely."""
    rows = [
        (*one[_CHANGING:_FIRST_SIDE], *one.first[1:_RARE], *one.second[1:_RARE], one.id)
        for one in changed
    ]
    return Update(conversations, "id", _CHANGING_COLUMNS, rows)


def differ_rarely(before: Conversation, after: Conversation) -> bool:
    """Tell whether `update_rarely` has to store what became of a conversation."""
    return (
        before.first[_RARE:] != after.first[_RARE:] or before.second[_RARE:] != after.second[_RARE:]
    )


def update_rarely(connection: Connection, changed: Iterable[Conversation]) -> None:
    """Store the columns of conversations that blocks, tombstones and first words change."""
    rows = [(*one.first[_RARE:], *one.second[_RARE:], one.id) for one in changed]
    bulk_update(connection, conversations, "id", _RARE_COLUMNS, rows)
