"""A server written by hand in an afternoon, without Parley: the figure to beat.

One Starlette process, one commit for each message, a dict of sockets. It speaks as much of the
protocol as the driver needs: JWT, HELLO, CREATE MSG with an idempotency key, STATUS MSG after the
commit, ALERT NEW MSG. It does less than Parley: it counts nothing unread, marks nothing delivered,
resumes nothing, and one process is all there can be. How it stores is the other modules' matter.
"""

import json
import os
from collections import defaultdict
from typing import Any, Protocol

import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected


class Store(Protocol):
    """A store of messages."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def store(self, user: str, d: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Store one message and commit; a used key gives the earlier message, and True."""


class _Server:
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


async def serve(store: Store) -> None:
    """Serve until SIGTERM."""
    await store.open()
    server = _Server(store, os.environ["BASELINE_KEY"])
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
