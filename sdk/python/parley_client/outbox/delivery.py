"""The sending of an outbox: who is next, how often, and until when."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from parley_client.connection.session import Session, pause_after
from parley_client.entries import Entry, EntryState
from parley_client.errors import (
    DisconnectedError,
    ExpiredError,
    InvalidArgumentError,
    ParleyError,
    RejectedError,
    rejected,
)
from parley_client.options import Options
from parley_client.outbox.lanes import Lanes
from parley_client.packets import Packet
from parley_protocol.packets import Op


class Book(Protocol):
    """The entries that are to be sent, and what becomes of them: the outbox."""

    def entries(self) -> list[Entry]: ...

    def entry(self, key: str) -> Entry | None: ...

    async def note_sent(self, entry: Entry) -> None: ...

    def defer(self, entry: Entry, refusal: RejectedError) -> None: ...

    def finish(self, entry: Entry, reply: Packet) -> None: ...

    async def fail(self, entry: Entry, error: ParleyError) -> None: ...


class Delivery:
    """Sends the first entry of each lane, of as many lanes at once as may be in flight."""

    def __init__(self, book: Book, lanes: Lanes, options: Options) -> None:
        self._book = book
        self._lanes = lanes
        self._options = options
        self._session: Session | None = None
        # What carries an entry from its first sending to its end, or to that of its socket.
        self._carriers: dict[str, asyncio.Task[None]] = {}

    def start(self, session: Session) -> None:
        """Send by this socket from now on."""
        self._session = session
        self.pump()

    def stop(self) -> None:
        """Send nothing until there is another socket."""
        self._session = None

    def carries(self, key: str) -> bool:
        """Whether an entry is being sent, or about to be."""
        return key in self._carriers

    def leave(self, key: str) -> None:
        """Send an entry no more. An answer that comes all the same is not told."""
        if key in self._carriers:
            self._carriers[key].cancel()

    async def close(self) -> None:
        """End for good."""
        self._session = None
        carriers = list(self._carriers.values())
        for carrier in carriers:
            carrier.cancel()
        if carriers:
            await asyncio.wait(carriers)

    def pump(self) -> None:
        """Begin with whatever may be sent now."""
        if self._session is None or not self._session.accepting:
            return
        entries = self._book.entries()
        held: set[str] = set()
        for one in entries:
            if one.key in self._carriers:
                held.update(self._lanes.holds(self._lanes.of(one.lane)))
        for entry in entries:
            if len(self._carriers) >= self._options.max_in_flight:
                return
            if entry.state is EntryState.FAILED or entry.key in self._carriers:
                continue
            lane = self._lanes.of(entry.lane)
            waits = not held.isdisjoint(self._lanes.held_by(lane))
            held.update(self._lanes.holds(lane))
            if waits:
                continue
            carrier = asyncio.create_task(self._carry(entry.key))
            self._carriers[entry.key] = carrier
            carrier.add_done_callback(partial(self._carried, entry.key))

    def _carried(self, key: str, carrier: asyncio.Task[None]) -> None:
        del self._carriers[key]
        if not carrier.cancelled() and (error := carrier.exception()) is not None:
            # A defect, or a reply of another form: the entry stays, and the next socket sends it.
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a command could not be carried out", "exception": error}
            )
            return
        self.pump()

    async def _carry(self, key: str) -> None:
        """Send an entry until it is answered, or its socket ends."""
        failures = 0
        # On which sockets: an answer to any of them is the answer.
        asked: list[tuple[Session, asyncio.Future[Packet]]] = []
        while (session := self._session) is not None and session.accepting:
            entry = self._book.entry(key)
            if entry is None:
                return
            if (age := time.time() - entry.created_at / 1000) > self._options.max_age_seconds:
                await self._book.fail(entry, ExpiredError(f"it is {age / 3600:.1f} hours old"))
                return
            await self._book.note_sent(entry)
            try:
                asked = [one for one in asked if one[0] is session]
                asked.append((session, session.request(entry.payload)))
                reply = await self._first_of([reply for _, reply in asked])
            except InvalidArgumentError as error:
                await self._book.fail(self._now(entry), error)
                return
            except DisconnectedError:
                return
            if reply is None:
                continue
            if reply.opcode != Op.ERROR:
                self._book.finish(self._now(entry), reply)
                return
            refusal = rejected(reply.data)
            if not refusal.retryable:
                await self._book.fail(self._now(entry), refusal)
                return
            asked.clear()
            self._book.defer(self._now(entry), refusal)
            await asyncio.sleep(pause_after(refusal, failures, self._options))
            failures += 1

    def _now(self, entry: Entry) -> Entry:
        return self._book.entry(entry.key) or entry

    async def _first_of(self, replies: Sequence["asyncio.Future[Packet]"]) -> Packet | None:
        """Give the first reply; None if there is none in time."""
        seconds = self._options.answer_timeout_seconds
        done, _ = await asyncio.wait(replies, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result() if done else None
