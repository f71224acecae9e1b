"""Bytes to packets and back, whatever the bytes."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_protocol.packets import (
    FORMATS,
    JSON,
    MESSAGE_PACK,
    BadPacketError,
    Format,
    Frame,
    InvalidPayloadError,
    Op,
    ServerEnvelope,
)
from parley_protocol.payloads import messaging, moderation
from parley_protocol.payloads.connection import Ping, Pong, Resume

BOTH = pytest.mark.parametrize("format_", [JSON, MESSAGE_PACK], ids=lambda f: str(f.subprotocol))
REQUESTS = [op.from_client for op in Op if op.from_client is not None]
ENCODERS = {JSON: msgspec.json.encode, MESSAGE_PACK: msgspec.msgpack.encode}

# Whatever both formats can spell, with the field names that payloads look for.
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
_keys = st.sampled_from(["cur", "limit", "text", "conversation", "to", "seq", "typing", "token"])
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner) | st.dictionaries(_keys | st.text("ab"), inner)
)


def packet(format_: Format, **fields: Any) -> Any:
    """What a client's own library would send."""
    data = ENCODERS[format_](fields)
    return data.decode() if format_.text else data


def content(frame: Frame, format_: Format) -> Any:
    """What a client's own library would read."""
    if format_.text:
        return json.loads(frame.event["text"])
    return msgspec.msgpack.decode(frame.event["bytes"])


def read_everything(format_: Format, data: Any) -> None:
    """As a session does; the two named errors are the only ones."""
    with contextlib.suppress(BadPacketError):
        envelope = format_.decode(data)
        # What is echoed can be echoed.
        format_.encode(Op.ERROR, Ping(), re=envelope.id)
        for request in REQUESTS:
            with contextlib.suppress(InvalidPayloadError):
                format_.payload(envelope, format_.decoder(request))


@given(st.text())
def test_any_text_is_a_packet_or_a_bad_packet(data: str) -> None:
    """Nothing but the two named errors comes of hostile text, lone surrogates included."""
    read_everything(JSON, data)


@given(st.binary())
def test_any_bytes_are_a_packet_or_a_bad_packet(data: bytes) -> None:
    """Nothing but the two named errors comes of hostile bytes."""
    read_everything(MESSAGE_PACK, data)


@given(st.sampled_from(list(FORMATS.values())), _values, _values, _values)
def test_well_formed_packets_of_any_content_are_read_or_refused(
    format_: Format, op: Any, packet_id: Any, payload: Any
) -> None:
    """Right bytes with wrong structures are refused by name as well."""
    read_everything(format_, packet(format_, op=op, id=packet_id, d=payload))


@given(
    st.sampled_from(list(FORMATS.values())),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.none()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=64),
)
def test_a_packet_comes_through_as_it_was_sent(
    format_: Format, text: str, packet_id: int | str | None
) -> None:
    """Every text and every id survives the way in, and the way out."""
    data = packet(format_, op=7, id=packet_id, d={"to": "bob", "text": text})
    envelope = format_.decode(data)
    assert (envelope.op, envelope.id) == (7, packet_id)
    request = format_.payload(envelope, format_.decoder(messaging.CreateMsg))
    assert request == messaging.CreateMsg(text=text, to="bob")
    frame = format_.encode(
        Op.TYPING, messaging.Typing("c", text, typing=True), re=packet_id, cur="x"
    )
    sent = content(frame, format_)
    assert sent["d"] == {"conversation": "c", "user": text, "typing": True}
    assert (sent["op"], sent.get("re"), sent["cur"]) == (0x12, packet_id, "x")


@BOTH
def test_an_absent_payload_is_an_empty_one(format_: Format) -> None:
    """Packets without fields need no `d`."""
    envelope = format_.decode(packet(format_, op=5))
    decoder = format_.decoder(messaging.AskConversations)
    assert format_.payload(envelope, decoder) == messaging.AskConversations()


@BOTH
def test_unknown_fields_are_ignored(format_: Format) -> None:
    """Newer clients may say more than this server understands."""
    data = packet(format_, op=2, new=[1], d={"cur": "abc", "newer": {"deep": 1}})
    decoder = format_.decoder(Pong)
    assert format_.payload(format_.decode(data), decoder) == Pong("abc")


@BOTH
def test_what_is_absent_is_left_out(format_: Format) -> None:
    """`re` and `cur` appear only when there are any, and UNSET fields never."""
    frame = format_.encode(Op.RETURN_CONVERSATIONS, messaging.ReturnConversations([]))
    assert content(frame, format_) == {"op": 6, "d": {"conversations": []}}


@BOTH
def test_the_size_of_a_frame_is_that_of_its_bytes(format_: Format) -> None:
    """The bound of an outbox counts bytes, not characters."""
    frame = format_.encode(Op.TYPING, messaging.Typing("c", "\N{GRINNING FACE}", typing=True))
    data = frame.event.get("bytes") or frame.event["text"].encode()
    assert frame.size == len(data)


