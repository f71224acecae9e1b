"""The outbox: every command from the moment it is given until the server has answered it."""

import asyncio
import time
from collections.abc import Callable, Iterable
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from parley_client.connection.session import Session, encode
from parley_client.entries import Entry, EntryState
from parley_client.errors import (
    CancelledCommandError,
    ClientClosedError,
    OutboxFullError,
    ParleyError,
    RejectedError,
)
from parley_client.events import OutboxChanged
from parley_client.options import Options
from parley_client.outbox.commands import Command, conflict, has_words, key_of, with_key
from parley_client.outbox.delivery import Delivery
from parley_client.outbox.lanes import Lanes, lane_of
from parley_client.packets import Packet
from parley_client.stores.keeper import Keeper
from parley_protocol.objects import Objects, Shown
from parley_protocol.packets import FORMATS, Op

EXPIRED = "EXPIRED"
"""The code of an entry that grew too old to be sent."""


class Outbox:
    """Commands in order, each kept until it is answered; those of one lane one after the other.

    `tell` is given events.
    """

    def __init__(
        self,
        options: Options,
        keeper: Keeper,
        objects: Objects,
        tell: Callable[[OutboxChanged], None],
    ) -> None:
        self._lanes = Lanes(options.max_remembered)
        self._options = options
        self._keeper = keeper
        self._objects = objects
        self._tell = tell
        self._delivery = Delivery(self, self._lanes, options)
        self._entries: dict[str, Entry] = {}
        self._results: dict[str, asyncio.Future[Packet]] = {}
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
        self._entries = {entry.key: entry for entry in entries}
        self._number = max((entry.number for entry in self._entries.values()), default=0)
        for entry in self.entries():
            self._tell(OutboxChanged("restored", entry))
        for entry in given:
            if entry.key not in self._entries:
                self._number += 1
                self._entries[entry.key] = replace(entry, number=self._number)
                self._keeper.later(self._keep(self._entries[entry.key]))
        self._delivery.pump()

    # What is asked of it.

    def submit(self, payload: Struct, lane: str | None = None, key: str | None = None) -> Command:
        """Take a command. It is stored before it is first sent.

        Raises OutboxFullError, InvalidArgumentError for what cannot be sent, ConflictError for a
        key that stands for another command here, ClientClosedError. The same command with the same
        key is the same one.
        """
        if self._closed:
            raise ClientClosedError
        key = key_of(payload, key)
        payload = with_key(payload, key)
        encode(FORMATS[self._options.subprotocol], payload)
        if (known := self._entries.get(key)) is not None:
            if known.payload != payload or known.state is EntryState.FAILED:
                raise conflict()
            return Command(key, self._result(key))
        waiting = sum(one.state is not EntryState.FAILED for one in self._entries.values())
        if waiting >= self._options.max_entries:
            raise OutboxFullError(f"{waiting} commands wait to be answered")
        self._number += 1
        lane = lane or lane_of(payload, key, self._objects)
        entry = Entry(key, payload, lane, round(time.time() * 1000), self._number)
        self._entries[key] = entry
        self._tell(OutboxChanged("queued", entry))
        command = Command(key, self._result(key))
        self._delivery.pump()
        if not self._delivery.carries(key):
            self._keeper.later(self._keep(entry))
        return command

    async def cancel(self, key: str) -> bool:
        """Remove a command that was never sent. False when it was, or is not here."""
        entry = self._entries.get(key)
        if entry is None or entry.state is not EntryState.QUEUED or self._delivery.carries(key):
            return False
        await self._drop(entry, "cancelled")
        return True

    async def discard(self, key: str) -> bool:
        """Give a command up, whatever has become of it. False when it is not here.

        One that was sent is not sent again; the server may have done what it says.
        """
        entry = self._entries.get(key)
        if entry is None:
            return False
        self._delivery.leave(key)
        await self._drop(entry, "discarded")
        return True

    async def retry(self, key: str) -> Command:
        """Give a command that failed again, with a new key.

        Raises KeyError if there is none, and what `submit` raises.
        """
        entry = self._entries.get(key)
        if entry is None or entry.state is not EntryState.FAILED:
            raise KeyError(key)
        command = self.submit(entry.payload, entry.lane, uuid4().hex)
        await self._drop(entry, "discarded")
        return command

    async def _drop(self, entry: Entry, change: str) -> None:
        del self._entries[entry.key]
        self._tell(OutboxChanged(change, entry))
        self._settle(entry.key, CancelledCommandError(f"the command was {change}"))
        await self._keeper.remove(entry.key)

    # What the client tells it.

    def start(self, session: Session) -> None:
        """Send by this socket from now on."""
        self._delivery.start(session)

    def stop(self) -> None:
        """Send nothing until there is another socket."""
        self._delivery.stop()

    def learn(self, shown: Iterable[Shown]) -> None:
        """Take note of objects that were shown, for the lanes."""
        self._lanes.learn(self._objects.user, shown)

    async def close(self) -> None:
        """End for good; what is stored stays."""
        self._closed = True
        await self._delivery.close()
        for key in list(self._results):
            self._settle(key, ClientClosedError())

    # What delivery tells it.

    async def note_sent(self, entry: Entry) -> None:
        """Take note that an entry is about to be sent, and store it before the first time."""
        sent = replace(entry, state=EntryState.SENT, attempts=entry.attempts + 1)
        self._entries[entry.key] = sent
        if entry.state is EntryState.QUEUED:
            await self._keep(sent)
            self._tell(OutboxChanged("sent", self._entries[entry.key]))

    def defer(self, entry: Entry, refusal: RejectedError) -> None:
        """Take note that an entry is refused for the moment, and sent again."""
        deferred = replace(entry, error=dict(refusal.data))
        self._entries[entry.key] = deferred
        self._tell(OutboxChanged("deferred", deferred))

    def finish(self, entry: Entry, reply: Packet) -> None:
        """Take note of an answer, with which an entry is done."""
        del self._entries[entry.key]
        if reply.opcode == Op.STATUS_MSG:
            self._lanes.opened(entry.payload, reply.data.get("conversation"))
        self._tell(OutboxChanged("done", entry, reply))
        self._settle(entry.key, reply)
        self._keeper.later(self._keeper.remove(entry.key))

    async def fail(self, entry: Entry, error: ParleyError) -> None:
        """Take note that an entry is not sent any more. What a person said in it is kept."""
        told = error.data if isinstance(error, RejectedError) else {"code": EXPIRED}
        failed = replace(
            entry, state=EntryState.FAILED, error={"message": str(error), **dict(told)}
        )
        self._settle(entry.key, error)
        if isinstance(error, RejectedError) and not has_words(entry.payload):
            del self._entries[entry.key]
            self._tell(OutboxChanged("failed", failed))
            self._keeper.later(self._keeper.remove(entry.key))
            return
        self._entries[entry.key] = failed
        self._tell(OutboxChanged("failed", failed))
        await self._keep(failed)
        many = [one for one in self._entries.values() if one.state is EntryState.FAILED]
        for old in many[: -self._options.max_entries]:
            await self._drop(old, "discarded")

    # The store.

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
            now = self._entries[entry.key] = replace(present, durable=durable)
            if durable and not present.durable:
                self._tell(OutboxChanged("durable", now))
        elif durable:
            # It was done meanwhile.
            await self._keeper.remove(entry.key)
        return durable

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
