"""A server written by hand in an afternoon, without Parley: the figure to beat.

One Starlette process, SQLAlchemy's asyncio engine, one commit for each message, a dict of sockets.
It speaks as much of the protocol as the driver needs: JWT, HELLO, CREATE MSG with an idempotency
key, STATUS MSG after the commit, ALERT NEW MSG. It does less than Parley: it counts nothing unread,
marks nothing delivered, resumes nothing, and one process is all there can be.

Nothing slows it down on purpose: two statements for each message, on SQLite one connection that is
kept, on PostgreSQL twenty at work at the same time, whose statements the driver prepares.

    BASELINE_PORT=8090 BASELINE_DATABASE=sqlite+aiosqlite:///file.sqlite3 BASELINE_KEY=... \\
        python -m bench.baseline
"""

import asyncio
import json
import os
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import jwt
import uvicorn
import uvloop
from sqlalchemy import Column, Integer, MetaData, String, Table, UniqueConstraint, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

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


class Server:
    """The sockets, and what comes from them."""

    def __init__(self, store: Store, key: str) -> None:
        self.store = store
        self.key = key
        self.sockets: dict[str, set[WebSocket]] = defaultdict(set)

    async def create_message(self, socket: WebSocket, user: str, packet: dict[str, Any]) -> None:
        d = packet["d"]
        message, duplicate = await self.store.store(user, d)
        shown = {
            "message": message["id"],
            "conversation": message["conversation"],
            "seq": message["seq"],
            "created_at": message["created_at"],
        }
        status = {**shown, "status": "stored", "duplicate": duplicate}
        await socket.send_text(json.dumps({"op": 8, "re": packet["id"], "d": status}))
        if duplicate:
            return
        alert = {
            "conversation": message["conversation"],
            "message": {**shown, "sender": user, "kind": "text", "text": message["text"]},
            "unread": 1,
        }
        text = json.dumps({"op": 16, "d": alert, "cur": message["id"]})
        for other in list(self.sockets[d["to"]]):
            await other.send_text(text)

    async def serve(self, socket: WebSocket) -> None:
        token = socket.headers["authorization"].removeprefix("Bearer ")
        user = jwt.decode(token, self.key, algorithms=["HS256"])["sub"]
        await socket.accept()
        self.sockets[user].add(socket)
        await socket.send_text(json.dumps({"op": 3, "d": {"user": user}}))
        try:
            while True:
                packet = json.loads(await socket.receive_text())
                if packet["op"] == 7:
                    await self.create_message(socket, user, packet)
        except (WebSocketDisconnect, WebSocketDisconnected):
            # It is gone, or the one whom it wrote to; a client comes back by itself.
            pass
        finally:
            self.sockets[user].discard(socket)
            if not self.sockets[user]:
                del self.sockets[user]


async def main() -> None:
    store = Store(os.environ["BASELINE_DATABASE"])
    await store.open()
    server = Server(store, os.environ["BASELINE_KEY"])
    config = uvicorn.Config(
        Starlette(
            routes=[
                WebSocketRoute("/ws", server.serve),
                Route("/healthz", lambda _request: PlainTextResponse("ok")),
            ]
        ),
        port=int(os.environ["BASELINE_PORT"]),
        log_level="warning",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        await store.close()


if __name__ == "__main__":
    uvloop.run(main())
