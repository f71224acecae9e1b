"""Processes of the parts, forked from one that has loaded their modules already.

A part that is started takes a second of a processor, nearly all of it for imports, and the tests
start hundreds. A forked one is a process of its own all the same: environment, output, end.
Starts from nothing are tried where the command line or a deployment starts the parts.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path

_LOADED = ["desk", "edge", "messaging_service", "moderation_service", "negotiation_service"]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([f"{name}.__main__" for name in _LOADED])


class ForkedProcess:
    """A process as of `python -m <command>`, with as much of subprocess.Popen as tests use."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.args = list(command)
        arguments = (self.args, dict(environment), log)
        self._process = _context.Process(target=_run, args=arguments)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        # The end is told once, to the first who looks.
        self._looking = threading.Lock()

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        with self._looking:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status when it has ended; subprocess.TimeoutExpired if it has not."""
        wait([self._process.sentinel], timeout)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(command: list[str], environment: dict[str, str], log: Path) -> None:
    """Become the process: its environment, its output, its arguments, its module."""
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    module, *sys.argv[1:] = command
    # Loaded, as it is, it would not run.
    sys.modules.pop(f"{module}.__main__", None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
