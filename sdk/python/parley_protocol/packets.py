"""The table of packets, and the formats that make bytes of them: JSON and MessagePack.

The envelope is `{"op", "id"?, "d"?}` from a client and `{"op", "re"?, "d", "cur"?}` to it
(docs/protocol.md).
"""

import enum
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple, Self

import msgspec

from parley_protocol.broken_payloads import field_of_bad_text, without_nulls
from parley_protocol.errors import Error
from parley_protocol.payloads import connection, messaging, moderation, negotiation

MAXIMUM_ID_LENGTH = 64


class Direction(enum.StrEnum):
    """The way that a packet takes."""

    TO_CLIENT = "<="
    TO_SERVER = "=>"
    BOTH = "<=>"


class Activity(enum.StrEnum):
    """Something that a sanction may forbid; never to read the reasons, or to appeal."""

    CONNECT = "connect"
    # Messages, and what is said about a service or promised anew.
    WRITE = "write"
    # What ends or carries out a service, without a word.
    PERFORM = "perform"
    REPORT = "report"
    DISPUTE = "dispute"


_WRITE, _PERFORM = Activity.WRITE, Activity.PERFORM
_REPORT, _DISPUTE = Activity.REPORT, Activity.DISPUTE


class Op(enum.IntEnum):
    """Every packet: its number, the payloads to and from the client, the number of the packet that
    answers it, the RPC of a service that it becomes, and what it is where a sanction may forbid it.
    """

    to_client: type[msgspec.Struct] | None
    from_client: type[msgspec.Struct] | None
    _answer: int | None
    # Empty: none.
    rpc: str
    activity: Activity | None

    def __new__(
        cls,
        number: int,
        to_client: type[msgspec.Struct] | None,
        from_client: type[msgspec.Struct] | None = None,
        answer: int | None = None,
        rpc: str = "",
        activity: Activity | None = None,
    ) -> Self:
        member = int.__new__(cls, number)
        member._value_ = number
        member.to_client, member.from_client = to_client, from_client
        member._answer = answer  # noqa: SLF001 - its own; no member exists yet to be named here
        member.rpc, member.activity = rpc, activity
        return member

    PING = 0x01, connection.Ping
    PONG = 0x02, None, connection.Pong, None, "MarkDelivered"
    HELLO = 0x03, connection.Hello
    ERROR = 0x04, Error
    ASK_CONVERSATIONS = 0x05, None, messaging.AskConversations, 0x06, "ListConversations"
    RETURN_CONVERSATIONS = 0x06, messaging.ReturnConversations
    CREATE_MSG = 0x07, None, messaging.CreateMsg, 0x08, "StreamCreateMessages", _WRITE
    STATUS_MSG = 0x08, messaging.StatusMsg
    OPENED_CONVERSATION = 0x09, None, messaging.OpenedConversation, 0x11, "MarkRead"
    ASK_MESSAGES = 0x0A, None, messaging.AskMessages, 0x0B, "ListMessages"
    RETURN_MESSAGES = 0x0B, messaging.ReturnMessages
    RESUME = 0x0C, None, connection.Resume, 0x0D, "BatchListChanges"
    RESUMED = 0x0D, connection.Resumed
    RENEW_TOKEN = 0x0E, None, connection.RenewToken, 0x03
    RECONNECT = 0x0F, connection.Reconnect
    ALERT_NEW_MSG = 0x10, messaging.AlertNewMsg
    MSG_SEEN = 0x11, messaging.MsgSeen
    TYPING = 0x12, messaging.Typing, messaging.SendTyping, None, "SendTyping", _WRITE
    PRESENCE = 0x13, messaging.Presence
    EDIT_MSG = 0x14, None, messaging.EditMsg, 0x16, "EditMessage", _WRITE
    DELETE_MSG = 0x15, None, messaging.DeleteMsg, 0x16, "DeleteMessage", _WRITE
    MSG_CHANGED = 0x16, messaging.MsgChanged
    ASK_BLOCKS = 0x17, None, messaging.AskBlocks, 0x18, "ListBlocks"
    RETURN_BLOCKS = 0x18, messaging.ReturnBlocks
    UPDATE_CONVERSATION_DATAS = 0xE0, negotiation.UpdateConversationDatas
    SERVICE_CREATED = 0xE1, None, negotiation.ServiceCreated, 0xE0, "CreateService", _WRITE
    NOTE_SUBMITTED = 0xE2, None, negotiation.NoteSubmitted, 0xE0, "SubmitNote", _PERFORM
    LITIGE_CREATED = 0xE3, None, moderation.LitigeCreated, 0xE0, "CreateDispute", _DISPUTE
    SERVICE_TERMINATED = (
        0xE4,
        None,
        negotiation.ServiceTerminated,
        0xE0,
        "TerminateService",
        _PERFORM,
    )
    PRICE_EDITED = 0xE5, None, negotiation.PriceEdited, 0xE0, "EditPrice", _WRITE
    NEGOTIATION_END = 0xE6, None, negotiation.NegotiationEnd, 0xE0, "EndNegotiation", _PERFORM
    ASK_SERVICES = 0xE7, None, negotiation.AskServices, 0xE8, "ListServices"
    RETURN_SERVICES = 0xE8, negotiation.ReturnServices
    ASK_SERVICE = 0xE9, None, negotiation.AskService, 0xE0, "GetService"
    ASK_SERVICE_EVENTS = 0xEA, None, negotiation.AskServiceEvents, 0xEB, "ListServiceEvents"
    RETURN_SERVICE_EVENTS = 0xEB, negotiation.ReturnServiceEvents
    REPORT_STATEMENT = (
        0xEF,
        None,
        moderation.ReportStatement,
        0xFD,
        "ReportDisputeStatement",
        _REPORT,
    )
    ASK_REPORTS = 0xF0, None, moderation.AskReports, 0xF1, "ListReports"
    RETURN_REPORTS = 0xF1, moderation.ReturnReports
    ASK_APPEALS = 0xF2, None, moderation.AskAppeals, 0xF3, "ListOwnAppeals"
    RETURN_APPEALS = 0xF3, moderation.ReturnAppeals
    ASK_DISPUTES = 0xF4, None, moderation.AskDisputes, 0xF5, "ListOwnDisputes"
    RETURN_DISPUTES = 0xF5, moderation.ReturnDisputes
    ASK_DISPUTE = 0xF6, None, moderation.AskDispute, 0xE0, "GetDispute"
    ASK_STANDING = 0xF7, None, moderation.AskStanding, 0xF8, "GetStanding"
    RETURN_STANDING = 0xF8, moderation.ReturnStanding
    BLOCK_USER = 0xF9, messaging.BlockedUser, messaging.BlockUser, 0xF9, "SetBlock"
    SANCTION = 0xFA, moderation.Sanction
    APPEAL = 0xFB, None, moderation.SendAppeal, 0xFD, "CreateAppeal"
    LITIGE_STATEMENT = (
        0xFC,
        None,
        moderation.LitigeStatement,
        0xE0,
        "SubmitDisputeStatement",
        _DISPUTE,
    )
    REPORT_STATUS = 0xFD, moderation.ReportStatus
    REPORT_CONVERSATIONS = (
        0xFE,
        None,
        moderation.ReportConversations,
        0xFD,
        "ReportConversation",
        _REPORT,
    )
    REPORT_MSG = 0xFF, None, moderation.ReportMsg, 0xFD, "ReportMessage", _REPORT

    @property
    def title(self) -> str:
        """The name as documented."""
        return self.name.replace("_", " ")

    @cached_property
    def answer(self) -> "Op | None":
        """The packet that answers this one, unless ERROR does. None: nothing does, so that only
        an ERROR may come back.
        """
        return next((op for op in Op if op == self._answer), None)

    @property
    def pushed(self) -> bool:
        """Whether it comes unasked, be it that it is an answer as well: all but pages and views."""
        return self.to_client is not None and not self.name.startswith("RETURN_")

    @property
    def direction(self) -> Direction:
        if self.from_client is None:
            return Direction.TO_CLIENT
        return Direction.TO_SERVER if self.to_client is None else Direction.BOTH


