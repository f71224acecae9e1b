"""Signs of typing: told when it begins and when it ends, and ended by themselves."""

import asyncio
from collections.abc import Callable

from parley_client.packets import Packet
from parley_client.views.messaging import Typing
from parley_protocol.packets import Op

# Where the server says none; docs/protocol.md, "Typing".
_USUAL_LIFETIME_MS = 10_000
_LONGEST_LIFETIME_MS = 60_000

_Typist = tuple[str, str]


class Typists:
    """Those who type now, by conversation and name, at most `limit`.

    `tell` is given TYPING where something changes: a sign that is repeated is no news, and the end
    comes also when the server, for whatever reason, tells none.
    """

    def __init__(self, tell: Callable[[Packet], None], limit: int) -> None:
        self._tell = tell
        self._limit = limit
        # Each with what ends it.
        self._typing: dict[_Typist, asyncio.TimerHandle] = {}

    def sign(self, packet: Packet) -> None:
        """Take in a TYPING of the server. Raises UnreadableError."""
        told = Typing.read(packet.data)
        typist = (told.conversation, told.user)
        if not told.typing:
            self._end(typist)
            return
        known = self._typing.pop(typist, None)
        if known is not None:
            known.cancel()
        elif len(self._typing) >= self._limit:
            self._end(next(iter(self._typing)))
        lifetime_ms = min(told.lifetime_ms or _USUAL_LIFETIME_MS, _LONGEST_LIFETIME_MS)
        seconds = max(lifetime_ms, 0) / 1000
        loop = asyncio.get_running_loop()
        self._typing[typist] = loop.call_later(seconds, self._end, typist)
        if known is None:
            self._tell(packet)

    def wrote(self, conversation: str, user: str) -> None:
        """Take note that somebody's message has come."""
        self._end((conversation, user))

    def blocked(self, user: str) -> None:
        """Take note that nothing is told of somebody any more, or anew."""
        for typist in [one for one in self._typing if one[1] == user]:
            self._end(typist)

    def end_all(self) -> None:
        """Take note of a new connection: whoever types says so again."""
        for typist in list(self._typing):
            self._end(typist)

    def forget(self) -> None:
        """End without a word, when nothing is told any more."""
        for timer in self._typing.values():
            timer.cancel()
        self._typing.clear()

    def _end(self, typist: _Typist) -> None:
        timer = self._typing.pop(typist, None)
        if timer is not None:
            timer.cancel()
            conversation, user = typist
            data = {"conversation": conversation, "user": user, "typing": False}
            self._tell(Packet(Op.TYPING, data))
