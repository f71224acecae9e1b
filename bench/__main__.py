"""Measurements of the whole system: real processes, real sockets, real databases.

Server processes with their database share one core; the driver has another. Parley and the version
that one writes by hand (bench/baseline.py) take turns within one run, for machines are noisy and
only what is compared within a run says much. A figure is the median of the rounds; in brackets are
the smallest and the largest. The last column compares the first system with the last, each round
with the one beside it: by ratios, milliseconds by differences.

  load     messages stored and delivered a second, send to alert, CPU a message
  alone    one message at a time, each after the same rest
  logins   connect with a token, get HELLO, close
  idle     memory and CPU of a socket on which nothing happens but PING
  slow     load beside sockets that never read and get their share of the messages
  deals    deals from a proposal to the notes of both: commands a second, command to answer and to
           what the other is told, CPU a command
  ban      from a moderator's decision to the closing of the sockets of who is banned, and to the
           SANCTION of who is muted, at two edges where others are connected
  recovery until alerts come again after the messaging service was restarted, by the number of
           sockets and of missed messages
  floods   one message at a time, without a flood of each kind and with it
  hops     from place to place, where the time of one message goes
"""

import argparse
import asyncio
import os
import platform
import resource
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import uvloop

from bench import alone, ban, deals, floods, hops, idle, load, logins, recovery, traced
from bench.figures import Figure, table
from bench.processes import DRIVER_CORE
from bench.slow_readers import Beside, Second
from bench.systems import Database, System, baseline, database, parley

Round = Callable[[int], list[Figure]]
Measure = Callable[..., Coroutine[Any, Any, list[Figure]]]


