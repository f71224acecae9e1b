"""Each opcode with bad and hostile input: a named error, and nothing lost."""

import asyncio
import json
import re
import socket
from contextlib import suppress
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.system import System
from tests.support.waiting import PATIENCE
from tests.system.conftest import Connect, SystemOn

SOME = str(uuid4())


@pytest.fixture
def shared_system(kind: str, shared_system_on: SystemOn) -> System:
    """The system of all tests here, on either database."""
    return shared_system_on(kind)


# Opcode, payload, and the field that the error has to name.
INVALID = [
    (Op.PONG, {"cur": 5}, "cur"),
    (Op.PONG, {"cur": "!"}, "cur"),
    (Op.PONG, [], ""),
    (Op.ASK_CONVERSATIONS, {"limit": 0}, "limit"),
    (Op.ASK_CONVERSATIONS, {"limit": 101}, "limit"),
    (Op.ASK_CONVERSATIONS, {"limit": "5"}, "limit"),
    (Op.ASK_CONVERSATIONS, {"limit": 10**30}, "limit"),
    (Op.ASK_CONVERSATIONS, {"page": "nonsense"}, "page"),
    (Op.ASK_CONVERSATIONS, {"page": "x" * 2000}, "page"),
    (Op.CREATE_MSG, {}, ""),
    (Op.CREATE_MSG, {"text": "x"}, "conversation"),
    (Op.CREATE_MSG, {"text": "x", "to": "b", "conversation": SOME}, "conversation"),
    (Op.CREATE_MSG, {"text": "x", "conversation": SOME, "subject": "s"}, "subject"),
    (Op.CREATE_MSG, {"text": 7, "to": "b"}, "text"),
    (Op.CREATE_MSG, {"text": None, "to": "b"}, "text"),
    (Op.CREATE_MSG, {"text": "", "to": "b"}, "text"),
    (Op.CREATE_MSG, {"text": " \n\t", "to": "b"}, "text"),
    (Op.CREATE_MSG, {"text": "a\0b", "to": "b"}, "text"),
    (Op.CREATE_MSG, {"text": "x" * 4001, "to": "b"}, "text"),
    (Op.CREATE_MSG, {"text": "x", "to": ""}, "to"),
    (Op.CREATE_MSG, {"text": "x", "to": "u" * 129}, "to"),
    (Op.CREATE_MSG, {"text": "x", "to": "a\nb"}, "to"),
    (Op.CREATE_MSG, {"text": "x", "to": "b", "subject": "s" * 201}, "subject"),
    (Op.CREATE_MSG, {"text": "x", "to": "b", "idempotency_key": ""}, "idempotency_key"),
    (Op.CREATE_MSG, {"text": "x", "to": "b", "idempotency_key": "k" * 65}, "idempotency_key"),
    (Op.OPENED_CONVERSATION, {}, ""),
    (Op.OPENED_CONVERSATION, {"conversation": 5}, "conversation"),
    (Op.OPENED_CONVERSATION, {"conversation": SOME, "seq": 0}, "seq"),
    (Op.OPENED_CONVERSATION, {"conversation": SOME, "seq": -1}, "seq"),
    (Op.OPENED_CONVERSATION, {"conversation": SOME, "seq": 2**63}, "seq"),
    (Op.OPENED_CONVERSATION, {"conversation": SOME, "seq": 1.5}, "seq"),
    (Op.ASK_MESSAGES, {"conversation": SOME, "before": 1, "after": 1}, "before"),
    (Op.ASK_MESSAGES, {"conversation": SOME, "limit": 201}, "limit"),
    (Op.ASK_MESSAGES, {"conversation": SOME, "before": 0}, "before"),
    (Op.ASK_MESSAGES, {"conversation": SOME, "after": -1}, "after"),
    (Op.EDIT_MSG, {}, ""),
    (Op.EDIT_MSG, {"message": SOME}, ""),
    (Op.EDIT_MSG, {"message": 5, "text": "x"}, "message"),
    (Op.EDIT_MSG, {"message": "", "text": "x"}, "message"),
    (Op.EDIT_MSG, {"message": "m" * 129, "text": "x"}, "message"),
    (Op.EDIT_MSG, {"message": SOME, "text": None}, "text"),
    (Op.EDIT_MSG, {"message": SOME, "text": ""}, "text"),
    (Op.EDIT_MSG, {"message": SOME, "text": " \n\t"}, "text"),
    (Op.EDIT_MSG, {"message": SOME, "text": "a\0b"}, "text"),
    (Op.EDIT_MSG, {"message": SOME, "text": "x" * 4001}, "text"),
    (Op.EDIT_MSG, {"message": SOME, "text": "x", "idempotency_key": ""}, "idempotency_key"),
    (Op.EDIT_MSG, {"message": SOME, "text": "x", "idempotency_key": "k" * 65}, "idempotency_key"),
    (Op.DELETE_MSG, {}, ""),
    (Op.DELETE_MSG, {"message": [SOME]}, "message"),
    (Op.DELETE_MSG, {"message": "m" * 129}, "message"),
    (Op.DELETE_MSG, {"message": SOME, "idempotency_key": 5}, "idempotency_key"),
    (Op.BLOCK_USER, {}, ""),
    (Op.BLOCK_USER, {"user": "bob"}, ""),
    (Op.BLOCK_USER, {"user": "", "blocked": True}, "user"),
    (Op.BLOCK_USER, {"user": "b\0", "blocked": True}, "user"),
    (Op.BLOCK_USER, {"user": "b" * 129, "blocked": True}, "user"),
    (Op.BLOCK_USER, {"user": ["bob"], "blocked": True}, "user"),
    (Op.BLOCK_USER, {"user": "bob", "blocked": 1}, "blocked"),
    (Op.RESUME, {}, ""),
    (Op.RESUME, {"cur": None}, "cur"),
    (Op.CREATE_MSG, {"text": "\u200b", "to": "b"}, "text"),
    (Op.CREATE_MSG, {"text": "\u3164\u2800\U000e0020", "to": "b"}, "text"),
    (Op.CREATE_MSG, {"text": "x", "to": "\u3164"}, "to"),
    (Op.CREATE_MSG, {"text": "x", "to": "b", "subject": "a\u2028b"}, "subject"),
    (Op.EDIT_MSG, {"message": SOME, "text": "\ufeff"}, "text"),
    (Op.RENEW_TOKEN, {}, ""),
    (Op.RENEW_TOKEN, {"token": 5}, "token"),
    (Op.TYPING, {"conversation": SOME}, ""),
    (Op.TYPING, {"conversation": SOME, "typing": "yes"}, "typing"),
]


