"""The chat at the terminal: sends what is typed as messages, and carries out slash commands."""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from msgspec import Struct

from command_line.chat import lists
from command_line.chat.commands import BY_NAME, HELP, Command
from command_line.chat.connection import ChatOptions, Connection
from command_line.chat.conversation import Conversation
from command_line.chat.lines import read_lines
from command_line.chat.lists import LISTS
from command_line.chat.payloads import UsageError
from command_line.display.screen import Screen
from parley_client.errors import CancelledCommandError, ParleyError, RejectedError
from parley_client.states import State
from parley_protocol.packets import Op
from parley_protocol.payloads import messaging
from service_kit.text import is_blank

# A service that starts again is back by then.
PATIENCE = 15.0

Answer = TypeVar("Answer")
COMMAND = re.compile(r"/[a-z]+(-[a-z]+)*")
# Refusals in words, by their reason or else their code; others are shown as they come.
REFUSALS = {
    "STALE_OFFER": "by now the offer on the table is another one",
    "INVALID_STATE": "as the deal stands, this cannot be done",
    "PERMISSION_DENIED": "this is not yours to do",
    "EDIT_TOO_LATE": "it is too late for that",
    "TOO_MANY_EDITS": "it was edited often enough",
    "BLOCKED": "you have blocked the other one; /unblock lets you write again",
    "TOO_MANY_BLOCKS": "you have blocked as many people as you may",
    "SANCTIONED": "a restriction keeps you from it",
    "STALE_SETTLEMENT": "by now the settlement on the table is another one",
    "ALREADY_REPORTED": "you have reported that, and it is not decided yet",
    "ALREADY_APPEALED": "you have appealed against that already",
    "OPEN_DISPUTE_EXISTS": "a dispute about this deal goes on",
    "OWN_SETTLEMENT": "the settlement is your own; the other one may accept it",
}


