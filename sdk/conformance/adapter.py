"""The process of an adapter, and the protocol spoken with it: a line of JSON for each message."""

import asyncio
import itertools
import json
import os
import shlex
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

PROTOCOL = 1
"""The version of the protocol of adapters, docs/conformance.md."""

_LINE_BYTES = 32 * 1024 * 1024
_END_SECONDS = 10.0
_HELLO_SECONDS = 60.0
# For what an adapter said before it ended, and has yet to be read.
_LAST_WORDS_SECONDS = 1.0

Message = Mapping[str, Any]


_Stream = TypeVar("_Stream", asyncio.StreamReader, asyncio.StreamWriter)


def _pipe(stream: _Stream | None) -> _Stream:
    """A standard stream of a process that was started with all of them."""
    if stream is None:
        raise ValueError("the process was started without this pipe")
    return stream


class AdapterError(Exception):
    """An adapter that does not speak the protocol, or has ended unasked."""


class Refused(Exception):  # noqa: N818 - the name says what is the case
    """The error by which a command was answered: `type`, `message`, and what else it has."""

    def __init__(self, error: Message) -> None:
        super().__init__(f"{error.get('type')}: {error.get('message')}")
        self.error = error


class Library(NamedTuple):
    """A library under test: the command of its adapter, and what it says of itself."""

    command: str
    name: str
    version: str
    capabilities: frozenset[str]


class Adapter:
    """One running adapter. `told` is called with each event as it comes, and its time; `ended`
    when nothing more will come.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        told: Callable[[float, Message], None],
        ended: Callable[[], None],
    ) -> None:
        self.process = process
        self.broken: AdapterError | None = None
        self._told, self._ended = told, ended
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._answered: set[int] = set()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        log: Path,
        told: Callable[[float, Message], None],
        ended: Callable[[], None],
    ) -> "Adapter":
        """Start the process; what it writes to standard error goes into the log."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                limit=_LINE_BYTES,
                # With all that it starts it is killed and stopped as one.
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        return cls(process, told, ended)

    async def ask(self, do: str, within: float, **arguments: Any) -> Any:
        """Give a command and return what it answers.

        Raises Refused for an error, TimeoutError, and AdapterError when there is no sound answer.
        """
        number = next(self._ids)
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            await self.send({"id": number, "do": do, **arguments})
            async with asyncio.timeout(within):
                return await waiting
        finally:
            del self._waiting[number]

    async def send(self, message: Message) -> None:
        """Write a line. Raises AdapterError when the process has ended."""
        if self.broken is not None:
            raise self.broken
        stdin = _pipe(self.process.stdin)
        try:
            stdin.write(json.dumps(message).encode() + b"\n")
            await stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            # What it said before tells more than that it has ended.
            await asyncio.wait({self._reading}, timeout=_LAST_WORDS_SECONDS)
            raise self.broken or AdapterError("the adapter has ended") from error

    async def kill(self) -> None:
        """Kill it and all that it has started, without a farewell."""
        self._signal(signal.SIGKILL)
        await self._reading
        await self.process.wait()

    async def end(self) -> None:
        """Close its standard input, upon which it ends; or kill it."""
        _pipe(self.process.stdin).close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self.process.wait()
        await self.kill()

    def pause(self, *, on: bool) -> None:
        """Stop the process where it is, or let it go on, as a machine that sleeps."""
        self._signal(signal.SIGSTOP if on else signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        # It may have ended a moment ago.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    async def _read(self) -> None:
        stdout = _pipe(self.process.stdout)
        reason = "the adapter has ended"
        try:
            while line := await stdout.readline():
                self._take(line)
        except (ValueError, KeyError, TypeError) as error:
            reason = f"the adapter says no message of the protocol: {error}"
        self.broken = AdapterError(reason)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self.broken)
        self._ended()

    def _take(self, line: bytes) -> None:
        message = json.loads(line)
        if "event" in message:
            self._told(time.time(), message)
            return
        waiting = self._waiting.get(message["re"])
        if ("ok" in message) is ("error" in message):
            raise ValueError(f"neither ok nor error, or both: {line[:200]!r}")
        if message["re"] in self._answered:
            raise ValueError(f"a second answer to command {message['re']}")
        self._answered.add(message["re"])
        if waiting is None or waiting.done():
            # The run has stopped waiting for it.
            return
        if "ok" in message:
            waiting.set_result(message["ok"])
        else:
            waiting.set_exception(Refused(message["error"]))


async def introduce(command: str) -> Library:
    """Start an adapter, ask who it is, and end it. Raises AdapterError when it does not say."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "adapter.log"
        try:
            adapter = await Adapter.start(
                shlex.split(command), log, lambda _at, _event: None, lambda: None
            )
        except OSError as error:
            raise AdapterError(f"cannot start {command}: {error}") from error
        try:
            told = await adapter.ask("hello", _HELLO_SECONDS, protocol=PROTOCOL)
            return _library(command, told)
        except (Refused, TimeoutError, AdapterError, KeyError, TypeError) as error:
            said = log.read_text("utf-8", errors="replace")[-2000:]
            raise AdapterError(f"{command} does not introduce itself: {error!r}\n{said}") from error
        finally:
            await adapter.end()


def _library(command: str, told: Message) -> Library:
    if told["protocol"] != PROTOCOL:
        raise AdapterError(f"it speaks version {told['protocol']} of the protocol")
    capabilities = frozenset(map(str, told["capabilities"]))
    return Library(command, str(told["name"]), str(told["version"]), capabilities)
