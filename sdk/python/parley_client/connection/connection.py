"""The connection: carries out what the states ask for, one socket after the other."""

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection

from parley_client.connection.renewal import renew_in_time
from parley_client.connection.resumption import Resumption, Steps
from parley_client.connection.session import Hooks, Session, pause_after
from parley_client.connection.sockets import after_close, after_refusal, open_socket
from parley_client.connection.tokens import Tokens
from parley_client.errors import (
    AskedToLeaveError,
    ConsumerBehindError,
    DisconnectedError,
    ParleyError,
    SignedOutError,
    TokenError,
    UnreachableError,
    rejected,
)
from parley_client.options import Options
from parley_client.states import (
    ATTEMPTING,
    CONNECTED,
    CaughtUp,
    Close,
    Greeted,
    Heard,
    Input,
    Lost,
    Opened,
    PlaceLost,
    Refused,
    SignedOut,
    Situation,
    State,
    Step,
    StillBehind,
    TimedOut,
    TokenReady,
    follow,
)
from parley_protocol.packets import Op
from parley_protocol.payloads.connection import Resume

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Uses:
    """Those for whom a connection works: what is done with what it hears, and what it asks.

    `greet` may refuse a user, by giving an input. `changed` is told each new situation and that
    before it. `is_behind` says whether too many events wait. `standing` is what is known to keep
    this user out.
    """

    hooks: Hooks
    greet: Callable[[Session], Input | None]
    changed: Callable[[Situation, Situation], None]
    reset: Callable[[str], None]
    move: Callable[[str], None]
    is_behind: Callable[[], bool]
    standing: Callable[[], dict[str, object] | None]