class Chat:
    """A conversation at the terminal, with its screen and its connection."""

    def __init__(self, options: ChatOptions, screen: Screen) -> None:
        self._screen = screen
        self._me = options.me
        self._conversation = Conversation(options.me, options.peer, options.subject, screen)
        self._connection = Connection(options, self._conversation, screen)
        self._connection.deferred = self._put_off
        self._client = self._connection.client
        self._talk = self._client.conversation_with(options.peer, options.subject)
        # Until when the command under way is tried again.
        self._deadline = math.inf

    async def run(self, descriptor: int) -> None:
        """Runs until /quit or the end of the input; CommandError when it may not reconnect."""
        staying = asyncio.create_task(self._connection.run())
        typing = asyncio.create_task(self._take_input(descriptor))
        try:
            await asyncio.wait({staying, typing}, return_when=asyncio.FIRST_COMPLETED)
            await (staying if staying.done() else typing)
        finally:
            staying.cancel()
            typing.cancel()
            await asyncio.gather(staying, typing, return_exceptions=True)

    async def _take_input(self, descriptor: int) -> None:
        await self._connection.begun.wait()
        async for line in read_lines(descriptor):
            name, _, arguments = line.rstrip().partition(" ")
            match name:
                case "" if is_blank(line):
                    self._screen.prompt()
                case "/quit":
                    return
                case "/help":
                    self._screen.notice(f"help\n{HELP}")
                case "/typing":
                    self._say_typing()
                case "/deal":
                    await self._show_deal()
                case "/edit":
                    await self._change(partial(messaging.EditMsg, text=arguments))
                case "/delete":
                    await self._change(messaging.DeleteMsg)
                case "/block" | "/unblock":
                    await self._block(blocked=name == "/block")
                case _ if name in LISTS:
                    await self._show_list(name)
                case _ if name in BY_NAME:
                    await self._carry_out(BY_NAME[name], arguments.strip())
                case _ if COMMAND.fullmatch(name):
                    self._screen.notice(f"no such command: {name}; /help lists them")
                case _:
                    await self._write(line)

    async def _write(self, text: str) -> None:
        """Sends one message until it is stored or refused."""
        with self._conversation.writing():
            receipt = await self._insist(self._talk.send(text))
            if receipt is not None:
                self._conversation.stored(receipt, text)

    async def _change(self, build: Callable[..., Struct]) -> None:
        """Edits or deletes the user's last message, or says why not."""
        try:
            payload = build(message=self._conversation.last_of_mine())
        except UsageError as error:
            self._screen.notice(str(error))
            return
        reply = await self._insist(self._client.command(payload), PATIENCE)
        if reply is not None:
            self._conversation.changed(reply.data)

    async def _block(self, *, blocked: bool) -> None:
        """Blocks the other user, or unblocks them."""
        block = self._client.block if blocked else self._client.unblock
        done = await self._insist(block(self._conversation.peer), PATIENCE)
        if done is not None:
            self._conversation.show_block(blocked=done.blocked)

    async def _carry_out(self, command: Command, arguments: str) -> None:
        """Sends a command until it is done or refused.

        It gives up after a while, for messages can still be written without that service.
        """
        try:
            if command.opcode == Op.REPORT_MSG:
                shown, arguments = self._conversation.reported_by(arguments)
            elif command.opcode == Op.REPORT_STATEMENT:
                shown, arguments = self._conversation.disputes.reported_by(arguments)
            else:
                command = self._conversation.meant_by(command)
                shown = self._conversation.shown_for(command)
            payload = command.payload(shown, arguments)
        except UsageError as error:
            self._screen.notice(str(error))
            return
        # As a packet, for it is shown in the server's words: the cause, or the refusal.
        reply = await self._insist(self._client.command(payload), PATIENCE)
        if reply is not None:
            self._conversation.answered(reply)

    async def _insist(
        self, command: Awaitable[Answer], patience: float = math.inf
    ) -> Answer | None:
        """Awaits a command, which is sent until it is answered, refused for good, or given up.

        Given up is what is still refused for the moment after `patience` seconds. The answer; None,
        when the screen has said why there is none.
        """
        self._deadline = asyncio.get_running_loop().time() + patience
        try:
            return await command
        except RejectedError as error:
            self._refused(error)
        except CancelledCommandError:
            # Given up below, and said so.
            pass
        except ParleyError as error:
            self._screen.notice(f"not done: {error}")
        return None

    async def _put_off(self, key: str, error: RejectedError) -> None:
        """Says that a command is not done yet, or gives it up when that would take too long."""
        if asyncio.get_running_loop().time() + (error.retry_after or 0) > self._deadline:
            self._screen.notice(f"not done: {error}; try again later")
            await self._client.outbox.discard(key)
        else:
            self._screen.notice(f"not done yet: {error}; trying again")

    def _refused(self, error: RejectedError) -> None:
        words = REFUSALS.get(error.reason, REFUSALS.get(error.code))
        self._screen.notice(f"refused: {words} ({error})" if words else f"refused: {error}")
        if (current := error.data.get("current")) is not None:
            self._conversation.refused(current)

    async def _look(self, look: Callable[[], Awaitable[None]], what: str) -> None:
        """Calls what asks for something and shows it, or says that it cannot be shown."""
        if self._client.state is not State.LIVE:
            self._screen.notice("not connected just now")
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await look()
        except (ParleyError, TimeoutError) as error:
            self._screen.notice(f"{what} cannot be shown: {error or 'no answer'}")

    async def _show_deal(self) -> None:
        await self._look(lambda: self._conversation.show_deal(self._client), "the deal")

    async def _show_list(self, name: str) -> None:
        async def show() -> None:
            reply = await self._client.ask(LISTS[name].asks)
            self._screen.deal(*lists.shown(name, reply.data, self._me))

        await self._look(show, "the list")

    def _say_typing(self) -> None:
        if self._conversation.id is None:
            self._screen.notice("there is no conversation yet; write something first")
        elif not self._client.conversation(self._conversation.id).typing():
            self._screen.notice("not connected just now")
