"""The sending half of a session: answers, alerts in their place, and those held back meanwhile."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from edge.protocol.cursors import MESSAGING, Position
from edge.protocol.errors import Error
from edge.protocol.packets import Encoding, Format, Frame, Op
from edge.push.outbox import Outbox
from edge.push.render import Alert
from edge.sessions.context import Edge
from edge.sessions.requests import Request, Writes
from edge.sessions.state import State, follow
from service_kit.authentication.claims import Principal

_ATTACHING = frozenset({State.CONNECTING, State.ATTACHING})
_UNREACHABLE = frozenset({State.CONNECTING, State.CLOSING})


class Delivery(ABC):
    """Sends to one client what its state allows."""

    __slots__ = (
        "_held",
        "_held_bytes",
        "_outbox",
        "edge",
        "encoding",
        "floors",
        "format",
        "principal",
        "state",
        "unconfirmed",
        "writes",
    )

    def __init__(
        self,
        edge: Edge,
        principal: Principal,
        format_: Format,
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        settings = edge.settings
        self.edge = edge
        self.principal = principal
        self.format = format_
        self.state = State.CONNECTING
        # Alerts of a backend up to this revision reached the client another way: by a replay, or
        # because it has yet to ask. Without one it is not attached to the backend's feed.
        self.floors: dict[str, int] = {}
        self.encoding = Encoding(format_, frozenset())
        # Live alerts that wait for their turn: (backend, revision, alert).
        self._held: list[tuple[str, int, Alert]] = []
        self._held_bytes = 0
        # Messages that a PONG has yet to confirm: (revision, conversation, seq).
        self.unconfirmed: deque[tuple[int, str, int]] = deque(maxlen=settings.unconfirmed_alerts)
        # The packets that write from now on; see `part_writes`.
        self.writes = Writes()
        self._outbox = Outbox(send, settings.outbox_bytes, self._overflowed)

    @abstractmethod
    def _overflowed(self) -> None:
        """Close, for more waits for the client than may."""

    @property
    def user(self) -> str:
        return self.principal.user

    @property
    def waiting_bytes(self) -> int:
        """Bytes of packets that wait for the client to read, or for a replay to end."""
        return self._outbox.size + self._held_bytes

    @property
    def attaching(self) -> bool:
        """Whether backends are being asked from where on their alerts come."""
        return self.state in _ATTACHING

    @property
    def reachable(self) -> bool:
        """Whether packets reach the client: after HELLO, and before the close."""
        return self.state not in _UNREACHABLE

    # Transitions. One that closes stays so, also where something was waited for meanwhile.

    def _enter(self, state: State) -> bool:
        if self.state is State.CLOSING:
            return False
        self.state = follow(self.state, state)
        return True

    def attach(self, positions: Mapping[str, Position]) -> None:
        """Let alerts of these backends beyond these positions come; of others none. They are held
        until `release`.
        """
        if self._enter(State.REPLAYING):
            self.floors = {backend: at.revision for backend, at in positions.items()}
            self.encoding = Encoding(self.format, frozenset(self.floors))

    def reattach(self) -> bool:
        """Hold live alerts, to be attached anew. False when they are held already."""
        return self.state is State.LIVE and self._enter(State.ATTACHING)

    def hold(self) -> bool:
        """Hold live alerts until `release`. False when they are held already."""
        return self.state is State.LIVE and self._enter(State.REPLAYING)

    def release(self) -> None:
        """Let the alerts go that were held and that no replay has covered."""
        if self._enter(State.LIVE):
            held, self._held = self._held, []
            self._held_bytes = 0
            for backend, revision, alert in held:
                self.push(backend, revision, alert)

    def stop(self) -> bool:
        """Queue nothing more. False when that was so already."""
        return self._enter(State.CLOSING)

    # Packets.

    def send(
        self,
        op: Op,
        payload: msgspec.Struct,
        *,
        re: int | str | None = None,
        cur: str | None = None,
    ) -> None:
        """Queue a packet; after the one with which the session closes there is none."""
        if self.state is not State.CLOSING:
            self._outbox.put(self.format.encode(op, payload, re=re, cur=cur))

    def answer(self, re: Request, op: Op, payload: msgspec.Struct) -> None:
        """Queue the answer to a packet; it is not wanted by whoever gave no id."""
        re.done()
        if re.id is not None:
            self.send(op, payload, re=re.id)

    def fail(self, re: Request, error: Error) -> None:
        """Queue an ERROR."""
        re.outcomes.failed(error.code)
        re.end()
        self.send(Op.ERROR, error, re=re.id)

    def part_writes(self) -> Awaitable[None] | None:
        """Part what the client writes from now on from what it has written. Returns what is done
        when all of that is answered; None when it is.
        """
        if not self.writes:
            return None
        written, self.writes = self.writes, Writes()
        return written.answered()

    def ping(self, frame: Frame) -> None:
        """Queue a PING, but not before HELLO, and without the cursor while that would skip what is
        still to come.
        """
        if self.state is State.LIVE:
            self._outbox.put(frame)
        elif self.reachable:
            self._outbox.put(self.format.encode(Op.PING, {}))

    # Alerts.

    def push(self, backend: str, revision: int, alert: Alert) -> None:
        """Queue a live alert of this revision of a backend."""
        if self.state is State.LIVE:
            floor = self.floors.get(backend)
            if floor is not None and revision > floor:
                self._alert(revision, alert.frame(self.encoding), alert.confirms)
        elif self.state is not State.CLOSING:
            self._held.append((backend, revision, alert))
            self._held_bytes += alert.frame(self.encoding).size
            if self._held_bytes > self.edge.settings.outbox_bytes:
                self._overflowed()

    def push_passing(self, alert: Alert) -> None:
        """Queue an alert that has no revision; it is dropped while others must go first."""
        if self.state is State.LIVE:
            self._outbox.put(alert.frame(self.encoding))

    def start_over(self, backend: str, revision: int, *, everyone: bool) -> bool:
        """Go on from `revision`, if never attached or if `everyone` has to. Returns whether the
        client must be told; a session that is only being attached is on the new clock anyway.
        """
        if self.attaching if backend not in self.floors else not everyone:
            return False
        self.floors[backend] = revision
        self.encoding = Encoding(self.format, frozenset(self.floors))
        if backend == MESSAGING:
            # Revisions of another clock say nothing on this one.
            self.unconfirmed.clear()
        self._held = [one for one in self._held if one[0] != backend]
        self._held_bytes = sum(one[2].frame(self.encoding).size for one in self._held)
        return True

    async def room(self) -> None:
        """Wait until the client has read enough for an answer of any size."""
        await self._outbox.room()

    async def replay(self, revision: int, frame: Frame, confirms: tuple[str, int] | None) -> None:
        """Queue a missed packet, at the pace at which the client reads."""
        await self._outbox.room()
        if self.state is not State.CLOSING:
            self._alert(revision, frame, confirms)

    def _alert(self, revision: int, frame: Frame, confirms: tuple[str, int] | None) -> None:
        self._outbox.put(frame)
        if confirms is not None:
            if len(self.unconfirmed) == self.unconfirmed.maxlen:
                self.edge.metrics.limits.reached("unconfirmed_alerts")
            self.unconfirmed.append((revision, *confirms))
