"""A person without any library under test: who says things, and reads what the server holds."""

import asyncio
from typing import Any, NamedTuple
from uuid import uuid4

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Packet

_PAGE = 100
_AGAIN_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0
_FEW = 2
"""Messages to a page where pages are to be many: what is read must not depend on their size."""


class Books(NamedTuple):
    """All that the server shows to one user, read page by page.

    `messages` are those of each conversation by ascending seq, `services` and `disputes` by id.
    """

    messages: dict[str, list[Packet]]
    services: dict[str, Packet]
    disputes: dict[str, Packet]
    blocked: list[str]


class Person:
    """One plain socket of a user, straight to the edge, with a question at a time."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    async def join(cls, url: str, token: str) -> "Person":
        """Connect. Raises what the attempt raises."""
        return cls(await Client.open(url, token))

    async def close(self) -> None:
        await self._client.close()

    async def do(self, op: Op, payload: Packet) -> Packet:
        """Send a packet until it is answered by other than a retryable error; the whole answer."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                answer = await self._client.ask(op, payload)
                if answer["op"] != Op.ERROR or not answer["d"]["retryable"]:
                    return answer
                await asyncio.sleep(_AGAIN_SECONDS)

    async def say(self, to: str, texts: list[str], subject: str | None) -> list[Packet]:
        """Send messages, all at once, so that some share a transaction; the payloads of answers."""
        more = {} if subject is None else {"subject": subject}
        payloads = [
            {"to": to, "text": text, "idempotency_key": uuid4().hex, **more} for text in texts
        ]
        for payload in payloads:
            await self._client.send(Op.CREATE_MSG, payload, payload["idempotency_key"])
        stored = []
        for payload in payloads:
            key = payload["idempotency_key"]
            answer = await self._client.take_reply(key, _PATIENCE_SECONDS)
            if answer["op"] == Op.ERROR:
                answer = await self.do(Op.CREATE_MSG, payload)
            if answer["op"] != Op.STATUS_MSG:
                raise RuntimeError(f"a person could not send: {answer}")
            stored.append(answer["d"])
        return stored

    async def read(self) -> Books:
        """Read everything that this user is shown."""
        conversations = await self._list(Op.ASK_CONVERSATIONS, "conversations")
        names = [one["conversation"] for one in conversations]
        services = await self._list(Op.ASK_SERVICES, "services", limit=50)
        disputes = await self._list(Op.ASK_DISPUTES, "disputes", limit=5)
        blocks = await self._list(Op.ASK_BLOCKS, "blocks")
        return Books(
            {name: await self._messages(name) for name in names},
            {one["service"]: one for one in services},
            {one["dispute"]: one for one in disputes},
            sorted(one["user"] for one in blocks if one["blocked"]),
        )

    async def _list(self, op: Op, field: str, limit: int = _PAGE) -> list[Packet]:
        found: list[Packet] = []
        page: dict[str, Any] = {"limit": limit}
        while True:
            answer = await self.do(op, page)
            told = answer["d"]
            if answer["op"] == Op.ERROR:
                raise RuntimeError(f"a person could not read: {told}")
            if told.get("missing"):
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            found += told[field]
            if "next" not in told:
                return found
            page = {**page, "page": told["next"]}

    async def _messages(self, conversation: str) -> list[Packet]:
        found: list[Packet] = []
        more, limit = True, _FEW
        while more:
            after = found[-1]["seq"] if found else 0
            question = {"conversation": conversation, "after": after, "limit": limit}
            answer = await self.do(Op.ASK_MESSAGES, question)
            found += answer["d"]["messages"]
            more, limit = answer["d"]["more"], min(2 * limit, _PAGE)
        return found
