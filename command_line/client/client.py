"""A client of the WebSocket protocol: sends packets, matches replies, queues pushes, and keeps
the cursor to resume from. It answers PING with that cursor.
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from msgspec import UNSET, Struct, to_builtins
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException
from websockets.typing import Subprotocol

from command_line.display.console import CommandError
from parley_protocol.packets import JSON, OP_OF, Op
from parley_protocol.payloads.connection import Pong

FORMAT = JSON
SECONDS_PER_REPLY = 10.0
CLOSED_WITHIN = 2.0

Identifier = int | str


@dataclass(frozen=True)
class Packet:
    """A packet of either direction, its payload as plain values. The reply to `id` has it as `re`.

    `opcode` may be newer than `Op`.
    """

    opcode: int
    data: Mapping[str, Any]
    id: Identifier | None = None
    re: Identifier | None = None
    cursor: str | None = None


Direction = Literal["=>", "<="]
Observe = Callable[[Direction, Packet], None]


class RefusedError(Exception):
    """The server refused the handshake with this HTTP status.

    `problem` has the fields of the body (problem+json, RFC 9457).
    """

    def __init__(self, status: int, body: bytes | bytearray | None) -> None:
        self.status = status
        self.problem = problem_of(body)
        detail = self.problem.get("detail") or self.problem.get("title")
        text = (body or b"").decode("utf-8", "replace")[:200]
        super().__init__(f"refused with {status}: {detail or text or 'no reason given'}")


class RejectedError(Exception):
    """The reply to a packet is ERROR."""

    def __init__(self, error: Packet) -> None:
        super().__init__(f"{error.data.get('code')}: {error.data.get('message')}")
        self.packet = error
        self.retryable = bool(error.data.get("retryable"))
        self.retry_after = float(error.data.get("retry_after_ms") or 1000) / 1000


class DisconnectedError(Exception):
    """The socket is closed with this close code, 1006 when it had none."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}" + (f" ({reason})" if reason else ""))
        self.code = code


class Return(Enum):
    """When and how to reconnect after a close code."""

    AT_ONCE = "come back now"
    LATER = "come back later, with jitter"
    NEW_TOKEN = "get a new token first"  # noqa: S105  # Words, not a token.
    NEVER = "do not come back as you are"


RETURNS = {41: Return.AT_ONCE, 42: Return.LATER, 43: Return.NEW_TOKEN, 44: Return.NEVER}


