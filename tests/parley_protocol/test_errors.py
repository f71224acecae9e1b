"""Error packets and close codes are the protocol's."""

import msgspec
import pytest

from parley_protocol.errors import (
    CloseCode,
    Error,
    ErrorCode,
    FieldProblem,
    invalid_argument,
    refusal,
)
from parley_protocol.packets import FORMATS, JSON, MESSAGE_PACK, Format, Op


@pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS)
def test_codes_travel_as_their_names(format_: Format) -> None:
    """Clients read strings, in both formats."""
    event = format_.encode(Op.ERROR, refusal(ErrorCode.NOT_FOUND, "x")).event
    codec = {JSON: msgspec.json, MESSAGE_PACK: msgspec.msgpack}[format_]
    assert codec.decode(event.get("text") or event["bytes"])["d"] == {
        "code": "NOT_FOUND",
        "message": "x",
        "retryable": False,
    }


def test_the_edges_own_errors() -> None:
    """A wrong field is told in `fields`, and in words."""
    assert refusal(ErrorCode.NOT_FOUND, "x") == Error(ErrorCode.NOT_FOUND, "x", retryable=False)
    error = invalid_argument("seq", "too low")
    assert (error.code, error.message) == ("INVALID_ARGUMENT", "seq: too low")
    assert error.fields == [FieldProblem("seq", "too low")]
    assert invalid_argument("", "no object").message == "d: no object"


def test_close_codes_are_the_protocols() -> None:
    """Their hundreds tell clients what to do, so no number may change."""
    assert {code.name: code.value for code in CloseCode} == {
        "DRAINING": 4100,
        "SLOW_READER": 4101,
        "NO_PONG": 4102,
        "OVERLOADED": 4200,
        "TOO_MANY_SOCKETS": 4201,
        "TOKEN_EXPIRED": 4300,
        "TOKEN_REVOKED": 4301,
        "BAD_PACKETS": 4400,
        "BANNED": 4403,
        "PACKET_TOO_LARGE": 4413,
    }