def activity_of(activity: Activity | None, payload: Any) -> Activity | None:
    """Tell what a packet of an activity is: a step of a service that says something is a write."""
    return _WRITE if activity is _PERFORM and payload.writes else activity


# The packet of each payload that a client sends.
OP_OF: Mapping[type[msgspec.Struct], Op] = {
    op.from_client: op for op in Op if op.from_client is not None
}


class BadPacketError(ValueError):
    """Bytes that are no packet. The text is safe to show."""


class InvalidPayloadError(ValueError):
    """A payload that does not fit its opcode. `field` is its path, empty for the whole."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class ClientEnvelope(msgspec.Struct, frozen=True, gc=False):
    """A packet from a client, its payload not yet read."""

    op: int
    id: int | str | None = None
    d: msgspec.Raw = msgspec.Raw()


class _ClientPacket(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    op: int
    d: Any
    id: int | str | None = None


class ServerEnvelope(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A packet to a client. A client reads the payload as plain values, so that it copes with
    opcodes, fields and words that are newer than itself.
    """

    op: int
    d: Any
    re: int | str | None = None
    cur: str | None = None


class Frame:
    """An encoded packet: its bytes, and whether they travel as text."""

    __slots__ = ("_wire", "data", "text")

    def __init__(self, data: bytes, *, text: bool) -> None:
        self.data = data
        self.text = text
        self._wire = b""

    @property
    def size(self) -> int:
        """The size in bytes."""
        return len(self.data)

    @property
    def event(self) -> dict[str, Any]:
        """The ASGI event that sends it."""
        if self.text:
            return {"type": "websocket.send", "text": self.data.decode()}
        return {"type": "websocket.send", "bytes": self.data}

    @property
    def wire(self) -> bytes:
        """The frame of WebSocket from a server (RFC 6455, 5.2), made once for all sockets."""
        if not self._wire:
            self._wire = _wire_header(self.size, text=self.text) + self.data
        return self._wire


