"""CPU time and memory of processes, as the kernel accounts for them (proc(5))."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

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


@contextmanager
def moved_to_core(core: int, *pids: int) -> Iterator[None]:
    """Have processes, with all that they have started, stay on another core for a while."""
    before = {pid: os.sched_getaffinity(pid) for pid in pids}
    for pid in pids:
        _move(pid, {core})
    try:
        yield
    finally:
        for pid, cores in before.items():
            # Its system may have ended, and it with that.
            with suppress(FileNotFoundError, ProcessLookupError):
                _move(pid, cores)


def _move(pid: int, cores: Collection[int]) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)
    for child in _children(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            _move(child, cores)


def _children(pid: int) -> list[int]:
    """The processes that the first thread of a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: the second may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def parent(pid: int) -> int:
    """The parent of a process."""
    return int(_stat(pid)[1])


class Used(NamedTuple):
    """The use of a process until now, with all that it has started: CPU time, also of those that
    are gone; and, of those that are there, changes from one thread to another.
    """

    cpu_seconds: float
    switches: int


def used(pid: int) -> Used:
    """Read the use of a process. Raises FileNotFoundError or ProcessLookupError if it is gone."""
    while True:
        try:
            return _used(pid)
        except (FileNotFoundError, ProcessLookupError):
            # A child has ended meanwhile, and now its time counts as that of its parent.
            if not Path(f"/proc/{pid}").exists():
                raise


def _used(pid: int) -> Used:
    # utime, stime, and the same of children that have ended.
    seconds = sum(map(int, _stat(pid)[11:15])) / _TICKS_A_SECOND
    switches = sum(
        _told(f"{pid}/task/{thread.name}/status", f"{kind}_ctxt_switches")
        for thread in Path(f"/proc/{pid}/task").iterdir()
        for kind in ("voluntary", "nonvoluntary")
    )
    all_of_them = [Used(seconds, switches), *map(_used, _children(pid))]
    return Used(
        sum(one.cpu_seconds for one in all_of_them), sum(one.switches for one in all_of_them)
    )


def _told(file: str, name: str) -> int:
    for line in Path("/proc", file).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"the kernel does not tell {name} in {file}")


def memory_kib(pid: int) -> int:
    """Resident memory of one process in KiB."""
    return _told(f"{pid}/smaps_rollup", "Rss")


def most_memory_kib(pid: int) -> int:
    """Most resident memory that one process ever had, in KiB."""
    return _told(f"{pid}/status", "VmHWM")
