"""The store of the version by hand, with SQLAlchemy's asyncio engine, on either database.

Nothing slows it down on purpose: two statements for each message, on SQLite one connection that is
kept, on PostgreSQL twenty at work at the same time, whose statements the driver prepares.

    BASELINE_PORT=8090 BASELINE_DATABASE=sqlite+aiosqlite:///file.sqlite3 BASELINE_KEY=... \\
        python -m bench.baselines.with_sqlalchemy
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import uvloop
from sqlalchemy import Column, Integer, MetaData, String, Table, UniqueConstraint, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bench.baselines.server import serve

metadata = MetaData()
conversations = Table(
    "conversations",
    metadata,
    Column("id", String, primary_key=True),
    Column("first", String, nullable=False),
    Column("second", String, nullable=False),
    Column("last_seq", Integer, nullable=False),
    UniqueConstraint("first", "second"),
)
messages = Table(
    "messages",
    metadata,
    Column("id", String, primary_key=True),
    Column("conversation", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("sender", String, nullable=False),
    Column("text", String, nullable=False),
    Column("idempotency_key", String, nullable=False),
    Column("created_at", String, nullable=False),
    UniqueConstraint("conversation", "seq"),
    UniqueConstraint("sender", "idempotency_key"),
)


class Store:
    """The database: `transaction` gives a connection that commits at the end."""

    def __init__(self, url: str) -> None:
        self.transaction: Any
        if url.startswith("sqlite"):
            self.engine = create_async_engine(url)
            insert: Any = sqlite.insert
            self.transaction = self.transaction_of_the_one_writer
            # SQLite has one writer; waiting here is cheaper than being told that it is locked.
            self.writing = asyncio.Lock()
            self.writer: AsyncConnection

            @event.listens_for(self.engine.sync_engine, "connect")
            def set_pragmas(connection: Any, _record: object) -> None:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
        else:
            self.engine = create_async_engine(url, pool_size=20)
            insert = postgresql.insert
            self.transaction = self.transaction_of_the_pool
        self.next_seq = (
            insert(conversations)
            .on_conflict_do_update(
                index_elements=["first", "second"],
                set_={"last_seq": conversations.c.last_seq + 1},
            )
            .returning(conversations.c.id, conversations.c.last_seq)
        )

    async def open(self) -> None:
        async with self.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        self.writer = await self.engine.connect()

    async def close(self) -> None:
        await self.writer.close()
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction_of_the_one_writer(self) -> AsyncIterator[AsyncConnection]:
        async with self.writing, self.writer.begin():
            yield self.writer

    def transaction_of_the_pool(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self.engine.begin()

    async def store(self, user: str, d: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Store one message in one transaction; a used key gives the earlier message."""
        try:
            async with self.transaction() as connection:
                return await self.insert(connection, user, d), False
        except IntegrityError:
            async with self.transaction() as connection:
                known = await connection.execute(
                    select(messages).where(
                        messages.c.sender == user,
                        messages.c.idempotency_key == d["idempotency_key"],
                    )
                )
                return dict(known.mappings().one()), True

    async def insert(
        self, connection: AsyncConnection, user: str, d: dict[str, Any]
    ) -> dict[str, Any]:
        first, second = sorted((user, d["to"]))
        found = await connection.execute(
            self.next_seq,
            {"id": str(uuid.uuid4()), "first": first, "second": second, "last_seq": 1},
        )
        conversation, seq = found.one()
        message = {
            "id": str(uuid.uuid4()),
            "conversation": conversation,
            "seq": seq,
            "sender": user,
            "text": d["text"],
            "idempotency_key": d["idempotency_key"],
            "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        await connection.execute(messages.insert(), message)
        return message


if __name__ == "__main__":
    uvloop.run(serve(Store(os.environ["BASELINE_DATABASE"])))
