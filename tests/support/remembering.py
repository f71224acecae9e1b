"""A client that knows what it was shown, by the versions of objects."""

import asyncio
from collections.abc import Mapping
from typing import Any

from parley_protocol.objects import Kind, Objects, Shown
from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Packet

# What is judged anew at each look; and the version, of which a change tells beside its content.
_ANEW = {"allowed_actions", "appealable", "version"}


class Remembering(Client):
    """A client that keeps of each object what docs/protocol.md says, and nothing else."""

    objects: Objects

    def _keep(self, packet: Packet) -> None:
        super()._keep(packet)
        if packet["op"] == Op.HELLO:
            self.objects = Objects(packet["d"]["user"])
        self.objects.take(packet["op"], packet["d"])

    async def learn(self, kind: Kind, *key: Any, version: int) -> Mapping[str, Any]:
        """Wait until an object is known in this version or a later one, and give its content."""
        async with asyncio.timeout(self.patience), self._arrived:
            while (known := self.objects.of(kind, *key)) is None or known.version < version:
                await self._arrived.wait()
            return known.content

    async def agree(self, shown: Shown) -> None:
        """Wait until an object is known as somebody else knows it, as far as it was told here."""

        def agrees() -> bool:
            known = self.objects.of(shown.kind, *shown.key)
            return known is not None and all(
                shown.content.get(name) == value
                for name, value in known.content.items()
                if name not in _ANEW
            )

        async with asyncio.timeout(self.patience), self._arrived:
            while not agrees():
                await self._arrived.wait()
