"""The server that a chat meets in tests: a script of one step per connection."""

import asyncio
import http
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from command_line.chat.chat import Chat
from command_line.chat.connection import ChatOptions
from command_line.display.screen import Screen
from parley_protocol.packets import Op
from tests.command_line.deals import CONVERSATION, NOW
from tests.support.waiting import PATIENCE


class Connection:
    """The server's side of one socket."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self._settled = 0

    async def send(self, opcode: Op, data: dict[str, Any], **fields: Any) -> None:
        await self.socket.send(json.dumps({"op": int(opcode), "d": data, **fields}))

    async def expect(self, opcode: Op) -> dict[str, Any]:
        """The next packet, which must be of this kind; PONG comes whenever something was shown."""
        while True:
            packet: dict[str, Any] = json.loads(await self.socket.recv())
            if packet["op"] != Op.PONG or opcode == Op.PONG:
                assert packet["op"] == opcode, packet
                return packet

    async def hello(self, cursor: str = "first", **more: Any) -> None:
        """HELLO, which follows a cursor in the address."""
        data = {
            "user": "alice",
            "session": "s1",
            "ping_interval_ms": 5_000,
            "pong_timeout_ms": 30_000,
            "max_packet_bytes": 65_536,
            "token_expires_at": "2099-01-01T00:00:00.000Z",
            "resumed": self.resumes_from is not None,
            "cur": cursor,
        }
        await self.send(Op.HELLO, {**data, **more})

    @property
    def resumes_from(self) -> str | None:
        """The cursor in the address, if there is one."""
        assert self.socket.request is not None
        query = parse_qs(urlsplit(self.socket.request.path).query)
        return query["resume"][0] if "resume" in query else None

    async def greet(self) -> None:
        """HELLO, and an empty list of conversations."""
        await self.hello()
        await self.list_conversations()

    async def greet_with(self, *messages: dict[str, Any], **more: Any) -> None:
        """HELLO, and the one conversation, with these messages and whatever else."""
        await self.hello()
        await self.show_conversation(*messages, **more)

    async def settle(self) -> None:
        """Returns when the chat has shown all that was sent before."""
        self._settled += 1
        cursor = f"settled {self._settled}"
        await self.send(Op.PING, {}, cur=cursor)
        while (await self.expect(Op.PONG))["d"].get("cur") != cursor:
            pass

    async def list_conversations(self, *entries: dict[str, Any], **more: Any) -> None:
        """Answers ASK CONVERSATIONS."""
        asked = await self.expect(Op.ASK_CONVERSATIONS)
        listed = {"conversations": list(entries), **more}
        await self.send(Op.RETURN_CONVERSATIONS, listed, re=asked["id"])

    async def show_conversation(
        self,
        *messages: dict[str, Any],
        missing: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        """Answers what a chat asks for that starts anew."""
        await self.list_conversations(entry(**more), **({"missing": missing} if missing else {}))
        asked = await self.expect(Op.ASK_MESSAGES)
        page = {"conversation": CONVERSATION, "messages": list(messages), "more": False}
        await self.send(Op.RETURN_MESSAGES, page, re=asked["id"])

    async def happen(self, cause: str, deal: dict[str, Any], **fields: Any) -> None:
        """UPDATE CONVERSATION DATAS."""
        update = {"conversation": CONVERSATION, "service": deal, "cause": cause}
        await self.send(Op.UPDATE_CONVERSATION_DATAS, update, **fields)

    async def refuse(self, asked: dict[str, Any], code: str, **more: Any) -> None:
        """ERROR, as the answer to a packet."""
        error = {"code": code, "message": "the words of the server", "retryable": False, **more}
        await self.send(Op.ERROR, error, re=asked["id"])

    async def resume(self) -> None:
        """HELLO, and the end of a resume that had nothing to bring."""
        await self.hello("")
        await self.resumed("second")

    async def resumed(self, cursor: str, **more: Any) -> None:
        """RESUMED, to say that nothing is missing."""
        await self.send(Op.RESUMED, {"replayed": 0, "complete": True, "cur": cursor, **more})

    async def lose_place(self, cursor: str) -> None:
        """RESUMED, unasked and not complete; nor can it be from where the chat says that it is."""
        data = {"replayed": 0, "complete": False, "cur": cursor}
        await self.send(Op.RESUMED, data, cur=cursor)
        asked = await self.expect(Op.RESUME)
        await self.send(Op.RESUMED, data, re=asked["id"], cur=cursor)

    async def see(self) -> int:
        """Takes a mark of what was read, and answers it; up to which message."""
        asked = await self.expect(Op.OPENED_CONVERSATION)
        seq = int(asked["d"]["seq"])
        seen = {"conversation": CONVERSATION, "message": f"m{seq}", "seq": seq, "seen_at": NOW}
        await self.send(Op.MSG_SEEN, {**seen, "reader": "alice"}, re=asked["id"])
        return seq

    async def store(self) -> dict[str, Any]:
        """Takes a message and answers that it is stored."""
        asked = await self.expect(Op.CREATE_MSG)
        place = {"conversation": CONVERSATION, "message": "m1", "seq": 1}
        status = {**place, "status": "stored", "created_at": NOW, "duplicate": False}
        await self.send(Op.STATUS_MSG, status, re=asked["id"])
        return asked


async def resuming(connection: Connection) -> None:
    """A connection that must begin by resuming from the last cursor."""
    assert connection.resumes_from == "first"
    await connection.resume()


def entry(**more: Any) -> dict[str, Any]:
    """The conversation as a list has it, with what the test says."""
    return {
        "conversation": CONVERSATION,
        "participants": ["alice", "bob"],
        "last_message": None,
        "unread": 0,
        "version": 1,
        "read_up_to": 0,
        "peer_read_up_to": 0,
        "peer_delivered_up_to": 0,
        **more,
    }


Step = Callable[[Connection], Awaitable[None]]


class Played:
    """A record of the connections: when each came and ended, and with which token."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.tokens: list[str] = []
        self.ends: list[float] = []


