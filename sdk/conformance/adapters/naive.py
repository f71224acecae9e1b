"""An adapter of a client such as one writes in an afternoon, with the mistakes that come with it.

The kit's own tests show by it that the kit finds them. It sends again with a new key what was not
answered; it takes the cursor of whatever it is told and never resumes; it tells what comes as often
as it comes; it comes back at once, whatever it was told; and it waits for ever on a silent line.
"""

import asyncio
import itertools
import json
from contextlib import suppress
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from conformance.adapters.lines import Arguments, Tokens, emit, serve

PING, PONG, HELLO, ERROR, ASK_CONVERSATIONS, CREATE_MSG = 0x01, 0x02, 0x03, 0x04, 0x05, 0x07
ASK_MESSAGES, ALERT_NEW_MSG = 0x0A, 0x10
_ANSWER_SECONDS = 2.0
_AGAIN_SECONDS = 0.01


class RefusedError(Exception):
    """An ERROR of the server."""


class NaiveClient:
    """One socket after the other."""

    def __init__(self, tokens: Tokens) -> None:
        self.user = ""
        self.url = ""
        self._tokens = tokens
        self._socket: ClientConnection | None = None
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._messages: dict[str, list[dict[str, Any]]] = {}
        self._running: asyncio.Task[None] | None = None

    async def handle(self, do: str, arguments: Arguments) -> Any:
        """Carry out a command."""
        match do:
            case "hello":
                return {
                    "name": "naive",
                    "version": "0",
                    "protocol": 1,
                    "capabilities": ["messages"],
                }
            case "open":
                self.user, self.url = arguments["user"], arguments["url"]
                self._running = asyncio.create_task(self._run())
                return {}
            case "send":
                return await self._send(arguments)
            case "state":
                return {"state": "live" if self._socket else "waiting"}
            case "load":
                return await self._load()
            case "view":
                shown = {name: {"messages": told} for name, told in self._messages.items()}
                return {"conversations": shown}
            case "close":
                return await self._close()
        raise NotImplementedError(do)

    async def _run(self) -> None:
        while True:
            token = await self._tokens.get("connect")
            emit({"event": "state", "state": "connecting"})
            try:
                async with connect(
                    self.url,
                    additional_headers={"Authorization": f"Bearer {token}"},
                    compression=None,
                    ping_interval=None,
                ) as socket:
                    self._socket = socket
                    async for data in socket:
                        await self._take(socket, json.loads(data))
            except (OSError, WebSocketException):
                await asyncio.sleep(_AGAIN_SECONDS)
            self._socket = None
            emit({"event": "state", "state": "waiting", "reason": "lost"})

    async def _take(self, socket: ClientConnection, packet: dict[str, Any]) -> None:
        op, payload = packet["op"], packet["d"]
        if op == HELLO:
            emit({"event": "state", "state": "live"})
        elif op == PING:
            await socket.send(json.dumps({"op": PONG, "d": {"cur": packet["cur"]}}))
        elif packet.get("re") in self._waiting:
            waiting = self._waiting.pop(packet["re"])
            if not waiting.done():
                waiting.set_result(packet)
        elif op == ALERT_NEW_MSG:
            self._tell(payload["message"])

    def _tell(self, message: dict[str, Any]) -> None:
        self._messages.setdefault(message["conversation"], []).append(message)
        told = {name: message[name] for name in ("conversation", "seq", "message", "sender")}
        emit({"event": "message", **told, "text": message.get("text")})

    async def _ask(self, op: int, payload: dict[str, Any]) -> dict[str, Any]:
        """Ask until there is an answer. Raises RefusedError."""
        while True:
            number = next(self._ids)
            waiting = asyncio.get_running_loop().create_future()
            self._waiting[number] = waiting
            # Twice with two keys, if the first answer was lost.
            keyed = {**payload, "idempotency_key": uuid4().hex} if op == CREATE_MSG else payload
            with suppress(ConnectionClosed, TimeoutError):
                if self._socket is not None:
                    await self._socket.send(json.dumps({"op": op, "id": number, "d": keyed}))
                answer = await asyncio.wait_for(waiting, _ANSWER_SECONDS)
                if answer["op"] == ERROR:
                    raise RefusedError(answer["d"]["message"])
                return dict(answer["d"])

    async def _send(self, arguments: Arguments) -> Any:
        fields = {name: arguments[name] for name in arguments if name != "key"}
        told = await self._ask(CREATE_MSG, fields)
        message = {**told, "sender": self.user, "text": arguments["text"]}
        self._messages.setdefault(told["conversation"], []).append(message)
        return {name: told[name] for name in ("conversation", "seq", "message")}

    async def _load(self) -> Any:
        listed = await self._ask(ASK_CONVERSATIONS, {})
        for one in listed["conversations"]:
            page = await self._ask(ASK_MESSAGES, {"conversation": one["conversation"]})
            self._messages[one["conversation"]] = page["messages"]
        return {}

    async def _close(self) -> Any:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        return {}


if __name__ == "__main__":
    ASKED = Tokens()
    asyncio.run(
        serve(NaiveClient(ASKED).handle, lambda error: {"type": type(error).__name__}, ASKED)
    )
