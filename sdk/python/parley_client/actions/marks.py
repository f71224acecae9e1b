"""Read marks: many of one conversation become one packet."""

import asyncio
import math
from dataclasses import dataclass

from parley_client.actions.asking import Asking, optional, read
from parley_client.views.messaging import ReadMark
from parley_protocol.payloads.messaging import OpenedConversation


@dataclass
class _Mark:
    """A mark that is not sent yet; infinity is "all there is"."""

    seq: float
    result: "asyncio.Future[ReadMark]"


class ReadMarks:
    """Marks conversations as read, one packet under way for each. Those that come meanwhile, or
    while the client is offline, travel together as the furthest of them.
    """

    def __init__(self, client: Asking) -> None:
        self._client = client
        self._waiting: dict[str, _Mark] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def mark(self, conversation: str, seq: int | None) -> ReadMark:
        """Mark everything up to `seq` as read, or all there is, and give where the mark stands.

        To cancel the wait does not take the mark back.
        """
        wanted = math.inf if seq is None else seq
        mark = self._waiting.get(conversation)
        if mark is None:
            mark = _Mark(wanted, asyncio.get_running_loop().create_future())
            # Whoever asked may have given up meanwhile.
            mark.result.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._waiting[conversation] = mark
        mark.seq = max(mark.seq, wanted)
        if conversation not in self._under_way:
            self._under_way[conversation] = asyncio.create_task(self._send(conversation))
        return await asyncio.shield(mark.result)

    async def _send(self, conversation: str) -> None:
        try:
            # In the next round of the loop, with all that are given in this one.
            await asyncio.sleep(0)
            while (mark := self._waiting.pop(conversation, None)) is not None:
                seq = None if mark.seq == math.inf else int(mark.seq)
                try:
                    reply = await self._client.ask(OpenedConversation(conversation, optional(seq)))
                    mark.result.set_result(read(ReadMark.read, reply.data))
                except Exception as error:  # noqa: BLE001 - handed to whoever awaits the mark
                    mark.result.set_exception(error)
        finally:
            del self._under_way[conversation]
