"""The outbox: every command from the moment it is given until the server has answered it."""

import asyncio
import random
import time
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import fields, replace

from parley_client.connection.session import Session, encode
from parley_client.entries import Entry, EntryState
from parley_client.errors import (
    CancelledCommandError,
    ClientClosedError,
    ConflictError,
    DisconnectedError,
    ExpiredError,
    InvalidArgumentError,
    OutboxFullError,
    ParleyError,
    RejectedError,
    rejected,
)
from parley_client.events import OutboxChanged
from parley_client.options import Options
from parley_client.outbox.lanes import Lanes, lane_of
from parley_client.packets import Packet
from parley_client.stores.keeper import Keeper
from parley_protocol.errors import ErrorCode
from parley_protocol.objects import Objects
from parley_protocol.packets import FORMATS, Op

EXPIRED = "EXPIRED"
"""The code of an entry that grew too old to be sent."""

# Fields in which a person says something in their own words.
_WORDS = frozenset({"text", "title", "description", "note", "comment", "statement"})
_KEY = "idempotency_key"
_MAXIMUM_KEY_LENGTH = 64
_GREATEST_POWER = 16


class Command:
    """A command on its way. Awaited it gives the reply, or raises what refused it.

    To cancel the await does not cancel the command.
    """

    def __init__(self, key: str, result: "asyncio.Future[Packet]") -> None:
        self.key = key
        self._result = result

    def __await__(self) -> Generator[Any, None, Packet]:
        return asyncio.shield(self._result).__await__()

    def done(self) -> bool:
        """Whether it was answered, or is not sent any more."""
        return self._result.done()


