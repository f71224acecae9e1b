"""The client of a person: one connection, its events, its outbox, and what is known."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self
from unicodedata import normalize

from msgspec import Struct

from parley_client.actions.actions import Actions
from parley_client.connection.connection import Connection, Uses
from parley_client.connection.renewal import renew
from parley_client.connection.session import Hooks, Session
from parley_client.connection.sockets import check_url
from parley_client.connection.tokens import Tokens, TokenSource, checked
from parley_client.errors import (
    ClientClosedError,
    ConsumerBehindError,
    InvalidOptionsError,
    ParleyError,
    WrongUserError,
)
from parley_client.event_log import EventLog, EventStream
from parley_client.events import Failed, StateChanged
from parley_client.intake import Intake
from parley_client.memory import Memory
from parley_client.options import Options
from parley_client.outbox.commands import Command
from parley_client.outbox.outbox import Outbox
from parley_client.packets import Observe, Packet
from parley_client.positions import Confirmed
from parley_client.questions import Questions
from parley_client.states import CONNECTED, Connect, Input, Lost, Refused, Situation, State
from parley_client.stores.keeper import Keeper
from parley_client.stores.memory import MemoryStore
from parley_client.stores.store import Store
from parley_protocol.objects import Kind
from parley_protocol.payloads.connection import Hello

_log = logging.getLogger(__name__)
# Whoever wants to read what is logged says so: else it would stand on standard error.
logging.getLogger("parley_client").addHandler(logging.NullHandler())

# Compared one by one, for what a server says may be of any type.
_EXCLUDING = ("banned", "suspended")


class Client(Actions):
    """A client over any number of sockets: `async with Client(url, token=...) as client`.

    `url` is one address or those of several edges of one server. `token` is a text, or an
    asynchronous function of a reason ("connect", "expiring", "refused") that gives one, or None
    when nobody is signed in. `store` keeps the outbox and the position, by default in memory.
    `user` is whose token is expected; without it that of whom the store knows, or of the first
    HELLO. `server` names what the store keeps apart, by default the first address. `observe` sees
    every packet of both directions.

    Raises InvalidOptionsError for addresses that are none, TokenError for a text that is no token.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        token: TokenSource,
        store: Store | None = None,
        options: Options | None = None,
        observe: Observe | None = None,
        user: str | None = None,
        server: str | None = None,
    ) -> None:
        super().__init__()
        urls = [check_url(one) for one in ([url] if isinstance(url, str) else url)]
        if not urls:
            raise InvalidOptionsError("a client needs an address")
        if not callable(token):
            checked(token)
        self._options = options or Options()
        self._server = server or urls[0]
        self._user = None if user is None else normalize("NFC", user)
        self._hello: Hello | None = None
        self._keeper = Keeper(store or MemoryStore(), self._fail)
        self._events = EventLog(
            self._options.max_queued_events, self._confirm, self._fall_behind, self._catch_up
        )
        self._confirmed = Confirmed(
            self._keeper, self._options.confirm_interval_seconds, self._tell_confirmed
        )
        self._intake = Intake(self._events, self._options.max_remembered)
        self.outbox = Outbox(self._options, self._keeper, self.objects, self._events.tell)
        self._tokens = Tokens(token)
        hooks = Hooks(
            push=self._push,
            reply=self._reply,
            fail=self._fail,
            confirmed=lambda: self._confirmed.cursor,
            observe=observe,
        )
        uses = Uses(
            hooks=hooks,
            greet=self._greet,
            changed=self._changed,
            reset=self._reset,
            move=self._move,
            is_behind=self._events.is_behind,
            standing=self._standing,
        )
        self._connection = Connection(urls, self._tokens, self._options, uses)
        self._questions = Questions(self._connection, self._options)
        self._opening = asyncio.Lock()
        self._opened = False

    # The connection.

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._connection.state

    @property
    def reason(self) -> ParleyError | None:
        """The error for which the connection stands there, if one is the cause."""
        return self._connection.situation.reason

    @property
    def user(self) -> str | None:
        """The name of the user as the server writes it; None before it is known."""
        return self._user

    @property
    def hello(self) -> Hello | None:
        """The last HELLO, with the server's times and limits; None before the first."""
        session = self._connection.session
        return session.hello if session is not None else self._hello

    @property
    def url(self) -> str:
        """The address of the present or the next attempt to connect."""
        return self._connection.url

    @property
    def seen(self) -> str | None:
        """The cursor from which the next socket of this client resumes; opaque."""
        return self._connection.seen

    @property
    def confirmed(self) -> str | None:
        """The cursor up to which events were handled, from which a new process resumes; opaque."""
        return self._confirmed.cursor

    @property
    def objects(self) -> Memory:
        """The newest of each object that was shown, by kind and key; to be read only."""
        return self._intake.objects

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Open the store and begin to connect, or try again at once. It does not wait for HELLO.

        Raises ClientClosedError.
        """
        async with self._opening:
            if self.state is State.CLOSED:
                raise ClientClosedError
            if not self._opened:
                self._opened = True
                await self._open_store()
        self._connection.post(Connect())

    async def _open_store(self) -> None:
        stored = await self._keeper.open(self._server, self._user)
        self._user = stored.user or self._user
        self.objects.user = self._user or ""
        self._confirmed.restore(stored.cursor)
        self._connection.seen = stored.cursor
        self.outbox.restore(stored.entries)

    async def close(self) -> None:
        """End for good. What the outbox holds stays in the store; nothing is told any more."""
        self._events.close()
        self._intake.typists.forget()
        # An answer that comes from now on could not be told: the next process asks for it again.
        await self.outbox.close()
        await self._confirmed.close()
        if (session := self._connection.session) is not None:
            with suppress(TimeoutError):
                # A server that does not read need not know what was handled.
                async with asyncio.timeout(self._options.close_timeout_seconds):
                    await session.flush()
        await self._connection.close()
        await self._keeper.close()

    def drop(self) -> None:
        """Lose the socket as a lost network does; the client comes back by itself."""
        self._connection.drop()

    async def wait_for(self, *states: State | str) -> State:
        """Return the first of these states in which the client is.

        Raises the typed reason in `unauthorized` and `refused`, and ClientClosedError, where those
        are not waited for.
        """
        while self.state not in states:
            if self.state is State.CLOSED:
                raise ClientClosedError
            if self.state in {State.UNAUTHORIZED, State.REFUSED} and self.reason is not None:
                raise self.reason
            await self._connection.changed()
        return self.state

    async def set_token(self, token: str) -> None:
        """Go on with this token. Raises TokenError for what is none, ClientClosedError."""
        checked(token)
        session = self._connection.session
        if session is not None and self.state in CONNECTED:
            session.start(renew(session, self._tokens, token, self._fail))
            return
        self._tokens.set(token)
        await self.connect()

    # Packets.

    def submit(
        self, payload: Struct, *, lane: str | None = None, key: str | None = None
    ) -> Command:
        """Put a command into the outbox and give it; awaited it gives the reply.

        Raises OutboxFullError, InvalidArgumentError, ConflictError, ClientClosedError.
        """
        return self.outbox.submit(payload, lane, key)

    async def command(
        self, payload: Struct, *, lane: str | None = None, key: str | None = None
    ) -> Packet:
        """Send a command through the outbox and give the reply, over any number of sockets.

        `payload` is one of `parley_protocol.payloads`; its idempotency key is `key`, or made here.
        Commands of one `lane` are sent one after the other. Raises RejectedError (its subclasses)
        for a refusal that sending again does not change, ExpiredError, ClientClosedError, and what
        `submit` raises. To cancel does not cancel a command.
        """
        return await self.submit(payload, lane=lane, key=key)

    async def ask(self, payload: Struct) -> Packet:
        """Ask a question until it is answered, over any number of sockets, and give the reply.

        Raises RejectedError, ClientClosedError, and in the states `unauthorized` and `refused`
        their typed reason.
        """
        return await self._questions.ask(payload)

    def tell(self, payload: Struct) -> bool:
        """Send a packet that has no answer, such as TYPING; False when it could not be sent now."""
        session = self._connection.session
        return session is not None and session.tell(payload)

    def events(self) -> EventStream:
        """Iterate over the events, from now on; the first iterator also has those of before.

        An event counts as handled when its iterator is asked for the next one.
        """
        return self._events.stream()

    # What the connection tells.

    def _greet(self, session: Session) -> Input | None:
        hello = session.hello
        if hello is None:
            raise RuntimeError("greeted without HELLO")
        if self._user is not None and hello.user != self._user:
            error = WrongUserError(self._user, hello.user)
            # Whoever connects again may have signed in as the right one.
            self._tokens.forget("refused")
            self._fail(error)
            return Refused(error)
        if self._user is None:
            self._user = hello.user
            self._keeper.later(self._keeper.claim(hello.user))
        self.objects.user = hello.user
        self._intake.typists.end_all()
        self._hello = hello
        return None

    def _push(self, packet: Packet) -> None:
        self.outbox.learn(self._intake.push(packet))

    def _reply(self, asked: Struct, packet: Packet) -> Packet | None:
        self.outbox.learn(self._intake.answer(packet))
        return self._intake.alert_of(asked, packet)

    def _fail(self, error: ParleyError) -> None:
        _log.warning("%s: %s", type(error).__name__, error)
        self._events.tell(Failed(error))

    def _reset(self, reason: str) -> None:
        # The position is of a database that is gone, until the reset is handled.
        self._confirmed.forget()
        self._intake.reset(reason)

    def _changed(self, before: Situation, now: Situation) -> None:
        if now.state in {State.UNAUTHORIZED, State.REFUSED}:
            _log.warning("%s: %s", now.state, now.reason)
        if now.state in CONNECTED and before.state not in CONNECTED:
            session = self._connection.session
            if session is not None:
                self.outbox.start(session)
        elif now.state not in CONNECTED:
            self.outbox.stop()
        retry_at = None
        if now.deadline is not None and now.state in {State.WAITING, State.REFUSED}:
            retry_at = time.time() + now.deadline - asyncio.get_running_loop().time()
        self._events.tell(StateChanged(now.state, now.reason, retry_at))

    def _standing(self) -> dict[str, object] | None:
        """Build the standing of who is kept out, from what was told."""
        told = [
            {name: value for name, value in one.content.items() if value is not None}
            | {"version": one.version}
            for one in self.objects.values()
            if one.kind is Kind.SANCTION and one.content.get("kind") in _EXCLUDING
        ]
        kept_out = [one for one in told if not one.get("lifted")]
        if not kept_out:
            return None
        banned = any(one["kind"] == "banned" for one in kept_out)
        return {"user": self._user, "banned": banned, "sanctions": kept_out}

    # Positions.

    def _move(self, cursor: str) -> None:
        self._confirmed.begin(cursor)
        self._events.move(cursor)

    def _confirm(self, cursor: str) -> None:
        self._confirmed.move(cursor)

    def _tell_confirmed(self) -> None:
        if self._connection.session is not None:
            self._connection.session.pong()

    def _fall_behind(self) -> None:
        self._connection.post(Lost(ConsumerBehindError("too many events wait to be handled")))

    def _catch_up(self) -> None:
        if isinstance(self.reason, ConsumerBehindError):
            self._connection.post(Connect())
