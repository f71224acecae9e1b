"""WebSocket frames (RFC 6455, 5.2) as they pass: the bytes as they came, and the packet inside."""

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from parley_protocol.packets import Op

TEXT, BINARY, CLOSE = 0x1, 0x2, 0x8
_FINAL, _MASKED = 0x80, 0x80
_NAMES = {op.value: op.name for op in Op}


class Frame(NamedTuple):
    """One frame. `raw` is what came over the line, `payload` is without the mask."""

    raw: bytes
    opcode: int
    payload: bytes

    @property
    def packet(self) -> dict[str, Any] | None:
        """The packet in it; None for a control frame, a fragment, or what is no packet."""
        if self.opcode not in {TEXT, BINARY} or not self.raw[0] & _FINAL:
            return None
        try:
            decode = msgspec.json.decode if self.opcode == TEXT else msgspec.msgpack.decode
            packet = decode(self.payload)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        return packet if isinstance(packet, dict) and isinstance(packet.get("op"), int) else None

    @property
    def close_code(self) -> int | None:
        """The code of a close frame; None for any other frame, and for one without a code."""
        if self.opcode != CLOSE or len(self.payload) < 2:
            return None
        return int.from_bytes(self.payload[:2], "big")


class Frames:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add bytes; gives each frame that is whole by now."""
        self._buffer += data
        while (size := self._size()) is not None:
            raw = bytes(self._buffer[:size])
            del self._buffer[:size]
            yield _frame(raw)

    def _size(self) -> int | None:
        """The bytes of the first frame; None while not all of them have come."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, head = _length(buffer)
        if length is None or len(buffer) < head + length:
            return None
        return head + length


def _length(buffer: bytes | bytearray) -> tuple[int | None, int]:
    """Length of the payload, None while it is not told yet, and that of all before the payload."""
    mask = 4 if buffer[1] & _MASKED else 0
    length = buffer[1] & 0x7F
    more = {126: 2, 127: 8}.get(length, 0)
    if len(buffer) < 2 + more:
        return None, 0
    if more:
        length = int.from_bytes(buffer[2 : 2 + more], "big")
    return length, 2 + more + mask


def _frame(raw: bytes) -> Frame:
    _, head = _length(raw)
    payload = raw[head:]
    if raw[1] & _MASKED:
        mask = raw[head - 4 : head]
        keys = (mask * (len(payload) // 4 + 1))[: len(payload)]
        masked = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
        payload = masked.to_bytes(len(payload), "big")
    return Frame(raw, raw[0] & 0x0F, payload)


def make_frame(opcode: int, payload: bytes) -> bytes:
    """One whole frame as a server sends it, without a mask."""
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", _FINAL | opcode, length)
    elif length < 2**16:
        head = struct.pack("!BBH", _FINAL | opcode, 126, length)
    else:
        head = struct.pack("!BBQ", _FINAL | opcode, 127, length)
    return head + payload


def packet_frame(packet: Mapping[str, Any], *, binary: bool) -> bytes:
    """The frame of a packet to a client, in JSON or MessagePack."""
    if binary:
        return make_frame(BINARY, msgspec.msgpack.encode(packet))
    return make_frame(TEXT, json.dumps(packet).encode())


def close_frame(code: int, reason: str) -> bytes:
    """The frame by which a server closes."""
    return make_frame(CLOSE, code.to_bytes(2, "big") + reason.encode())


def cursor_of(packet: Mapping[str, Any]) -> str | None:
    """The cursor that a packet of the server bears: HELLO has it in its payload."""
    payload = packet.get("d")
    inside = payload.get("cur") if isinstance(payload, dict) else None
    cursor = packet.get("cur") or inside
    return cursor if isinstance(cursor, str) else None


def name_of(op: int) -> str:
    """The name of an opcode as in `Op`; its number for one that is unknown."""
    return _NAMES.get(op, f"0x{op:02X}")