class Stage:
    """A chat of alice with bob, her terminal, and the servers that it connects to."""

    def __init__(
        self,
        servers: AsyncExitStack,
        reading: int,
        writing: int,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self._servers = servers
        self._reading, self._writing = reading, writing
        self._capsys = capsys

    def type(self, text: str) -> None:
        """Types this, which has the ends of its lines."""
        os.write(self._writing, text.encode())

    def shown(self) -> str:
        """The output since it was last asked for."""
        return self._capsys.readouterr().out

    async def play(
        self,
        *steps: Step,
        refuse: tuple[int, str] | None = None,
        problem: dict[str, Any] | None = None,
        may_mint: bool = True,
    ) -> Played:
        """Runs the chat against the steps, one per connection, until the last one has ended."""
        played = Played()
        left = list(steps)
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()

        async def handle(socket: ServerConnection) -> None:
            assert socket.request is not None
            played.times.append(loop.time())
            played.tokens.append(socket.request.headers["Authorization"])
            try:
                await left.pop(0)(Connection(socket))
                if not left:
                    over.set_result(None)
                    return
                await socket.wait_closed()
            except Exception as error:  # noqa: BLE001  # The test's own step failed: the test tells.
                if not over.done():
                    over.set_exception(error)
            finally:
                played.ends.append(loop.time())

        def check(_socket: ServerConnection, _request: Request) -> Response | None:
            if refuse is None:
                return None
            status = http.HTTPStatus(refuse[0])
            told = {"title": status.phrase, "detail": refuse[1], **(problem or {})}
            headers = Headers({"Content-Type": "application/problem+json"})
            return Response(status.value, status.phrase, headers, json.dumps(told).encode())

        server = await self._servers.enter_async_context(
            serve(handle, "127.0.0.1", 0, process_request=check)
        )
        port = next(iter(server.sockets)).getsockname()[1]
        minted = iter(f"token-{number}" for number in range(2, 10))
        talk = ChatOptions(
            me="alice",
            peer="bob",
            subject=None,
            url=f"ws://127.0.0.1:{port}/ws",
            token="token-1",
            mint=(lambda: next(minted)) if may_mint else None,
        )
        chatting = asyncio.create_task(Chat(talk, Screen("alice")).run(self._reading))
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait({chatting, over}, return_when=asyncio.FIRST_COMPLETED)
                await (chatting if chatting.done() else over)
        finally:
            chatting.cancel()
            over.cancel()
            await asyncio.gather(chatting, over, return_exceptions=True)
        return played
