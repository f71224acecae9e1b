"""A message that is reported, or is about to be."""

from typing import Any

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Packet


class Scene:
    """Bob has written to Alice, who has reported it, or is about to."""

    def __init__(self, alice: Client, bob: Client, stored: Packet) -> None:
        self.alice, self.bob = alice, bob
        self.conversation: str = stored["conversation"]
        self.message: str = stored["message"]

    async def report(self, **more: Any) -> Packet:
        reply = await self.alice.ask(
            Op.REPORT_MSG, {"message": self.message, "reason": "spam", **more}
        )
        assert reply["op"] == Op.REPORT_STATUS, reply
        told: Packet = reply["d"]
        return told
