"""NATS core: the word of a commit brings its events, so that nobody has to read them.

Nothing is asked of NATS but to pass on what it is given, to whoever listens now: what it loses,
repeats or brings late is read, or dropped, by its revision.
"""

import asyncio
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from service_kit.bus.engine import BusNotThere, Listener
from service_kit.process.settings import ServiceSettings
from service_kit.storage.announcements import Announcement
from service_kit.tls.contexts import ClientContext

_CONNECT_SECONDS = 5
_CLOSE_SECONDS = 2.0
_RETRY_SECONDS = 1
# A server that does not answer is gone after two of them.
_PING_SECONDS = 2
# A connection is not doubted again so soon.
_TRUST_SECONDS = 5.0
# What waits to be sent; beyond the bytes without the events, and beyond the words not at all.
_MOST_WAITING_BYTES = 8 * 1024 * 1024
_MOST_WAITING = 1_000


class NatsBus:
    """Publishes to a subject that all replicas of a service listen to."""

    signal_bytes = 32 * 1024
    notifies = False

    def __init__(self, name: str, settings: ServiceSettings, replica: str) -> None:
        self._subject = f"parley.{name}"
        self._options = options_of(settings)
        self._replica = replica
        self._client = Client()
        self._listener: Listener
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._sending: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()
        self._connected_at = 0.0
        self._log = structlog.get_logger(__name__)

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return bool(self._client.is_connected)

    async def start(self, listener: Listener) -> None:
        """Connect, and say hello. Raises BusNotThere."""
        self._listener = listener
        problems: list[str] = []
        tried = asyncio.Event()

        async def note(error: Exception) -> None:
            problems.append(str(error) or type(error).__name__)
            if len(problems) >= len(self._options["servers"]):
                tried.set()

        loop = asyncio.get_running_loop()
        connecting = loop.create_task(self._connect(note))
        failing = loop.create_task(tried.wait())
        try:
            await asyncio.wait(
                (connecting, failing),
                timeout=_CONNECT_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not connecting.done() or connecting.exception() is not None:
                cause = problems[-1] if problems else "it does not answer"
                raise BusNotThere(f"NATS can not be reached: {cause}")
        finally:
            for task in (connecting, failing):
                task.cancel()
            await asyncio.gather(connecting, failing, return_exceptions=True)
        self._keeping = loop.create_task(self._keep())

    def publish(self, epoch: str, told: Announcement, /) -> bool:
        """Tell a revision, with its events if they fit; False if it can not be told now."""
        if not self.connected or len(self._waiting) >= _MOST_WAITING:
            return False
        head = f"batch {epoch} {told.revision} {self._replica} {told.at}"
        events, everything = told.events or b"", told.everything
        body = events + (everything or b"")
        message = b"%s %d %d\n%s" % (
            head.encode(),
            len(events),
            everything is not None,
            body,
        )
        whole = told.events is not None and len(message) <= self._client.max_payload
        if not whole or self._waiting_bytes + len(message) > _MOST_WAITING_BYTES:
            message = f"revision {epoch} {told.revision} {self._replica} {told.at} 0 0\n".encode()
        self._send(message)
        return True

    async def send_signals(self, batch: bytes) -> None:
        """Tell events that are stored nowhere."""
        self._send(f"signals - 0 {self._replica} 0 {len(batch)} 0\n".encode() + batch)

    def doubt(self) -> None:
        """Connect anew, unless that was done a moment ago."""
        loop = asyncio.get_running_loop()
        if self.connected and loop.time() - self._connected_at > _TRUST_SECONDS:
            self._log.warning("words were missed, so NATS is connected to anew")
            self._connected_at = loop.time()
            self._reconnecting = loop.create_task(self._client.force_reconnect())

    async def close(self) -> None:
        """Send what waits, and leave."""
        if self._keeping is not None:
            self._keeping.cancel()
        with suppress(Error, OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                if self._sending is not None:
                    await asyncio.wait([self._sending])
                if self.connected:
                    await self._client.flush()
                await self._client.close()

    # --- Connecting ----------------------------------------------------------------------------

    async def _connect(self, note: Any) -> None:
        self._closed.clear()
        await self._client.connect(
            **self._options,
            error_cb=note,
            disconnected_cb=self._note_disconnected,
            reconnected_cb=self._note_reconnected,
            closed_cb=self._note_closed,
        )
        self._connected_at = asyncio.get_running_loop().time()
        await self._client.subscribe(self._subject, cb=self._hear)
        self._send(self._hello())

    async def _keep(self) -> None:
        """Begin anew when the client has given up, as it does when it is refused."""
        while True:
            await self._closed.wait()
            await asyncio.sleep(_RETRY_SECONDS)
            self._client = Client()
            try:
                await self._connect(self._note_problem)
            except (Error, OSError, TimeoutError) as error:
                await self._note_problem(error)
                self._closed.set()
            else:
                self._listener.hear_again()

    async def _note_problem(self, error: Exception) -> None:
        self._log.warning("a problem with NATS", cause=str(error) or type(error).__name__)

    async def _note_disconnected(self) -> None:
        self._log.warning("the connection to NATS is lost")

    async def _note_reconnected(self) -> None:
        self._log.info("NATS is back")
        self._connected_at = asyncio.get_running_loop().time()
        self._send(self._hello())
        self._listener.hear_again()

    async def _note_closed(self) -> None:
        self._closed.set()

    # --- Words ---------------------------------------------------------------------------------

    def _hello(self) -> bytes:
        return f"hello - 0 {self._replica} 0 0 0\n".encode()

    def _send(self, message: bytes) -> None:
        self._waiting.append(message)
        self._waiting_bytes += len(message)
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_waiting())

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                message = self._waiting.popleft()
                self._waiting_bytes -= len(message)
                try:
                    await self._client.publish(self._subject, message)
                except (Error, OSError, TimeoutError) as error:
                    # Others find it by the look at the clock.
                    await self._note_problem(error)
        finally:
            self._sending = None

    async def _hear(self, message: Msg) -> None:
        try:
            self._take(message.data)
        except ValueError as error:
            self._log.warning("a word on the bus is none of Parley's", cause=str(error))

    def _take(self, data: bytes) -> None:
        """Take a word. Raises ValueError for one of another form."""
        head, _, body = data.partition(b"\n")
        kind, epoch, revision, replica, at, length, has_everything = head.decode().split(" ")
        if replica == self._replica:
            return
        if kind == "hello":
            self._listener.hear_hello()
        elif kind == "revision":
            self._listener.hear_revision(epoch, int(revision))
        elif kind == "signals":
            self._listener.hear_signals(body)
        elif kind == "batch":
            events, rest = body[: int(length)], body[int(length) :]
            everything = rest if int(has_everything) else None
            told = Announcement(int(revision), int(at), events, everything)
            self._listener.hear_batch(epoch, told)


def options_of(settings: ServiceSettings) -> dict[str, Any]:
    """The options of the client. Raises ValueError for an address that is none."""
    prefix = settings.model_config.get("env_prefix", "")
    servers, user, secure = [], "", False
    for one in (settings.bus_url or "").split(","):
        address = urlsplit(one.strip())
        if address.scheme not in {"nats", "tls", "ws", "wss"} or not address.hostname:
            raise ValueError(f"{prefix}BUS_URL: is not nats://host:port, nor several with commas")
        user = user or address.username or ""
        secure = secure or address.scheme in {"tls", "wss"}
        servers.append(one.strip())
    options: dict[str, Any] = {
        "servers": servers,
        "name": "parley",
        "no_echo": True,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": _RETRY_SECONDS,
        "connect_timeout": _RETRY_SECONDS,
        "ping_interval": _PING_SECONDS,
    }
    if secure:
        options["tls"] = ClientContext.of(settings)
    path = settings.bus_password_file
    if path is not None:
        if any(urlsplit(one).password for one in servers):
            raise ValueError(f"{prefix}BUS_PASSWORD_FILE: the address has a password already")
        _read_password(path)
        # Read again at each connection, so that it can be changed.
        if user:
            options |= {"user": user, "password": lambda: _read_password(path)}
        else:
            options["token"] = lambda: _read_password(path)
    return options


def _read_password(path: Path) -> str:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    if len(lines) != 1 or not lines[0]:
        raise ValueError(f"the password file {path} does not hold one line with the password")
    return lines[0]
