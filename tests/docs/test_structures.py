"""The schemas of docs/asyncapi.json allow what the protocol encodes and what the edge reads, and
nothing else.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from docs.structures import structure
from parley_protocol.packets import (
    FORMATS,
    JSON,
    BadPacketError,
    Format,
    InvalidPayloadError,
    Op,
)
from parley_protocol.payloads.connection import Pong
from tests.support.schema import OPS, problems_of, validator
from tests.support.values import payloads

FROM_CLIENT = [op for op in Op if op.from_client]
TO_CLIENT = [op for op in Op if op.to_client]
_IDS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text("ab\N{GRINNING FACE}", max_size=64)
# Each is wrong in the place of something: of another type, too small, too long, no word.
_STRANGE = [True, 0, -1, 101, 2**31, 2**63, -(2**63) - 1, 1.5, "", "x" * 129, "y" * 1_025, [], {}]


def plain(frame: str | bytes) -> Any:
    """A frame as a client's own library reads it."""
    return json.loads(frame) if isinstance(frame, str) else msgspec.msgpack.decode(frame)


@given(st.sampled_from(FROM_CLIENT), st.sampled_from([*FORMATS.values()]), _IDS, st.data())
def test_whatever_a_client_encodes_is_valid(
    op: Op, format_: Format, packet_id: int | str | None, data: st.DataObject
) -> None:
    """With and without what is optional, in both encodings, and with no field beyond."""
    assert op.from_client is not None
    payload = data.draw(payloads(op.from_client))
    packet = plain(format_.encode_from_client(payload, packet_id))
    assert problems_of(packet, from_client=True) == []


@given(st.sampled_from(TO_CLIENT), st.sampled_from([*FORMATS.values()]), _IDS, st.data())
def test_whatever_the_edge_encodes_is_valid(
    op: Op, format_: Format, packet_id: int | str | None, data: st.DataObject
) -> None:
    """As an answer and as a push, in both encodings, and with no field beyond."""
    assert op.to_client is not None
    payload = data.draw(payloads(op.to_client))
    cursor = data.draw(st.none() | st.text("ab"))
    event = format_.encode(op, payload, re=packet_id, cur=cursor).event
    packet = plain(event.get("text") or event["bytes"])
    assert problems_of(packet, from_client=False) == []


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container within a value, with each of its keys."""
    if isinstance(value, dict | list):
        for key in [*value] if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def is_read(packet: Any) -> bool:
    """Whether the edge takes a packet for one of a client."""
    try:
        envelope = JSON.decode(json.dumps(packet))
        payload = OPS[envelope.op].from_client
        assert payload is not None
        JSON.payload(envelope, JSON.decoder(payload))
    except (BadPacketError, InvalidPayloadError):
        return False
    return True


@given(st.sampled_from(FROM_CLIENT), _IDS, st.data())
def test_the_edge_reads_what_is_valid_and_refuses_what_is_not(
    op: Op, packet_id: int | str | None, data: st.DataObject
) -> None:
    """A field that is left out, or has another value, is wrong to both or to neither. Of null the
    schema says nothing: the edge takes it for absent.
    """
    assert op.from_client is not None
    packet = plain(JSON.encode_from_client(data.draw(payloads(op.from_client)), packet_id))
    changed = deepcopy(packet)
    container, key = data.draw(st.sampled_from([*places(changed)]))
    # With another opcode it is another packet.
    assume(container is not changed or key != "op")
    if isinstance(container, dict) and data.draw(st.booleans()):
        del container[key]
    else:
        container[key] = data.draw(st.sampled_from(_STRANGE))
    assert validator(op.from_client).is_valid(changed) is is_read(changed)


def edges(kind: inspect.Type) -> list[tuple[Any, bool]]:
    """The outermost values of a bounded type, each with whether it is allowed."""
    found: list[tuple[Any, bool]] = []
    match kind:
        case inspect.IntType(ge=int(low), le=int(high)):
            found = [(low - 1, False), (low, True), (high, True), (high + 1, False)]
        case inspect.StrType():
            found += [("x" * one, True) for one in (kind.min_length, kind.max_length) if one]
            found += [("", False)] if kind.min_length else []
            found += [("x" * (kind.max_length + 1), False)] if kind.max_length else []
        case inspect.LiteralType():
            found = [*((one, True) for one in kind.values), ("unheard of", False)]
    return found


@pytest.mark.parametrize("op", FROM_CLIENT, ids=lambda op: op.title)
@settings(max_examples=1, phases=[Phase.generate])
@given(st.data())
def test_bounds_are_those_of_the_edge(op: Op, data: st.DataObject) -> None:
    """The outermost values of each field are good, and those beyond them are not, to both."""
    assert op.from_client is not None
    check = validator(op.from_client)
    packet = plain(JSON.encode_from_client(data.draw(payloads(op.from_client)), 1))
    for field in structure(op.from_client).fields:
        for value, good in edges(field.type):
            changed = {**packet, "d": {**packet["d"], field.encode_name: value}}
            assert (check.is_valid(changed), is_read(changed)) == (good, good), (field, value)


@pytest.mark.parametrize("op", FROM_CLIENT, ids=lambda op: op.title)
@settings(max_examples=10)
@given(st.data())
def test_no_packet_passes_for_another(op: Op, data: st.DataObject) -> None:
    """The opcode is a constant of each schema, and must be there."""
    assert op.from_client is not None
    packet = plain(JSON.encode_from_client(data.draw(payloads(op.from_client)), 1))
    check = validator(op.from_client)
    assert check.is_valid(packet)
    other = data.draw(st.sampled_from([one for one in Op if one is not op]))
    for wrong in (other.value, str(op.value), None):
        assert not check.is_valid({**packet, "op": wrong})
    del packet["op"]
    assert not check.is_valid(packet)


@pytest.mark.parametrize("op", TO_CLIENT, ids=lambda op: op.title)
@settings(max_examples=10)
@given(st.data())
def test_a_packet_to_a_client_must_have_its_fields(op: Op, data: st.DataObject) -> None:
    """Its payload, and all of it that msgspec demands."""
    assert op.to_client is not None
    event = JSON.encode(op, data.draw(payloads(op.to_client))).event
    packet = json.loads(event["text"])
    check = validator(op.to_client)
    for field in msgspec.structs.fields(op.to_client):
        less = {key: value for key, value in packet["d"].items() if key != field.encode_name}
        assert check.is_valid({**packet, "d": less}) is not field.required
    del packet["d"]
    assert not check.is_valid(packet)


def test_a_closed_validator_finds_what_is_not_described() -> None:
    """So the tests of real packets would notice a field that the schema forgot."""
    packet = {"op": Op.PONG.value, "d": {"cur": "a", "mood": 1}}
    assert validator(Pong).is_valid(packet)
    assert problems_of(packet, from_client=True)
    assert problems_of({"op": Op.PING.value, "d": {}}, from_client=True)
