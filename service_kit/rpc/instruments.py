"""Instruments of the calls of a service: counts, durations, and the wait for the last of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# The method of calls that are not admitted: whoever makes one could make up any name.
_REFUSED = "refused"


class ShuttingDown(Exception):  # noqa: N818, the name says what is the case
    """This process takes no more requests."""


class MethodInstruments:
    """The instruments of one method, bound once."""

    def __init__(self, instruments: "CallInstruments", name: str) -> None:
        self._instruments = instruments
        self._name = name
        self._ok = instruments.count.labels(method=name, code="OK")
        self._seconds = instruments.seconds.labels(method=name)

    def begin(self) -> float:
        """Note that a call has begun; gives the time, for `end`."""
        self._instruments.begin()
        return time.perf_counter()

    def end(self, began: float, code: grpc.StatusCode) -> None:
        """Note that a call has ended, and its duration."""
        self._instruments.end()
        self._seconds.observe(time.perf_counter() - began)
        self.ended(code)

    def ended(self, code: grpc.StatusCode) -> None:
        """Count a call that is neither timed nor waited for: a stream."""
        if code is grpc.StatusCode.OK:
            self._ok.inc()
        else:
            self._instruments.count.labels(method=self._name, code=code.name).inc()


class CallInstruments:
    """The instruments of all calls of a service, made and used on one event loop."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.count = Counter(
            "calls_total",
            "Calls that have ended, by method and status; streams as well.",
            ["method", "code"],
            registry=registry,
        )
        self.seconds = Histogram(
            "call_seconds", "Duration of calls that are no streams.", ["method"], registry=registry
        )
        self.under_way = 0
        gauge = Gauge("calls_under_way", "Calls that are no streams.", registry=registry)
        gauge.set_function(lambda: float(self.under_way))
        self._idle = asyncio.Event()
        self._idle.set()
        self._exchanges: set[Exchange] = set()
        self.ending = False

    def refused(self, code: grpc.StatusCode) -> None:
        """Count a call that was not admitted."""
        self.count.labels(method=_REFUSED, code=code.name).inc()

    def begin(self) -> None:
        """Note that a call has begun."""
        self.under_way += 1
        self._idle.clear()

    def end(self) -> None:
        """Note that a call has ended."""
        self.under_way -= 1
        if not self.under_way:
            self._idle.set()

    async def idle(self) -> None:
        """Return when no call is under way."""
        await self._idle.wait()

    @contextmanager
    def exchanging(self) -> Iterator["Exchange"]:
        """Register the current task as a stream of exchanges, to be ended with the others.

        Raises ShuttingDown when it was.
        """
        exchange = Exchange(self)
        self._exchanges.add(exchange)
        try:
            yield exchange
        except asyncio.CancelledError:
            if not exchange.cut:
                raise
            exchange.task.uncancel()
            raise ShuttingDown from None
        finally:
            self._exchanges.discard(exchange)

    def end_exchanges(self) -> None:
        """End the streams that wait for their next request; nothing else would."""
        self.ending = True
        for exchange in self._exchanges:
            exchange.cut_off()


class Exchange:
    """A stream on which each request has one response, in the task that serves it."""

    def __init__(self, instruments: CallInstruments) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream is served in a task")
        self.task: asyncio.Task[Any] = task
        self.cut = False
        self._instruments = instruments
        self._waits = False

    def cut_off(self) -> None:
        """End it, but not between a request and its response."""
        if self._waits:
            self.cut = True
            self.task.cancel()

    async def requests(self, given: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Give the requests. Raises ShuttingDown instead of the next one."""
        while not self._instruments.ending:
            self._waits = True
            try:
                request = await anext(given)
            except StopAsyncIteration:
                return
            finally:
                self._waits = False
            yield request
        raise ShuttingDown
