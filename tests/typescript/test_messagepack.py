"""The vectors by which the TypeScript client's MessagePack is held to what the server speaks."""

import base64
import json
import sys

import msgspec

from tests.support.node import LIBRARY

VECTORS = LIBRARY / "tests" / "codec" / "messagepack.jsonl"

# Each form of the format, and both sides of each of its limits.
VALUES: list[object] = [
    None,
    True,
    False,
    *(
        sign * (2**bits + step)
        for sign in (1, -1)
        for bits in (5, 7, 8, 15, 16, 31, 32)
        for step in (-1, 0, 1)
    ),
    0,
    2**53 - 1,
    -(2**53) + 1,
    0.5,
    -1.25e300,
    "",
    *("é" * length for length in (1, 15, 16, 127, 128, 200)),
    "x" * 31,
    "x" * 32,
    "x" * 255,
    "x" * 256,
    "\U0001f600\u0000\u200d",
    [],
    list(range(15)),
    list(range(16)),
    {},
    {str(number): number for number in range(15)},
    {str(number): number for number in range(16)},
    {"op": 16, "d": {"conversation": "c", "message": {"seq": 1, "text": "Hé"}}, "cur": "x"},
    [[[[{"a": [None, {"b": False}]}]]]],
]


def make_vectors() -> str:
    """Give the vectors as the file holds them."""
    vectors = [
        {"value": value, "bytes": base64.b64encode(msgspec.msgpack.encode(value)).decode()}
        for value in VALUES
    ]
    return "".join(f"{json.dumps(vector)}\n" for vector in vectors)


def test_the_vectors_are_what_msgspec_writes() -> None:
    """`python -m tests.typescript.test_messagepack` writes them anew."""
    assert VECTORS.read_text() == make_vectors()


if __name__ == "__main__":
    VECTORS.write_text(make_vectors())
    sys.stdout.write(f"{VECTORS}\n")
