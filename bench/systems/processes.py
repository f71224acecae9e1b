"""CPU time and memory of processes, as the kernel accounts for them (proc(5))."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER_CORE = 0
# With one core alone the driver shares it, and the figures say little.
DRIVER_CORE = min(1, (os.cpu_count() or 1) - 1)

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Stay on a core; what is started meanwhile stays there for good, with its children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: the second may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def parent(pid: int) -> int:
    """The parent of a process."""
    return int(_stat(pid)[1])


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and of all that it has started, also of those that are gone."""
    while True:
        try:
            return _cpu_seconds(pid)
        except (FileNotFoundError, ProcessLookupError):
            # A child has ended meanwhile, and now its time counts as that of its parent.
            if not Path(f"/proc/{pid}").exists():
                raise


def _cpu_seconds(pid: int) -> float:
    # utime, stime, and the same of children that have ended.
    seconds = sum(map(int, _stat(pid)[11:15])) / _TICKS_A_SECOND
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return seconds + sum(_cpu_seconds(int(child)) for child in children)


def _told(pid: int, file: str, name: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"the kernel does not say how much memory process {pid} has")


def memory_kib(pid: int) -> int:
    """Resident memory of one process in KiB."""
    return _told(pid, "smaps_rollup", "Rss")


def most_memory_kib(pid: int) -> int:
    """Most resident memory that one process ever had, in KiB."""
    return _told(pid, "status", "VmHWM")
