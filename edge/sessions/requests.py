"""Packets of clients on their way to a handler: the row of the dispatch table, and the request."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

import msgspec

from edge.metrics import Outcomes
from edge.sessions.people import Person
from parley_protocol.packets import Activity, Format, Op
from service_kit.tracing.requests import Asked
from service_kit.tracing.spans import OK


class Writes:
    """The writes of a client up to a moment that are not answered yet."""

    __slots__ = ("_answered", "_count")

    def __init__(self) -> None:
        self._count = 0
        self._answered: asyncio.Future[None] | None = None

    def begin(self) -> None:
        self._count += 1

    def end(self) -> None:
        self._count -= 1
        if not self._count and self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def __bool__(self) -> bool:
        return bool(self._count)

    def answered(self) -> asyncio.Future[None]:
        """A future, done when all is answered; to be asked for once, while something is not."""
        self._answered = asyncio.get_running_loop().create_future()
        return self._answered


class Request(msgspec.Struct, frozen=True, gc=False):
    """Identifies a packet when the session answers it; each is answered or done once."""

    # As the client gave it; None: only an error comes back.
    id: int | str | None
    outcomes: Outcomes
    # The packet that answers it, unless it is refused: ERROR for one that nothing else answers.
    answer: Op = Op.ERROR
    # What a sanction could forbid of it, and the conversation if the packet names one.
    activity: Activity | None = None
    conversation: str = ""
    # Those that it is one of, if it writes.
    writes: Writes | None = None
    # Who asks, and the bytes that are held until it is answered.
    person: Person | None = None
    size: int = 0
    # When it came, by time.perf_counter; 0 for one of which no more was read than its name.
    began: float = 0
    # None where no traces are made.
    trace: Asked | None = None
    # The mark that the events of a change bear.
    origin: str = ""

    def within(self, conversation: str) -> "Request":
        """The same, about a conversation that was looked up."""
        return msgspec.structs.replace(self, conversation=conversation)

    def done(self) -> None:
        """Count it as handled, where no answer does."""
        self.outcomes.ok.inc()
        self._took(OK)
        self.end()

    def failed(self, code: str) -> None:
        """Count it as answered with an error of this code."""
        self.outcomes.failed(code)
        self._took(code)
        self.end()

    def _took(self, outcome: str) -> None:
        if self.began:
            seconds = time.perf_counter() - self.began
            self.outcomes.seconds.observe(seconds)
            if self.trace is not None:
                self.trace.end(outcome, seconds)

    def end(self) -> None:
        """Note that it is answered, or that nobody waits for the answer any more."""
        if self.writes is not None:
            self.writes.end()
        if self.person is not None:
            self.person.let_go(self.size)


# The rest of a handler that has to wait, which the session runs.
Waiting = Coroutine[Any, Any, None]
# Given the session, the request and the payload.
Handler = Callable[[Any, Request, Any], Waiting | None]


class Route(NamedTuple):
    """One row of the dispatch table (edge/opcodes.py)."""

    handler: Handler
    decoders: Mapping[Format, Any]
    outcomes: Outcomes
    answer: Op
    activity: Activity | None