def _wire_header(size: int, *, text: bool) -> bytes:
    first = 0x81 if text else 0x82
    if size < 126:
        return bytes((first, size))
    if size < 2**16:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")


class Format:
    """One subprotocol: how envelopes and payloads become frames."""

    def __init__(self, subprotocol: str, codec: Any, *, text: bool) -> None:
        self.subprotocol = subprotocol
        self.text = text
        self._codec = codec
        self._empty, self._null = codec.encode({}), codec.encode(None)
        self._envelopes = codec.Decoder(ClientEnvelope)
        self._server_envelopes = codec.Decoder(ServerEnvelope)
        self._encoder = codec.Encoder()

    def decode(self, data: str | bytes | None) -> ClientEnvelope:
        """Read an envelope. Raises BadPacketError."""
        if isinstance(data, str) is not self.text or data is None:
            expected = "text" if self.text else "binary"
            raise BadPacketError(f"{self.subprotocol} travels in {expected} frames.")
        try:
            envelope: ClientEnvelope = self._envelopes.decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            found = self._with_broken_payload(data)
            if found is None:
                raise BadPacketError(f"This is not a packet: {error}") from None
            envelope = found
        packet_id = envelope.id
        if isinstance(packet_id, str):
            if len(packet_id) > MAXIMUM_ID_LENGTH:
                raise BadPacketError(f"An id has at most {MAXIMUM_ID_LENGTH} characters.")
        elif packet_id is not None and not -(2**63) <= packet_id < 2**63:
            raise BadPacketError("An integer id has at most 64 bits.")
        return envelope

    def _with_broken_payload(self, data: str | bytes) -> ClientEnvelope | None:
        """Read an envelope whose payload alone is at fault, such as by half of a surrogate pair, so
        that the refusal bears the packet's id. MessagePack passes over a payload without a look.
        """
        if not self.text:
            return None
        try:
            packet = json.loads(data)
            payload = msgspec.Raw(json.dumps(packet.get("d")).encode())
            envelope = msgspec.convert({**packet, "d": payload}, ClientEnvelope)
            str(envelope.id).encode()
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None
        return envelope

    def decoder(self, payload_type: type[msgspec.Struct]) -> Any:
        """A reader of one payload type; building one costs, so it is made once and kept."""
        return self._codec.Decoder(payload_type)

    def payload(self, envelope: ClientEnvelope, decoder: Any) -> Any:
        """Read the payload of an envelope. Raises InvalidPayloadError."""
        data = envelope.d or self._empty
        try:
            try:
                return decoder.decode(data)
            except msgspec.ValidationError:
                # Null is as good as absent, and looked for only where something is wrong.
                whole = self._empty if bytes(data) == self._null else data
                return decoder.decode(without_nulls(self._codec, whole, decoder.type))
        except msgspec.ValidationError as error:
            problem, _, path = str(error).partition(" - at `$")
            raise InvalidPayloadError(path.strip("`").removeprefix("."), problem) from None
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            field = field_of_bad_text(self._codec, data)
            if field is None:
                raise InvalidPayloadError("", str(error)) from None
            raise InvalidPayloadError(field, "holds text that is not valid Unicode") from None

    def encode(
        self, op: Op, payload: Any, *, re: int | str | None = None, cur: str | None = None
    ) -> Frame:
        """Make the frame of one packet to a client."""
        return Frame(self._encoder.encode(ServerEnvelope(op, payload, re, cur)), text=self.text)

    def encode_from_client(
        self, payload: msgspec.Struct, packet_id: int | str | None = None
    ) -> str | bytes:
        """Make the frame of one packet from a client, whose opcode the payload determines."""
        packet = _ClientPacket(OP_OF[type(payload)], payload, packet_id)
        data: bytes = self._encoder.encode(packet)
        return data.decode() if self.text else data

    def decode_from_server(self, data: str | bytes) -> ServerEnvelope:
        """Read a packet as its client. Raises BadPacketError."""
        try:
            envelope: ServerEnvelope = self._server_envelopes.decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise BadPacketError(f"This is not a packet: {error}") from None
        return envelope


JSON = Format("parley.v1.json", msgspec.json, text=True)
MESSAGE_PACK = Format("parley.v1.msgpack", msgspec.msgpack, text=False)
FORMATS = {format_.subprotocol: format_ for format_ in (JSON, MESSAGE_PACK)}


class Encoding(NamedTuple):
    """The key by which sessions share frames of alerts: format, and services of the cursor."""

    format: Format
    attached: frozenset[str]
