"""The bounded queue of packets to one socket."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from parley_protocol.packets import Frame

Send = Callable[[dict[str, Any]], Awaitable[None]]


class WriteNow(Protocol):
    """Writes a frame if the connection takes it at once, and tells whether it did. With one that is
    `alone` no other comes in this turn of the loop.
    """

    def __call__(self, frame: Frame, *, alone: bool = False) -> bool: ...


class Holder(Protocol):
    """Counts the bytes that are held for one person over all sockets."""

    def hold(self, size: int) -> None: ...

    def let_go(self, size: int) -> None: ...


def _nobody() -> None:
    """Do nothing."""


def write_later(frame: Frame, *, alone: bool = False) -> bool:  # noqa: ARG001 - as WriteNow has it
    """Leave every frame to the task that sends."""
    return False


class Outbox:
    """A queue of frames. While nothing waits a frame is offered to `write_now`, which tells whether
    the connection has taken it: so what a client reads at once costs no task. The others a task
    sends, which runs only while there is something to send, so an idle socket costs none. When more
    than `limit` bytes wait already, the next frame makes it call `overflowed` once, and nothing
    more is taken: one frame may exceed the limit, two may not.

    `holder` counts what waits. A frame waits until `send` has returned.
    """

    def __init__(
        self,
        send: Send,
        limit: int,
        overflowed: Callable[[], None],
        holder: Holder,
        write_now: WriteNow = write_later,
    ) -> None:
        self._send = send
        self._write_now = write_now
        self._limit = limit
        self._overflowed = overflowed
        self._holder = holder
        # While a task sends: an idle socket has none, for it takes 760 bytes.
        self._frames: deque[Frame] | None = None
        self._bytes = 0
        # Of the frame that is being sent.
        self._sending = 0
        self._open = True
        self._sender: asyncio.Task[None] | None = None
        # While more than half of the limit is used.
        self._room: asyncio.Event | None = None

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._bytes

    def put(self, frame: Frame, *, alone: bool = False) -> None:
        """Queue a frame; it is dropped when the outbox is closed. `alone` is as of WriteNow."""
        if not self._open:
            return
        if self._sender is None and self._write_now(frame, alone=alone):
            return
        if self._bytes > self._limit:
            overflowed = self._overflowed
            self.discard()
            overflowed()
            return
        self._bytes += frame.size
        self._holder.hold(frame.size)
        if self._room is None and self._bytes > self._limit // 2:
            self._room = asyncio.Event()
        if self._frames is None:
            self._frames = deque((frame,))
            self._sender = asyncio.get_running_loop().create_task(self._send_all(self._frames))
        else:
            self._frames.append(frame)

    async def _send_all(self, frames: deque[Frame]) -> None:
        try:
            while frames:
                frame = frames.popleft()
                self._sending = frame.size
                await self._send(frame.event)
                self._sent()
                if self._bytes <= self._limit // 2:
                    self._make_room()
        except Exception:  # noqa: BLE001
            # The server says in several ways that the client is gone; the receiving side, which
            # hears of it too, ends the session.
            self.discard()
        finally:
            self._sent()
            self._sender = self._frames = None

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    def _sent(self) -> None:
        sent, self._sending = self._sending, 0
        self._let_go(sent)

    def _let_go(self, size: int) -> None:
        self._bytes -= size
        self._holder.let_go(size)

    async def room(self) -> None:
        """Wait until less than half of the limit is used, or the outbox is closed."""
        # Many may wait; whoever is first may take all of it.
        while self._room is not None:
            await self._room.wait()

    def discard(self) -> None:
        """Take nothing more, and forget what has not been sent."""
        self._open = False
        if self._frames is not None:
            self._frames.clear()
        self._let_go(self._bytes - self._sending)
        # Whoever is told is who holds this: without it both go at once, not with the collector.
        self._overflowed = _nobody
        self._make_room()

    def cut(self) -> bool:
        """Forget also what is being sent. Returns whether anything was: its connection is to be
        aborted, for it would keep that.
        """
        stuck, self._sending = self._sending > 0, 0
        self.discard()
        return stuck

    async def close(self) -> None:
        """Take nothing more, and return when all has been sent."""
        self._open = False
        self._make_room()
        if self._sender is not None:
            await self._sender