def how_to_return(close_code: int) -> Return:
    """When to reconnect, by the hundreds of the close code; later for codes of no known range."""
    return RETURNS.get(close_code // 100, Return.LATER)


class Client:
    """One open socket. `ask` returns a reply; all other packets come from `next_push`, in order."""

    def __init__(self, connection: ClientConnection, cursor: str | None, observe: Observe) -> None:
        # Of the last packet received, on this connection or, until it resumes, before it.
        self.cursor = cursor
        self._resuming = cursor is not None
        self._connection = connection
        self._observe = observe
        self._ids = itertools.count(1)
        self._waiting: dict[Identifier, asyncio.Future[Packet]] = {}
        # Unbounded, since a reader that stops here would also stop the replies it waits for.
        self._pushes: asyncio.Queue[Packet | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls,
        url: str,
        token: str,
        cursor: str | None = None,
        observe: Observe = lambda _direction, _packet: None,
    ) -> Self:
        """Connects with the token in the Authorization header, and the cursor to resume from.

        RefusedError: the server refused. OSError, TimeoutError: it was not reached.
        """
        try:
            connection = await connect(
                url,
                additional_headers={"Authorization": f"Bearer {token}"},
                subprotocols=[Subprotocol(FORMAT.subprotocol)],
                compression=None,
                # The protocol has its own PING; a second heartbeat would say nothing new.
                ping_interval=None,
                close_timeout=CLOSED_WITHIN,
                proxy=None if _is_loopback(url) else True,
            )
        except InvalidStatus as error:
            raise RefusedError(error.response.status_code, error.response.body) from error
        except (InvalidURI, ValueError) as error:
            raise CommandError(f"not a WebSocket address: {url} ({error})", 2) from error
        except WebSocketException as error:
            raise ConnectionError(f"no WebSocket there: {error}") from error
        return cls(connection, cursor, observe)

    async def send(self, payload: Struct, identifier: Identifier | None = None) -> None:
        """Sends a packet; DisconnectedError when the socket is closed."""
        self._observe("=>", Packet(OP_OF[type(payload)], to_builtins(payload), id=identifier))
        try:
            await self._connection.send(FORMAT.encode_from_client(payload, identifier))
        except ConnectionClosed as error:
            raise self._disconnected() from error

    async def ask(self, payload: Struct, within: float = SECONDS_PER_REPLY) -> Packet:
        """Sends a packet and returns its reply.

        RejectedError: the reply is ERROR. DisconnectedError: the socket closed first. TimeoutError.
        """
        identifier = next(self._ids)
        reply: asyncio.Future[Packet] = asyncio.get_running_loop().create_future()
        self._waiting[identifier] = reply
        try:
            async with asyncio.timeout(within):
                await self.send(payload, identifier)
                packet = await reply
        finally:
            del self._waiting[identifier]
            if not reply.cancel() and not reply.cancelled():
                reply.exception()  # Taken note of: when sending failed, nobody awaited it.
        if packet.opcode == Op.ERROR:
            raise RejectedError(packet)
        return packet

    async def next_push(self) -> Packet:
        """The next packet that is no reply; DisconnectedError after the last one."""
        packet = await self._pushes.get()
        if packet is None:
            self._pushes.put_nowait(None)  # For whoever asks once more.
            raise self._disconnected()
        return packet

    async def acknowledge(self) -> None:
        """Sends PONG with the cursor, which confirms all packets up to it."""
        await self.send(Pong(UNSET if self.cursor is None else self.cursor))

    def start_over(self, cursor: str) -> None:
        """Replaces a cursor that the server cannot resume from."""
        self.cursor = cursor
        self._resuming = False

    async def close(self) -> None:
        """Closes the socket."""
        await self._connection.close()
        await self._reading

    async def drop(self) -> None:
        """Drops the connection without a closing handshake, as a lost network does."""
        self._connection.transport.abort()
        await self._reading

    async def _read(self) -> None:
        try:
            while True:
                received = FORMAT.decode_from_server(await self._connection.recv())
                await self._take(
                    Packet(received.op, received.d, re=received.re, cursor=received.cur)
                )
        except (ConnectionClosed, DisconnectedError):
            # The end of the socket, which each waiting one is told below.
            pass
        finally:
            for reply in self._waiting.values():
                if not reply.done():
                    reply.set_exception(self._disconnected())
            self._pushes.put_nowait(None)

    async def _take(self, packet: Packet) -> None:
        self._observe("<=", packet)
        self._advance(packet)
        if packet.opcode == Op.PING:
            await self.acknowledge()
            return
        reply = self._waiting.get(packet.re) if packet.re is not None else None
        if reply is None:
            self._pushes.put_nowait(packet)
        elif not reply.done():
            reply.set_result(packet)

    def _advance(self, packet: Packet) -> None:
        """Moves the cursor; not before RESUMED, when this client came with one.

        Until then the server's cursors are ahead of what was missed and is yet to be replayed.
        """
        if packet.opcode == Op.RESUMED:
            self._resuming = False
        if not self._resuming:
            self.cursor = packet.cursor or packet.data.get("cur") or self.cursor

    def _disconnected(self) -> DisconnectedError:
        return DisconnectedError(
            self._connection.close_code or 1006, self._connection.close_reason or ""
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def problem_of(body: bytes | bytearray | None) -> dict[str, Any]:
    """The fields of a problem+json body; none when it is something else."""
    try:
        problem = json.loads(body or b"")
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
