"""Alarms at exact times: the timers of an event loop are a millisecond coarse, which would show."""

import asyncio
import ctypes
import os
from collections.abc import Callable

# See timerfd_create(2); Python has it from 3.13 on.
_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_library = ctypes.CDLL(None, use_errno=True)


class _Timer(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "at_s", "at_ns")]


class Alarm:
    """One alarm at a time, on the running event loop, by the clock of `time.perf_counter_ns`."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._file = _library.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._file, self._rings)

    def set(self, at_ns: int) -> None:
        """Ring at this time, or at once if it is over; instead of what was set before."""
        timer = _Timer(0, 0, *divmod(at_ns, 1_000_000_000))
        if _library.timerfd_settime(self._file, _ABSOLUTE, ctypes.byref(timer), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def _rings(self) -> None:
        os.read(self._file, 8)
        self._ring()

    def close(self) -> None:
        self._loop.remove_reader(self._file)
        os.close(self._file)
