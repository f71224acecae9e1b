"""A conversation's connection: kept over as many sockets as it takes, as their ends ask for."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
from command_line.client.packets import Opcode
from command_line.display.console import CommandError
from command_line.display.screen import Screen

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0
# A connection that ends sooner than this was no success: the next one waits longer.
STEADY_AFTER = 5.0
TRIES_TO_GREET = 3


@dataclass(frozen=True)
class ChatOptions:
    """Who talks with whom, about what, and where. `mint` makes a new token, where it can."""

    me: str
    peer: str
    subject: str | None
    url: str
    token: str
    mint: Callable[[], str] | None


class Connection:
    """The present socket, if there is one; `run` opens it again and again, each time resuming."""

    def __init__(self, talk: ChatOptions, conversation: Conversation, screen: Screen) -> None:
        self.connected = asyncio.Event()
        self._talk = talk
        self._conversation = conversation
        self._screen = screen
        self._token = talk.token
        self._client: Client | None = None
        self._cursor: str | None = None

    @property
    def client(self) -> Client:
        """The present socket; DisconnectedError when there is none."""
        if self._client is None:
            raise DisconnectedError(1006, "not connected")
        return self._client

    async def ask(self, opcode: Opcode, payload: Callable[[], Mapping[str, Any]]) -> Packet:
        """Sends a packet until it is answered, over any number of sockets.

        It has to bear an idempotency key, which makes every repeat harmless. RejectedError.
        """
        while True:
            await self.connected.wait()
            try:
                client = self.client
                return await client.ask(opcode, payload())
            except DisconnectedError:
                self.connected.clear()
            except TimeoutError:
                self._screen.notice("no answer; connecting anew")
                await client.drop()

    async def run(self) -> None:
        """Connects, follows the socket to its end, and comes back as its end says.

        CommandError when there is no way back in.
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
                    raise CommandError(f"cannot reach {self._talk.url}: {error}") from error
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
        client = self._client = await Client.open(self._talk.url, self._token, self._cursor)
        hello = await client.next_push()
        if hello.data.get("user") != self._talk.me:
            raise CommandError(f"the token is {hello.data.get('user')}'s, not {self._talk.me}'s", 2)
        complete = False
        if self._cursor is not None:
            complete = await self._resume(client, self._cursor, hello)
        if not complete:
            await self._conversation.show_history(client)
        self._screen.notice(
            f"connected to {self._talk.url} as {self._talk.me}, talking with {self._talk.peer}"
        )
        self.connected.set()

    async def _resume(self, client: Client, cursor: str, hello: Packet) -> bool:
        """Asks for what was missed; false when only the history can tell."""
        try:
            resumed = await client.ask(Opcode.RESUME, {"cur": cursor})
        except RejectedError as error:
            if error.retryable:
                raise
            self._screen.notice(f"cannot resume: {error}")
            client.start_over(hello.data["cur"])
            return False
        return bool(resumed.data["complete"])

    async def _follow(self) -> bool:
        """Shows what is pushed until the server asks to leave; true: come back at once."""
        client = self._client
        if client is None:
            raise RuntimeError("following without a client")
        delay: float | None = None
        try:
            while True:
                packet = await client.next_push()
                if packet.opcode == Opcode.RECONNECT and delay is None:
                    delay = float(packet.data["delay_ms"]) / 1000
                    self._screen.notice(f"the server asks to come back in {delay:.1f} s")
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
        """Acts on a close code; true: come back at once. CommandError: stay away."""
        self._screen.notice(f"the connection ended: {error}")
        match how_to_return(error.code):
            case Return.NEVER:
                raise CommandError(f"the server does not want us back: {error}")
            case Return.NEW_TOKEN:
                self._renew_token(str(error))
                return True
            case Return.AT_ONCE:
                return True
            case Return.LATER:
                return False

    def _may_return(self, error: RefusedError, refusals: int) -> None:
        """Acts on a refused handshake; CommandError when trying again is no use."""
        if error.status == 401 and refusals < TRIES_TO_GREET:
            self._renew_token(str(error))
        elif error.status not in {429, 502, 503, 504}:
            if "standing" in error.problem:
                self._conversation.rulings.restrict(error.problem["standing"])
            raise CommandError(str(error))
        else:
            self._screen.notice(f"not let in: {error}")

    def _renew_token(self, why: str) -> None:
        if self._talk.mint is None:
            raise CommandError(f"{why}; give a new token with --token")
        self._token = self._talk.mint()
