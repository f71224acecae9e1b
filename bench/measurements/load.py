"""Messages a second, latency and CPU under load: each pair keeps a window of messages in flight."""

import asyncio
import resource
import time
from collections.abc import Callable, Sequence

from bench.driver import Crowd, Person, Status
from bench.report.figures import Figure, latencies
from bench.systems.processes import Used
from bench.systems.system import System

# Until here nothing counts: conversations are opened, statements prepared, caches filled.
WARM_UP_SECONDS = 0.5
_WITHIN_SECONDS = 60


class _Counts:
    """Counters shared by all pairs of a round."""

    def __init__(self, window: int, filler: str) -> None:
        self.window = window
        self.filler = filler
        self.sent = self.stored = self.delivered = 0
        self.delays_ns: list[int] = []
        self.going = True
        self.counted, self.settled = asyncio.Event(), asyncio.Event()
        self.begin()

    def begin(self) -> None:
        """Begin to measure."""
        self.delays_ns.clear()
        self.before = self.stored, self.delivered
        self.counted.clear()

    def settle(self) -> None:
        if self.stored > self.before[0] and self.delays_ns:
            self.counted.set()
        if not self.going and self.sent == self.stored == self.delivered:
            self.settled.set()

    def missing(self) -> str:
        return f"of {self.sent} messages {self.stored} were stored and {self.delivered} alerted"


class _Talker(Person):
    """Writes the next message to its partner when one has been stored."""

    def __init__(self, user: str, partner: str, counts: _Counts) -> None:
        super().__init__(user)
        self.partner = partner
        self.counts = counts
        self.alerts = 0

    def on_status(self, status: Status) -> None:
        # A "delivered" has no answer to wait for.
        if status.status == "stored":
            self.counts.stored += 1
            if self.counts.going:
                self.write_next()
            self.counts.settle()

    def on_alert(self, sender: str, text: str, cursor: str | None) -> None:
        if sender == self.user:
            self.crowd.fail(f"{self.user} is told of its own message")
        counts = self.counts
        counts.delivered += 1
        counts.delays_ns.append(time.perf_counter_ns() - int(text.partition(" ")[0]))
        self.alerts += 1
        if self.alerts % counts.window == 0:
            self.confirm(cursor)
        counts.settle()

    def write_next(self) -> None:
        self.counts.sent += 1
        self.write(self.partner, f"{time.perf_counter_ns()} {self.counts.filler}")


def own_cpu_seconds() -> float:
    """CPU time of the driver until now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def driver_figure(before: float, elapsed: float) -> Figure:
    """CPU use of the driver since `before`, in %: near 100 the driver is the bottleneck."""
    return Figure("driver's core busy", "%", (own_cpu_seconds() - before) / elapsed * 100)


def cost_figures(system: System, before: dict[str, Used], count: int, of_what: str) -> list[Figure]:
    """The use since `before`, for each of `count` things: CPU of all processes and of each;
    changes from thread to thread, of all.
    """
    now = system.used()
    cpu = {name: one.cpu_seconds - before[name].cpu_seconds for name, one in now.items()}
    switches = sum(one.switches - before[name].switches for name, one in now.items())
    return [
        *(
            Figure(f"CPU {of_what}, {name}", "us", seconds / count * 1e6)
            for name, seconds in ({"all processes": sum(cpu.values())} | cpu).items()
        ),
        Figure(f"context switches {of_what}", "", switches / count),
    ]


async def until(crowd: Crowd, event: asyncio.Event, missing: Callable[[], str]) -> None:
    """Wait for an event; RuntimeError with what is `missing` for it."""
    try:
        await crowd.wait(event.wait(), _WITHIN_SECONDS)
    except TimeoutError:
        raise RuntimeError(f"{crowd.system.name}: {missing()}") from None


def users(name: str, number: int) -> tuple[str, str]:
    """The two people of a pair."""
    return f"{name}-a{number}", f"{name}-b{number}"


async def measure(
    system: System,
    name: str,
    *,
    pairs: int,
    window: int,
    seconds: float,
    text: int,
    known: Sequence[tuple[str, str]] = (),
) -> list[Figure]:
    """One round of at least so many seconds, and until something was counted. `name` keeps its
    people apart from those of other rounds, unless they are `known`: so many pairs, nobody in two
    of them, and the two at different edges if there are several.

    A pair's window is halved between its two; a window of 1 is one of them who writes. Raises
    RuntimeError when a message was refused, lost, or alerted twice.
    """
    counts = _Counts(window, "x" * text)
    talkers = [
        _Talker(user, partner, counts)
        for pair in known or [users(name, number) for number in range(pairs)]
        for user, partner in (pair, pair[::-1])
    ]
    for number, talker in enumerate(talkers):
        talker.edge = number % len(system.urls)
    async with Crowd(system) as crowd:
        await crowd.join(talkers)
        for talker in talkers[::2] if window == 1 else talkers:
            for _ in range(max(1, window // 2)):
                talker.write_next()
        await crowd.wait(asyncio.sleep(WARM_UP_SECONDS))
        counts.begin()
        before, own = system.used(), own_cpu_seconds()
        start = time.perf_counter()
        await crowd.wait(asyncio.sleep(seconds))
        await until(crowd, counts.counted, lambda: "nothing was stored and alerted")
        elapsed = time.perf_counter() - start
        stored, delivered = counts.stored - counts.before[0], counts.delivered - counts.before[1]
        figures = [
            Figure("messages stored", "/s", stored / elapsed),
            Figure("messages delivered", "/s", delivered / elapsed),
            *latencies("send to alert", counts.delays_ns),
            *cost_figures(system, before, stored, "a message"),
            driver_figure(own, elapsed),
        ]
        counts.going = False
        counts.settle()
        # So that the next round begins on a quiet machine.
        await until(crowd, counts.settled, counts.missing)
    return figures
