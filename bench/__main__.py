"""Measures the whole: messages stored and delivered through real sockets.

    python -m bench --pairs 50 --window 16 --seconds 5 --rounds 3

Server processes with their database share one core; the driver has another. Parley and the version
that one writes by hand (bench/baseline.py) take turns within one run, for machines are noisy and
only their ratio says much. A message counts when its author has the STATUS MSG; latency is from
send to ALERT NEW MSG.
"""

import argparse
import os
import resource
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench.driver import Run
from bench.servers import Server, baseline, parley

_DRIVER_CORE = 1
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def _own_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _quantile(values: list[int], share: float) -> float:
    """In milliseconds, of values in nanoseconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6


async def _round(number: int, server: Server, arguments: argparse.Namespace) -> float:
    """Measure and print one round; returns messages stored a second."""
    run = Run(f"r{number}", arguments.window, "x" * arguments.text)
    before = {name: _cpu_seconds(pid) for name, pid in server.processes.items()}
    own_before = _own_cpu_seconds()
    elapsed = await run.measure(server.url, server.key, arguments.pairs, arguments.seconds)
    driver = (_own_cpu_seconds() - own_before) / elapsed
    cpu = {
        name: (_cpu_seconds(pid) - before[name]) / max(1, run.stored) * 1e6
        for name, pid in server.processes.items()
    }
    delays = run.delays_ns
    print(
        f"round {number} {server.name:8}: {run.stored / elapsed:7,.0f} stored/s, "
        f"{len(delays) / elapsed:7,.0f} delivered/s; send to alert "
        f"p50 {_quantile(delays, 0.5):.1f} ms, p99 {_quantile(delays, 0.99):.1f} ms, "
        f"p99.9 {_quantile(delays, 0.999):.1f} ms; CPU a message: "
        + ", ".join(f"{name} {value:.0f} us" for name, value in cpu.items())
        + f"; driver busy {driver:.0%}",
        flush=True,
    )
    return run.stored / elapsed


async def _measure(arguments: argparse.Namespace, servers: list[Server]) -> None:
    rates: dict[str, list[float]] = {server.name: [] for server in servers}
    for number in range(1, arguments.rounds + 1):
        for server in servers:
            rates[server.name].append(await _round(number, server, arguments))
    for name, values in rates.items():
        print(
            f"{name:8}: median {statistics.median(values):,.0f} stored/s "
            f"(from {min(values):,.0f} to {max(values):,.0f}) with {arguments.pairs} pairs, "
            f"window {arguments.window}"
        )
    if "baseline" in rates:
        ratios = [ours / theirs for ours, theirs in zip(*rates.values(), strict=True)]
        print(
            f"parley / baseline: median {statistics.median(ratios):.1f} "
            f"(from {min(ratios):.1f} to {max(ratios):.1f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pairs", type=int, default=50, help="pairs of people (50)")
    parser.add_argument("--window", type=int, default=16, help="messages in flight a pair (16)")
    parser.add_argument("--seconds", type=float, default=5, help="length of a round (5)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument("--text", type=int, default=40, help="characters of filler (40)")
    parser.add_argument("--alone", action="store_true", help="without the baseline")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {_DRIVER_CORE % (os.cpu_count() or 1)})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-bench-")))
        servers = [stack.enter_context(parley(folder))]
        if not arguments.alone:
            servers.append(stack.enter_context(baseline(folder)))
        uvloop.run(_measure(arguments, servers))


if __name__ == "__main__":
    main()