# As the contracts between services call fields that packets call otherwise.
CONTRACT_NAMES = re.compile(
    r"page_token|page_size|_seconds|(before|after)_seq|(conversation|message|service|dispute|decision)_id"
)


@pytest.mark.parametrize("subprotocol", ["parley.v1.json", "parley.v1.msgpack"])
async def test_an_invalid_payload_names_its_field(
    shared_system: System, connect: Connect, alice: str, subprotocol: str
) -> None:
    """INVALID_ARGUMENT with `fields`, not retryable, and the socket lives on."""
    client = await connect(shared_system, alice, subprotocol=subprotocol)
    for op, d, field in INVALID:
        if subprotocol == "parley.v1.msgpack" and op == Op.ASK_CONVERSATIONS and d == INVALID[6][1]:
            # MessagePack can not spell an integer of 100 bits.
            continue
        reply = await client.ask(op, d)
        assert (reply["op"], reply["d"]["code"]) == (Op.ERROR, "INVALID_ARGUMENT"), (op, d, reply)
        assert not reply["d"]["retryable"]
        fields = reply["d"]["fields"]
        assert [problem["field"] for problem in fields] == [field], (op, d, reply)
        assert all(problem["problem"] for problem in fields)
        assert not CONTRACT_NAMES.search(json.dumps(reply["d"])), (op, d, reply)
    await client.settle()


async def test_lone_surrogates_are_refused_as_invalid(client: Client) -> None:
    """JSON can spell what UTF-8 can not; no field lets it through, and nothing breaks."""
    for raw in (
        r'{"op":7,"id":1,"d":{"to":"b","text":"\ud800"}}',
        r'{"op":7,"id":1,"d":{"to":"\udfff","text":"x"}}',
        r'{"op":9,"id":1,"d":{"conversation":"\ud800x"}}',
        r'{"op":20,"id":1,"d":{"message":"m","text":"\ud800"}}',
        r'{"op":21,"id":1,"d":{"message":"\ud800x"}}',
        *[r'{"op":7,"id":1,"d":{"to":"b","text":"hi \ud83d"}}'] * 25,
    ):
        await client.send_raw(raw)
        reply = await client.expect(Op.ERROR)
        assert (reply["re"], reply["d"]["code"]) == (1, "INVALID_ARGUMENT")
    await client.settle()