class Outbox:
    """Commands in order, each kept until it is answered; those of one lane one after the other.

    `tell` is given events; `stored` a payload and its answer, before whoever awaits it.
    """

    def __init__(
        self,
        options: Options,
        keeper: Keeper,
        objects: Objects,
        tell: Callable[[OutboxChanged], None],
        stored: Callable[[Struct, Packet], None],
    ) -> None:
        self.lanes = Lanes()
        self._options = options
        self._keeper = keeper
        self._objects = objects
        self._tell = tell
        self._stored = stored
        self._session: Session | None = None
        self._entries: dict[str, Entry] = {}
        self._results: dict[str, asyncio.Future[Packet]] = {}
        self._carriers: dict[str, asyncio.Task[None]] = {}
        # Keys of those that the store has failed to keep.
        self._lost: set[str] = set()
        self._number = 0
        self._closed = False

    # What is in it.

    def entries(self) -> list[Entry]:
        """All entries, in the order in which they were given."""
        return list(self._entries.values())

    def entry(self, key: str) -> Entry | None:
        """The entry of a key, if it is not done."""
        return self._entries.get(key)

    def restore(self, entries: Iterable[Entry]) -> None:
        """Take in what an earlier process has left, before anything that was given since."""
        given = self.entries()
        self._entries = {entry.key: replace(entry, durable=True) for entry in entries}
        self._number = max((entry.number for entry in self._entries.values()), default=0)
        for entry in list(self._entries.values()):
            self._tell(OutboxChanged("restored", entry))
        for entry in given:
            self._number += 1
            self._entries[entry.key] = replace(entry, number=self._number)
        self._pump()

    # What is asked of it.

    def submit(self, payload: Struct, lane: str | None = None, key: str | None = None) -> Command:
        """Take a command. It is stored before it is first sent.

        Raises OutboxFullError, InvalidArgumentError for what cannot be sent, ConflictError for a
        key that stands for another command, ClientClosedError. The same command with the same key
        is the same one.
        """
        if self._closed:
            raise ClientClosedError
        given = key if key is not None else getattr(payload, _KEY, None)
        key = given if isinstance(given, str) else uuid4().hex
        if not 1 <= len(key) <= _MAXIMUM_KEY_LENGTH:
            raise _invalid_key()
        if any(one.name == _KEY for one in fields(payload)):
            payload = replace(payload, **{_KEY: key})
        encode(FORMATS[self._options.subprotocol], payload)
        if (known := self._entries.get(key)) is not None:
            if known.payload != payload:
                raise _conflict()
            return Command(key, self._result(key))
        waiting = [one for one in self._entries.values() if one.state is not EntryState.FAILED]
        if len(waiting) >= self._options.max_entries:
            raise OutboxFullError(f"{len(waiting)} commands wait to be answered")
        self._number += 1
        lane = lane or lane_of(payload, key, self._objects)
        entry = Entry(key, payload, lane, round(time.time() * 1000), self._number)
        self._entries[key] = entry
        self._tell(OutboxChanged("queued", entry))
        command = Command(key, self._result(key))
        self._pump()
        if key not in self._carriers:
            self._keeper.later(self._keep(entry))
        return command

    async def cancel(self, key: str) -> bool:
        """Remove a command that was never sent. False when it was, or is not here."""
        entry = self._entries.get(key)
        if entry is None or entry.state is not EntryState.QUEUED or key in self._carriers:
            return False
        await self._drop(entry, "cancelled")
        return True

    async def discard(self, key: str) -> bool:
        """Remove a command that failed. False when it did not, or is not here."""
        entry = self._entries.get(key)
        if entry is None or entry.state is not EntryState.FAILED:
            return False
        await self._drop(entry, "discarded")
        return True

    async def retry(self, key: str) -> Command:
        """Give a command that failed again, with a new key. Raises KeyError if there is none."""
        entry = self._entries.get(key)
        if entry is None or entry.state is not EntryState.FAILED:
            raise KeyError(key)
        payload = entry.payload
        if any(one.name == _KEY for one in fields(payload)):
            payload = replace(payload, **{_KEY: uuid4().hex})
        command = self.submit(payload, entry.lane)
        await self._drop(entry, "discarded")
        return command

    async def _drop(self, entry: Entry, change: str) -> None:
        del self._entries[entry.key]
        self._tell(OutboxChanged(change, entry))
        self._settle(entry.key, CancelledCommandError(f"the command was {change}"))
        await self._keeper.remove(entry.key)

    # Sockets.

    def start(self, session: Session) -> None:
        """Send by this socket from now on."""
        self._session = session
        self._pump()

    def stop(self) -> None:
        """Send nothing until there is another socket."""
        self._session = None

    async def close(self) -> None:
        """End for good; what is stored stays."""
        self._closed = True
        self._session = None
        carriers = list(self._carriers.values())
        for carrier in carriers:
            carrier.cancel()
        if carriers:
            await asyncio.wait(carriers)
        for key in list(self._results):
            self._settle(key, ClientClosedError())

    def learn(self, shown: Iterable[Any]) -> None:
        """Take note of objects that were shown, for the lanes."""
        self.lanes.learn(self._objects.user, shown)

    def _pump(self) -> None:
        """Begin with each first command of a lane, as many at once as may be in flight."""
        if self._session is None or self._closed:
            return
        busy = {self.lanes.of(self._entries[key].lane) for key in self._carriers}
        for entry in self._entries.values():
            if len(self._carriers) >= self._options.max_in_flight:
                return
            lane = self.lanes.of(entry.lane)
            if entry.state is EntryState.FAILED or entry.key in self._carriers or lane in busy:
                continue
            busy.add(lane)
            carrier = asyncio.create_task(self._carry(entry.key))
            self._carriers[entry.key] = carrier
            carrier.add_done_callback(partial(self._carried, entry.key))

    def _carried(self, key: str, carrier: asyncio.Task[None]) -> None:
        del self._carriers[key]
        if not carrier.cancelled() and (error := carrier.exception()) is not None:
            # A defect, which the loop's handler shows; the entry stays and is sent once more.
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a command could not be carried out", "exception": error}
            )
            return
        self._pump()

    async def _carry(self, key: str) -> None:
        """Send a command until it is answered, or its socket ends."""
        failures = 0
        # Of this socket: an answer to any of them is the answer.
        asked: dict[asyncio.Future[Packet], Session] = {}
        while (session := self._session) is not None and session.accepting:
            entry = self._entries[key]
            if self._is_too_old(entry):
                await self._fail(entry, _expired(entry))
                return
            await self._note_sent(entry)
            try:
                asked = {reply: of for reply, of in asked.items() if of is session}
                asked[session.request(entry.payload)] = session
                reply = await self._first_of(list(asked))
            except InvalidArgumentError as error:
                await self._fail(self._entries[key], error)
                return
            except DisconnectedError:
                return
            if reply is None:
                continue
            if reply.opcode != Op.ERROR:
                await self._finish(self._entries[key], reply)
                return
            refusal = rejected(reply.data)
            if not refusal.retryable:
                await self._fail(self._entries[key], refusal)
                return
            asked.clear()
            pause = self._pause(failures)
            failures += 1
            await asyncio.sleep(max(pause, refusal.retry_after or 0))

    async def _first_of(self, replies: list["asyncio.Future[Packet]"]) -> Packet | None:
        """Give the first reply; None if there is none in time."""
        done, _ = await asyncio.wait(
            replies,
            timeout=self._options.answer_timeout_seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        return next(iter(done)).result() if done else None

    def _pause(self, failures: int) -> float:
        options = self._options
        longest = options.backoff_base_seconds * 2.0 ** min(failures, _GREATEST_POWER)
        chance = random.random()  # noqa: S311 - no secret
        return chance * min(longest, options.backoff_cap_seconds)

    def _is_too_old(self, entry: Entry) -> bool:
        return time.time() * 1000 - entry.created_at > self._options.max_age_seconds * 1000

    async def _note_sent(self, entry: Entry) -> None:
        sent = replace(entry, state=EntryState.SENT, attempts=entry.attempts + 1)
        self._entries[entry.key] = sent
        if entry.state is EntryState.QUEUED:
            await self._keep(sent)
            self._tell(OutboxChanged("sent", self._entries[entry.key]))

    async def _keep(self, entry: Entry) -> None:
        if not await self._put(entry):
            self._lost.add(entry.key)
            return
        # The store works: what it has failed to keep before is kept now.
        while self._lost:
            lost = self._entries.get(self._lost.pop())
            if lost is not None and not await self._put(lost):
                self._lost.add(lost.key)
                return

    async def _put(self, entry: Entry) -> bool:
        durable = await self._keeper.put(entry)
        present = self._entries.get(entry.key)
        if present is not None:
            self._entries[entry.key] = replace(present, durable=durable)
        elif durable:
            # It was done meanwhile.
            await self._keeper.remove(entry.key)
        return durable

    async def _finish(self, entry: Entry, reply: Packet) -> None:
        del self._entries[entry.key]
        if reply.opcode == Op.STATUS_MSG:
            self.lanes.opened(entry.payload, reply.data.get("conversation"))
        self._stored(entry.payload, reply)
        self._tell(OutboxChanged("done", entry, reply))
        self._settle(entry.key, reply)
        await self._keeper.remove(entry.key)

    async def _fail(self, entry: Entry, error: ParleyError) -> None:
        told = error.data if isinstance(error, RejectedError) else {"code": EXPIRED}
        failed = replace(
            entry, state=EntryState.FAILED, error={"message": str(error), **dict(told)}
        )
        self._settle(entry.key, error)
        if isinstance(error, RejectedError) and not has_words(entry.payload):
            del self._entries[entry.key]
            self._tell(OutboxChanged("failed", failed))
            await self._keeper.remove(entry.key)
            return
        self._entries[entry.key] = failed
        self._tell(OutboxChanged("failed", failed))
        await self._keep(failed)
        many = [one for one in self._entries.values() if one.state is EntryState.FAILED]
        for old in many[: -self._options.max_entries]:
            await self._drop(old, "discarded")

    # Results.

    def _result(self, key: str) -> "asyncio.Future[Packet]":
        result = self._results.get(key)
        if result is None:
            result = self._results[key] = asyncio.get_running_loop().create_future()
        return result

    def _settle(self, key: str, outcome: Packet | ParleyError) -> None:
        result = self._results.pop(key, None)
        if result is None or result.done():
            return
        if isinstance(outcome, Packet):
            result.set_result(outcome)
        else:
            result.set_exception(outcome)
            # Taken note of: whoever gave it may not wait for it any more.
            result.exception()


def has_words(payload: Struct) -> bool:
    """Whether a person says something in a command in their own words."""
    return any(
        isinstance(getattr(payload, one.name), str) and getattr(payload, one.name)
        for one in fields(payload)
        if one.name in _WORDS
    )


def _expired(entry: Entry) -> ExpiredError:
    hours = (time.time() * 1000 - entry.created_at) / 3_600_000
    return ExpiredError(f"the command is {hours:.1f} hours old")


def _conflict() -> ConflictError:
    message = "the key stands for another command in the outbox"
    return ConflictError({"code": str(ErrorCode.CONFLICT), "message": message})


def _invalid_key() -> InvalidArgumentError:
    message = f"a key has 1 to {_MAXIMUM_KEY_LENGTH} characters"
    return InvalidArgumentError({"code": str(ErrorCode.INVALID_ARGUMENT), "message": message})
