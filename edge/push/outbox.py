"""The bounded queue of packets to one socket."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from parley_protocol.packets import Frame

Send = Callable[[dict[str, Any]], Awaitable[None]]
WriteNow = Callable[[Frame], bool]


class Holder(Protocol):
    """Counts the bytes that are held for one person over all sockets."""

    def hold(self, size: int) -> None: ...

    def let_go(self, size: int) -> None: ...


def _nobody() -> None:
    """Do nothing."""


def write_later(_frame: Frame) -> bool:
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
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        # Of the frame that is being sent.
        self._sending = 0
        self._open = True
        self._sender: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._bytes

    def put(self, frame: Frame) -> None:
        """Queue a frame; it is dropped when the outbox is closed."""
        if not self._open:
            return
        if self._sender is None and self._write_now(frame):
            return
        if self._bytes > self._limit:
            overflowed = self._overflowed
            self.discard()
            overflowed()
            return
        self._bytes += frame.size
        self._holder.hold(frame.size)
        if self._bytes > self._limit // 2:
            self._room.clear()
        self._frames.append(frame)
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        frames = self._frames
        try:
            while frames:
                frame = frames.popleft()
                self._sending = frame.size
                await self._send(frame.event)
                self._sent()
                if not self._room.is_set() and self._bytes <= self._limit // 2:
                    self._room.set()
        except Exception:  # noqa: BLE001
            # The server says in several ways that the client is gone; the receiving side, which
            # hears of it too, ends the session.
            self.discard()
        finally:
            self._sent()
            self._sender = None

    def _sent(self) -> None:
        sent, self._sending = self._sending, 0
        self._let_go(sent)

    def _let_go(self, size: int) -> None:
        self._bytes -= size
        self._holder.let_go(size)

    async def room(self) -> None:
        """Wait until less than half of the limit is used, or the outbox is closed."""
        # Many may wait; whoever is first may take all of it.
        while not self._room.is_set():
            await self._room.wait()

    def discard(self) -> None:
        """Take nothing more, and forget what has not been sent."""
        self._open = False
        self._frames.clear()
        self._let_go(self._bytes - self._sending)
        # Whoever is told is who holds this: without it both go at once, not with the collector.
        self._overflowed = _nobody
        self._room.set()

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
        self._room.set()
        if self._sender is not None:
            await self._sender
