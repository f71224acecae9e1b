"""The sessions of this edge by user, and the one timer for all of them."""

import asyncio
import time
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence, Sized
from math import ceil
from typing import Protocol

import msgspec

from edge.cursors import Cursor, Cursors, Position
from edge.metrics import Outcomes
from edge.push.origins import Own
from edge.push.render import Alert
from parley_protocol.errors import CloseCode
from parley_protocol.packets import Encoding, Frame, Op
from service_kit.authentication.claims import Principal

# A round of PINGs is spread over this many parts of the interval, so that 20,000 sockets do not
# all answer in the same instant.
BEAT_PARTS = 5
# Of a part no more than a slice is sent at once: 2,000 PINGs and their PONGs kept an edge with
# 10,000 sockets from everything else for 60 ms of each second. Each slice wakes an idle edge.
_SMALLEST_SLICE = 200
# Each has a cursor of its own, so that its PONGs have a text of their own: see Pongs.
_MOST_SLICES = 20


class HubSession(Protocol):
    """One socket; edge/sessions/session.py implements and describes it."""

    id: str
    principal: Principal
    encoding: Encoding
    # On the clock of the event loop.
    last_heard: float
    # In which part of a round of PINGs it has its own.
    beat_part: int
    # The conversation in which its user types; empty: none.
    typing: str

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
    def kept_bytes(self) -> int:
        """Bytes that its close gives back."""

    @property
    def unconfirmed(self) -> Sized:
        """Alerts whose delivery no PONG has confirmed."""

    def forget_oldest_unconfirmed(self) -> None: ...

    def stop_typing(self) -> None: ...

    @property
    def requests(self) -> Collection["asyncio.Task[None]"]:
        """Packets that are being answered."""

    def send(self, op: Op, payload: msgspec.Struct, *, cur: str | None = None) -> None: ...

    def ping(self, frame: Frame) -> None: ...

    def push(self, backend: str, revision: int, alert: Alert) -> None: ...

    def push_passing(self, alert: Alert) -> None: ...

    def lacks_answer(self, origin: str, own: Own) -> bool: ...

    def start_over(self, backend: str, revision: int, *, everyone: bool) -> bool: ...

    def cursor(self, cursor: Cursor) -> str: ...

    def note_told(self, backend: str, position: Position) -> None: ...

    def hold(self) -> bool: ...

    def release(self) -> None: ...

    def part_writes(self) -> Awaitable[None] | None: ...

    def close(self, code: CloseCode, reason: str) -> None: ...

    def drop(self, code: CloseCode, reason: str) -> None:
        """Close, and keep nothing of what waits."""


# About those of one round of PINGs, and of the rounds before it that are still answered.
_MOST_PONGS = 256
_LONGEST_PONG = 1024


class Pongs:
    """The texts of PONGs that were read and found good, which thousands of clients send alike. From
    a client that has nothing to confirm such a one says nothing but that it is there, and no more
    is read of it. With what spares an idle socket its tasks, that took it from 13 to 7 us a second.
    """

    def __init__(self) -> None:
        self._known: dict[str | bytes, Outcomes] = {}

    def learn(self, data: str | bytes, outcomes: Outcomes) -> None:
        """Remember a PONG."""
        if len(data) <= _LONGEST_PONG:
            if len(self._known) >= _MOST_PONGS:
                self._known.clear()
            self._known[data] = outcomes

    def count(self, data: str | bytes) -> bool:
        """Count a packet as a good PONG, if it is one that is known."""
        outcomes = self._known.get(data)
        if outcomes is None:
            return False
        outcomes.ok.inc()
        return True


