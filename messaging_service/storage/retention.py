"""Rows of this database that are deleted with time, each kind by an index."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, exists

from messaging_service.storage.tables import (
    AWAY,
    ENDED,
    blocks,
    idempotency_keys,
    message_versions,
    presence,
    removed_messages,
)
from service_kit.storage.horizon import move_horizon
from service_kit.storage.retention import Forgetting, Row, by_age

_FORGET_KEY = delete(idempotency_keys).where(
    idempotency_keys.c.message_id == bindparam("message"),
    idempotency_keys.c.used_at == bindparam("at"),
)


def _forget_keys(connection: Connection, versions: Sequence[Row]) -> None:
    """Delete the keys with which texts were written: a digest would tell a short one for ever."""
    given = [{"message": message, "at": written_at} for _, message, written_at in versions]
    connection.execute(_FORGET_KEY, given)


VERSIONS = by_age(
    message_versions,
    message_versions.c.replaced_at,
    ~exists().where(removed_messages.c.message_id == message_versions.c.message_id),
    also=(message_versions.c.message_id, message_versions.c.written_at),
    after=_forget_keys,
)
FORGETTINGS: tuple[Forgetting, ...] = (
    VERSIONS,
    by_age(idempotency_keys, idempotency_keys.c.used_at),
    by_age(blocks, blocks.c.changed_at, ENDED, also=(blocks.c.revision,), after=move_horizon),
    by_age(presence, presence.c.last_seen, AWAY, also=(presence.c.revision,), after=move_horizon),
)
