"""The sending half of a session: answers, alerts in their place, and those held back meanwhile."""

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import msgspec

from edge.cursors import HISTORY, MESSAGING, Cursor, Position, later
from edge.push.origins import UNCERTAIN, Origins
from edge.push.outbox import Outbox, WriteNow, write_later
from edge.push.render import Alert, render
from edge.sessions.context import Edge
from edge.sessions.requests import Request, Writes
from edge.sessions.state import State, follow
from edge.sessions.unconfirmed import Unconfirmed
from parley_protocol.errors import Error
from parley_protocol.packets import Encoding, Format, Frame, Op
from service_kit.authentication.claims import Principal

_ATTACHING = frozenset({State.CONNECTING, State.ATTACHING})
_UNREACHABLE = frozenset({State.CONNECTING, State.CLOSING})
# Shared by all sockets for which nothing waits, for a deque of one's own takes 760 bytes.
_NONE: deque[Unconfirmed] = deque(maxlen=0)
# Shared by all sockets whose streams have brought all that they were told.
_NOWHERE: Mapping[str, Position] = MappingProxyType({})
# About what one alert that waits to be confirmed takes.
_UNCONFIRMED_BYTES = 200


class Delivery(ABC):
    """Sends to one client what its state allows."""

    __slots__ = (
        "_ahead",
        "_held",
        "_held_bytes",
        "_origins",
        "_outbox",
        "_pages",
        "_shown_pages",
        "edge",
        "encoding",
        "floors",
        "format",
        "person",
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
        write_now: WriteNow = write_later,
    ) -> None:
        settings = edge.settings
        self.edge = edge
        self.person = edge.people.of(principal.user)
        self.principal = principal
        self.format = format_
        self.state = State.CONNECTING
        # Alerts of a backend up to this revision reached the client another way: by a replay, or
        # because it has yet to ask. Without one it is not attached to the backend's feed.
        self.floors: dict[str, int] = {}
        self.encoding = Encoding(format_, frozenset())
        # Up to where the client was told, of backends whose stream is behind that.
        self._ahead = _NOWHERE
        # Live alerts that wait for their turn: (backend, revision, alert).
        self._held: list[tuple[str, int, Alert]] = []
        self._held_bytes = 0
        # By kind, held while a page is asked for.
        self._pages: dict[Op, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.unconfirmed: deque[Unconfirmed] = _NONE
        # Pages of history that were shown.
        self._shown_pages = 0
        # Of what this socket changes; None until it changes something.
        self._origins: Origins | None = None
        # The packets that write from now on; see `part_writes`.
        self.writes = Writes()
        self._outbox = Outbox(send, settings.outbox_bytes, self._overflowed, self.person, write_now)

    # Of the session, as HELLO names it.
    id: str

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
    def kept_bytes(self) -> int:
        """Bytes that the close of this socket gives back: those, and what a PONG would confirm."""
        return self.waiting_bytes + len(self.unconfirmed) * _UNCONFIRMED_BYTES

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
            self._ahead = self._still_ahead(positions)

    def reattach(self) -> bool:
        """Hold live alerts, to be attached anew. False when they are held already."""
        return self.state is State.LIVE and self._enter(State.ATTACHING)

    def hold(self) -> bool:
        """Hold live alerts until `release`. False when they are held already."""
        return self.state is State.LIVE and self._enter(State.REPLAYING)

    def release(self) -> None:
        """Let the alerts go that were held and that no replay has covered."""
        if self._enter(State.LIVE):
            held = self._held
            self._keep_held([])
            for backend, revision, alert in held:
                self.push(backend, revision, alert)

    def stop(self) -> bool:
        """Queue nothing more, and confirm nothing more. False when that was so already."""
        if not self._enter(State.CLOSING):
            return False
        self._keep_held([])
        self._forget_unconfirmed()
        return True

    def _keep_held(self, held: list[tuple[str, int, Alert]]) -> None:
        """Hold these alerts instead of those that were."""
        size = sum(alert.frame(self.encoding).size for _, _, alert in held)
        self.person.let_go(self._held_bytes)
        self.person.hold(size)
        self._held, self._held_bytes = held, size

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

    def answer(self, re: Request, payload: msgspec.Struct) -> None:
        """Queue the answer to a packet; it is not wanted by whoever gave no id."""
        re.done()
        if self._origins is not None:
            self._origins.end(re.origin, lost=False)
        if re.id is not None:
            self.send(re.answer, payload, re=re.id)

    def fail(self, re: Request, error: Error) -> None:
        """Queue an ERROR. What was done all the same, though nobody knows, is told as to others."""
        re.failed(error.code)
        self.send(Op.ERROR, error, re=re.id)
        if self._origins is not None:
            own = self._origins.end(re.origin, lost=error.code in UNCERTAIN)
            if own is not None and (alert := render(own.backend, own.event, self.user)):
                self.push(own.backend, own.revision, alert)

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
            if self.unconfirmed and self.unconfirmed[-1].page:
                # Its cursor would take back that of the page.
                frame = self.format.encode(Op.PING, {}, cur=self._cursor_after_page())
            elif self._ahead:
                cursor = self.cursor(self.edge.hub.cursor())
                frame = self.format.encode(Op.PING, {}, cur=cursor or None)
            self._outbox.put(frame, alone=True)
        elif self.reachable:
            self._outbox.put(self.format.encode(Op.PING, {}))

    # Alerts.

    def push(self, backend: str, revision: int, alert: Alert) -> None:
        """Queue a live alert of this revision of a backend."""
        if self.state is State.LIVE:
            floor = self.floors.get(backend)
            if floor is not None and revision > floor:
                self._alert(revision, self._frame(alert), alert.confirms)
        elif self.state is not State.CLOSING:
            size = alert.frame(self.encoding).size
            self._held.append((backend, revision, alert))
            self._held_bytes += size
            self.person.hold(size)
            if self._held_bytes > self.edge.settings.outbox_bytes:
                self._overflowed()

    def _frame(self, alert: Alert) -> Frame:
        """The frame of an alert, whose cursor takes back nothing that the client was told."""
        if not self._ahead or alert.cursor is None:
            return alert.frame(self.encoding)
        return self.format.encode(alert.op, alert.payload, cur=self.cursor(alert.cursor))

    def note_told(self, backend: str, position: Position) -> None:
        """Note that the client was told all up to here, which its stream has yet to reach."""
        if self.state is State.LIVE and backend in self.floors:
            self._ahead = {**self._ahead, backend: later(position, self._ahead.get(backend))}

    def cursor(self, cursor: Cursor) -> str:
        """The text of a cursor for this client: nowhere behind what it was told already, for it
        would be told that again.
        """
        return self._beyond(cursor).of(self.encoding.attached)

    def _beyond(self, cursor: Cursor) -> Cursor:
        if not self._ahead:
            return cursor
        self._ahead = self._still_ahead(self._ahead)
        return cursor.beyond(self._ahead)

    def _still_ahead(self, told: Mapping[str, Position]) -> Mapping[str, Position]:
        """Those of these positions which the streams have yet to reach."""
        reached = self.edge.hub.positions
        return {
            one: at
            for one, at in told.items()
            if one in reached and later(reached[one], at) != reached[one]
        } or _NOWHERE

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
        # It may go on from before that.
        self._ahead = {one: at for one, at in self._ahead.items() if one != backend} or _NOWHERE
        if backend == MESSAGING:
            # Revisions of another clock say nothing on this one.
            self._forget_unconfirmed()
        self._keep_held([one for one in self._held if one[0] != backend])
        return True

    @asynccontextmanager
    async def page(self, kind: Op) -> AsyncIterator[None]:
        """The turn to ask for a page of a kind: the client has read enough for an answer of any
        size, and no other socket of the person asks for one, nor did for too many bytes just now.
        `answer_page` follows at once.
        """
        async with self._pages[kind]:
            await self._outbox.room()
            async with self.person.pages[kind]:
                await self.person.pace()
                yield

    async def answer_page(
        self,
        re: Request,
        payload: msgspec.Struct,
        confirms: tuple[str, int] | None = None,
    ) -> None:
        """Answer with a page, behind pages of other kinds that were asked for meanwhile. One that
        `confirms` a message, (conversation, seq), is delivered when a PONG says so.
        """
        frame = self.format.encode(re.answer, payload, re=re.id)
        with self.person.holding(frame.size):
            await self._outbox.room()
        re.done()
        if re.id is None or self.state is State.CLOSING:
            return
        position = self.edge.hub.positions.get(MESSAGING)
        if confirms is not None and position is not None:
            self._shown_pages += 1
            self._await(Unconfirmed(position.revision, self._shown_pages, *confirms))
            if self.state is State.LIVE:
                cursor = self._cursor_after_page()
                frame = self.format.encode(re.answer, payload, re=re.id, cur=cursor)
        self._outbox.put(frame)

    def _cursor_after_page(self) -> str:
        """Make the cursor that says as well which pages of history this socket was shown."""
        hub, attached = self.edge.hub, self.encoding.attached
        positions = {**hub.positions, HISTORY: Position(self.id, self._shown_pages)}
        return self._beyond(Cursor(hub.cursors, positions)).of(attached | {HISTORY})

    async def replay(self, revision: int, frame: Frame, confirms: tuple[str, int] | None) -> None:
        """Queue a missed packet, at the pace at which the client reads."""
        await self._outbox.room()
        if self.state is not State.CLOSING:
            self._alert(revision, frame, confirms)

    def _alert(self, revision: int, frame: Frame, confirms: tuple[str, int] | None) -> None:
        self._outbox.put(frame)
        if confirms is not None:
            self._await(Unconfirmed(revision, 0, *confirms))

    # Messages whose delivery a PONG confirms.

    def _await(self, shown: Unconfirmed) -> None:
        if self.person.unconfirmed >= self.edge.settings.unconfirmed_alerts:
            self.edge.people.forget_oldest_unconfirmed(self.person)
        self._count_unconfirmed(1)
        self._unconfirmed_and_more().append(shown)

    def confirm(self, positions: Mapping[str, Position]) -> Collection[Unconfirmed]:
        """Take what the positions of a cursor cover: of each conversation the latest."""
        latest: dict[str, Unconfirmed] = {}
        unconfirmed, pages = self.unconfirmed, positions.get(HISTORY)
        page = pages.revision if pages is not None and pages.epoch == self.id else 0
        beyond = positions[MESSAGING].revision, page + 1
        count = len(unconfirmed)
        while unconfirmed and unconfirmed[0] < beyond:
            shown = unconfirmed.popleft()
            before = latest.get(shown.conversation)
            if before is not None and before.seq > shown.seq:
                shown = shown._replace(seq=before.seq)
            latest[shown.conversation] = shown
        self._count_unconfirmed(len(unconfirmed) - count)
        if not unconfirmed:
            self.unconfirmed = _NONE
        return latest.values()

    def unconfirm(self, shown: Unconfirmed) -> None:
        """Let the next PONG confirm it again, unless others need the room."""
        if self.person.unconfirmed >= self.edge.settings.unconfirmed_alerts:
            self.edge.metrics.limits.reached("unconfirmed_alerts")
        elif self.state is not State.CLOSING:
            self._count_unconfirmed(1)
            self._unconfirmed_and_more().appendleft(shown)

    def forget_oldest_unconfirmed(self) -> None:
        """Mark it delivered by no PONG."""
        self._count_unconfirmed(-1)
        self.unconfirmed.popleft()

    def _unconfirmed_and_more(self) -> deque[Unconfirmed]:
        if self.unconfirmed is _NONE:
            self.unconfirmed = deque()
        return self.unconfirmed

    def _forget_unconfirmed(self) -> None:
        self._count_unconfirmed(-len(self.unconfirmed))
        self.unconfirmed = _NONE

    def _count_unconfirmed(self, count: int) -> None:
        self.person.unconfirmed += count
        self.person.hold(count * _UNCONFIRMED_BYTES)