@BOTH
def test_a_packet_of_a_client_is_read_as_it_was_made(format_: Format) -> None:
    """What a client encodes is what the edge decodes; without an id there is none."""
    frame = format_.encode_from_client(messaging.OpenedConversation("k1", 7), 3)
    envelope = format_.decode(frame)
    assert (envelope.op, envelope.id) == (Op.OPENED_CONVERSATION, 3)
    decoder = format_.decoder(messaging.OpenedConversation)
    assert format_.payload(envelope, decoder) == messaging.OpenedConversation("k1", 7)
    assert format_.decode(format_.encode_from_client(Pong())).id is None


@BOTH
def test_a_client_reads_what_is_newer_than_itself(format_: Format) -> None:
    """An opcode, fields and words that it does not know; what is no packet is refused."""
    payload = {"state": "a new word", "more": [1]}
    read = format_.decode_from_server(packet(format_, op=0x7F, d=payload, re="a", cur="c", x=1))
    assert read == ServerEnvelope(0x7F, payload, "a", "c")
    with pytest.raises(BadPacketError):
        format_.decode_from_server("[]" if format_.text else b"\x90")


@pytest.mark.parametrize("data", [b'{"op":2}', b"", None])
def test_json_travels_in_text_frames(data: bytes | None) -> None:
    """A binary frame on the JSON subprotocol is refused even when it would parse."""
    with pytest.raises(BadPacketError, match="text"):
        JSON.decode(data)


@pytest.mark.parametrize("data", ['{"op":2}', "", None])
def test_message_pack_travels_in_binary_frames(data: str | None) -> None:
    """A text frame on the MessagePack subprotocol is refused."""
    with pytest.raises(BadPacketError, match="binary"):
        MESSAGE_PACK.decode(data)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"op":',
        '{"op":"2"}',
        '{"op":2.5}',
        '{"op":true}',
        '{"op":2} {"op":2}',
        '{"op":1e400}',
        '{"op":' + "9" * 5000 + "}",
        '{"op":2,"id":' + "9" * 5000 + "}",
        '{"op":2,"id":9223372036854775808}',
        '{"op":2,"id":-9223372036854775809}',
        '{"op":2,"id":1.5}',
        '{"op":2,"id":true}',
        '{"op":2,"id":[1]}',
        '{"op":2,"id":"' + "a" * 65 + '"}',
        '{"op":2,"id":"\\ud800"}',
        '{"op":2,"id":"\ud800"}',
        '{"op":2,"d":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"op":2,"d":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}",
    ],
    ids=lambda data: data[:24],
)
def test_what_is_no_envelope_is_a_bad_packet(data: str) -> None:
    """Wrong structure, huge numbers, deep nesting and lone surrogates are all refused."""
    with pytest.raises(BadPacketError):
        JSON.decode(data)


def test_deep_message_pack_is_a_bad_packet() -> None:
    """A hundred thousand arrays cost one byte each and must not exhaust the stack."""
    with pytest.raises(BadPacketError):
        MESSAGE_PACK.decode(b"\x82\xa2op\x02\xa1d" + b"\x91" * 100_000 + b"\xc0")


@BOTH
@pytest.mark.parametrize("packet_id", [0, -(2**63), 2**63 - 1, "", "a" * 64, "\N{GRINNING FACE}"])
def test_ids_up_to_their_limits_are_taken(format_: Format, packet_id: int | str) -> None:
    """An id is an integer of 64 bits or a string of up to 64 characters."""
    assert format_.decode(packet(format_, op=2, id=packet_id)).id == packet_id


def test_of_duplicate_keys_the_last_one_counts() -> None:
    """As with every JSON library: no two parts of this server can read a packet differently."""
    envelope = JSON.decode('{"op":1,"op":7,"d":{"to":"a"},"d":{"to":"b","to":"c","text":"hi"}}')
    assert envelope.op == 7
    request = JSON.payload(envelope, JSON.decoder(messaging.CreateMsg))
    assert request == messaging.CreateMsg(text="hi", to="c")


