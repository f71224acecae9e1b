"""A device of a person that comes back by itself: an app that stands on the client library."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, Self
from uuid import uuid4

from msgspec import UNSET, Struct, convert

from parley_client.client import Client
from parley_client.errors import ClientClosedError, RejectedError
from parley_client.events import Event, Failed, Pushed, Reset, StateChanged
from parley_client.options import Options
from parley_client.packets import Direction
from parley_client.packets import Packet as ClientPacket
from parley_client.states import State
from parley_client.stores.memory import MemoryStore
from parley_client.stores.sqlite import SqliteStore
from parley_client.stores.store import Store
from parley_protocol.objects import Kind
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import AskConversations, AskMessages
from tests.support.facts import fact_of
from tests.support.inbox import Inbox, Packet
from tests.support.waiting import PATIENCE

_PAYLOADS = {op.value: op.from_client for op in Op if op.from_client is not None}
_OVER = frozenset({State.UNAUTHORIZED, State.REFUSED})


class Observer(Protocol):
    """Sees the packets of a device in order: those of its sockets, and apart from them what the
    library tells of them. They bear the id that the test gave, also as `re`.
    """

    def sent(self, packet: Packet) -> None: ...

    def heard(self, packet: Packet) -> None: ...

    def told(self, packet: Packet, *, own: bool) -> None:
        """An event; `own`: of a message of this device, made of its answer by the library."""

    def answered(self, packet: Packet) -> None:
        """The answer to what this device asked, as the library gives it."""

    def reset(self) -> None:
        """The library says that something was missed which nobody can tell."""

    def restarted(self) -> None:
        """The app was closed and is started again, with what its store has kept."""


class Device(Inbox):
    """One client at any of the edges, with the interface of a socket of the tests.

    Packets with an idempotency key go through the client's outbox, others with an id are asked
    again until they are answered. So whoever uses it notices nothing but time: each packet with an
    id has one answer, alerts come once and in order. What no resume can bring it asks for anew.
    """

    patience = PATIENCE

    def __init__(
        self,
        urls: Sequence[str],
        token: str,
        new_store: Callable[[], Store],
        subprotocol: str,
        observer: Observer | None,
        traffic: asyncio.Event | None,
    ) -> None:
        super().__init__()
        # Those who wait are many and impatient, and the servers their own.
        options = Options(
            subprotocol=subprotocol,
            backoff_base_seconds=0.2,
            backoff_cap_seconds=0.5,
            steady_after_seconds=0.5,
        )
        self._new_client: Callable[[], Client] = lambda: Client(
            urls, token=token, store=new_store(), options=options, observe=self._observe
        )
        self.client = self._new_client()
        self._observer = observer
        self._traffic = traffic
        # The ids that the test gave: by key, and by the number on the present socket.
        self._ids: dict[str, int | str] = {}
        self._numbers: dict[int | str, int | str] = {}
        self._unanswered: set[int | str] = set()
        # Told by an answer, an event or a page.
        self._known: set[tuple[Any, ...]] = set()
        self._resumed: Packet | None = None
        self._failure = ""
        self._left = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._start(self._follow(self.client))

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
        file: Path | None = None,
    ) -> Self:
        """Connect to any of `urls`, and return when what is said from now on is sure to come.

        `traffic` is set whenever a packet was sent. What is to outlive the app is kept in `file`,
        or else in memory. Raises the error for which the server does not take it.
        """
        memory = MemoryStore()
        if resume is not None:
            await memory.open(urls[0], None)
            await memory.save_cursor(resume)
        device = cls(
            urls,
            token,
            (lambda: memory) if file is None else (lambda: SqliteStore(file)),
            subprotocol,
            observer,
            traffic,
        )
        await device.client.connect()
        async with asyncio.timeout(cls.patience):
            await device.client.wait_for(State.LIVE)
        return device

    @property
    def over(self) -> str:
        state = self.client.state
        if self._failure or not (self._left or state in _OVER):
            return self._failure
        return f"{state}: {self.client.reason}"

    @property
    def under_way(self) -> int:
        """Number of packets that were sent and not answered yet."""
        return len(self._unanswered)

    @property
    def services(self) -> list[Packet]:
        """The services that this device knows, each as it was shown in its newest version."""
        return self._shown(Kind.SERVICE)

    def dispute_of(self, service: str) -> Packet | None:
        """The newest dispute about a service that this device knows."""
        about = [one for one in self._shown(Kind.DISPUTE) if one["service"] == service]
        return max(about, key=lambda one: str(one["created_at"]), default=None)

    def _shown(self, kind: Kind) -> list[Packet]:
        return [
            {name: value for name, value in one.content.items() if value is not None}
            for one in self.client.objects.values()
            if one.kind is kind
        ]

    async def learn(
        self, places: Iterable[tuple[str, int]], changes: Iterable[tuple[str, str, int]]
    ) -> None:
        """Return when it was told of these messages, each a conversation and a seq, and of these
        changes of services: service, cause and version.
        """
        facts: set[tuple[Any, ...]] = {("message", *place) for place in places}
        facts.update(("service", *change) for change in changes)
        async with self._arrived:
            await self._arrived.wait_for(lambda: facts <= self._known)

    async def restart(self) -> None:
        """Close the app, and start it again with what its store has kept."""
        closing = self.client
        await closing.close()
        if self._left:
            return
        async with self._arrived:
            if self._observer is not None:
                self._observer.restarted()
            self.client = self._new_client()
            self._arrived.notify_all()
        self._start(self._follow(self.client))
        await self.client.connect()
        # What an app shows when it is started; what was missed comes as events.
        await self._ask_anew()

    async def close(self) -> None:
        self._left = True
        await self._notify()
        await self.client.close()
        await self._end()

    async def drop(self) -> None:
        """Vanish without a closing handshake, and do not come back."""
        self.client.drop()
        await self.close()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._tasks.discard(task)
        else:
            # Kept, so that `close` raises it; whoever waits until then is told.
            self._failure = self._failure or repr(task.exception())

    # Sending.

    async def send(self, op: int, d: Any = None, id: int | str | None = None) -> None:  # noqa: A002 - the protocol's own word
        """Send as soon as there is a connection; with an id, until there is an answer."""
        structure = _PAYLOADS[op]
        fields = {} if d is None else dict(d)
        if "idempotency_key" in structure.__struct_fields__:
            fields.setdefault("idempotency_key", str(uuid4()))
        payload = convert(fields, structure)
        if id is None:
            self.client.tell(payload)
            return
        self._unanswered.add(id)
        if "idempotency_key" in fields:
            self._ids[fields["idempotency_key"]] = id
            self._start(self._command(id, payload))
        else:
            self._start(self._question(id, payload))

    async def _command(self, id_: int | str, payload: Struct) -> None:
        async def carry(client: Client) -> None:
            command = client.submit(payload)
            try:
                reply = await command
                await self._answer(id_, reply.opcode, reply.data)
            except RejectedError as error:
                # As an app that has shown it to its user.
                await client.outbox.discard(command.key)
                await self._answer(id_, Op.ERROR, error.data)

        await self._with_client(carry)

    async def _question(self, id_: int | str, payload: Struct) -> None:
        async def ask(client: Client) -> None:
            try:
                reply = await client.ask(payload)
                await self._answer(id_, reply.opcode, reply.data)
            except RejectedError as error:
                await self._answer(id_, Op.ERROR, error.data)

        await self._with_client(ask)

    async def _with_client(self, work: Callable[[Client], Awaitable[None]]) -> None:
        """Do something by the present client, and again by the next one if that is closed.

        A command has the key of before, so that the next one finds it in its outbox, or, as it is
        with the very last ones, is answered that it was done.
        """
        while not self._left:
            client = self.client
            with suppress(ClientClosedError):
                await work(client)
                break
            await self._until_renewed(client)

    async def _until_renewed(self, client: Client) -> None:
        async with self._arrived:
            await self._arrived.wait_for(lambda: self.client is not client or self._left)

    async def _answer(self, id_: int | str, op: int, data: Mapping[str, Any]) -> None:
        packet: Packet = {"op": op, "d": data, "re": id_}
        if self._observer is not None:
            self._observer.answered(packet)
        async with self._arrived:
            self._unanswered.discard(id_)
            fact = fact_of(packet)
            if fact is not None:
                # It may have been told before it was answered.
                self._known.add(fact)
                self.packets = [one for one in self.packets if fact_of(one) != fact]
            self.packets.append(packet)
            self._arrived.notify_all()

    # Hearing.

    def _observe(self, direction: Direction, packet: ClientPacket) -> None:
        """Take note of what passes on the socket, with the ids of the test."""
        told: Packet = {"op": packet.opcode, "d": packet.data}
        if packet.cursor is not None:
            told["cur"] = packet.cursor
        if direction == "=>":
            if packet.id is not None:
                key = packet.data.get("idempotency_key", "")
                id_ = self._ids.get(key, key)
                told["id"] = self._numbers[packet.id] = id_ or f"question {packet.id}"
                self.times_sent[told["id"]] += 1
            if self._observer is not None:
                self._observer.sent(told)
            if self._traffic is not None:
                self._traffic.set()
            return
        if packet.re is not None:
            told["re"] = self._numbers.get(packet.re, packet.re)
        elif packet.opcode == Op.HELLO:
            self.hello = told
            self._numbers.clear()
        if packet.opcode == Op.RESUMED:
            self._resumed = told
        if self._observer is not None:
            self._observer.heard(told)

    async def _follow(self, client: Client) -> None:
        async for event in client.events():
            async with self._arrived:
                self._take(event)
                self._arrived.notify_all()
            if isinstance(event, Reset):
                # Handled when all is known that was missed: only then it needs no telling again.
                await self._ask_anew()

    def _take(self, event: Event) -> None:
        match event:
            case StateChanged(State.LIVE):
                self._caught_up()
            case Pushed(packet, own=own):
                told: Packet = {"op": packet.opcode, "d": packet.data}
                if packet.cursor is not None:
                    told["cur"] = self.cursor = packet.cursor
                if self._observer is not None:
                    self._observer.told(told, own=own)
                # What was done here has an answer.
                self._told(told, keep=not own)
            case Reset() if self._observer is not None:
                self._observer.reset()
            case Failed(error) if not isinstance(error, RejectedError):
                self._failure = f"{type(error).__name__}: {error}"

    def _caught_up(self) -> None:
        resumed, self._resumed = self._resumed, None
        if resumed is not None:
            self.packets.append(resumed)
        self.cursor = (self.hello if resumed is None else resumed)["d"]["cur"] or self.cursor

    def _told(self, packet: Packet, *, keep: bool = True) -> None:
        fact = fact_of(packet)
        if fact is not None:
            if fact in self._known:
                # By an answer, or by a page that was asked for after a reset.
                return
            self._known.add(fact)
        if keep:
            self.packets.append(packet)

    async def _ask_anew(self) -> None:
        """Ask for all conversations with their services, and for the messages not known yet."""
        # Whoever leaves meanwhile need not know, and whoever restarts begins anew.
        with suppress(ClientClosedError):
            await self._ask_all(self.client)

    async def _ask_all(self, client: Client) -> None:
        page: Any = UNSET
        while True:
            listed = (await client.ask(AskConversations(100, page))).data
            if "missing" in listed:
                await asyncio.sleep(0.1)
                continue
            for conversation in listed["conversations"]:
                await self._ask_messages(client, conversation)
            if "next" not in listed:
                return
            page = listed["next"]

    async def _ask_messages(self, client: Client, conversation: Mapping[str, Any]) -> None:
        name, seq = conversation["conversation"], 0
        counts = {
            "unread": conversation["unread"],
            "conversation_version": conversation["version"],
        }
        last = conversation["last_message"]["seq"]
        while ("message", name, seq + 1) in self._known:
            seq += 1
        while seq < last:
            page = (await client.ask(AskMessages(name, after=seq, limit=200))).data
            assert page["messages"], page
            async with self._arrived:
                for message in page["messages"]:
                    alert = {"conversation": name, "message": message, **counts}
                    self._told({"op": Op.ALERT_NEW_MSG, "d": alert})
                    seq = message["seq"]
                self._arrived.notify_all()
