"""The chat at the terminal: sends what is typed as messages, and carries out slash commands."""

import asyncio
import math
import re
from collections.abc import Callable
from functools import partial
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from command_line.chat import lists
from command_line.chat.commands import BY_NAME, HELP, Command
from command_line.chat.connection import ChatOptions, Connection
from command_line.chat.conversation import Conversation
from command_line.chat.lines import read_lines
from command_line.chat.lists import LISTS
from command_line.chat.payloads import UsageError
from command_line.client.client import DisconnectedError, Packet, RejectedError
from command_line.display.screen import Screen
from parley_protocol.packets import Op
from parley_protocol.payloads import messaging
from service_kit.text import is_blank

# A service that starts again is back by then.
PATIENCE_FOR_A_COMMAND = 15.0
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
        await self._connection.connected.wait()
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
                    await self._say_typing()
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
        key = _new_key()
        reply = await self._insist(
            lambda: messaging.CreateMsg(text, **self._conversation.where(), idempotency_key=key),
        )
        if reply is not None:
            self._conversation.stored(reply, text)

    async def _change(self, build: Callable[..., Struct]) -> None:
        """Edits or deletes the user's last message, or says why not."""
        try:
            payload = build(message=self._conversation.last_of_mine(), idempotency_key=_new_key())
        except UsageError as error:
            self._screen.notice(str(error))
            return
        reply = await self._insist(lambda: payload, PATIENCE_FOR_A_COMMAND)
        if reply is not None:
            self._conversation.changed(reply.data)

    async def _block(self, *, blocked: bool) -> None:
        """Blocks the other user, or unblocks them."""
        payload = messaging.BlockUser(self._conversation.peer, blocked)
        reply = await self._insist(lambda: payload, PATIENCE_FOR_A_COMMAND)
        if reply is not None:
            self._conversation.show_block(blocked=reply.data["blocked"])

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
            payload = replace(command.payload(shown, arguments), idempotency_key=_new_key())
        except UsageError as error:
            self._screen.notice(str(error))
            return
        reply = await self._insist(lambda: payload, PATIENCE_FOR_A_COMMAND)
        if reply is not None:
            self._conversation.answered(reply)

    async def _insist(
        self, payload: Callable[[], Struct], patience: float = math.inf
    ) -> Packet | None:
        """Sends a packet until it is answered, refused for good, or `patience` seconds are over.

        The reply; None, when the screen has said why there is none.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        while True:
            try:
                return await self._connection.ask(payload)
            except RejectedError as error:
                if not error.retryable:
                    self._refused(error)
                    return None
                if loop.time() + error.retry_after > deadline:
                    self._screen.notice(f"not done: {error}; try again later")
                    return None
                self._screen.notice(f"not done yet: {error}; trying again")
                await asyncio.sleep(error.retry_after)

    def _refused(self, error: RejectedError) -> None:
        data = error.packet.data
        words = REFUSALS.get(data.get("reason", ""), REFUSALS.get(data["code"]))
        self._screen.notice(f"refused: {words} ({error})" if words else f"refused: {error}")
        if "current" in error.packet.data:
            self._conversation.refused(error.packet.data["current"])

    async def _show_deal(self) -> None:
        try:
            await self._conversation.show_deal(self._connection.client)
        except DisconnectedError:
            self._screen.notice("not connected just now")
        except (RejectedError, TimeoutError) as error:
            self._screen.notice(f"the deal cannot be shown: {error}")

    async def _show_list(self, name: str) -> None:
        reply = await self._insist(lambda: LISTS[name].asks, PATIENCE_FOR_A_COMMAND)
        if reply is not None:
            self._screen.deal(*lists.shown(name, reply.data, self._me))

    async def _say_typing(self) -> None:
        if self._conversation.id is None:
            self._screen.notice("there is no conversation yet; write something first")
            return
        typing = messaging.SendTyping(self._conversation.id, typing=True)
        try:
            await self._connection.client.send(typing)
        except DisconnectedError:
            self._screen.notice("not connected just now")


def _new_key() -> str:
    return uuid4().hex
