"""A talker: one device of a person who talks while parts are being killed."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any

from parley_protocol.packets import Op
from tests.crash.recording import DeviceRecord
from tests.support.device import Device

_SUBJECTS = (None, "roof", "garden")
_REMEMBERED = 20
_SHARE_OF_REPEATS = 0.1
_MUTED_PAUSE_SECONDS = 0.4
_LETTERS = 'abc äß "\\\n\t🙂'

# With whom, about what.
Topic = tuple[str, str | None]


class Talker:
    """One device of a person."""

    def __init__(
        self,
        name: str,
        partners: Sequence[str],
        random: Random,
        device: Device,
        record: DeviceRecord,
    ) -> None:
        self.name = name
        self.partners = partners
        self.random = random
        self.device = device
        self.record = record
        # Messages of partners, the newest last.
        self.read: deque[str] = deque(maxlen=_REMEMBERED)
        # The same person's other device, if there is one.
        self.twin: Talker | None = None
        # The conversation with a partner about a subject, once it is known.
        self._conversations: dict[Topic, str] = {}
        self._keys = 0

    def key(self) -> str:
        """An idempotency key that was not used before."""
        self._keys += 1
        return f"{self.name}-{self._keys}"

    async def ask(self, op: int, payload: dict[str, Any]) -> None:
        """Ask under a new idempotency key; now and then again, also from the twin meanwhile."""
        key = self.key()
        command = {**payload, "idempotency_key": key}
        asked = [self.device.ask(op, command, id=key)]
        if self.twin is not None and self.random.random() < _SHARE_OF_REPEATS:
            asked.append(self.twin.device.ask(op, command, id=key))
        await asyncio.gather(*asked)
        if self.random.random() < _SHARE_OF_REPEATS:
            await self.device.ask(op, command, id=key)

    def compose(self, topic: Topic | None = None) -> tuple[Topic, dict[str, Any]]:
        """Make a message that nobody has sent before; gives its topic, too."""
        key = self.key()
        topic = topic or (self.random.choice(self.partners), self.random.choice(_SUBJECTS))
        filler = self.random.choices(_LETTERS, k=self.random.randrange(200))
        message = {"text": f"{key} {''.join(filler)}", "idempotency_key": key}
        conversation = self._conversations.get(topic)
        if conversation is not None and self.random.random() < 0.7:
            return topic, {**message, "conversation": conversation}
        partner, subject = topic
        return topic, {**message, "to": partner, **({"subject": subject} if subject else {})}

    def learn(self, topic: Topic, conversation: str) -> None:
        self._conversations[topic] = conversation

    async def place(self) -> str:
        """A conversation to bargain in: with any partner, about nothing else."""
        topic = (self.random.choice(self.partners), None)
        while topic not in self._conversations:
            _, message = self.compose(topic)
            reply = await self.device.ask(Op.CREATE_MSG, message, id=message["idempotency_key"])
            if reply["op"] == Op.STATUS_MSG:
                self.learn(topic, reply["d"]["conversation"])
            else:
                # A mute of these people does not last.
                assert reply["d"]["code"] == "SANCTIONED", reply
                await asyncio.sleep(_MUTED_PAUSE_SECONDS)
        return self._conversations[topic]

    async def pause(self, seconds: float, enough: asyncio.Event) -> bool:
        """Wait for so long on average, or until there is enough; tells whether there is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.random.expovariate(1 / seconds)):
                await enough.wait()
        return enough.is_set()