class Connection:
    """At most one socket, and the state of it. `seen` is where the next one resumes from."""

    def __init__(self, urls: Sequence[str], tokens: Tokens, options: Options, uses: Uses) -> None:
        self.situation = Situation()
        self.session: Session | None = None
        self.seen: str | None = None
        self._urls = urls
        # Those of many clients spread over the edges.
        self._turn = random.randrange(len(urls))  # noqa: S311 - no secret
        self._tokens = tokens
        self._options = options
        self._uses = uses
        self._socket: ClientConnection | None = None
        self._attempt: asyncio.Task[None] | None = None
        # Of all that have not ended yet.
        self._attempts: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        # Of packets, none of which comes again on another socket.
        self._ids = itertools.count(1)
        self._changes: set[asyncio.Future[None]] = set()

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self.situation.state

    @property
    def url(self) -> str:
        """The address that is connected to, or next."""
        return self._urls[self._turn % len(self._urls)]

    async def changed(self) -> None:
        """Return when the situation has changed."""
        change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changes.add(change)
        try:
            await change
        finally:
            self._changes.discard(change)

    def drop(self) -> None:
        """Lose the socket without a closing handshake, as a lost network does."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def close(self) -> None:
        """End for good, with a closing handshake where there is a socket."""
        self.post(Close())
        self._tokens.give_up()
        if self._attempts:
            await asyncio.wait(set(self._attempts))

    # Inputs.

    def post(self, happened: Input) -> None:
        """Take in what happened, and do what follows from it."""
        loop = asyncio.get_running_loop()
        before = self.situation
        chance = random.random()  # noqa: S311 - no secret
        now = follow(before, happened, loop.time(), chance, self._options)
        if now is before:
            return
        self.situation = now
        self._set_timer(loop)
        if before.state in ATTEMPTING and now.state not in ATTEMPTING:
            self._end_attempt()
        elif before.state not in ATTEMPTING and now.state in ATTEMPTING:
            self._attempt = asyncio.create_task(self._connect())
            self._attempts.add(self._attempt)
            self._attempt.add_done_callback(self._attempts.discard)
        if (before.state, before.reason) != (now.state, now.reason):
            self._uses.changed(before, now)
        for change in list(self._changes):
            if not change.done():
                change.set_result(None)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.situation.deadline
        self._timer = None if deadline is None else loop.call_at(deadline, self._time_out)

    def _time_out(self) -> None:
        situation, session = self.situation, self.session
        happened: Input = TimedOut()
        if situation.state in CONNECTED and session is not None:
            now = asyncio.get_running_loop().time()
            left = session.heard_until(self.situation.silence) - now
            if left > 0:
                happened = Heard(left)
        elif situation.step is Step.TOKEN:
            self._tokens.give_up()
            self._uses.hooks.fail(TokenError("timed out", "took too long"))
        elif isinstance(situation.reason, ConsumerBehindError) and self._uses.is_behind():
            happened = StillBehind()
        self.post(happened)

    def _end_attempt(self) -> None:
        attempt, self._attempt = self._attempt, None
        self.session = None
        if attempt is not None and not attempt.done():
            # Also when it is what runs now: it ends where it next waits.
            attempt.cancel()

    # One socket.

    async def _connect(self) -> None:
        """Go through one attempt to its end, and tell how it ended."""
        attempt = asyncio.current_task()
        try:
            outcome = await self._attempt_once()
        except Exception as error:  # noqa: BLE001 - a defect, here or in what observes
            _log.exception("the connection failed")
            failed = UnreachableError(f"the client failed: {type(error).__name__}")
            self._uses.hooks.fail(failed)
            outcome = Lost(failed)
        if self._attempt is attempt:
            self.post(outcome)

    async def _attempt_once(self) -> Input:
        try:
            token = await self._tokens.get()
        except SignedOutError as error:
            return SignedOut(error)
        except TokenError as error:
            self._tokens.forget("connect")
            self._uses.hooks.fail(error)
            return Lost(error)
        self.post(TokenReady())
        try:
            socket = await open_socket(self.url, token, self.seen, self._options)
        except ParleyError as error:
            return self._failed(after_refusal(error, renewable=self._tokens.renewable))
        self._socket = socket
        ended: Input | None = None
        try:
            self.post(Opened())
            ended = await self._follow(socket)
            return self._failed(ended)
        finally:
            if self._socket is socket:
                self._socket = None
            await self._leave(socket, ended)

    async def _follow(self, socket: ClientConnection) -> Input:
        resumption = Resumption(self.seen, self._options.max_resumed_packets, self._steps())
        session = Session(
            socket, self._options, resumption, self._greet, self._uses.hooks, self._ids
        )
        ended = await session.run()
        if isinstance(ended, Lost) and isinstance(ended.reason, DisconnectedError):
            code, reason = ended.reason.code, ended.reason.reason
            renewable = self._tokens.renewable
            return after_close(code, reason, self._uses.standing(), renewable=renewable)
        return ended

    async def _leave(self, socket: ClientConnection, ended: Input | None) -> None:
        """Close a socket: with a handshake if that was agreed, else at once."""
        agreed = isinstance(ended, Lost) and isinstance(ended.reason, AskedToLeaveError)
        if agreed or self.state is State.CLOSED:
            await socket.close()
        else:
            socket.transport.abort()

    def _failed(self, ended: Input) -> Input:
        """Prepare the next attempt: at another edge, and with another token if it was that."""
        self._turn += 1
        if not isinstance(ended, Lost | Refused):
            self._tokens.forget("refused")
        return ended

    def _greet(self, session: Session) -> Input | None:
        hello = session.hello
        if hello is None:
            raise RuntimeError("greeted without HELLO")
        refused = self._uses.greet(session)
        if refused is not None:
            return refused
        self.session = session
        session.resumption.greeted(hello)
        self.post(Greeted(session.resumption.caught_up, session.silence_seconds))
        session.start(renew_in_time(session, self._tokens, self._options, self._uses.hooks.fail))
        return None

    # The resume.

    def _steps(self) -> Steps:
        return Steps(
            push=self._uses.hooks.push,
            reset=self._reset,
            move=self._move,
            ask=self._ask_to_resume,
            caught_up=lambda: self.post(CaughtUp()),
            place_lost=lambda: self.post(PlaceLost()),
        )

    def _reset(self, reason: str, cursor: str | None) -> None:
        self.seen = cursor
        self._uses.reset(reason)

    def _move(self, cursor: str) -> None:
        self.seen = cursor
        self._uses.move(cursor)

    def _ask_to_resume(self, cursor: str) -> None:
        if self.session is not None:
            self.session.start(self._resume(self.session, cursor))

    async def _resume(self, session: Session, cursor: str) -> None:
        failures = 0
        while True:
            reply = await session.request(Resume(cursor))
            if reply.opcode != Op.ERROR:
                # RESUMED was taken when it came.
                return
            refusal = rejected(reply.data)
            if not refusal.retryable:
                session.resumption.refused()
                return
            await asyncio.sleep(pause_after(refusal, failures, self._options))
            failures += 1