IDS = ["\0", "a\0b", "\0" * 64, "x" * 128, "\u202e", "\U0001f408" * 64, SOME, "NULL", "%00"]


async def test_an_id_that_none_of_ours_can_be_harms_nobody_else(
    writer: Client, reader: Client, bob: str
) -> None:
    """Not found or invalid for that one, in every packet that names one; what others send at the
    same moment, and so in the same batch, arrives.
    """
    stored = await writer.write(bob, "x")
    await reader.expect(Op.ALERT_NEW_MSG)
    naming: list[tuple[Op, str, dict[str, Any]]] = [
        (Op.TYPING, "conversation", {"typing": True}),
        (Op.OPENED_CONVERSATION, "conversation", {}),
        (Op.CREATE_MSG, "conversation", {"text": "x"}),
        (Op.ASK_MESSAGES, "conversation", {}),
        (Op.EDIT_MSG, "message", {"text": "x"}),
        (Op.DELETE_MSG, "message", {}),
    ]
    for op, field, others in naming:
        for bad in IDS:
            await writer.send(op, {field: bad, **others}, id="bad")
            here = {"conversation": stored["conversation"], "typing": True}
            await reader.send(Op.TYPING, here)
            reply = await writer.take_reply("bad")
            assert reply["d"]["code"] in {"NOT_FOUND", "INVALID_ARGUMENT"}, (op, bad)
            assert (await writer.expect(Op.TYPING))["d"]["user"] == bob


async def test_unknown_fields_are_ignored(client: Client, bob: str) -> None:
    """Clients of a later version are understood."""
    assert (await client.write(bob, "x", colour="red"))["seq"] == 1


NOT_PACKETS: list[Any] = [
    "",
    "x",
    "{",
    "null",
    "[]",
    "7",
    '"op"',
    "{}",
    '{"op":"7"}',
    '{"op":1.5}',
    '{"op":null}',
    '{"op":7,"id":{}}',
    '{"op":7,"id":true}',
    '{"op":7,"id":"' + "x" * 65 + '"}',
    '{"op":5,"id":' + "9" * 40 + "}",
    "[" * 30_000,
    '{"op":7,"d":' + "[" * 30_000,
    b"\x82\xa2op\x05",
    b"\x00\xff",
]


@pytest.mark.parametrize("data", NOT_PACKETS, ids=range(len(NOT_PACKETS)))
async def test_what_is_no_packet_gets_bad_packet(client: Client, data: Any) -> None:
    """BAD_PACKET, and the next good packet is answered."""
    await client.send_raw(data)
    error = await client.expect(Op.ERROR)
    assert error["d"]["code"] == "BAD_PACKET"
    await client.settle()


@pytest.mark.parametrize("op", [0, 1, 3, 4, 6, 8, 0x0B, 0x0D, 0x0F, 0x10, 0x11, 0x99, -1, 2**40])
async def test_opcodes_that_no_client_sends(client: Client, op: int) -> None:
    """UNKNOWN_OPCODE, bearing the id of the packet."""
    reply = await client.ask(op, {})
    assert reply["d"]["code"] == "UNKNOWN_OPCODE"


async def test_repeated_bad_packets_close_with_4400(client: Client) -> None:
    """Each of them is answered until the limit, then the socket is closed."""
    for _ in range(20):
        await client.send_raw("x")
    assert await client.closed() == 4400
    assert [packet["d"]["code"] for packet in client.packets] == ["BAD_PACKET"] * 20


