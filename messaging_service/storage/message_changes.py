"""Tables and queries of what became of messages: earlier texts, and the keys of such commands."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Table,
    bindparam,
    delete,
    exists,
    select,
)
from uuid_utils import uuid7

from messaging_service.domain.message_changes import Version
from messaging_service.storage.messages import metadata
from service_kit.storage.bulk_statements import (
    among_given,
    bulk_insert,
    fetch,
    give_rows,
    give_values,
    given_rows,
)
from service_kit.storage.engines import STORED_BY_KEY, TEXT

versions = Table(
    "message_versions",
    metadata,
    # Of its making, so that the versions of a message have an order.
    Column("id", TEXT, primary_key=True),
    Column("message_id", TEXT, nullable=False),
    Column("text", TEXT, nullable=False),
    Column("written_at", BigInteger, nullable=False),
    Column("replaced_at", BigInteger, nullable=False),
    Index("message_versions_message", "message_id", "id"),
    Index("message_versions_replaced", "replaced_at", "id"),
)

keys = Table(
    "idempotency_keys",
    metadata,
    Column("actor_id", TEXT, primary_key=True),
    Column("idempotency_key", TEXT, primary_key=True),
    Column("fingerprint", TEXT, nullable=False),
    Column("message_id", TEXT, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    **STORED_BY_KEY,
)
"""Keys of commands that no message tells of: of changes, and of the creation of a message whose
text was changed since.
"""

removed = Table(
    "removed_messages",
    metadata,
    Column("message_id", TEXT, primary_key=True),
    # Of moderation, from which it is known.
    Column("epoch", TEXT, nullable=False),
    **STORED_BY_KEY,
)
"""The messages that moderation holds removed; what they were is evidence for as long as it does."""

_VERSION_COLUMNS = tuple(column.name for column in versions.columns)
_KEY_COLUMNS = tuple(column.name for column in keys.columns)
_REMOVED_COLUMNS = tuple(column.name for column in removed.columns)


class UsedKey(NamedTuple):
    """What a key was used for: a digest of the command, the message, and when (milliseconds)."""

    actor: str
    idempotency_key: str
    fingerprint: str
    message_id: str
    used_at: int


# --- Statements, each built once --------------------------------------------------------------

_given_keys, _keys_match = given_rows("rows", (keys.c.actor_id, keys.c.idempotency_key))
_KEYS = select(keys).select_from(_given_keys.join(keys, _keys_match))

_VERSIONS = select(versions).where(among_given(versions.c.message_id, "ids"))

_OLD = (
    select(versions.c.id)
    .where(
        versions.c.replaced_at < bindparam("before"),
        ~exists().where(removed.c.message_id == versions.c.message_id),
    )
    .order_by(versions.c.replaced_at, versions.c.id)
    .limit(bindparam("count", type_=BigInteger))
)
_FORGET = delete(versions).where(among_given(versions.c.id, "ids"))

_HELD_BY_OTHERS = select(removed.c.message_id).where(removed.c.epoch != bindparam("the_epoch"))
_LET_GO = delete(removed).where(among_given(removed.c.message_id, "ids"))

HOT_STATEMENTS = {"used keys": _KEYS, "versions by message": _VERSIONS, "versions, old": _OLD}
"""By name, for whoever wants to see their query plans."""


def find_used_keys(
    connection: Connection, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], UsedKey]:
    """Find used keys by (actor, key)."""
    rows = set(wanted)
    if not rows:
        return {}
    found = map(UsedKey._make, fetch(connection, _KEYS, give_rows(connection, "rows", rows)))
    return {(one.actor, one.idempotency_key): one for one in found}


def find_versions(connection: Connection, ids: Iterable[str]) -> dict[str, list[Version]]:
    """Find the earlier texts of messages, by message, in the order in which they were replaced."""
    found: dict[str, list[Version]] = defaultdict(list)
    rows = fetch(connection, _VERSIONS, give_values(connection, "ids", set(ids)))
    for _, *version in sorted(rows):
        found[version[0]].append(Version._make(version))
    return found


def insert_versions(connection: Connection, made: Iterable[Version]) -> None:
    """Keep texts that are no longer shown."""
    rows = [(str(uuid7()), *version) for version in made]
    bulk_insert(connection, versions, _VERSION_COLUMNS, rows)


def insert_keys(connection: Connection, used: Sequence[UsedKey]) -> None:
    """Remember what keys were used for."""
    bulk_insert(connection, keys, _KEY_COLUMNS, used)


def find_old_versions(connection: Connection, before: int, count: int) -> list[str]:
    """Find the `count` oldest versions of those that were replaced before, and that nothing keeps;
    their ids.
    """
    return [row[0] for row in fetch(connection, _OLD, {"before": before, "count": count})]


def forget_versions(connection: Connection, before: int, count: int) -> int:
    """Delete what `find_old_versions` finds; how many they were."""
    old = find_old_versions(connection, before, count)
    if old:
        connection.execute(_FORGET, give_values(connection, "ids", old))
    return len(old)


def hold(connection: Connection, held: Mapping[str, bool], epoch: str) -> None:
    """Note of messages whether moderation, in that epoch, holds them removed."""
    connection.execute(_LET_GO, give_values(connection, "ids", held))
    rows = [(message, epoch) for message, is_held in held.items() if is_held]
    bulk_insert(connection, removed, _REMOVED_COLUMNS, rows)


def find_held_by_others(connection: Connection, epoch: str) -> list[str]:
    """Find the messages that are removed because of what another epoch of moderation said."""
    return list(connection.execute(_HELD_BY_OTHERS, {"the_epoch": epoch}).scalars())
