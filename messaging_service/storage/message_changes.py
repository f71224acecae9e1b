"""Statements of earlier texts of messages, of used idempotency keys, and of removed messages."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select
from uuid_utils import uuid7

from messaging_service.domain.message_changes import Version
from messaging_service.storage.tables import idempotency_keys, message_versions, removed_messages
from service_kit.storage.bulk_statements import (
    Lookup,
    among_given,
    bulk_insert,
    fetch,
    give_rows,
    give_values,
    given_rows,
)

_VERSION_COLUMNS = tuple(column.name for column in message_versions.columns)
_KEY_COLUMNS = tuple(column.name for column in idempotency_keys.columns)
_REMOVED_COLUMNS = tuple(column.name for column in removed_messages.columns)


class UsedKey(NamedTuple):
    """A used idempotency key: its command's fingerprint, the message, and when (milliseconds)."""

    actor: str
    idempotency_key: str
    fingerprint: str
    message_id: str
    used_at: int


# --- Statements, each built once --------------------------------------------------------------

_keys, _keys_match = given_rows(
    "rows", (idempotency_keys.c.actor_id, idempotency_keys.c.idempotency_key)
)
_KEYS = select(idempotency_keys).select_from(_keys.join(idempotency_keys, _keys_match))

_VERSIONS = select(message_versions).where(among_given(message_versions.c.message_id, "ids"))

_REMOVED_BY_OTHERS = select(removed_messages.c.message_id).where(
    removed_messages.c.epoch != bindparam("the_epoch")
)
_LET_GO = delete(removed_messages).where(among_given(removed_messages.c.message_id, "ids"))

HOT_STATEMENTS = {"used keys": _KEYS, "versions by message": _VERSIONS}
"""By name, so that their query plans can be looked at."""


def used_keys(keys: Iterable[tuple[str, str]]) -> Lookup[dict[tuple[str, str], UsedKey]]:
    """The used keys among these (actor, key)."""
    wanted = set(keys)

    def read(rows: Sequence[Any]) -> dict[tuple[str, str], UsedKey]:
        return {(one.actor, one.idempotency_key): one for one in map(UsedKey._make, rows)}

    return Lookup(_KEYS, give_rows("rows", wanted) if wanted else None, read)


def find_versions(connection: Connection, ids: Iterable[str]) -> dict[str, list[Version]]:
    """Find the earlier texts of messages, by message, in the order in which they were replaced."""
    found: dict[str, list[Version]] = defaultdict(list)
    rows = fetch(connection, _VERSIONS, give_values("ids", set(ids)))
    for _, *version in sorted(rows):
        found[version[0]].append(Version._make(version))
    return found


def insert_versions(connection: Connection, made: Iterable[Version]) -> None:
    """Store texts that are no longer shown."""
    rows = [(str(uuid7()), *version) for version in made]
    bulk_insert(connection, message_versions, _VERSION_COLUMNS, rows)


def insert_used_keys(connection: Connection, used: Sequence[UsedKey]) -> None:
    """Store used keys."""
    bulk_insert(connection, idempotency_keys, _KEY_COLUMNS, used)


def update_removed(connection: Connection, held: Mapping[str, bool], epoch: str) -> None:
    """Store for each message whether moderation, in that epoch, holds it removed."""
    connection.execute(_LET_GO, give_values("ids", held))
    rows = [(message, epoch) for message, is_held in held.items() if is_held]
    bulk_insert(connection, removed_messages, _REMOVED_COLUMNS, rows)


def find_removed_by_others(connection: Connection, epoch: str) -> list[str]:
    """Find the ids of messages that another epoch of moderation has removed."""
    return list(connection.execute(_REMOVED_BY_OTHERS, {"the_epoch": epoch}).scalars())
