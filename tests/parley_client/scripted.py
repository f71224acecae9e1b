"""A server that does what a test says, for what no good server does."""

import asyncio
import http
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from parley_client import Client
from parley_client.event_log import EventStream
from parley_client.events import Event, Failed, Pushed, StateChanged
from parley_client.options import Options
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import CreateMsg
from tests.support.waiting import PATIENCE

Packet = dict[str, Any]

# Short, so that tests are.
FAST = {"backoff_base_seconds": 0.01, "backoff_cap_seconds": 0.05, "steady_after_seconds": 0.05}
CONVERSATION = "c1"


def fast(**chosen: Any) -> Options:
    """Options with short pauses, and with what the test chooses."""
    return Options(**{**FAST, **chosen})


class Peer:
    """The server's side of one socket."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.binary = socket.subprotocol == "parley.v1.msgpack"
        self.pongs: list[Packet] = []

    @property
    def resumes_from(self) -> str | None:
        """The cursor in the address, if there is one."""
        assert self.socket.request is not None
        query = parse_qs(urlsplit(self.socket.request.path).query)
        return query["resume"][0] if "resume" in query else None

    @property
    def token(self) -> str:
        """The token in the header."""
        assert self.socket.request is not None
        return self.socket.request.headers["Authorization"].removeprefix("Bearer ")

    async def send(self, op: int, d: Any = None, **fields: Any) -> None:
        """Send a packet."""
        packet = {"op": int(op), "d": {} if d is None else d, **fields}
        codec = msgspec.msgpack if self.binary else msgspec.json
        data = codec.encode(packet)
        await self.socket.send(data if self.binary else data.decode())

    async def hello(self, cur: str = "now", **more: Any) -> None:
        """Send HELLO, which follows a cursor in the address."""
        data = {
            "user": "ann",
            "session": "s1",
            "ping_interval_ms": 5_000,
            "pong_timeout_ms": 30_000,
            "max_packet_bytes": 65_536,
            "token_expires_at": "2099-01-01T00:00:00.000Z",
            "resumed": self.resumes_from is not None,
            "cur": cur,
        }
        await self.send(Op.HELLO, {**data, **more})

    async def resumed(self, cur: str, *, complete: bool = True, **fields: Any) -> None:
        """Send RESUMED."""
        data = {"replayed": 0, "complete": complete, "cur": cur}
        await self.send(Op.RESUMED, data, cur=cur, **fields)

    async def greet(self, cur: str = "now") -> None:
        """Send HELLO, and end a resume that has nothing to bring."""
        await self.hello(cur)
        if self.resumes_from is not None:
            await self.resumed(cur)

    async def alert(self, seq: int, cur: str | None = None, **message: Any) -> None:
        """Push a message of bob's."""
        told = {
            "message": f"m{seq}",
            "conversation": CONVERSATION,
            "seq": seq,
            "sender": "bob",
            "kind": "text",
            "created_at": "2026-01-01T00:00:00.000Z",
            "version": 1,
            "text": f"text {seq}",
        }
        data = {
            "conversation": CONVERSATION,
            "message": {**told, **message},
            "unread": seq,
            "conversation_version": seq + 1,
        }
        await self.send(Op.ALERT_NEW_MSG, data, **({} if cur is None else {"cur": cur}))

    async def expect(self, op: int) -> Packet:
        """The next packet, which must be of this kind; PONGs are kept apart."""
        async with asyncio.timeout(PATIENCE):
            while True:
                data = await self.socket.recv()
                codec = msgspec.msgpack if self.binary else msgspec.json
                packet: Packet = codec.decode(data)
                if packet["op"] == Op.PONG and op != Op.PONG:
                    self.pongs.append(packet["d"])
                    continue
                assert packet["op"] == op, packet
                return packet

    async def pong(self, cur: str | None) -> None:
        """Return when a PONG with this cursor has come."""
        while (await self.expect(Op.PONG))["d"].get("cur") != cur:
            pass

    async def store(self, seq: int, **more: Any) -> Packet:
        """Take a CREATE MSG and answer that it is stored."""
        asked = await self.expect(Op.CREATE_MSG)
        await self.answer_stored(asked, seq, **more)
        return asked

    async def answer_stored(self, asked: Packet, seq: int, **more: Any) -> None:
        """Answer a CREATE MSG."""
        data = {
            "message": f"m{seq}",
            "conversation": CONVERSATION,
            "seq": seq,
            "status": "stored",
            "created_at": "2026-01-01T00:00:00.000Z",
            "duplicate": False,
            "idempotency_key": asked["d"].get("idempotency_key"),
            **more,
        }
        await self.send(Op.STATUS_MSG, data, re=asked["id"])

    async def refuse(self, asked: Packet, code: str, **more: Any) -> None:
        """Answer with ERROR."""
        data = {"code": code, "message": "the server's words", "retryable": False, **more}
        await self.send(Op.ERROR, data, re=asked["id"])

    async def cut(self) -> None:
        """End without a closing handshake."""
        self.socket.transport.abort()
        await self.socket.wait_closed()

    async def closed(self) -> int | None:
        """Wait until the client has ended the socket; the close code, if there was one."""
        async with asyncio.timeout(PATIENCE):
            with_packets = self.socket
            try:
                while True:
                    await with_packets.recv()
            except ConnectionClosed:
                return self.socket.close_code


