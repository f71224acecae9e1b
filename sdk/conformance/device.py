"""A device under test: its adapter's processes one after the other, its line, what it told."""

import asyncio
import json
import shlex
import shutil
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from conformance.adapter import Adapter, AdapterError, Library, Message
from conformance.proxy import Proxy, proxy
from conformance.scenario import TokenMode
from conformance.wire import Wire
from conformance.world import World

_Found = TypeVar("_Found")
_RUBBISH = '{"token": "<html>\n'


class Told(NamedTuple):
    """An event, its time, and the number of the process that told it, from 1."""

    at: float
    process: int
    event: Message


class Intent(NamedTuple):
    """A message that the device was told to send, and what became of it as far as it was told.

    `stored` is the answer; `refused` the error; neither when the process was killed before either.
    """

    text: str
    process: int
    given_at: float
    durable: bool
    outcome: "asyncio.Future[Any]"


class Reign(NamedTuple):
    """A process, and from when to when it was alive and its client open, by `time.time`.

    `until` is None while it lives. `resumes` is whether it had a store with a cursor of before.
    """

    process: int
    since: float
    until: float | None
    resumes: bool


class Device:
    """One device of a run. Made by `device`."""

    def __init__(
        self, name: str, user: str, library: Library, folder: Path, world: World, line: Proxy
    ) -> None:
        self.name, self.user = name, user
        self.folder = folder
        self.line = line
        self.wire: Wire
        self.told: list[Told] = []
        self.intents: list[Intent] = []
        self.state = "idle"
        self.reason: str | None = None
        self.adapter: Adapter | None = None
        self.reigns: list[Reign] = []
        self.closed_at: float | None = None
        self.scanned = 0
        self._library = library
        self._world = world
        self._mode: tuple[TokenMode, int] = ("good", 0)
        # Set, and replaced by another, whenever something was told.
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def store(self) -> Path:
        """Where it may keep what survives its process: a folder."""
        return self.folder / "store"

    @property
    def process(self) -> int:
        """The number of the present or last process."""
        return len(self.reigns)

    # Its process.

    async def start(self) -> None:
        """Start the adapter unless it runs."""
        if self.adapter is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self.store.exists():
                self.store.mkdir()
            resumes = self.store.is_dir() and any(self.store.iterdir())
            self.reigns.append(Reign(self.process + 1, time.time(), None, resumes))
            self.wire.note("started", detail=self._library.command)
            self.state, self.reason, self.closed_at = "idle", None, None
            command = shlex.split(self._library.command)
            self.adapter = await Adapter.start(
                command, self.folder / "adapter.log", self._hear, self._wake
            )

    def _running(self) -> Adapter:
        if self.adapter is None:
            raise AdapterError(f"{self.name} is not open")
        return self.adapter

    async def ask(self, do: str, within: float, **arguments: Any) -> Any:
        """Give a command and return its answer. Raises Refused, TimeoutError, AdapterError."""
        answer = await self._running().ask(do, within, **arguments)
        if do == "close":
            self.closed_at = time.time()
        return answer

    def give(self, do: str, within: float, **arguments: Any) -> "asyncio.Task[Any]":
        """Give a command whose answer is awaited later. A `send` is recorded as an intent."""
        task = asyncio.create_task(self.ask(do, within, **arguments))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        if do == "send":
            durable = "store" in self._library.capabilities
            self.intents.append(Intent(arguments["text"], self.process, time.time(), durable, task))
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Whoever waits for it is told; and without anybody it is no news.
            task.exception()

    async def kill(self) -> None:
        """Kill the process."""
        adapter, self.adapter = self._running(), None
        await adapter.kill()
        self._end_reign()
        self.wire.note("killed")
        self.state = "killed"

    async def end(self) -> None:
        """Let the process end by itself."""
        if self.adapter is not None:
            adapter, self.adapter = self.adapter, None
            await adapter.end()
            self._end_reign()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end_reign(self) -> None:
        self.reigns[-1] = self.reigns[-1]._replace(until=time.time())

    def disturb(self) -> None:
        """Forget the state, for its lines are about to end: it is what will be told next."""
        if self.line.lines:
            self.state, self.reason = "disturbed", None

    def spoil(self, how: str) -> None:
        """Make its store useless: `rubbish` in each file; `denied`, a file in the folder's place.

        Raises AdapterError while a process uses it.
        """
        if self.adapter is not None:
            raise AdapterError(f"{self.name} is open")
        if how == "denied":
            if self.store.exists():
                shutil.rmtree(self.store)
            self.folder.mkdir(parents=True, exist_ok=True)
            self.store.write_bytes(b"no folder")
            return
        for path in self.store.rglob("*"):
            if path.is_file():
                path.write_bytes(b"rubbish\n" * 64)

    # What it tells.

    def _hear(self, at: float, event: Message) -> None:
        if event["event"] == "token":
            task = asyncio.create_task(self._answer_token(event))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        if event["event"] == "state":
            self.state, self.reason = str(event["state"]), event.get("reason")
        self.told.append(Told(at, self.process, event))
        self.wire.note("told", detail=json.dumps(event, ensure_ascii=False))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until(self, read: Callable[[], _Found | None], within: float) -> _Found:
        """Wait until there is something to be read, looking again whenever something is told."""
        async with asyncio.timeout(within):
            while True:
                changed = self._changed
                if self.adapter is not None and self.adapter.broken is not None:
                    raise self.adapter.broken
                if (found := read()) is not None:
                    return found
                await changed.wait()

    async def until_state(self, state: str, reason: str | None, within: float) -> None:
        """Return when the client is in this state. Raises TimeoutError, AdapterError."""

        def there() -> bool | None:
            return (self.state == state and reason in {None, self.reason}) or None

        await self._until(there, within)

    async def until_told(self, wanted: Message, count: int, within: float) -> Message:
        """The event that is the `count`th to have these fields, after the one given last.

        Raises TimeoutError, AdapterError.
        """
        left = count

        def there() -> Message | None:
            nonlocal left
            while self.scanned < len(self.told):
                told = self.told[self.scanned]
                self.scanned += 1
                if told.process == self.process and has(told.event, wanted):
                    left -= 1
                    if not left:
                        return told.event
            return None

        return await self._until(there, within)

    # Its tokens.

    def answer_tokens(self, mode: TokenMode, times: int) -> None:
        """Answer the next requests for a token in this way, or with 0 all of them."""
        self._mode = (mode, times)

    async def _answer_token(self, event: Message) -> None:
        mode, times = self._mode
        if times == 1:
            self._mode = ("good", 0)
        elif times > 1:
            self._mode = (mode, times - 1)
        answer: dict[str, Any] = {"do": "token", "request": event["request"]}
        match mode:
            case "hangs":
                return
            case "throws":
                answer["error"] = "the token function throws"
            case "signed_out":
                answer["token"] = None
            case "rubbish":
                answer |= {"token": _RUBBISH}
            case "blank":
                answer |= {"token": "  "}
            case "other_user":
                answer["token"] = self._world.token(f"other-{uuid4().hex[:8]}")
            case _:
                answer["token"] = self._world.token(self.user, mode)
        if self.adapter is not None:
            await self.adapter.send(answer)


def has(value: Any, wanted: Any) -> bool:
    """Whether a value has what is wanted of it: of objects these fields, else an equal value."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            name in value and has(value[name], one) for name, one in wanted.items()
        )
    return bool(value == wanted)


async def make_device(
    stack: AsyncExitStack, name: str, user: str, library: Library, folder: Path, world: World
) -> Device:
    """A device with its line, both of which end with the stack."""
    wire = Wire()
    line = await stack.enter_async_context(proxy(lambda: world.edge_port, wire))
    made = Device(name, user, library, folder, world, line)
    made.wire = wire
    stack.push_async_callback(made.end)
    return made
