"""Durations of the hops of one message, through all processes."""

import time
from bisect import bisect_left
from typing import NamedTuple

from bench.driver import Crowd
from bench.measurements.alone import Reader, Writer, write_one
from bench.measurements.load import WARM_UP_SECONDS
from bench.report.figures import Figure, quantile
from bench.systems import traced
from bench.systems.system import System


class _Hop(NamedTuple):
    """From one moment to another: when a place is reached, or left (`.end`)."""

    name: str
    begin: str
    end: str


HOPS = (
    _Hop("client to edge: socket, frame, task", "sent", "decode"),
    _Hop("edge: decode, check, request", "decode", "submit"),
    _Hop("edge: batcher", "submit", "call"),
    _Hop("edge to service: call", "call", "rpc"),
    _Hop("service: commands, wake the writer, BEGIN", "rpc", "clock"),
    _Hop("writer: take the revision", "clock", "operation"),
    _Hop("writer: read, decide, write", "operation", "operation.end"),
    _Hop("writer: COMMIT, to the disk", "operation.end", "commit.end"),
    _Hop("writer to event loop", "commit.end", "publish"),
    _Hop("service to edge: stream", "publish", "deliver"),
    _Hop("edge: packet of the alert", "deliver", "deliver.end"),
    _Hop("edge to client: outbox, socket", "deliver.end", "alerted"),
    _Hop("send to alert", "sent", "alerted"),
    _Hop("service: answer, after publishing", "publish", "rpc.end"),
    _Hop("service to edge: answer of the call", "rpc.end", "answer"),
    _Hop("edge to client: packet, outbox, socket", "answer", "stored"),
    _Hop("send to stored", "sent", "stored"),
)
"""The way of the alert; then that of the answer, which leaves it where the event is published."""


async def write(system: System, name: str, seconds: float, text: int) -> list[dict[str, int]]:
    """Write one message after the other; when each was sent, alerted and stored, in ns."""
    writer, reader = Writer(f"{name}-a"), Reader(f"{name}-b", confirms=False)
    moments: list[dict[str, int]] = []

    async def write_for(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            sent_ns = await write_one(writer, reader, "x" * text)
            moments.append(
                {"sent": sent_ns, "alerted": reader.alerted_ns, "stored": writer.stored_ns}
            )

    async with Crowd(system) as crowd:
        await crowd.join([writer, reader])
        await crowd.wait(write_for(WARM_UP_SECONDS))
        moments.clear()
        await crowd.wait(write_for(seconds))
    return moments


def _complete(moment: dict[str, int], notes: traced.Notes) -> dict[str, int] | None:
    """A message's moments with those of its parts; None if something else came in between."""
    until = max(moment["alerted"], moment["stored"])
    found = dict(moment)
    for name, noted in notes.items():
        first = bisect_left(noted, (moment["sent"], 0))
        if not first < len(noted) or noted[first][0] > until:
            raise RuntimeError(f"no message passes {name} any more: see bench/systems/traced.py")
        if first + 1 < len(noted) and noted[first + 1][0] <= until:
            return None
        found[name], found[f"{name}.end"] = noted[first]
    return found


def figures(moments: list[dict[str, int]], notes: traced.Notes) -> list[Figure]:
    """The median of each hop, of what `write` returned and of what the parts noted.

    Raises RuntimeError when no message passes one of the places any more.
    """
    ordered = {name: sorted(noted) for name, noted in notes.items()}
    complete = [found for one in moments if (found := _complete(one, ordered))]
    if len(complete) < len(moments) / 2:
        raise RuntimeError(f"only {len(complete)} of {len(moments)} messages were alone")
    medians = {
        hop.name: quantile([one[hop.end] - one[hop.begin] for one in complete], 0.5) for hop in HOPS
    }
    return [Figure(name, "us", median_ns / 1e3) for name, median_ns in medians.items()]
