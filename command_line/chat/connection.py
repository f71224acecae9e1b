"""The connection of a chat: what its states mean to a person, and when a chat is over."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from command_line.chat.conversation import Conversation
from command_line.display.console import CommandError
from command_line.display.screen import Screen
from parley_client.client import Client
from parley_client.errors import (
    AskedToLeaveError,
    BannedError,
    InvalidOptionsError,
    ParleyError,
    RejectedError,
    UnreachableError,
    WrongUserError,
    rejected,
)
from parley_client.events import Failed, OutboxChanged, Pushed, Reset, StateChanged
from parley_client.states import State


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
    """The client of a chat; `run` shows what it tells, until it may not reconnect."""

    def __init__(self, options: ChatOptions, conversation: Conversation, screen: Screen) -> None:
        # Set when the conversation was shown for the first time.
        self.begun = asyncio.Event()
        # Called when a command is refused for the moment, with its key.
        self.deferred: Callable[[str, RejectedError], Awaitable[None]] | None = None
        # Whether the socket was not shown yet.
        self._is_new = True
        self._options = options
        self._conversation = conversation
        self._screen = screen
        self._token: str | None = options.token
        try:
            # In memory: a line is kept until it is stored or refused, and there it stands for the
            # person to see. What was typed yesterday is not to be sent by the chat of today.
            self.client = Client(
                options.url,
                token=options.token if options.mint is None else self._next_token,
                user=options.me,
            )
        except InvalidOptionsError as error:
            raise CommandError(str(error), 2) from error

    async def _next_token(self, _reason: str) -> str:
        """The token that was given and, when another one is wanted, a new one."""
        token, self._token = self._token, None
        return token or self._mint()

    def _mint(self) -> str:
        if self._options.mint is None:
            raise RuntimeError("asked for a token without the secret")
        return self._options.mint()

    async def run(self) -> None:
        """Connects and shows what happens; CommandError when it may not reconnect."""
        async with self.client:
            async for event in self.client.events():
                match event:
                    case StateChanged():
                        await self._stands(event)
                    case Reset() if self.begun.is_set():
                        await self._conversation.show_history(self.client, anew=True)
                    # What is sent here is shown by its answer.
                    case Pushed(packet, own=False):
                        await self._conversation.take(self.client, packet)
                    case OutboxChanged("deferred", entry) if self.deferred and entry.error:
                        await self.deferred(entry.key, rejected(entry.error))
                    case Failed(error) if not isinstance(error, WrongUserError):
                        self._screen.notice(f"error: {error}")

    async def _stands(self, event: StateChanged) -> None:
        match event.state:
            case State.CONNECTING:
                self._is_new = True
            case State.RESUMING if not self.begun.is_set():
                # There is nothing to resume yet: HELLO has no place to begin from.
                self._screen.notice("not ready: the messages cannot be shown yet")
            case State.LIVE:
                await self._connected()
            case State.WAITING if event.reason is not None:
                self._lost(event.reason)
            case State.UNAUTHORIZED | State.REFUSED if event.reason is not None:
                self._over(event.reason)

    async def _connected(self) -> None:
        if not self._is_new:
            # It is the same socket, whose server had lost its place for a moment.
            return
        self._is_new = False
        if not self.begun.is_set():
            await self._conversation.show_history(self.client)
        self._screen.notice(
            f"connected to {self._options.url} as {self._options.me}, "
            f"talking with {self._options.peer}"
        )
        self.begun.set()

    def _lost(self, reason: ParleyError) -> None:
        match reason:
            case AskedToLeaveError(delay=delay):
                self._screen.notice(f"the server asks to reconnect in {delay:.1f} s")
            case UnreachableError() if not self.begun.is_set():
                raise CommandError(f"cannot reach {self._options.url}: {reason}") from reason
            case UnreachableError():
                self._screen.notice(f"cannot reach the server: {reason}")
            case _:
                self._screen.notice(f"the connection ended: {reason}")

    def _over(self, reason: ParleyError) -> None:
        """CommandError, which says why there is no use in trying again."""
        match reason:
            case WrongUserError(found=found, expected=expected):
                raise CommandError(f"the token is {found}'s, not {expected}'s", 2) from reason
            case BannedError(data=standing) if standing is not None:
                self._conversation.rulings.explain(standing)
        if self.client.state is State.UNAUTHORIZED and self._options.mint is None:
            raise CommandError(f"{reason}; give a new token with --token") from reason
        raise CommandError(str(reason)) from reason