@BOTH
@pytest.mark.parametrize(
    ("request_type", "payload", "field"),
    [
        (messaging.AskConversations, {"limit": 0}, "limit"),
        (messaging.AskConversations, {"limit": 101}, "limit"),
        (messaging.AskConversations, {"limit": "5"}, "limit"),
        (messaging.AskConversations, {"page": "x" * 1025}, "page"),
        (messaging.AskMessages, {"conversation": "c", "limit": 201}, "limit"),
        (messaging.AskMessages, {"conversation": "c", "before": 0}, "before"),
        (messaging.AskMessages, {"conversation": "c", "after": -1}, "after"),
        (messaging.AskMessages, {"conversation": "c", "after": 2**63}, "after"),
        (messaging.OpenedConversation, {"conversation": ""}, "conversation"),
        (messaging.OpenedConversation, {"conversation": "c" * 129}, "conversation"),
        (messaging.OpenedConversation, {"conversation": "c", "seq": 0}, "seq"),
        (messaging.OpenedConversation, {"conversation": "c", "seq": 2**63}, "seq"),
        (messaging.CreateMsg, {"text": 5, "to": "bob"}, "text"),
        (messaging.CreateMsg, {"text": "hi", "idempotency_key": ""}, "idempotency_key"),
        (messaging.CreateMsg, {"text": "hi", "idempotency_key": "k" * 65}, "idempotency_key"),
        (messaging.SendTyping, {"conversation": "c", "typing": 1}, "typing"),
        (Resume, {"cur": "x" * 1025}, "cur"),
        (messaging.CreateMsg, {"text": None, "to": "bob"}, "text"),
        (messaging.AskMessages, {"conversation": "c", "before": None, "limit": 0}, "limit"),
        (messaging.CreateMsg, {"to": "bob"}, ""),
        (Pong, [], ""),
    ],
)
def test_an_invalid_payload_names_its_field(
    format_: Format, request_type: type[msgspec.Struct], payload: Any, field: str
) -> None:
    """A client learns which field is wrong; what is wrong with the whole has an empty name."""
    envelope = format_.decode(packet(format_, op=2, d=payload))
    with pytest.raises(InvalidPayloadError) as caught:
        format_.payload(envelope, format_.decoder(request_type))
    assert caught.value.field == field
    assert caught.value.problem


@BOTH
@pytest.mark.parametrize("request_type", REQUESTS, ids=lambda one: str(one.__name__))
def test_null_is_as_good_as_absent(format_: Format, request_type: type[msgspec.Struct]) -> None:
    """As clients in typed languages spell what they do not say; a field that must be is missed."""
    optional = [one for one in msgspec.structs.fields(request_type) if not one.required]
    required = [one for one in msgspec.structs.fields(request_type) if one.required]
    decoder = format_.decoder(request_type)
    nulls = dict.fromkeys((one.encode_name for one in optional), None)
    if required:
        first = required[0].encode_name
        envelope = format_.decode(packet(format_, op=2, d={**nulls, first: None}))
        with pytest.raises(InvalidPayloadError):
            format_.payload(envelope, decoder)
    else:
        for d in (nulls, None):
            assert format_.payload(format_.decode(packet(format_, op=2, d=d)), decoder) == (
                request_type()
            )


@BOTH
def test_null_is_absent_within_structures_as_well(format_: Format) -> None:
    d: dict[str, Any] = {"service": "s", "reason": "other", "statement": "x", "claim": None}
    envelope = format_.decode(packet(format_, op=2, d=d))
    read = format_.payload(envelope, format_.decoder(moderation.LitigeCreated))
    assert read == moderation.LitigeCreated("s", "other", "x")
    d["claim"] = {"refund": None}
    envelope = format_.decode(packet(format_, op=2, d=d))
    with pytest.raises(InvalidPayloadError) as caught:
        format_.payload(envelope, format_.decoder(moderation.LitigeCreated))
    assert caught.value.field == "claim.refund"


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (r'{"text":"hi \ud83d","to":"bob"}', "text"),
        (r'{"text":"\ude00 hi","to":"bob"}', "text"),
        (r'{"text":"hi","to":"\ud83d\u0020"}', "to"),
        (r'{"text":"hi","other":[{"a":["\udfff"]}]}', "other[0].a[0]"),
        (r'{"text":"hi","\ud83d":1}', ""),
        (r'"\ud83d"', ""),
        ('{"text":NaN}', ""),
    ],
)
@pytest.mark.parametrize("packet_id", [7, "seven"])
def test_what_is_wrong_within_a_payload_is_refused_by_the_packets_id(
    payload: str, field: str, packet_id: int | str
) -> None:
    """Half of a surrogate pair, as JavaScript's slice leaves it, loses one packet and no more."""
    envelope = JSON.decode(f'{{"d":{payload},"op":7,"id":{json.dumps(packet_id)}}}')
    assert (envelope.op, envelope.id) == (7, packet_id)
    with pytest.raises(InvalidPayloadError) as caught:
        JSON.payload(envelope, JSON.decoder(messaging.CreateMsg))
    assert caught.value.field == field


def test_text_of_message_pack_that_is_not_utf_8_names_its_field() -> None:
    data = b"\x83\xa2op\x07\xa2id\x05\xa1d\x82\xa2to\xa3bob\xa4text\xa3\xed\xa0\xbd"
    envelope = MESSAGE_PACK.decode(data)
    assert envelope.id == 5
    with pytest.raises(InvalidPayloadError) as caught:
        MESSAGE_PACK.payload(envelope, MESSAGE_PACK.decoder(messaging.CreateMsg))
    assert caught.value.field == "text"
