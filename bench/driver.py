"""People who talk through real sockets, with a client cheap enough not to be the bottleneck."""

import asyncio
import time
from typing import cast

import jwt
import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect


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
