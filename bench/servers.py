"""The systems that are measured, each started on the server core."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

_START_SECONDS = 60
_SERVER_CORE = 0


class Server(NamedTuple):
    """A system that is ready: its socket, the key of its tokens, its processes by name."""

    name: str
    url: str
    key: str
    processes: dict[str, int]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as response:  # noqa: S310 - our own address
            return bool(response.status == HTTPStatus.OK)
    except OSError:
        return False


@contextmanager
def _started(
    command: list[str], log: Path, ready: Callable[[], bool], **environment: str
) -> Iterator[int]:
    """Run a command on the server core until the end of the context; gives its process id."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            preexec_fn=lambda: os.sched_setaffinity(0, {_SERVER_CORE}),  # noqa: PLW1509 - no threads
        )
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(log.read_text())
                time.sleep(0.05)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@contextmanager
def parley(folder: Path) -> Iterator[Server]:
    """Parley as `parley up` starts it."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    port = _free_port()
    command = [str(Path(sys.executable).parent / "parley"), "up", "--data", str(data)]
    ready = f"http://127.0.0.1:{port}/readyz"
    with _started(
        [*command, "--port", str(port)],
        folder / "up.log",
        lambda: _answers(ready),
        # A few sockets stand for many people.
        PARLEY_EDGE_PACKETS_PER_SECOND="1000000",
    ):
        address = json.loads((data / "up.json").read_text())
        key = (data / "secrets" / "token.key").read_text().strip()
        yield Server("parley", address["url"], key, address["parts"])


@contextmanager
def baseline(folder: Path) -> Iterator[Server]:
    """The hand-written version of bench/baseline.py."""
    port = _free_port()
    key = secrets.token_urlsafe(32)

    with _started(
        [sys.executable, "-m", "bench.baseline"],
        folder / "baseline.log",
        lambda: _answers(f"http://127.0.0.1:{port}/healthz"),
        BASELINE_PORT=str(port),
        BASELINE_DATABASE=str(folder / "baseline.sqlite3"),
        BASELINE_KEY=key,
    ) as pid:
        yield Server("baseline", f"ws://127.0.0.1:{port}/ws", key, {"process": pid})
