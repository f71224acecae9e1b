"""What a good engineer writes by hand in an afternoon: the figure to beat.

One Starlette process, SQLAlchemy's asyncio engine, one commit for each message, a dict of sockets.
It speaks as much of the protocol as the driver needs: JWT, HELLO, CREATE MSG with an idempotency
key, STATUS MSG after the commit, ALERT NEW MSG. It does less than Parley: it counts nothing unread,
marks nothing delivered, resumes nothing, and one process is all there can be.

    BASELINE_PORT=8090 BASELINE_DATABASE=file.sqlite3 BASELINE_KEY=... python -m bench.baseline
"""

import asyncio
import json
import os
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import jwt
import uvicorn
import uvloop
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

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


class Server:
    """The whole of it."""

    def __init__(self, database: str, key: str) -> None:
        self.key = key
        self.sockets: dict[str, set[WebSocket]] = defaultdict(set)
        self.engine = create_async_engine(f"sqlite+aiosqlite:///{database}")
        # SQLite has one writer; waiting here is cheaper than being told that it is locked.
        self.writing = asyncio.Lock()

        @event.listens_for(self.engine.sync_engine, "connect")
        def set_pragmas(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")

    async def create_tables(self) -> None:
        async with self.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    async def store(self, user: str, d: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """One transaction for one message; a known key gives the message of before."""
        first, second = sorted((user, d["to"]))
        async with self.writing:
            try:
                async with self.engine.begin() as connection:
                    return await self.insert(connection, user, first, second, d), False
            except IntegrityError:
                async with self.engine.begin() as connection:
                    known = await connection.execute(
                        select(messages).where(
                            messages.c.sender == user,
                            messages.c.idempotency_key == d["idempotency_key"],
                        )
                    )
                    return dict(known.mappings().one()), True

    async def insert(
        self, connection: AsyncConnection, user: str, first: str, second: str, d: dict[str, Any]
    ) -> dict[str, Any]:
        found = await connection.execute(
            update(conversations)
            .where(conversations.c.first == first, conversations.c.second == second)
            .values(last_seq=conversations.c.last_seq + 1)
            .returning(conversations.c.id, conversations.c.last_seq)
        )
        row = found.one_or_none()
        if row is None:
            conversation, seq = str(uuid.uuid4()), 1
            await connection.execute(
                insert(conversations).values(
                    id=conversation, first=first, second=second, last_seq=seq
                )
            )
        else:
            conversation, seq = row
        message = {
            "id": str(uuid.uuid4()),
            "conversation": conversation,
            "seq": seq,
            "sender": user,
            "text": d["text"],
            "idempotency_key": d["idempotency_key"],
            "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        await connection.execute(insert(messages), message)
        return message

    async def create_message(self, socket: WebSocket, user: str, packet: dict[str, Any]) -> None:
        d = packet["d"]
        message, duplicate = await self.store(user, d)
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
        except WebSocketDisconnect:
            pass
        finally:
            self.sockets[user].discard(socket)


async def main() -> None:
    server = Server(os.environ["BASELINE_DATABASE"], os.environ["BASELINE_KEY"])
    await server.create_tables()
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
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(main())