class _Bench:
    """The measurements on one database, each by its name on the command line."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        runner: asyncio.Runner,
        running: Database,
        folder: Path,
    ) -> None:
        self._arguments = arguments
        self._run = runner.run
        self._running = running
        self._folder = folder
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
        self._side_by_side(f"load: {self._pairs}", load.measure, **self._load)

    def alone(self) -> None:
        self._side_by_side("alone: one message at a time", alone.measure, text=self._text)

    def logins(self) -> None:
        concurrency = self._arguments.concurrency
        title = f"logins: {concurrency} at the door"
        self._side_by_side(title, logins.measure, concurrency=concurrency)

    def idle(self) -> None:
        sockets, seconds = self._arguments.sockets, self._arguments.idle_seconds

        def measure(start: Callable[[Database, Path], AbstractContextManager[System]]) -> Round:
            def run(number: int) -> list[Figure]:
                # Started for each round, for memory that was used once is seldom given back.
                with start(self._running, self._new_folder()) as system:
                    return self._run(
                        idle.measure(system, f"r{number}", sockets=sockets, seconds=seconds)
                    )

            return run

        columns = {name: measure(start) for name, start in self._starts().items()}
        self._report(f"idle: {sockets} sockets, for {seconds:g} s", columns)

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
        services = ("negotiation", "messaging")
        with parley(self._running, self._new_folder(), services=services) as system:
            self._report(
                f"deals: {pairs} pairs, each one deal after the other",
                {"parley": self._rounds(deals.measure, system, pairs=pairs)},
            )

    def ban(self) -> None:
        sockets, bystanders = self._arguments.ban_sockets, self._arguments.bystanders
        services = ("moderation", "negotiation", "messaging")
        with parley(self._running, self._new_folder(), services=services, edges=2) as system:
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

    def floods(self) -> None:
        with ExitStack() as stack:

            def column(kind: str) -> Round:
                # Each has a system of its own: a flood must not be at work in the next one's round.
                system = stack.enter_context(floods.limited(self._running, self._new_folder()))
                pairs, text = self._arguments.flooded_pairs, self._text
                return self._rounds(floods.measure, system, kind=kind, pairs=pairs, text=text)

            kinds = self._arguments.floods.split(",")
            self._report(
                "floods: one message at a time beside each of them",
                {kind: column(kind) for kind in kinds},
            )

    def hops(self) -> None:
        def measure(number: int) -> list[Figure]:
            folder = self._new_folder()
            # Started for each round: the parts tell at their end what they have noted.
            with parley(self._running, folder, ["bench.traced"], BENCH_NOTES=str(folder)) as system:
                moments = self._run(hops.write(system, f"r{number}", self._seconds, self._text))
            return hops.figures(moments, traced.read(folder))

        self._report("hops: one message at a time, medians", {"parley": measure})

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder))

    def _starts(self) -> dict[str, Callable[[Database, Path], AbstractContextManager[System]]]:
        """Start functions of the systems to compare, by the name of their column."""
        if self._arguments.without_baseline:
            return {"parley": parley}
        return {"parley": parley, "baseline": baseline}

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

    def _report(self, title: str, columns: dict[str, Round]) -> None:
        """Measure all columns in each round, and print the table."""
        title = f"{title}; {self._running.version}"
        rounds = self._arguments.rounds
        _progress(title)
        found: dict[str, list[list[Figure]]] = {name: [] for name in columns}
        for number in range(1, rounds + 1):
            # Who comes first changes from round to round, and with it who has the quieter machine.
            for name in list(columns)[:: 1 if number % 2 else -1]:
                figures = columns[name](number)
                found[name].append(figures)
                first = figures[0]
                _progress(
                    f"  round {number} of {rounds}, {name}: "
                    f"{first.name} {first.value:,.1f} {first.unit}"
                )
        print(table(title, found), end="\n\n", flush=True)


_MEASUREMENTS: dict[str, Callable[[_Bench], None]] = {
    one.__name__: one
    for one in (
        *(_Bench.load, _Bench.alone, _Bench.logins, _Bench.idle),
        *(_Bench.slow, _Bench.deals, _Bench.ban, _Bench.recovery, _Bench.floods, _Bench.hops),
    )
}
_KINDS = ("sqlite", "postgresql")


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError("must be greater than 0")
        return value

    return number


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def option(name: str, default: int, meaning: str, kind: Any = int) -> None:
        parser.add_argument(
            name, type=_positive(kind), default=default, metavar="N", help=f"{meaning} ({default})"
        )

    parser.add_argument(
        "measurements",
        nargs="*",
        metavar="measurement",
        choices=[*_MEASUREMENTS, "all"],
        default="all",
        help=f"{', '.join(_MEASUREMENTS)}; without any: all",
    )
    parser.add_argument("--database", choices=[*_KINDS, "both"], default="both", help="(both)")
    parser.add_argument("--without-baseline", action="store_true", help="measure Parley alone")
    option("--rounds", 3, "rounds of each measurement")
    option("--seconds", 3, "seconds of a round, but of idle", float)
    option("--text", 40, "characters of a message's text")
    option("--pairs", 50, "load, slow, deals: pairs of people")
    option("--window", 16, "load, slow: messages in flight of each pair")
    option("--concurrency", 16, "logins: at the same time")
    option("--sockets", 2000, "idle: sockets")
    option("--idle-seconds", 10, "idle: seconds of a round, once all are open", float)
    option("--slow-sockets", 20, "slow: sockets that never read")
    option("--ban-sockets", 3, "ban: sockets at each edge of who is sanctioned")
    option("--bystanders", 200, "ban: idle sockets of others")
    parser.add_argument(
        "--recovery-sockets",
        type=_positive(int),
        nargs="+",
        default=[3_000, 20_000],
        metavar="N",
        help="recovery: sockets (3000 20000)",
    )
    option("--flooded-pairs", 4, "floods: pairs of people who talk meanwhile")
    kinds = ",".join(floods.KINDS)
    parser.add_argument("--floods", default=kinds, metavar="KINDS", help=f"floods: kinds ({kinds})")
    return parser.parse_args()


def _permit_sockets(sockets: int) -> None:
    """Let this process and those that it starts have as many files open as the system permits."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if sockets + 500 > most:
        raise SystemExit(f"bench: {sockets} sockets need more open files than the {most} permitted")


def main() -> int:
    arguments = _parse()
    _permit_sockets(arguments.sockets)
    # Stopped as with Ctrl-C, so that everything that was started is stopped as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.sched_setaffinity(0, {DRIVER_CORE})
    print(f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}")
    print(f"{shlex.join(['python', '-m', 'bench', *sys.argv[1:]])}\n")
    chosen = _MEASUREMENTS if "all" in arguments.measurements else arguments.measurements
    kinds = _KINDS if arguments.database == "both" else (arguments.database,)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="parley-bench-") as folder,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            for kind in kinds:
                with database(kind) as running:
                    bench = _Bench(arguments, runner, running, Path(folder))
                    for name in chosen:
                        _MEASUREMENTS[name](bench)
    except KeyboardInterrupt:
        _progress("stopped")
        return 130
    except (RuntimeError, TimeoutError) as error:
        _progress(f"bench: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
