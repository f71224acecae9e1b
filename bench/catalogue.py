"""The measurements by name: on which systems each is made, round by round, and how it is told."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench.driver import Crowd, Person
from bench.measurements import (
    alone,
    ban,
    deals,
    floods,
    growth,
    hops,
    idle,
    load,
    logins,
    offered,
    recovery,
    replicas,
    storm,
)
from bench.measurements.slow_readers import Beside, Second
from bench.report import plots
from bench.report.figures import Figure, table
from bench.report.saved import LEGEND, Saved
from bench.systems import by_hand, traced, tracing
from bench.systems.parley import DEFAULT_LIMITS, parley
from bench.systems.system import Database, System
from tests.support import node
from tests.support.collector import Collector

Round = Callable[[int], list[Figure]]
Measure = Callable[..., Coroutine[Any, Any, list[Figure]]]
Rounds = dict[str, list[list[Figure]]]

SYSTEMS = ("parley", *by_hand.ON_EITHER, *by_hand.ON_POSTGRESQL)


def progress(text: str) -> None:
    """Tell a person what is being done."""
    print(text, file=sys.stderr, flush=True)


class Bench:
    """The measurements on one database, each by its name on the command line."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        runner: asyncio.Runner,
        running: Database,
        folder: Path,
        last: Saved | None,
        today: Saved,
    ) -> None:
        self._arguments = arguments
        self._run = runner.run
        self._running = running
        self._folder = folder
        self._last = last
        self._today = today
        self._seconds: float = arguments.seconds
        self._text: int = arguments.text
        self._load = {
            "pairs": arguments.pairs,
            "window": arguments.window,
            "seconds": arguments.seconds,
            "text": arguments.text,
        }
        self._pairs = f"{arguments.pairs} pairs, {arguments.window} messages in flight each"

    def load(self) -> None:
        if self._arguments.traced:
            self._load_traced()
        else:
            self._side_by_side(f"load: {self._pairs}", load.measure, **self._load)

    def _load_traced(self) -> None:
        """Let a system without traces and one with them take turns."""
        with ExitStack() as stack:
            collector = stack.enter_context(Collector(keep=False))
            environments = {
                tracing.TRACED: tracing.environment(
                    collector.endpoint, self._arguments.sample_rate
                ),
                "without traces": {},
            }
            columns = {
                name: self._rounds(
                    load.measure,
                    stack.enter_context(
                        parley(self._running, self._new_folder(), environment=environment)
                    ),
                    **self._load,
                )
                for name, environment in environments.items()
            }
            share = f"{self._arguments.sample_rate:g} of all packets sampled"
            self._report(f"traced: {self._pairs}, {share}", columns)
        if not collector.count:
            raise RuntimeError("no span has reached the collector")
        progress(f"  {collector.count} spans were collected")

    def offered(self) -> None:
        rates: list[float] = self._arguments.rates
        pairs, text = self._arguments.pairs, self._text

        def measure(system: System) -> Round:
            def run(number: int) -> list[Figure]:
                found: list[Figure] = []
                for rate in rates:
                    name = f"r{number}-{rate:g}"
                    options = {"pairs": pairs, "seconds": self._seconds, "text": text}
                    figures = self._run(offered.measure(system, name, rate=rate, **options))
                    found += (one._replace(name=offered.at(rate, one.name)) for one in figures)
                    if not offered.kept_up(figures):
                        break
                return found

            return run

        with ExitStack() as stack:
            columns = {
                name: measure(stack.enter_context(start(self._running, self._new_folder())))
                for name, start in self._starts().items()
            }
            at = ", ".join(f"{rate:g}" for rate in rates)
            found = self._report(f"offered: {pairs} pairs, together {at} a second", columns)
        if self._arguments.plots:
            self._plot(found, rates)

    def alone(self) -> None:
        self._side_by_side("alone: one message at a time", alone.measure, text=self._text)

    def logins(self) -> None:
        concurrency, people = self._arguments.concurrency, self._arguments.people
        acquaintances = self._arguments.acquaintances

        def measure(system: System) -> Round:
            acquainted = logins.acquaint(system, people=people, acquaintances=acquaintances)
            self._run(acquainted)
            options = {"people": people, "concurrency": concurrency, "seconds": self._seconds}
            return lambda _number: self._run(logins.measure(system, **options))

        with ExitStack() as stack:
            columns = {
                name: measure(stack.enter_context(start(self._running, self._new_folder())))
                for name, start in self._starts().items()
            }
            at_the_door = f"{people} people who have conversations, {concurrency} at the door"
            self._report(f"logins: {at_the_door}", columns)

    def idle(self) -> None:
        sockets, seconds = self._arguments.sockets, self._arguments.idle_seconds

        def measure(start: by_hand.Start) -> Round:
            def run(number: int) -> list[Figure]:
                # Started for each round, for memory that was used once is seldom given back.
                with start(self._running, self._new_folder()) as system:
                    return self._run(
                        idle.measure(system, f"r{number}", sockets=sockets, seconds=seconds)
                    )

            return run

        columns = {name: measure(start) for name, start in self._starts().items()}
        self._report(f"idle: {sockets} sockets, for {seconds:g} s", columns)

    def crowd(self) -> None:
        sockets, rate = self._arguments.crowd_sockets, self._arguments.crowd_rate
        options = {"pairs": self._arguments.pairs, "seconds": self._seconds, "text": self._text}

        async def measure(system: System, name: str) -> list[Figure]:
            async with Crowd(system) as crowd:
                await crowd.join([Person(f"{name}-idle{number}") for number in range(sockets)])
                return await offered.measure(system, name, rate=rate, **options)

        with parley(self._running, self._new_folder()) as system:
            title = f"crowd: {rate:g} messages a second beside {sockets} idle sockets"
            self._report(title, {"parley": lambda number: self._run(measure(system, f"r{number}"))})

    def growth(self) -> None:
        copies = max(1, round(self._arguments.grown_messages / growth.FIRST_MESSAGES) - 1)
        with ExitStack() as stack:

            def column(copies: int) -> Round:
                progress(f"  {growth.FIRST_MESSAGES * (copies + 1):,} messages are written")
                folder = self._new_folder()
                start = growth.grown(self._running, folder, self._run, copies)
                system = stack.enter_context(start)
                return self._rounds(growth.measure, system, copies=copies, **self._load)

            columns = {
                f"{growth.FIRST_MESSAGES * (number + 1):,} messages": column(number)
                for number in (copies, 0)
            }
            self._report(f"growth: pages one at a time, then {self._pairs}", columns)

    def slow(self) -> None:
        sockets = self._arguments.slow_sockets
        with ExitStack() as stack:

            def column(second: Second) -> Round:
                system = stack.enter_context(parley(self._running, self._new_folder()))
                beside = Beside(system, second, sockets)
                stack.callback(lambda: self._run(beside.close()))
                self._run(beside.open())
                return lambda _number: self._run(beside.measure(**self._load))

            self._report(
                f"slow: {self._pairs}, and beside them {sockets} second sockets",
                {str(second): column(second) for second in Second},
            )

    def deals(self) -> None:
        pairs = self._arguments.pairs
        with parley(self._running, self._new_folder()) as system:
            self._report(
                f"deals: {pairs} pairs, each one deal after the other",
                {"parley": self._rounds(deals.measure, system, pairs=pairs)},
            )

    def ban(self) -> None:
        sockets, bystanders = self._arguments.ban_sockets, self._arguments.bystanders
        with parley(self._running, self._new_folder(), edges=2) as system:
            title = f"ban: two edges, at each {sockets} sockets of who is sanctioned"
            measure = self._rounds(ban.measure, system, sockets=sockets, bystanders=bystanders)
            self._report(f"{title}, {bystanders} idle ones", {"parley": measure})

    def recovery(self) -> None:
        with recovery.messaging(self._running, self._new_folder()) as system:

            def run(number: int) -> list[Figure]:
                return [
                    figure
                    for sockets in self._arguments.recovery_sockets
                    for share in recovery.SHARES
                    for figure in self._run(
                        recovery.measure(
                            system, f"r{number}-{sockets}", sockets=sockets, share=share
                        )
                    )
                ]

            self._report("recovery: from the connection until alerts come", {"parley": run})

    def storm(self) -> None:
        clients, missed = self._arguments.storm_clients, self._arguments.storm_missed

        def run(number: int) -> list[Figure]:
            # Started for each round: an edge is to be one that has just been started twice.
            with parley(self._running, self._new_folder(), environment=DEFAULT_LIMITS) as system:
                return self._run(
                    storm.measure(system, f"r{number}", clients=clients, missed=missed)
                )

        title = f"storm: {clients} clients come back to a new edge, {missed} missed messages each"
        self._report(title, {"parley": run})

    def floods(self) -> None:
        with ExitStack() as stack:

            def column(kind: str) -> Round:
                # Each has a system of its own: a flood must not be at work in the next one's round.
                start = parley(self._running, self._new_folder(), environment=DEFAULT_LIMITS)
                system = stack.enter_context(start)
                pairs, text = self._arguments.flooded_pairs, self._text
                return self._rounds(floods.measure, system, kind=kind, pairs=pairs, text=text)

            kinds = self._arguments.floods.split(",")
            self._report(
                "floods: one message at a time beside each of them",
                {kind: column(kind) for kind in kinds},
                compared=False,
            )

    def hops(self) -> None:
        def measure(number: int) -> list[Figure]:
            folder = self._new_folder()
            # Started for each round: the parts tell at their end what they have noted.
            launcher, notes = ["bench.systems.traced"], {"BENCH_NOTES": str(folder)}
            with parley(self._running, folder, launcher, environment=notes) as system:
                moments = self._run(hops.write(system, f"r{number}", self._seconds, self._text))
            return hops.figures(moments, traced.read(folder))

        self._report("hops: one message at a time, medians", {"parley": measure})

    def replicas(self) -> None:
        """The cost of more parts, and the way to a watcher of another replica."""
        if self._running.postgresql is None:
            progress("  replicas stand on PostgreSQL alone: --database postgresql")
            return

        def column(start: by_hand.Start, measure: Measure, **options: Any) -> Round:
            def run(number: int) -> list[Figure]:
                # Started for each round: idle parts would take from the others' cores.
                with start(self._running, self._new_folder()) as system:
                    return self._rounds(measure, system, **options)(number)

            return run

        growing = {
            name: column(partial(parley, edges=edges, replicas=of_each), load.measure, **self._load)
            for name, (edges, of_each) in replicas.GROWING.items()
        }
        self._report(f"replicas: {self._pairs}, all on the cores of one of each", growing)
        watching = {
            name: column(partial(replicas.watching, bus=bus), alone.measure, text=self._text)
            for name, bus in replicas.WATCHING.items()
        }
        self._report("watching: one message at a time to somebody at another edge", watching)

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder))

    def _starts(self) -> dict[str, by_hand.Start]:
        """Start functions of the systems to compare, by the name of their column."""
        starts: dict[str, by_hand.Start] = {"parley": parley, **by_hand.ON_EITHER}
        if self._running.postgresql is not None:
            starts |= by_hand.ON_POSTGRESQL
        chosen = {name: start for name, start in starts.items() if name in self._arguments.systems}
        try:
            node.check_installed()
        except RuntimeError as error:
            if chosen.pop("node", None):
                progress(f"bench: node is left out: {error}")
        if not chosen:
            raise RuntimeError(f"none of the chosen systems stands on {self._running.version}")
        return chosen

    def _rounds(self, measure: Measure, system: System, **options: Any) -> Round:
        """Rounds of so many seconds on one system, each with people of its own."""
        options = {"seconds": self._seconds, **options}
        return lambda number: self._run(measure(system, f"r{number}", **options))

    def _side_by_side(self, title: str, measure: Measure, **options: Any) -> None:
        """Let the systems take turns; they run all the time."""
        with ExitStack() as stack:
            columns = {
                name: self._rounds(
                    measure,
                    stack.enter_context(start(self._running, self._new_folder())),
                    **options,
                )
                for name, start in self._starts().items()
            }
            self._report(title, columns)

    def _report(self, title: str, columns: dict[str, Round], *, compared: bool = True) -> Rounds:
        """Measure all columns in each round, print the table, and give what was found."""
        measurement, kind = title.partition(":")[0], self._running.kind
        rounds = self._arguments.rounds
        progress(f"{title}; {self._running.version}")
        found: Rounds = {name: [] for name in columns}
        for number in range(1, rounds + 1):
            # Who comes first changes from round to round, and with it who has the quieter machine.
            for name in list(columns)[:: 1 if number % 2 else -1]:
                figures = columns[name](number)
                found[name].append(figures)
                first = figures[0]
                progress(
                    f"  round {number} of {rounds}, {name}: "
                    f"{first.name} {first.value:,.1f} {first.unit}"
                )
        self._today.add(kind, measurement, title, found)
        before = self._last and self._last.compare(kind, measurement, title, found)
        more = {f"since {self._last.version}": before} if self._last and before else {}
        print(table(f"{title}; {self._running.version}", found, compared=compared, more=more))
        print(f"  {LEGEND}\n" if more else "", flush=True)
        return found

    def _plot(self, found: Rounds, rates: list[float]) -> None:
        folder: Path = self._arguments.plots
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"latency-{self._running.kind}.png"
        systems = {name: offered.points(rounds, rates) for name, rounds in found.items()}
        plots.draw(path, f"Latency over load, {self._running.version}", systems)
        progress(f"  {path}")


MEASUREMENTS: Mapping[str, Callable[[Bench], None]] = {
    one.__name__: one
    for one in (
        *(Bench.load, Bench.offered, Bench.alone, Bench.logins, Bench.idle, Bench.crowd),
        *(Bench.growth, Bench.slow, Bench.deals, Bench.ban, Bench.recovery, Bench.storm),
        *(Bench.floods, Bench.hops, Bench.replicas),
    )
}
