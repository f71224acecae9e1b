"""The server that a chat meets in tests: a script of one step per connection."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.server import ServerConnection

from edge.protocol.packets import Op
from tests.command_line.deals import CONVERSATION


class Connection:
    """The server's side of one socket."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def send(self, opcode: Op, data: dict[str, Any], **fields: Any) -> None:
        await self.socket.send(json.dumps({"op": int(opcode), "d": data, **fields}))

    async def expect(self, opcode: Op) -> dict[str, Any]:
        """The next packet, which must be of this kind."""
        packet: dict[str, Any] = json.loads(await self.socket.recv())
        assert packet["op"] == opcode, packet
        return packet

    async def greet(self) -> None:
        """HELLO, and an empty list of conversations."""
        await self.send(Op.HELLO, {"user": "alice", "cur": "first"})
        await self.list_conversations()

    async def greet_with(self, deal: dict[str, Any]) -> None:
        """HELLO, and the one conversation, without messages and with this deal."""
        await self.send(Op.HELLO, {"user": "alice", "cur": "first"})
        await self.show_conversation(service=deal)

    async def list_conversations(self, *entries: dict[str, Any], **more: Any) -> None:
        """Answers ASK CONVERSATIONS."""
        asked = await self.expect(Op.ASK_CONVERSATIONS)
        listed = {"conversations": list(entries), **more}
        await self.send(Op.RETURN_CONVERSATIONS, listed, re=asked["id"])

    async def show_conversation(
        self,
        *messages: dict[str, Any],
        missing: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        """Answers what a chat asks for that starts anew."""
        entry = {
            "conversation": CONVERSATION,
            "participants": ["alice", "bob"],
            "peer_read_up_to": 0,
            **more,
        }
        await self.list_conversations(entry, **({"missing": missing} if missing else {}))
        asked = await self.expect(Op.ASK_MESSAGES)
        page = {"conversation": CONVERSATION, "messages": list(messages), "more": False}
        await self.send(Op.RETURN_MESSAGES, page, re=asked["id"])

    async def happen(self, cause: str, deal: dict[str, Any], **fields: Any) -> None:
        """UPDATE CONVERSATION DATAS."""
        update = {"conversation": CONVERSATION, "service": deal, "cause": cause}
        await self.send(Op.UPDATE_CONVERSATION_DATAS, update, **fields)

    async def refuse(self, asked: dict[str, Any], code: str, **more: Any) -> None:
        """ERROR, as the answer to a packet."""
        error = {"code": code, "message": "the words of the server", "retryable": False, **more}
        await self.send(Op.ERROR, error, re=asked["id"])

    async def resume(self, complete: bool = True) -> dict[str, Any]:
        """HELLO, and the answer to RESUME."""
        await self.send(Op.HELLO, {"user": "alice", "cur": "second"})
        asked = await self.expect(Op.RESUME)
        data = {"replayed": 0, "complete": complete, "cur": "second"}
        await self.send(Op.RESUMED, data, re=asked["id"])
        return asked

    async def store(self) -> dict[str, Any]:
        """Takes a message and answers that it is stored."""
        asked = await self.expect(Op.CREATE_MSG)
        status = {"conversation": CONVERSATION, "message": "m1", "seq": 1, "status": "stored"}
        await self.send(Op.STATUS_MSG, status, re=asked["id"])
        return asked


async def resuming(connection: Connection) -> None:
    """A connection that must begin by resuming from the last cursor."""
    asked = await connection.resume()
    assert asked["d"] == {"cur": "first"}


Step = Callable[[Connection], Awaitable[None]]
Play = Callable[..., Awaitable["Played"]]


class Played:
    """A record of the connections: when each came and ended, and with which token."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.tokens: list[str] = []
        self.ends: list[float] = []