@pytest.mark.parametrize("size", [64 * 1024 + 1, 200_000, 3_000_000])
async def test_a_packet_too_large_closes_with_4413(
    client: Client, shared_system: System, connect: Connect, alice: str, size: int
) -> None:
    """64 KiB pass, a byte more does not, however the frames are cut."""
    await client.send_raw('{"op":2}'.ljust(64 * 1024))
    await client.settle()
    with suppress(ConnectionClosed):
        # The edge does not wait for the end of what it will not read.
        await client.send_raw("x" * size)
    assert await client.closed() == 4413
    fragmented = await connect(shared_system, alice)
    with suppress(ConnectionClosed):
        await fragmented.connection.send(["x" * (size // 4 + 1)] * 4)
    assert await fragmented.closed() == 4413


async def test_fragmented_packets_are_put_together(client: Client) -> None:
    """A packet may come in many frames."""
    await client.connection.send(list('{"op":5,"id":"f"}'))
    assert (await client.take(lambda packet: packet.get("re") == "f"))["op"] == 6


async def test_invalid_utf8_in_a_text_frame_closes_with_1007(client: Client) -> None:
    """RFC 6455, 8.1: the protocol's own answer."""
    await client.connection.send(b"\xff\xfe{}", text=True)
    assert await client.closed() == 1007


async def test_duplicate_keys_do_no_harm(client: Client, alice: str, bob: str) -> None:
    """The last one counts, in one place only, so no check sees another value than the effect."""
    await client.send_raw(
        json.dumps({"op": 7, "id": 1, "d": {"text": "x", "to": alice}}).replace(
            f'"to": "{alice}"', f'"to": "{alice}", "to": "{bob}"'
        )
    )
    reply = await client.take(lambda packet: packet.get("re") == 1)
    assert reply["d"]["seq"] == 1


async def test_half_a_packet_and_a_vanished_peer_harm_nobody(
    client: Client, shared_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """Half-open handshakes, half frames and resets leave the others untouched."""
    address = ("127.0.0.1", shared_system.edge_port)
    held = [socket.create_connection(address) for _ in range(20)]
    for number, raw in enumerate(held):
        raw.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: webs"[: 5 + number * 2])
    victim = await connect(shared_system, alice)
    victim.connection.transport.write(b"\x81\xfe\xff")
    victim.connection.transport.abort()
    assert (await client.write(bob, "unharmed"))["seq"] == 1
    for raw in held:
        raw.close()


async def test_script_and_bidi_texts_come_out_as_they_went_in(
    writer: Client, shared_system: System, connect: Connect, bob: str
) -> None:
    """Texts are data: kept to the character, and encoded, never interpreted."""
    reader = await connect(shared_system, bob, subprotocol="parley.v1.msgpack")
    for text in (
        "<script>alert(1)</script>",
        "'; DROP TABLE messages; --",
        "\u202egnirts\u202c",
        "%s {0} ${x}",
        "\ufeffé\u0301",
        "🙂" * 1000,
        "x" * 4000,
        '{"op":1}',
    ):
        await writer.write(bob, text)
        assert (await reader.expect(Op.ALERT_NEW_MSG))["d"]["message"]["text"] == text


async def test_a_flood_of_packets_is_answered_in_full(client: Client) -> None:
    """A pipelined burst of reading requests is bounded in the edge, and each gets its reply."""
    for number in range(300):
        await client.send(Op.ASK_CONVERSATIONS, {}, id=number)
    async with asyncio.timeout(PATIENCE):
        for number in range(300):
            await client.take_reply(number)


async def test_random_bytes_never_end_in_an_internal_error(
    shared_system: System, connect: Connect, alice: str
) -> None:
    """Well-formed envelopes with odd payloads of every kind get a named error or their answer."""
    odd: list[Any] = [None, True, -1, 2**62, 1e300, "", "x" * 300, [], [[]], {}, {"a": {}}]
    client = await connect(shared_system, alice, subprotocol="parley.v1.msgpack")
    names = ["conversation", "to", "text", "seq", "cur", "limit", "page", "typing", "before"]
    names += ["message", "idempotency_key", "user", "blocked"]
    conversations = (
        Op.PONG,
        Op.ASK_CONVERSATIONS,
        Op.CREATE_MSG,
        Op.OPENED_CONVERSATION,
        Op.ASK_MESSAGES,
        Op.TYPING,
    )
    for op in (*conversations, Op.EDIT_MSG, Op.DELETE_MSG, Op.BLOCK_USER):
        for value in odd:
            packet = {"op": op, "id": 1, "d": dict.fromkeys(names, value)}
            await client.send_raw(msgspec.msgpack.encode(packet))
            await client.send_raw(msgspec.msgpack.encode({**packet, "d": value}))
    await client.settle()
    codes = {packet["d"]["code"] for packet in client.packets if packet["op"] == Op.ERROR}
    assert codes <= {"INVALID_ARGUMENT", "NOT_FOUND"}
