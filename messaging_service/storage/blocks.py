"""Statements of blocks between people. A block that has ended keeps its row, as a change."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, func, select, tuple_, update

from messaging_service.domain.blocks import Block
from messaging_service.storage.tables import ACTIVE, blocks
from service_kit.storage.bulk_statements import Lookup, bulk_insert, fetch, give_rows, given_rows
from service_kit.storage.changed_users import changed_users
from service_kit.storage.engines import TEXT

_COLUMNS = tuple(column.name for column in blocks.columns)

# --- Statements, each built once --------------------------------------------------------------

_pairs, _pairs_match = given_rows("rows", (blocks.c.blocker_id, blocks.c.blocked_id))
_BY_PAIRS = select(blocks).select_from(_pairs.join(blocks, _pairs_match))

_ACTIVE_ONES = select(blocks).where(blocks.c.blocker_id == bindparam("user"), ACTIVE)
_COUNT = _ACTIVE_ONES.with_only_columns(func.count())
_COUNT_ALL = select(func.count()).where(blocks.c.blocker_id == bindparam("user"))
_PAGE = (
    _ACTIVE_ONES.where(
        tuple_(blocks.c.revision, blocks.c.blocked_id)
        < tuple_(bindparam("revision", type_=BigInteger), bindparam("blocked", type_=TEXT))
    )
    .order_by(blocks.c.revision.desc(), blocks.c.blocked_id.desc())
    .limit(bindparam("count", type_=BigInteger))
)

_CHANGED = select(blocks).where(
    blocks.c.blocker_id == bindparam("user"),
    blocks.c.revision > bindparam("after"),
    blocks.c.revision <= bindparam("until"),
)

CHANGED_BLOCKERS = changed_users(blocks.c.blocker_id, blocks.c.revision)
"""Those, among many users, who began or ended a block."""

_UPDATE = (
    update(blocks)
    .where(blocks.c.blocker_id == bindparam("blocker"), blocks.c.blocked_id == bindparam("blocked"))
    .values(
        active=bindparam("now_active"),
        changed_at=bindparam("at"),
        revision=bindparam("now"),
        last_seen=bindparam("seen"),
        shown_version=bindparam("version"),
        shown_revision=bindparam("shown_at"),
    )
)

HOT_STATEMENTS = {
    "blocks by pair": _BY_PAIRS,
    "blocks counted": _COUNT,
    "blocks counted, ended ones too": _COUNT_ALL,
    "blocks page": _PAGE,
    "blocks changed": _CHANGED,
    "blockers changed": CHANGED_BLOCKERS,
}
"""By name, so that their query plans can be looked at."""


def find_blocks(
    connection: Connection, pairs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Block]:
    """Find blocks by (blocker, blocked), those that have ended as well."""
    wanted = set(pairs)
    if not wanted:
        return {}
    rows = fetch(connection, _BY_PAIRS, give_rows("rows", wanted))
    return {(row.blocker_id, row.blocked_id): Block._make(row) for row in rows}


def count_blocks(connection: Connection, users: Iterable[str]) -> dict[str, int]:
    """Count whom each of `users` blocks."""
    return {
        user: connection.execute(_COUNT, {"user": user}).scalar_one() for user in sorted(set(users))
    }


def count_all_blocks(connection: Connection, users: Iterable[str]) -> dict[str, int]:
    """Count the blocks of each of `users`, those that have ended and are not forgotten included."""
    return {
        user: connection.execute(_COUNT_ALL, {"user": user}).scalar_one()
        for user in sorted(set(users))
    }


def find_block_page(
    connection: Connection, user: str, below: tuple[int, str], count: int
) -> list[Block]:
    """Find the first `count` blocks of `user` below (revision, blocked), the newest first."""
    given = {"user": user, "revision": below[0], "blocked": below[1], "count": count}
    return [Block._make(row) for row in fetch(connection, _PAGE, given)]


def changed_blocks(user: str, after: int, until: int) -> Lookup[list[Block]]:
    """Look for the blocks of `user` that began or ended with after < revision <= until."""

    def read(rows: Sequence[Any]) -> list[Block]:
        return [Block._make(row) for row in rows]

    return Lookup(_CHANGED, {"user": user, "after": after, "until": until}, read)


def insert_blocks(connection: Connection, new: Iterable[Block]) -> None:
    """Store blocks between people of whom there was none."""
    bulk_insert(connection, blocks, _COLUMNS, list(new))


def update_blocks(connection: Connection, changed: Iterable[Block]) -> None:
    """Store the new state of blocks that have a row."""
    names = ("blocker", "blocked", "now_active", "at", "now", "seen", "version", "shown_at")
    for one in changed:
        connection.execute(_UPDATE, dict(zip(names, one, strict=True)))


def find_blockers(
    connection: Connection, couples: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, int]]:
    """Find those of each two who block the other now, with the revision at which that began."""
    wanted = list(couples)
    both = {pair for one, other in wanted for pair in ((one, other), (other, one))}
    found = find_blocks(connection, both)
    return {
        (one, other): {
            block.blocker: block.revision
            for pair in ((one, other), (other, one))
            if (block := found.get(pair)) is not None and block.active
        }
        for one, other in wanted
    }
