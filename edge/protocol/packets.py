"""Bytes to packets and back, in JSON and in MessagePack; does no I/O.

The envelope is `{"op", "id"?, "d"?}` from a client and `{"op", "re"?, "d", "cur"?}` to it
(docs/protocol.md).
"""

import enum
from typing import Any, NamedTuple

import msgspec

MAXIMUM_ID_LENGTH = 64


class Op(enum.IntEnum):
    """The number of each packet."""

    PING = 0x01
    PONG = 0x02
    HELLO = 0x03
    ERROR = 0x04
    ASK_CONVERSATIONS = 0x05
    RETURN_CONVERSATIONS = 0x06
    CREATE_MSG = 0x07
    STATUS_MSG = 0x08
    OPENED_CONVERSATION = 0x09
    ASK_MESSAGES = 0x0A
    RETURN_MESSAGES = 0x0B
    RESUME = 0x0C
    RESUMED = 0x0D
    RENEW_TOKEN = 0x0E
    RECONNECT = 0x0F
    ALERT_NEW_MSG = 0x10
    MSG_SEEN = 0x11
    TYPING = 0x12
    PRESENCE = 0x13
    EDIT_MSG = 0x14
    DELETE_MSG = 0x15
    MSG_CHANGED = 0x16
    UPDATE_CONVERSATION_DATAS = 0xE0
    SERVICE_CREATED = 0xE1
    NOTE_SUBMITTED = 0xE2
    LITIGE_CREATED = 0xE3
    SERVICE_TERMINATED = 0xE4
    PRICE_EDITED = 0xE5
    NEGOTIATION_END = 0xE6
    BLOCK_USER = 0xF9
    SANCTION = 0xFA
    APPEAL = 0xFB
    LITIGE_STATEMENT = 0xFC
    REPORT_STATUS = 0xFD
    REPORT_CONVERSATIONS = 0xFE
    REPORT_MSG = 0xFF

    @property
    def title(self) -> str:
        """The name as documented."""
        return self.name.replace("_", " ")


class BadPacketError(ValueError):
    """Bytes that are no packet. The text is safe to show."""


class InvalidPayloadError(ValueError):
    """A payload that does not fit its opcode. `field` is its path, empty for the whole."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class ClientEnvelope(msgspec.Struct, frozen=True, gc=False):
    """What a client sends, its payload not yet read."""

    op: int
    id: int | str | None = None
    d: msgspec.Raw = msgspec.Raw()


class _ServerEnvelope(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    op: int
    d: Any
    re: int | str | None = None
    cur: str | None = None


class Frame(NamedTuple):
    """An encoded packet: the ASGI event that sends it, and its size in bytes."""

    event: dict[str, Any]
    size: int


class Format:
    """One subprotocol: how envelopes and payloads become frames."""

    def __init__(self, subprotocol: str, codec: Any, *, text: bool) -> None:
        self.subprotocol = subprotocol
        self.text = text
        self._codec = codec
        self._empty = codec.encode({})
        self._envelopes = codec.Decoder(ClientEnvelope)
        self._encoder = codec.Encoder()

    def decode(self, data: str | bytes | None) -> ClientEnvelope:
        """Read an envelope. Raises BadPacketError."""
        if isinstance(data, str) is not self.text or data is None:
            expected = "text" if self.text else "binary"
            raise BadPacketError(f"{self.subprotocol} travels in {expected} frames.")
        try:
            envelope: ClientEnvelope = self._envelopes.decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise BadPacketError(f"This is not a packet: {error}") from None
        packet_id = envelope.id
        if isinstance(packet_id, str):
            if len(packet_id) > MAXIMUM_ID_LENGTH:
                raise BadPacketError(f"An id has at most {MAXIMUM_ID_LENGTH} characters.")
        elif packet_id is not None and not -(2**63) <= packet_id < 2**63:
            raise BadPacketError("An integer id has at most 64 bits.")
        return envelope

    def decoder(self, payload_type: type[msgspec.Struct]) -> Any:
        """A reader of one payload type; building one costs, so it is made once and kept."""
        return self._codec.Decoder(payload_type)

    def payload(self, envelope: ClientEnvelope, decoder: Any) -> Any:
        """Read the payload of an envelope. Raises InvalidPayloadError."""
        try:
            return decoder.decode(envelope.d or self._empty)
        except msgspec.ValidationError as error:
            problem, _, path = str(error).partition(" - at `$")
            raise InvalidPayloadError(path.strip("`").removeprefix("."), problem) from None
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise InvalidPayloadError("", str(error)) from None

    def encode(
        self, op: Op, payload: Any, *, re: int | str | None = None, cur: str | None = None
    ) -> Frame:
        """Make the frame of one packet to a client."""
        data: bytes = self._encoder.encode(_ServerEnvelope(op, payload, re, cur))
        if self.text:
            return Frame({"type": "websocket.send", "text": data.decode()}, len(data))
        return Frame({"type": "websocket.send", "bytes": data}, len(data))


JSON = Format("parley.v1.json", msgspec.json, text=True)
MESSAGE_PACK = Format("parley.v1.msgpack", msgspec.msgpack, text=False)
FORMATS = {format_.subprotocol: format_ for format_ in (JSON, MESSAGE_PACK)}


class Encoding(NamedTuple):
    """What the frames of alerts depend on: the format, and the services that cursors cover."""

    format: Format
    attached: frozenset[str]