class Hub:
    """All sessions by user, and up to where each backend's events have been pushed to them."""

    def __init__(
        self, ping_interval_seconds: float, pong_timeout_seconds: float, cursors: Cursors
    ) -> None:
        self.cursors = cursors
        self.pongs = Pongs()
        self._ping_interval = ping_interval_seconds
        self._pong_timeout = pong_timeout_seconds
        self._sessions: dict[str, list[HubSession]] = {}
        # By the part of a round of PINGs in which they have their own.
        self._parts = tuple(dict[HubSession, None]() for _ in range(BEAT_PARTS))
        # Those who may have to be closed before their part comes again, with a round to spare. To
        # look at everybody in each part was a quarter of what an edge with idle sockets costs.
        self._watched: dict[HubSession, None] = {}
        self._foresight = 2 * ping_interval_seconds
        self._count = 0
        # Open connections of sockets, also those that are refused or closed and not yet gone.
        self.sockets = 0
        self._empty = asyncio.Event()
        self._empty.set()
        # By backend; everything up to here has been put into the outboxes of live sessions.
        self.positions: dict[str, Position] = {}
        # Backends whose events come now.
        self.live: set[str] = set()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[HubSession]:
        for sessions in list(self._sessions.values()):
            yield from list(sessions)

    @property
    def users(self) -> Mapping[str, list[HubSession]]:
        return self._sessions

    def of(self, user: str) -> list[HubSession]:
        """The sessions of one user; not to be changed."""
        return self._sessions.get(user, [])

    def invisible(self, user: str) -> bool:
        """Whether all sockets of a user who is here want to be invisible."""
        sessions = self.of(user)
        return bool(sessions) and all(session.principal.invisible for session in sessions)

    def add(self, session: HubSession) -> None:
        self._sessions.setdefault(session.user, []).append(session)
        self._parts[session.beat_part][session] = None
        self.watch(session)
        self._count += 1
        self._empty.clear()

    def watch(self, session: HubSession) -> None:
        """Look at a session that is here in the next part of the round, for it is new or has
        another token.
        """
        if session in self._parts[session.beat_part]:
            self._watched[session] = None

    def remove(self, session: HubSession) -> None:
        del self._parts[session.beat_part][session]
        self._watched.pop(session, None)
        sessions = self._sessions[session.user]
        sessions.remove(session)
        self._count -= 1
        if not self._count:
            self._empty.set()
        if not sessions:
            del self._sessions[session.user]

    async def empty(self) -> None:
        """Return when there is no session left."""
        await self._empty.wait()

    def cursor(self) -> Cursor:
        """The cursor of sessions to which all was pushed."""
        return Cursor(self.cursors, self.positions)

    async def beat(self) -> None:
        """Send PING at every interval, and close who is silent or whose token has expired."""
        loop = asyncio.get_running_loop()
        lasts = self._ping_interval / BEAT_PARTS
        next_tick = loop.time()
        part = 0
        while True:
            # What a stalled process has missed is not made up for with a burst.
            next_tick = max(next_tick + lasts, loop.time())
            await asyncio.sleep(next_tick - loop.time())
            sessions = self._begin_part(part, loop.time())
            size = max(_SMALLEST_SLICE, ceil(len(sessions) / _MOST_SLICES))
            for first in range(0, len(sessions), size):
                if first:
                    due = next_tick + lasts * first / len(sessions)
                    await asyncio.sleep(max(due - loop.time(), 0))
                self._ping(sessions[first : first + size], loop.time())
            part = (part + 1) % BEAT_PARTS

    def _begin_part(self, part: int, now: float) -> list[HubSession]:
        """Close whom to watch was due, and list who is to be sent PING in this part of a round."""
        closed = {session for session in list(self._watched) if self._closed(session, now)}
        return [session for session in self._parts[part] if session not in closed]

    def _ping(self, sessions: Sequence[HubSession], now: float) -> None:
        # The cursor spares an idle client, or one that only writes, a long replay.
        cursor = self.cursor()
        frames: dict[Encoding, Frame] = {}
        heard, expires = self._safe(now)
        for session in sessions:
            # It may have gone since the part began.
            if session not in self._parts[session.beat_part]:
                continue
            # Asked here for most, for whom a call would be a tenth of what a PING costs.
            safe = session.last_heard >= heard and session.principal.expires_at > expires
            if safe or not self._closed(session, now):
                encoding = session.encoding
                frame = frames.get(encoding)
                if frame is None:
                    cur = cursor.of(encoding.attached) or None
                    frame = frames[encoding] = encoding.format.encode(Op.PING, {}, cur=cur)
                session.ping(frame)

    def _safe(self, now: float) -> tuple[float, float]:
        """Since when to be heard, and up to when not to expire, keeps a session from being closed
        before its part comes again, with a round to spare.
        """
        return now - self._pong_timeout + self._foresight, time.time() + self._foresight

    def _closed(self, session: HubSession, now: float) -> bool:
        """Close who is silent or whose token has expired, and watch who soon will be; whether it
        was closed.
        """
        heard, expires = self._safe(now)
        if session.last_heard >= heard and session.principal.expires_at > expires:
            self._watched.pop(session, None)
            return False
        self._watched[session] = None
        if now - session.last_heard > self._pong_timeout:
            session.close(CloseCode.NO_PONG, "no PONG")
        elif session.principal.expires_at <= time.time():
            session.close(CloseCode.TOKEN_EXPIRED, "token expired")
        else:
            return False
        return True