class Refusal(Exception):  # noqa: N818 - no failure of the test
    """An answer to a handshake."""

    def __init__(self, status: int, problem: Mapping[str, Any], **headers: str) -> None:
        self.status = status
        self.problem = problem
        self.headers = headers


class Server:
    """A server on a free port. `refusals` answer the next handshakes, one each."""

    def __init__(self) -> None:
        self.url = ""
        self.refusals: list[Refusal] = []
        self.handshakes: list[Request] = []
        self._arrived: asyncio.Queue[Peer] = asyncio.Queue()

    async def accept(self) -> Peer:
        """The next socket that a client opens."""
        async with asyncio.timeout(PATIENCE):
            return await self._arrived.get()

    async def greeted(self, cur: str = "now") -> Peer:
        """The next socket, greeted, and live."""
        peer = await self.accept()
        await peer.greet(cur)
        return peer

    @property
    def waiting(self) -> int:
        """Sockets that were opened and not accepted by the test."""
        return self._arrived.qsize()

    async def _serve(self, socket: ServerConnection) -> None:
        await self._arrived.put(Peer(socket))
        await socket.wait_closed()

    def _answer(self, _socket: ServerConnection, request: Request) -> Response | None:
        self.handshakes.append(request)
        if not self.refusals:
            return None
        refusal = self.refusals.pop(0)
        body = msgspec.json.encode(refusal.problem)
        headers = Headers({"Content-Type": "application/problem+json", **refusal.headers})
        headers["Content-Length"] = str(len(body))
        phrase = http.HTTPStatus(refusal.status).phrase
        return Response(refusal.status, phrase, headers, body)

    @asynccontextmanager
    async def run(self, **options: Any) -> AsyncIterator["Server"]:
        """Serve for as long as the context lasts, with options of the library's server."""
        async with serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._answer,
            subprotocols=["parley.v1.json", "parley.v1.msgpack"],  # type: ignore[list-item]  # str
            compression=None,
            ping_interval=None,
            close_timeout=0.5,
            **options,
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            self.url = f"ws://127.0.0.1:{port}/ws"
            yield self


async def take(events: EventStream, matches: Callable[[Event], bool]) -> Event:
    """The next event that matches; those before it are passed over."""
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if matches(event):
                return event
    raise AssertionError("the events have ended")


async def take_state(events: EventStream, state: str) -> StateChanged:
    """The next change to a state."""
    event = await take(events, lambda one: isinstance(one, StateChanged) and one.state == state)
    assert isinstance(event, StateChanged)
    return event


async def take_failure(events: EventStream, kind: type[Exception]) -> Any:
    """The next error of a kind that is told."""
    event = await take(events, lambda one: isinstance(one, Failed) and isinstance(one.error, kind))
    assert isinstance(event, Failed)
    return event.error


async def take_message(events: EventStream) -> int:
    """The seq of the next message that is told."""
    event = await take(events, lambda one: isinstance(one, Pushed) and one.op == Op.ALERT_NEW_MSG)
    assert isinstance(event, Pushed)
    seq: int = event.data["message"]["seq"]
    return seq


def drain(events: EventStream) -> list[Event]:
    """All that was told and not taken yet."""
    log, place = events._log, events._place
    found = []
    while place.following < log._first + len(log._items):
        found.append(log._items[place.following - log._first].event)
        place.following += 1
    return found


def client(server: Server, **more: Any) -> Client:
    """A client of the scripted server that waits for nothing for long."""
    return Client(server.url, **{"token": "t0ken", "options": fast(), **more})


def message(text: str, conversation: str = CONVERSATION) -> CreateMsg:
    """The command that says something in a conversation."""
    return CreateMsg(text, conversation=conversation)


async def nothing_more(peer: Peer) -> None:
    """Assert that the client has sent nothing else: a question after it comes first."""
    await peer.send(Op.PING, cur="probe")
    assert (await peer.expect(Op.PONG))["op"] == Op.PONG


def texts(ann: Client) -> list[str]:
    """The texts in the outbox, in order."""
    return [getattr(entry.payload, "text", "") for entry in ann.outbox.entries()]
