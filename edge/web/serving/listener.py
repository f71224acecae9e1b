"""Accepts connections at a bounded pace.

What a handshake costs is paid by everybody who is connected. So only so many begin a second;
whoever comes besides waits in the kernel's queue, and costs nothing there.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence

import structlog

from edge.metrics import Metrics
from edge.sessions.allowance import Allowance
from edge.settings import Settings

_logger = structlog.get_logger(__name__)

# Of one turn of the event loop, in which others want something too.
_ACCEPTED_AT_ONCE = 4
# After which it is tried again when the system has no file or no memory to spare.
_AGAIN_SECONDS = 1.0


async def bind(host: str, port: int) -> list[socket.socket]:
    """Open the sockets of an address, which listen to nobody yet. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _name, address in dict.fromkeys(found):
            opened = socket.socket(family, kind, protocol)
            sockets.append(opened)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.settimeout(0)
            opened.bind(address)
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


class Listener:
    """Listens on sockets, from `start` to `close`."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        make: Callable[[], asyncio.BaseProtocol],
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._sockets = sockets
        self._make = make
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._pace = Allowance(
            settings.accepts_per_second, settings.accepts_burst, self._loop.time()
        )
        self._pausing: asyncio.TimerHandle | None = None
        # Kept, for the loop keeps no task alive.
        self._opening: set[asyncio.Task[None]] = set()

    def start(self, backlog: int) -> None:
        """Listen. Raises OSError."""
        for listening in self._sockets:
            listening.listen(backlog)
        self._accept_all()

    def _accept_all(self) -> None:
        self._pausing = None
        for listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def _pause(self, seconds: float) -> None:
        for listening in self._sockets:
            self._loop.remove_reader(listening)
        self._pausing = self._loop.call_later(seconds, self._accept_all)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _logger.error("no connection can be accepted", cause=str(error))  # noqa: TRY400 - no trace needed
                self._pause(_AGAIN_SECONDS)
                return
            accepted.settimeout(0)
            task = self._loop.create_task(self._open(accepted))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
            if seconds := self._pace.spend(1, self._loop.time()):
                self._metrics.limits.reached("accepts_per_second")
                self._pause(seconds)
                return

    async def _open(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, accepted)
        except OSError as error:
            # It was gone already.
            _logger.debug("a connection could not be opened", cause=repr(error))
            accepted.close()

    def close(self) -> None:
        """Listen no more."""
        if self._pausing is not None:
            self._pausing.cancel()
        for listening in self._sockets:
            self._loop.remove_reader(listening)
            listening.close()

    async def wait_closed(self) -> None:
        """Return at once: nothing is left to wait for."""
