"""The connection of a chat: reconnects and resumes as the ends of its sockets ask for."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from command_line.chat.conversation import Conversation
from command_line.client.client import (
    Client,
    DisconnectedError,
    Packet,
    RefusedError,
    RejectedError,
    Return,
    how_to_return,
)
from command_line.display.console import CommandError
from command_line.display.screen import Screen
from parley_protocol.packets import Op
from parley_protocol.payloads.connection import Resume

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0
# A connection that ends sooner than this counts as a failure: the next one waits longer.
STEADY_AFTER = 5.0
TRIES_TO_GREET = 3


@dataclass(frozen=True)
class ChatOptions:
    """The user, the peer, the subject and the server of a chat. `mint` makes a new token."""

    me: str
    peer: str
    subject: str | None
    url: str
    token: str
    mint: Callable[[], str] | None


class Connection:
    """The present socket, if there is one; `run` opens it and reconnects whenever it ends."""

    def __init__(self, options: ChatOptions, conversation: Conversation, screen: Screen) -> None:
        self.connected = asyncio.Event()
        self._options = options
        self._conversation = conversation
        self._screen = screen
        self._token = options.token
        self._client: Client | None = None
        self._cursor: str | None = None

    @property
    def client(self) -> Client:
        """The present socket; DisconnectedError when there is none."""
        if self._client is None:
            raise DisconnectedError(1006, "not connected")
        return self._client

    async def ask(self, payload: Callable[[], Struct]) -> Packet:
        """Sends a packet until it is answered, over any number of sockets.

        It must have an idempotency key, which makes repeats harmless. RejectedError.
        """
        while True:
            await self.connected.wait()
            try:
                client = self.client
                return await client.ask(payload())
            except DisconnectedError:
                self.connected.clear()
            except TimeoutError:
                self._screen.notice("no answer; reconnecting")
                await client.drop()

    async def run(self) -> None:
        """Connects, and reconnects as each close code says.

        CommandError when it may not reconnect.
        """
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        greeted = False
        refusals = 0
        while True:
            began = loop.time()
            at_once = False
            try:
                await self._connect()
                greeted, refusals = True, 0
                at_once = await self._follow()
            except RefusedError as error:
                refusals += 1
                self._may_return(error, refusals)
            except (OSError, TimeoutError) as error:
                if not greeted:
                    raise CommandError(f"cannot reach {self._options.url}: {error}") from error
                self._screen.notice(f"cannot reach the server: {error}")
            except RejectedError as error:
                if not error.retryable:
                    raise CommandError(f"the server refuses: {error}") from error
                self._screen.notice(f"not ready: {error}")
            except DisconnectedError as error:
                at_once = self._after_close(error)
            finally:
                await self._leave()
            steady = loop.time() - began >= STEADY_AFTER
            pause = FIRST_PAUSE if steady else min(2 * pause, LONGEST_PAUSE)
            if not (at_once and (steady or pause <= 2 * FIRST_PAUSE)):
                # The jitter keeps many clients of one server from coming back in one wave.
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311  # No secret.

    async def _leave(self) -> None:
        self.connected.clear()
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()
            self._cursor = client.cursor

    async def _connect(self) -> None:
        client = self._client = await Client.open(self._options.url, self._token, self._cursor)
        hello = await client.next_push()
        me, user = self._options.me, hello.data.get("user")
        if user != me:
            raise CommandError(f"the token is {user}'s, not {me}'s", 2)
        complete = False
        if self._cursor is not None:
            complete = await self._resume(client, self._cursor, hello)
        if not complete:
            await self._conversation.show_history(client)
        self._screen.notice(
            f"connected to {self._options.url} as {me}, talking with {self._options.peer}"
        )
        self.connected.set()

    async def _resume(self, client: Client, cursor: str, hello: Packet) -> bool:
        """Resumes from a cursor; whether all that was missed will come."""
        try:
            resumed = await client.ask(Resume(cursor))
        except RejectedError as error:
            if error.retryable:
                raise
            self._screen.notice(f"cannot resume: {error}")
            client.start_over(hello.data["cur"])
            return False
        return bool(resumed.data["complete"])

    async def _follow(self) -> bool:
        """Shows pushed packets until the server asks to reconnect; whether to do so at once."""
        client = self._client
        if client is None:
            raise RuntimeError("following without a client")
        delay: float | None = None
        try:
            while True:
                packet = await client.next_push()
                if packet.opcode == Op.RECONNECT and delay is None:
                    delay = float(packet.data["delay_ms"]) / 1000
                    self._screen.notice(f"the server asks to reconnect in {delay:.1f} s")
                    self.connected.clear()
                    # What came before the end is still shown, since the cursor counts it.
                    await client.close()
                else:
                    await self._conversation.take(client, packet)
        except DisconnectedError:
            if delay is None:
                raise
        await asyncio.sleep(delay)
        return True

    def _after_close(self, error: DisconnectedError) -> bool:
        """Acts on a close code; whether to reconnect at once. CommandError: never."""
        self._screen.notice(f"the connection ended: {error}")
        match how_to_return(error.code):
            case Return.NEVER:
                raise CommandError(f"the server does not let us reconnect: {error}")
            case Return.NEW_TOKEN:
                self._renew_token(str(error))
                return True
            case Return.AT_ONCE:
                return True
            case Return.LATER:
                return False

    def _may_return(self, error: RefusedError, refusals: int) -> None:
        """Acts on a refused handshake; CommandError when there is no use in trying again."""
        if error.status == 401 and refusals < TRIES_TO_GREET:
            self._renew_token(str(error))
        elif error.status not in {429, 502, 503, 504}:
            if "standing" in error.problem:
                self._conversation.rulings.restrict(error.problem["standing"])
            raise CommandError(str(error))
        else:
            self._screen.notice(f"the connection was refused: {error}")

    def _renew_token(self, why: str) -> None:
        if self._options.mint is None:
            raise CommandError(f"{why}; give a new token with --token")
        self._token = self._options.mint()
