"""The store of the version by hand, with asyncpg on PostgreSQL: one statement for each message.

asyncpg prepares it once for each connection. One statement is a transaction by itself, so that a
message is one journey to the database and one commit; a used key undoes the count of its seq too.
The database is named by PostgreSQL's own variables (PGHOST and so on).

    BASELINE_PORT=8090 PGDATABASE=... BASELINE_KEY=... python -m bench.baselines.with_asyncpg
"""

import uuid
from datetime import UTC, datetime
from typing import Any

import asyncpg
import uvloop

from bench.baselines.server import serve

# As many are at work at the same time as in the version with SQLAlchemy.
_CONNECTIONS = 20
_TABLES = """
CREATE TABLE IF NOT EXISTS conversations (
    id varchar PRIMARY KEY, first varchar NOT NULL, second varchar NOT NULL,
    last_seq integer NOT NULL, UNIQUE (first, second)
);
CREATE TABLE IF NOT EXISTS messages (
    id varchar PRIMARY KEY, conversation varchar NOT NULL, seq integer NOT NULL,
    sender varchar NOT NULL, text varchar NOT NULL, idempotency_key varchar NOT NULL,
    created_at varchar NOT NULL, UNIQUE (conversation, seq), UNIQUE (sender, idempotency_key)
);
"""
_STORE = """
WITH conversation AS (
    INSERT INTO conversations (id, first, second, last_seq) VALUES ($1, $2, $3, 1)
    ON CONFLICT (first, second) DO UPDATE SET last_seq = conversations.last_seq + 1
    RETURNING id, last_seq
)
INSERT INTO messages (id, conversation, seq, sender, text, idempotency_key, created_at)
SELECT $4, id, last_seq, $5, $6, $7, $8 FROM conversation
RETURNING id, conversation, seq, text, created_at
"""
_KNOWN = """
SELECT id, conversation, seq, text, created_at FROM messages
WHERE sender = $1 AND idempotency_key = $2
"""


async def _keep(_connection: object) -> None:
    """Leave a connection as it is: a statement for each message that nothing here needs."""


class Store:
    """A pool of connections, and the tables."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._pool: Any

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            min_size=_CONNECTIONS, max_size=_CONNECTIONS, reset=_keep, **self._options
        )
        await self._pool.execute(_TABLES)

    async def close(self) -> None:
        await self._pool.close()

    async def store(self, user: str, d: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        first, second = sorted((user, d["to"]))
        conversation, message, key = str(uuid.uuid4()), str(uuid.uuid4()), d["idempotency_key"]
        created_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        new = (conversation, first, second, message, user, d["text"], key, created_at)
        try:
            return dict(await self._pool.fetchrow(_STORE, *new)), False
        except asyncpg.UniqueViolationError:
            return dict(await self._pool.fetchrow(_KNOWN, user, key)), True


if __name__ == "__main__":
    uvloop.run(serve(Store()))
