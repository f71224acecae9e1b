"""A NATS of the tests' own, on a port of this machine."""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.support.system import free_port
from tests.support.waiting import PATIENCE

_PROGRAM = Path(sys.executable).parent / "nats-server"


class Nats:
    """One server, which can be stopped and started again on its port; `options` are its own."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self._options = options
        self.process: subprocess.Popen[str]
        self.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start; returns when it listens."""
        self.process = subprocess.Popen(
            [_PROGRAM, "-a", "127.0.0.1", "-p", str(self.port), *self._options],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        deadline = time.monotonic() + PATIENCE
        for line in self.process.stderr:
            if "Server is ready" in line:
                return
            if time.monotonic() > deadline:
                break
        raise RuntimeError("NATS does not start")

    def stop(self) -> None:
        """Stop, as suddenly as a crash."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
