"""Revocations of tokens as they are stored, by a digest of the user's name."""

from collections import defaultdict
from collections.abc import Collection
from hashlib import sha256

from sqlalchemy import Connection, delete, select

from moderation_service.domain.sessions import Revocation
from moderation_service.storage import statements
from moderation_service.storage.tables import revocations
from service_kit.storage.bulk_statements import bulk_insert, fetch, give_values


def find_revocations(
    connection: Connection, users: Collection[str], now: int
) -> dict[str, list[Revocation]]:
    """Find the revocations of users that are not over, by user."""
    names = {_digest(user): user for user in users}
    given = {**give_values("ids", names), "now": now}
    found: dict[str, list[Revocation]] = defaultdict(list)
    for row in fetch(connection, statements.REVOCATIONS, given):
        one = Revocation(row.token_id, row.issued_before, row.until)
        found[names[row.user_digest]].append(one)
    return found


def put_revocation(connection: Connection, user: str, one: Revocation, revision: int) -> None:
    """Store a revocation in the place of the one that it goes beyond."""
    key = _digest(user)
    connection.execute(
        delete(revocations).where(
            revocations.c.user_digest == key, revocations.c.token_id == one.token_id
        )
    )
    row = (key, one.token_id, one.issued_before, one.until, revision)
    bulk_insert(connection, revocations, tuple(revocations.c.keys()), [row])


def forget_revocations(connection: Connection, now: int, count: int) -> int:
    """Delete at most so many that are over; gives how many there were."""
    rows = connection.execute(
        select(revocations.c.user_digest, revocations.c.token_id)
        .where(revocations.c.until <= now)
        .limit(count)
    ).all()
    for row in rows:
        connection.execute(
            delete(revocations).where(
                revocations.c.user_digest == row.user_digest,
                revocations.c.token_id == row.token_id,
            )
        )
    return len(rows)


def _digest(user: str) -> str:
    # What is no text has no revocations, and is refused where it counts.
    return sha256(f"parley revocations\0{user}".encode("utf-8", "replace")).hexdigest()
