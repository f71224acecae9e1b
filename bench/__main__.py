"""Measurements of the whole system: real processes, real sockets, real databases.

Server processes with their database share one core; the driver has another. Parley, with all of its
parts, and the versions that one writes by hand take turns within one run, for machines are noisy
and only what is compared within a run says much. A figure is the median of the rounds; in brackets
are the smallest and the largest. Further columns compare the first system with each of the others,
each round with the one beside it: by ratios, milliseconds by differences. The last one compares
with the figures that the last release saved.

  load     messages stored and delivered a second, send to alert, CPU a message
  offered  an open loop: messages that are due at given rates, due to alert, CPU a message
  alone    one message at a time, each after the same rest
  logins   connect with a token, get HELLO, close; people who have conversations
  idle     memory and CPU of a socket on which nothing happens but PING
  crowd    an open loop beside many idle sockets
  growth   throughput and pages with many messages in the database, beside few
  slow     load beside sockets that never read and get their share of the messages
  deals    deals from a proposal to the notes of both: commands a second, command to answer and to
           what the other is told, CPU a command
  ban      from a moderator's decision to the closing of the sockets of who is banned, and to the
           SANCTION of who is muted, at two edges where others are connected
  recovery until alerts come again after the messaging service was restarted, by the number of
           sockets and of missed messages
  storm    until all clients are back after the edge was restarted, and told of what they missed
  floods   one message at a time, without a flood of each kind and with it
  hops     from place to place, where the time of one message goes
  replicas what a second and a third replica and edge add, and the way to a watcher of another one

Systems by hand: baseline (Python with SQLAlchemy, on either database), asyncpg and node (with
these drivers, on PostgreSQL).
"""

import argparse
import asyncio
import importlib.metadata
import os
import platform
import resource
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from bench.catalogue import MEASUREMENTS, SYSTEMS, Bench, progress
from bench.measurements import floods
from bench.report import saved
from bench.systems.processes import DRIVER_CORE
from bench.systems.system import database

_KINDS = ("sqlite", "postgresql")


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

    def option(name: str, default: float, meaning: str, kind: Any = int) -> None:
        parser.add_argument(
            name, type=_positive(kind), default=default, metavar="N", help=f"{meaning} ({default})"
        )

    def options(name: str, default: list[int], meaning: str, kind: Any = int) -> None:
        told = f"{meaning} ({' '.join(map(str, default))})"
        number = _positive(kind)
        parser.add_argument(name, type=number, nargs="+", default=default, metavar="N", help=told)

    parser.add_argument(
        "measurements",
        nargs="*",
        metavar="measurement",
        choices=[*MEASUREMENTS, "all"],
        default="all",
        help=f"{', '.join(MEASUREMENTS)}; without any: all",
    )
    parser.add_argument("--database", choices=[*_KINDS, "both"], default="both", help="(both)")
    parser.add_argument(
        "--systems",
        nargs="+",
        metavar="NAME",
        choices=SYSTEMS,
        default=SYSTEMS,
        help=f"systems to compare, the first with each other one ({' '.join(SYSTEMS)})",
    )
    parser.add_argument("--save", action="store_true", help="save the figures, as a release does")
    parser.add_argument(
        "--figures", type=Path, default=saved.FOLDER, metavar="FOLDER", help="where releases save"
    )
    parser.add_argument(
        "--plots", type=Path, metavar="FOLDER", help="offered: draw latency over load there"
    )
    option("--rounds", 3, "rounds of each measurement")
    option("--seconds", 3, "seconds of a round, but of idle", float)
    option("--text", 40, "characters of a message's text")
    option("--pairs", 50, "load, offered, crowd, growth, slow, deals: pairs of people")
    option("--window", 16, "load, growth, slow: messages in flight of each pair")
    options("--rates", [200, 1000], "offered: messages a second, of all pairs", float)
    option("--concurrency", 16, "logins: at the same time")
    option("--people", 1000, "logins: people who have conversations")
    option("--acquaintances", 3, "logins: people to whom each of them has written")
    parser.add_argument(
        "--traced",
        action="store_true",
        help="load: what traces cost, in turns with a system that makes none",
    )
    option("--sample-rate", 0.01, "load --traced: the part of packets that is sampled", float)
    option("--sockets", 2000, "idle: sockets")
    option("--idle-seconds", 10, "idle: seconds of a round, once all are open", float)
    option("--crowd-sockets", 10_000, "crowd: idle sockets")
    option("--crowd-rate", 500, "crowd: messages a second", float)
    option("--grown-messages", 1_000_000, "growth: messages of the grown database")
    option("--slow-sockets", 20, "slow: sockets that never read")
    option("--ban-sockets", 3, "ban: sockets at each edge of who is sanctioned")
    option("--bystanders", 200, "ban: idle sockets of others")
    options("--recovery-sockets", [3_000, 20_000], "recovery: sockets")
    option("--storm-clients", 5_000, "storm: clients")
    option("--storm-missed", 3, "storm: messages that each of them has missed")
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
    chosen = MEASUREMENTS if "all" in arguments.measurements else arguments.measurements
    sockets = {
        "idle": arguments.sockets,
        "crowd": arguments.crowd_sockets,
        "storm": arguments.storm_clients,
    }
    _permit_sockets(max((sockets.get(name, 0) for name in chosen), default=0))
    # Stopped as with Ctrl-C, so that everything that was started is stopped as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.sched_setaffinity(0, {DRIVER_CORE})
    print(f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}")
    print(f"{shlex.join(['python', '-m', 'bench', *sys.argv[1:]])}\n")
    kinds = _KINDS if arguments.database == "both" else (arguments.database,)
    last = saved.latest(arguments.figures)
    today = saved.Saved.empty(importlib.metadata.version("parley"))
    failed = False
    try:
        with (
            tempfile.TemporaryDirectory(prefix="parley-bench-") as folder,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            for kind in kinds:
                with database(kind) as running:
                    bench = Bench(arguments, runner, running, Path(folder), last, today)
                    for name in chosen:
                        failed |= not _measure(bench, name)
                        if arguments.save:
                            progress(f"saved: {today.write(arguments.figures)}")
    except KeyboardInterrupt:
        progress("stopped")
        return 130
    return 1 if failed else 0


def _measure(bench: Bench, name: str) -> bool:
    """Make one measurement; False when it failed, which is told and stops no other."""
    try:
        MEASUREMENTS[name](bench)
    except (RuntimeError, TimeoutError) as error:
        progress(f"bench: {name}: {error}")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
