"""The part of a session that is used through the hub."""

import asyncio
from collections.abc import Awaitable, Collection, Sized
from typing import Protocol

import msgspec

from edge.authentication.claims import Principal
from edge.protocol.errors import CloseCode
from edge.protocol.packets import Encoding, Frame, Op
from edge.push.render import Alert


class HubSession(Protocol):
    """One socket; edge/sessions/session.py implements and describes it."""

    id: str
    principal: Principal
    encoding: Encoding
    # On the clock of the event loop.
    last_heard: float
    # In which part of a round of PINGs it has its own.
    beat_part: int

    @property
    def user(self) -> str: ...

    @property
    def attaching(self) -> bool:
        """Whether backends are being asked from where on their alerts come."""

    @property
    def reachable(self) -> bool:
        """Whether packets reach the client: after HELLO, and before the close."""

    @property
    def waiting_bytes(self) -> int: ...

    @property
    def unconfirmed(self) -> Sized:
        """Alerts whose delivery no PONG has confirmed."""

    @property
    def requests(self) -> Collection["asyncio.Task[None]"]:
        """Packets that are being answered."""

    def token_has_expired(self) -> bool: ...

    def send(self, op: Op, payload: msgspec.Struct, *, cur: str | None = None) -> None: ...

    def ping(self, frame: Frame) -> None: ...

    def push(self, backend: str, revision: int, alert: Alert) -> None: ...

    def push_passing(self, alert: Alert) -> None: ...

    def start_over(self, backend: str, revision: int, *, everyone: bool) -> bool: ...

    def hold(self) -> bool: ...

    def release(self) -> None: ...

    def part_writes(self) -> Awaitable[None] | None: ...

    def close(self, code: CloseCode, reason: str) -> None: ...
