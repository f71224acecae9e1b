"""A client that reconnects and resumes by itself, as docs/protocol.md asks for."""

import asyncio
import random
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol, Self
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from parley_protocol.packets import Op
from tests.support.client import Client, Packet
from tests.support.facts import dispute_of, fact_of, place_of, services_of

_RESUME_ID = "resume"
# Between two attempts to connect, and before a packet is sent again.
_PAUSE_SECONDS = (0.05, 0.2)


class Observer(Protocol):
    """Sees every packet of a device in order, what it sends also if the connection has ended."""

    def sent(self, packet: Packet) -> None: ...

    def heard(self, packet: Packet) -> None: ...


class Device(Client):
    """One socket after the other, to any of the edges.

    It keeps the cursor and resumes with it; what no resume can bring it asks for anew. What was not
    answered, or refused for the moment, it sends again, messages and changes of them with an
    idempotency key. What it is told twice it drops. Whoever uses it notices nothing but time: each
    packet with an id has one answer, alerts come in order. `services` are the newest snapshots, by
    service, and `disputes` those of the dispute about it.
    """

    patience = 60.0

    def __init__(
        self,
        connection: ClientConnection,
        urls: Sequence[str],
        options: dict[str, Any],
        cursor: str | None,
        observer: Observer | None,
        traffic: asyncio.Event | None,
    ) -> None:
        super().__init__(connection)
        self.cursor = cursor
        self.services: dict[str, Packet] = {}
        self.disputes: dict[str, Packet] = {}
        self._urls = urls
        self._options = options
        self._observer = observer
        self._traffic = traffic
        # Whether the cursors of this connection cover all that was said before it.
        self._caught_up = False
        # Alerts that came before it was known what had been missed before them.
        self._early: list[Packet] = []
        self._known: set[tuple[Any, ...]] = set()
        # By id, in the order of the first sending.
        self._unanswered: dict[int | str, tuple[int, Any]] = {}
        # One at a time, or old and new packets would mix when it comes back.
        self._sending = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def join(
        cls,
        urls: Sequence[str],
        token: str,
        *,
        resume: str | None = None,
        subprotocol: str = "parley.v1.json",
        observer: Observer | None = None,
        traffic: asyncio.Event | None = None,
    ) -> Self:
        """Connect to any of `urls`, and return when what is said from now on is sure to come.

        `traffic` is set whenever a packet was sent.
        """
        options = {
            "additional_headers": {"Authorization": f"Bearer {token}"},
            "subprotocols": [subprotocol],
        }
        connection = await _connect(urls, options, resume, cls.patience)
        device = cls(connection, urls, options, resume, observer, traffic)
        async with asyncio.timeout(cls.patience), device._arrived:
            await device._arrived.wait_for(lambda: device._caught_up or device._reader.done())
        return device

    @property
    def under_way(self) -> int:
        """Number of packets that were sent and not answered yet."""
        return len(self._unanswered)

    async def learn(
        self, places: Iterable[tuple[str, int]], changes: Iterable[tuple[str, str, int]]
    ) -> None:
        """Return when it was alerted of these messages, each a conversation and a seq, or answered
        that they are stored, and told of these changes of services: service, cause and version.
        """
        facts: set[tuple[Any, ...]] = {("message", *place) for place in places}
        facts.update(("service", *change) for change in changes)
        async with self._arrived:
            await self._arrived.wait_for(lambda: facts <= self._known)

    # Connections.

    async def _read(self) -> None:
        try:
            while True:
                await super()._read()
                code = self.connection.close_code or 0
                if 4300 <= code < 4500:
                    raise AssertionError(f"closed with {code}: not to come back as it is")
                self._caught_up = False
                self.connection = await _connect(
                    self._urls, self._options, self.cursor, self.patience
                )
        finally:
            async with self._arrived:
                self._arrived.notify_all()

    async def close(self) -> None:
        await self._leave()
        await self.connection.close()

    async def drop(self) -> None:
        """Vanish without a closing handshake, and do not come back."""
        await self._leave()
        self.connection.transport.abort()
        await self.connection.wait_closed()

    async def _leave(self) -> None:
        tasks = [self._reader, *self._tasks]
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Sending.

    async def send(self, op: int, d: Any = None, id: int | str | None = None) -> None:  # noqa: A002
        """Send as soon as there is a connection; with an id, until there is an answer."""
        if op in {Op.CREATE_MSG, Op.EDIT_MSG, Op.DELETE_MSG}:
            d = {"idempotency_key": str(uuid4()), **d}
        if id is None:
            await self._send_now(op, d)
            return
        self._unanswered[id] = (op, d)
        await self._send_all([id])

    async def _send_all(self, ids: Iterable[int | str], pause: float = 0) -> None:
        """Send those that are still unanswered. If the connection ends, the next sends them."""
        await asyncio.sleep(pause)
        async with self._sending:
            for id_ in ids:
                if id_ in self._unanswered:
                    op, d = self._unanswered[id_]
                    await self._send_now(op, d, id_)

    async def _send_now(self, op: int, d: Any, id_: int | str | None = None) -> None:
        if self._observer is not None:
            # First, for the answer may be there before the sending returns.
            self._observer.sent({"op": op, "d": d, "id": id_})
        with suppress(ConnectionClosed):
            await super().send(op, d, id_)
        if self._traffic is not None:
            self._traffic.set()

    # Hearing.

    def _keep(self, packet: Packet) -> None:
        if self._observer is not None:
            self._observer.heard(packet)
        op = packet["op"]
        for service in services_of(packet):
            if service["version"] >= self.services.get(service["service"], service)["version"]:
                self.services[service["service"]] = service
        if (dispute := dispute_of(packet)) is not None:
            known = self.disputes.get(dispute["service"], dispute)
            if known["dispute"] != dispute["dispute"] or dispute["version"] >= known["version"]:
                self.disputes[dispute["service"]] = dispute
        if op == Op.HELLO and "re" not in packet:
            self._greeted(packet)
        elif op == Op.RESUMED:
            self._resumed(packet)
        elif "re" in packet:
            self._answered(packet)
        elif op == Op.PING:
            self.pings.append(packet)
        elif not self._caught_up:
            self._early.append(packet)
        else:
            self._told(packet)
        if self._caught_up:
            self.cursor = packet.get("cur", self.cursor)
        if op == Op.PING:
            # Without a cursor it proves that the device lives, and nothing else.
            self._start(self._send_now(Op.PONG, {"cur": self.cursor} if self._caught_up else {}))

    def _greeted(self, packet: Packet) -> None:
        self.hello = packet
        if self.cursor is None and packet["d"]["cur"]:
            self.cursor = packet["d"]["cur"]
            self._caught_up = True
        self._start(self._send_all(list(self._unanswered)))

    def _resumed(self, packet: Packet) -> None:
        complete = packet["d"]["complete"]
        if not complete and "re" not in packet and self.cursor is not None:
            # The server has lost its place; the device knows its own.
            self._caught_up = False
            self._start(self._ask_to_resume(0))
            return
        self._caught_up = True
        self.cursor = packet["d"]["cur"]
        early, self._early = self._early, []
        for told in sorted(early, key=place_of):
            self._told(told)
        self.packets.append(packet)
        if not complete:
            self._start(self._ask_anew())

    async def _ask_to_resume(self, pause: float) -> None:
        connection = self.connection
        await asyncio.sleep(pause)
        # A later connection resumes by its URL.
        if connection is self.connection:
            await self._send_now(Op.RESUME, {"cur": self.cursor}, _RESUME_ID)

    async def _ask_anew(self) -> None:
        """Ask for all conversations with their services, and for the messages not known yet."""
        page: dict[str, str] = {}
        while True:
            reply = await self.ask(Op.ASK_CONVERSATIONS, {"limit": 100, **page})
            assert reply["op"] == Op.RETURN_CONVERSATIONS, reply
            listed = reply["d"]
            if "missing" in listed:
                await asyncio.sleep(random.uniform(*_PAUSE_SECONDS))
                continue
            for conversation in listed["conversations"]:
                await self._ask_messages(conversation)
            if "next" not in listed:
                return
            page = {"page": listed["next"]}

    async def _ask_messages(self, conversation: Packet) -> None:
        name, seq = conversation["conversation"], 0
        last = conversation["last_message"]["seq"]
        while ("message", name, seq + 1) in self._known:
            seq += 1
        while seq < last:
            question = {"conversation": name, "after": seq, "limit": 200}
            reply = await self.ask(Op.ASK_MESSAGES, question)
            assert reply["op"] == Op.RETURN_MESSAGES, reply
            assert reply["d"]["messages"], reply
            async with self._arrived:
                for message in reply["d"]["messages"]:
                    told = {"conversation": name, "message": message}
                    self._told({"op": Op.ALERT_NEW_MSG, "d": told})
                    seq = message["seq"]
                self._arrived.notify_all()

    def _answered(self, packet: Packet) -> None:
        re = packet["re"]
        if packet["op"] == Op.ERROR and packet["d"]["retryable"]:
            pause = random.uniform(*_PAUSE_SECONDS)
            pause = max(pause, packet["d"].get("retry_after_ms", 0) / 1000)
            resuming = re == _RESUME_ID
            self._start(self._ask_to_resume(pause) if resuming else self._send_all([re], pause))
        elif self._unanswered.pop(re, None) is not None:
            if (fact := fact_of(packet)) is not None:
                # It may have been told before it was answered.
                self._known.add(fact)
                self.packets = [one for one in self.packets if fact_of(one) != fact]
                self._early = [one for one in self._early if fact_of(one) != fact]
            self.packets.append(packet)

    def _told(self, packet: Packet) -> None:
        fact = fact_of(packet)
        if fact in self._known:
            return
        if fact is not None:
            self._known.add(fact)
        self.packets.append(packet)


async def _connect(
    urls: Sequence[str], options: dict[str, Any], resume: str | None, seconds: float
) -> ClientConnection:
    """A connection to any of `urls`. Raises TimeoutError, and InvalidStatus for a refusal that
    another try would not change.
    """
    query = "" if resume is None else f"?resume={resume}"
    async with asyncio.timeout(seconds):
        while True:
            url = random.choice(urls) + query
            try:
                return await connect(url, compression=None, ping_interval=None, **options)
            except (OSError, WebSocketException) as error:
                if isinstance(error, InvalidStatus) and error.response.status_code < 500:
                    raise
                await asyncio.sleep(random.uniform(*_PAUSE_SECONDS))
