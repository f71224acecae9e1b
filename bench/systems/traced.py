"""Tracing of a part: it notes when a message passes each place.

    python -m bench.systems.traced edge

At its end it writes the notes to the folder BENCH_NOTES, as lists of [begin, end] by place. All
processes of a machine read the same clock, so that the notes of several can be put together.
"""

import functools
import importlib
import inspect
import json
import os
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLACES = {
    "edge": {
        "decode": "parley_protocol.packets:Format.decode",
        "submit": "edge.backends.batcher:Batcher.submit",
        "call": "edge.backends.exchange:Exchange.ask",
        "deliver": "edge.push.deliver:Deliverer.deliver",
        "answer": "edge.sessions.session:Session.send",
    },
    "messaging_service": {
        "rpc": "messaging_service.api.servicer:MessagingServicer.BatchCreateMessages",
        "clock": "service_kit.storage.fence:take_position",
        "operation": "messaging_service.api.servicer:create_message",
        "commit": "sqlalchemy.engine:RootTransaction.commit",
        "publish": "service_kit.watch.hub:WatchHub.publish",
    },
}
"""By part: what is called when a message passes there, as module:name."""

Notes = dict[str, list[tuple[int, int]]]


def find(place: str) -> tuple[Any, str]:
    """Find the owner of the function of a place, and its name there. Raises AttributeError."""
    module, _, path = place.partition(":")
    *outer, name = path.split(".")
    owner: Any = functools.reduce(getattr, outer, importlib.import_module(module))
    getattr(owner, name)
    return owner, name


def _noting(function: Callable[..., Any], notes: list[tuple[int, int]]) -> Callable[..., Any]:
    clock = time.perf_counter_ns
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def call_and_wait(*arguments: Any, **keywords: Any) -> Any:
            begin = clock()
            try:
                return await function(*arguments, **keywords)
            finally:
                notes.append((begin, clock()))

        return call_and_wait

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        begin = clock()
        try:
            return function(*arguments, **keywords)
        finally:
            notes.append((begin, clock()))

    return call


def read(folder: Path) -> Notes:
    """Read the notes of all parts, once they have ended."""
    notes: Notes = {}
    for part in PLACES:
        found = json.loads((folder / f"{part}.json").read_text())
        notes |= {name: [tuple(one) for one in noted] for name, noted in found.items()}
    return notes


def main() -> None:
    part = sys.argv[1]
    # Of parts that no message passes nothing is noted.
    places = PLACES.get(part, {})
    notes: Notes = {name: [] for name in places}
    for name, place in places.items():
        owner, attribute = find(place)
        setattr(owner, attribute, _noting(getattr(owner, attribute), notes[name]))
    path = Path(os.environ["BENCH_NOTES"]) / f"{part}.json"
    del sys.argv[1]
    try:
        runpy.run_module(part, run_name="__main__", alter_sys=True)
    finally:
        path.write_text(json.dumps(notes))


if __name__ == "__main__":
    main()
