"""Stops processes with all their threads, so that they stand still until they are let go on."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.support.waiting import PATIENCE

_STOPPED = frozenset("TtZX")


def freeze(process: int) -> None:
    """Stop a process, and return when none of its threads does anything more.

    The kernel gives SIGSTOP to one thread, which stops the others when its turn comes: on a busy
    machine these go on for as long as that takes. Nothing tells when all have stopped.
    """
    os.kill(process, signal.SIGSTOP)
    deadline = time.monotonic() + PATIENCE
    while not _stands_still(process):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {process} goes on")
        time.sleep(0.001)


def _stands_still(process: int) -> bool:
    states: set[str] = set()
    for thread in Path(f"/proc/{process}/task").iterdir():
        # It may end meanwhile.
        with suppress(OSError):
            states.add((thread / "stat").read_text().rpartition(")")[2].split()[0])
    return states <= _STOPPED
