"""Statements that find for whom of many users anything has changed, by an index."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Select, TextClause, bindparam, func, select

from service_kit.storage.bulk_statements import Lookup, give_rows, given_items, look_up_all


def changed_users(
    user: Column[str], revision: Column[int], *conditions: TextClause, whole: bool = True
) -> Select[Any]:
    """Select each given user, with the last revision of theirs with after < revision <= until.

    It is null where there is none. Without `whole` the rows bear the revision of their last
    change alone, and what changed up to `until` may have changed again. An index begins with both
    columns, of the rows that meet the conditions.
    """
    given, (wanted,) = given_items("users", (user,))
    bounds: list[Any] = [*conditions, revision > bindparam("after", type_=BigInteger)]
    if whole:
        bounds.append(revision <= bindparam("until", type_=BigInteger))
    changed = (
        # The last one, at the end of the index: whoever has thousands costs no more than others.
        select(func.max(revision)).where(user == wanted, *bounds).correlate(given).scalar_subquery()
    )
    return select(wanted, changed)


def find_changed_users(
    connection: Connection,
    statements: Iterable[Select[Any]],
    users: AbstractSet[str],
    after: int,
    until: int,
) -> set[str]:
    """Find the users, of one at least, of whom any of several statements knows a change."""
    given = give_rows("users", [(user,) for user in users])
    given |= {"after": after, "until": until}
    lookups = [Lookup(statement, given, tuple) for statement in statements]
    return {
        user for user, revision in chain(*look_up_all(connection, *lookups)) if revision is not None
    }
