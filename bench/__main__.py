"""Measures the whole: messages stored and delivered through real sockets.

    python -m bench --pairs 50 --window 16 --seconds 10

Server processes with their database share one core; this driver, whose client is cheap enough not
to be the bottleneck, has another. A message counts when its author has the STATUS MSG and its
recipient the ALERT NEW MSG. Latency is from send to alert.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple, cast

import jwt
import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

_START_SECONDS = 60
_SERVER_CORE, _DRIVER_CORE = 0, 1
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class _Packet(msgspec.Struct):
    op: int
    d: msgspec.Raw = msgspec.Raw()
    cur: str | None = None


class _Alert(msgspec.Struct):
    class _Message(msgspec.Struct):
        text: str

    message: _Message


_decode = msgspec.json.Decoder(_Packet).decode
_decode_alert = msgspec.json.Decoder(_Alert).decode
_encode = msgspec.json.encode


class Talker(WSListener):
    """One person. Keeps `window` messages to the partner in flight, and confirms what it gets."""

    def __init__(self, run: "Run", partner: str) -> None:
        self.run = run
        self.partner = partner
        self.transport: WSTransport
        self.sent = self.stored = self.alerted = 0
        self.greeted = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            self.run.fail(f"closed with {frame.get_close_code()}")
            return
        packet = _decode(frame.get_payload_as_bytes())
        match packet.op:
            case 0x08:
                self._stored(packet)
            case 0x10:
                self.run.alerted(_decode_alert(packet.d))
                self.alerted += 1
                if self.alerted % self.run.window == 0:
                    self.send({"op": 2, "d": {"cur": packet.cur}})
            case 0x01:
                self.send({"op": 2, "d": {"cur": packet.cur}})
            case 0x03:
                self.greeted.set_result(None)
            case 0x04:
                self.run.fail(bytes(packet.d).decode())

    def _stored(self, packet: _Packet) -> None:
        # A "delivered" has no answer to wait for.
        if b'"stored"' in bytes(packet.d):
            self.stored += 1
            self.run.stored += 1
            if self.run.going:
                self.write()

    def write(self) -> None:
        self.sent += 1
        self.send(
            {
                "op": 7,
                "id": self.sent,
                "d": {
                    "to": self.partner,
                    "text": f"{time.perf_counter_ns()} {self.run.filler}",
                    "idempotency_key": f"{self.run.name}-{self.sent}",
                },
            }
        )

    def send(self, packet: object) -> None:
        self.transport.send(WSMsgType.TEXT, _encode(packet))


class Run:
    """One measurement."""

    def __init__(self, name: str, window: int, filler: str) -> None:
        self.name = name
        self.window = window
        self.filler = filler
        self.stored = 0
        self.delays_ns: list[int] = []
        self.going = True
        self.failure: str | None = None

    def alerted(self, alert: _Alert) -> None:
        sent_at = int(alert.message.text.partition(" ")[0])
        self.delays_ns.append(time.perf_counter_ns() - sent_at)

    def fail(self, cause: str) -> None:
        self.failure = self.failure or cause

    async def measure(self, url: str, key: str, pairs: int, seconds: float) -> float:
        """Drive `pairs` pairs for `seconds`; returns how long it really took."""
        talkers = []
        for number in range(pairs):
            pair = (f"{self.name}-a{number}", f"{self.name}-b{number}")
            for user, partner in (pair, pair[::-1]):
                token = jwt.encode({"sub": user, "exp": int(time.time()) + 3600}, key, "HS256")
                _, listener = await ws_connect(
                    lambda partner=partner: Talker(self, partner),
                    url,
                    extra_headers={"Authorization": f"Bearer {token}"},
                    enable_auto_pong=True,
                )
                talker = cast("Talker", listener)
                await talker.greeted
                talkers.append(talker)
        start = time.perf_counter()
        for talker in talkers[::2] if self.window == 1 else talkers:
            for _ in range(self.window if self.window == 1 else max(1, self.window // 2)):
                talker.write()
        await asyncio.sleep(seconds)
        self.going = False
        elapsed = time.perf_counter() - start
        for talker in talkers:
            talker.transport.disconnect()
        if self.failure is not None:
            raise RuntimeError(self.failure)
        return elapsed


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Address(NamedTuple):
    """What `parley up` says of itself."""

    url: str
    pid: int
    parts: dict[str, int]


def _is_ready(path: Path) -> bool:
    if not path.exists():
        return False
    url = _Address(**json.loads(path.read_text())).url
    try:
        ready = url.replace("ws://", "http://", 1).removesuffix("/ws") + "/readyz"
        with urllib.request.urlopen(ready) as response:  # noqa: S310 - our own address
            return bool(response.status == HTTPStatus.OK)
    except OSError:
        return False


@contextmanager
def _system(folder: Path) -> Iterator[_Address]:
    """Start `parley up` on the server core; gives what its up.json says once it is ready."""
    command = [str(Path(sys.executable).parent / "parley"), "up", "--data", str(folder)]
    output = (folder.parent / "up.log").open("w")
    process = subprocess.Popen(
        [*command, "--port", str(_free_port())],
        stdout=output,
        stderr=output,
        preexec_fn=lambda: os.sched_setaffinity(0, {_SERVER_CORE}),  # noqa: PLW1509 - no threads yet
    )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_ready(folder / "up.json"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder.parent / "up.log").read_text())
            time.sleep(0.05)
        yield _Address(**json.loads((folder / "up.json").read_text()))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        output.close()


def _quantile(values: list[int], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6


async def _measure(arguments: argparse.Namespace, address: _Address, key: str) -> None:
    processes = address.parts
    rates = []
    for number in range(arguments.rounds):
        run = Run(f"r{number}", arguments.window, "x" * arguments.text)
        before = {name: _cpu_seconds(pid) for name, pid in processes.items()}
        own_before = resource.getrusage(resource.RUSAGE_SELF)
        elapsed = await run.measure(address.url, key, arguments.pairs, arguments.seconds)
        own = resource.getrusage(resource.RUSAGE_SELF)
        cpu = {
            name: (_cpu_seconds(pid) - before[name]) / max(1, run.stored) * 1e6
            for name, pid in processes.items()
        }
        rates.append(run.stored / elapsed)
        driver = (own.ru_utime + own.ru_stime - own_before.ru_utime - own_before.ru_stime) / elapsed
        delays = run.delays_ns
        print(
            f"round {number + 1}: {run.stored / elapsed:,.0f} stored/s, "
            f"{len(delays) / elapsed:,.0f} delivered/s; send to alert "
            f"p50 {_quantile(delays, 0.5):.1f} ms, p99 {_quantile(delays, 0.99):.1f} ms, "
            f"p99.9 {_quantile(delays, 0.999):.1f} ms; CPU a message: "
            + ", ".join(f"{name} {value:.0f} us" for name, value in cpu.items())
            + f"; driver busy {driver:.0%}",
            flush=True,
        )
    print(
        f"median {statistics.median(rates):,.0f} stored/s "
        f"(from {min(rates):,.0f} to {max(rates):,.0f}) with {arguments.pairs} pairs, "
        f"window {arguments.window}"
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
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {_DRIVER_CORE % (os.cpu_count() or 1)})
    temporary = Path(tempfile.mkdtemp(prefix="parley-bench-"))
    try:
        folder = temporary / "data"
        folder.mkdir(mode=0o700)
        with _system(folder) as address:
            key = (folder / "secrets" / "token.key").read_text().strip()
            uvloop.run(_measure(arguments, address, key))
    finally:
        shutil.rmtree(temporary)


if __name__ == "__main__":
    main()
