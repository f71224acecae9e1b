"""Bytes and packets that nobody foresaw, against real processes: bystanders are served meanwhile.

`PARLEY_FUZZ_SECONDS` is the budget of each test, and `PARLEY_FUZZ_SEED` repeats the one that is
printed. `make nightly` gives them minutes.
"""

import asyncio
import json
import os
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from parley_protocol.packets import Op
from tests.conftest import PROFILE
from tests.support.client import Client
from tests.support.system import System
from tests.system.conftest import SystemOn

SECONDS = float(os.environ.get("PARLEY_FUZZ_SECONDS", "120" if PROFILE == "nightly" else "4"))
SEED = int(os.environ.get("PARLEY_FUZZ_SEED", secrets.randbelow(2**32)))
pytestmark = pytest.mark.timeout(SECONDS + 120)
# The budget is spent long before.
_MOST_EXAMPLES = 1_000_000

# --- What is sent ------------------------------------------------------------------------------

_TEXTS = st.one_of(
    st.sampled_from(["", "\0", "a\0b", "\ud800", "\u202e", "x" * 129, "x" * 5_000, "%00", "NULL"]),
    st.text(max_size=20),
)
_NUMBERS = st.sampled_from([0, -1, 1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 1.5, 1e300])
_ODD = st.one_of(st.none(), st.booleans(), _TEXTS, _NUMBERS)
_FIELDS = sorted(
    {
        field.encode_name
        for op in Op
        if op.from_client is not None
        for field in msgspec.structs.fields(op.from_client)
    }
)
# In the place of these stands what there is, so that odd values come as far as they can.
_KNOWN = ("@conversation", "@message", "@service", "@person", "@bystander")
_VALUES = st.recursive(
    st.one_of(st.sampled_from(_KNOWN), st.sampled_from(["offered", "client", "spam"]), _ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def _packets(draw: st.DrawFn) -> dict[str, Any]:
    op = draw(st.sampled_from([one for one in Op if one.from_client is not None]))
    own = [one.encode_name for one in msgspec.structs.fields(op.from_client or msgspec.Struct)]
    d: Any = {name: draw(_VALUES) for name in own if draw(st.integers(0, 4))}
    d |= draw(st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=2))
    if not draw(st.integers(0, 9)):
        d = draw(_VALUES)
    packet = {"op": draw(st.sampled_from([int(op)] * 9 + [-1, 0, 2**40])), "id": 1, "d": d}
    return packet | draw(st.dictionaries(st.sampled_from(["op", "id", "d", "x"]), _ODD, max_size=1))


_HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_FRAMES = st.builds(
    lambda first, length, rest: bytes([first, length]) + rest,
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=60),
)


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A handshake with some of its bytes replaced, put in or left out."""
    data = bytearray(_HANDSHAKE)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 9))] = draw(st.binary(max_size=12))
        data = data or bytearray(b"\r\n")
    return bytes(data)


# --- How it is told whether all is well -------------------------------------------------------


class Bystanders:
    """Two people who talk while others attack, and what the processes say and do meanwhile."""

    def __init__(self, system: System, suffix: str) -> None:
        self.system, self.people = system, (f"ann-{suffix}", f"bob-{suffix}")
        self.clients: list[Client] = []
        self._logs = {path: len(path.read_text()) for path in system.folder.glob("*.log")}

    async def come(self) -> dict[str, str]:
        """Connect and begin to talk; gives what there is, by the name of its placeholder."""
        tokens = map(self.system.token, self.people)
        self.clients = [await Client.open(self.system.url, token) for token in tokens]
        stored = await self.clients[0].write(self.people[1], "hello")
        await self.clients[1].expect(Op.ALERT_NEW_MSG)
        return {
            "@conversation": stored["conversation"],
            "@message": stored["message"],
            "@bystander": self.people[0],
        }

    async def check(self, piece: object) -> None:
        """What each writes reaches the other, every process lives, and none logged a defect.

        Whoever only listened would be taken for dead.
        """
        for one, other in ((0, 1), (1, 0)):
            await self.clients[one].write(self.people[other], "still here")
            await self.clients[other].expect(Op.ALERT_NEW_MSG)
        for client in self.clients:
            client.packets.clear()
            client.pings.clear()
        assert all(part.process.poll() is None for part in self.system.parts), piece
        for path in self.system.folder.glob("*.log"):
            said = path.read_text()
            new = said[self._logs.get(path, 0) :]
            self._logs[path] = len(said)
            bad = [line for line in new.splitlines() if _is_defect(line)]
            assert not bad, (piece, bad[:1])


def _is_defect(line: str) -> bool:
    if "Traceback" in line:
        return True
    with suppress(ValueError):
        return json.loads(line).get("level") in {"error", "critical"}
    return False


Attack = Callable[[Any], Coroutine[Any, Any, None]]


class _BudgetSpentError(BaseException):
    """Ends the attempts; an Exception would be a finding of Hypothesis, to be repeated."""


def _fuzz(
    pieces: st.SearchStrategy[Any], runner: asyncio.Runner, attack: Attack, check: Attack
) -> None:
    """Try pieces for as long as the budget lasts; after each the bystanders are looked at."""
    print(f"PARLEY_FUZZ_SEED={SEED}")  # noqa: T201, pytest shows it with a failure
    end = time.monotonic() + SECONDS

    @seed(SEED)
    @settings(
        max_examples=_MOST_EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(pieces)
    def attempt(piece: Any) -> None:
        if time.monotonic() > end:
            raise _BudgetSpentError
        runner.run(attack(piece))
        runner.run(check(piece))

    with suppress(_BudgetSpentError):
        attempt()


@pytest.fixture
def moderated_system(kind: str, moderated_system_on: SystemOn) -> System:
    """The system of all tests here, on either database."""
    return moderated_system_on(kind)


def test_packets_that_nobody_foresaw_harm_nobody(
    moderated_system: System, person: Callable[[str], str]
) -> None:
    """Whatever they hold, in JSON and MessagePack: none is a defect, and others are served."""
    system, attackers = moderated_system, map(person, map(str, count()))
    bystanders = Bystanders(system, secrets.token_hex(4))
    with asyncio.Runner() as runner:
        known = runner.run(bystanders.come()) | {"@person": person("nobody"), "@service": "none"}

        async def attack(piece: tuple[str, list[Any]]) -> None:
            subprotocol, packets = piece
            # One of them may connect only so often.
            token = system.token(next(attackers))
            client = await Client.open(system.url, token, subprotocol=subprotocol)
            with suppress(ConnectionClosed):
                for packet in packets:
                    meant = _replace(packet, known)
                    if subprotocol == "parley.v1.json":
                        await client.send_raw(json.dumps(meant))
                        continue
                    # MessagePack can spell less.
                    with suppress(OverflowError, UnicodeEncodeError, msgspec.MsgspecError):
                        await client.send_raw(msgspec.msgpack.encode(meant))
                with suppress(AssertionError):
                    await client.settle()
            codes = [one["d"]["code"] for one in client.packets if one["op"] == Op.ERROR]
            await client.close()
            assert "INTERNAL" not in codes, packets

        pieces = st.tuples(
            st.sampled_from(["parley.v1.json", "parley.v1.msgpack"]),
            st.lists(_packets(), min_size=1, max_size=15),
        )
        _fuzz(pieces, runner, attack, bystanders.check)
        _leave(runner, bystanders)


def test_bytes_that_nobody_foresaw_harm_nobody(
    moderated_system: System, person: Callable[[str], str]
) -> None:
    """In the place of a handshake, and on a socket that is open already."""
    system, attackers = moderated_system, map(person, map(str, count()))
    bystanders = Bystanders(system, secrets.token_hex(4))
    with asyncio.Runner() as runner:
        runner.run(bystanders.come())

        async def attack(piece: tuple[bool, list[bytes]]) -> None:
            is_open, chunks = piece
            with suppress(OSError, ConnectionClosed, InvalidHandshake, InvalidMessage):
                if is_open:
                    client = await Client.open(system.url, system.token(next(attackers)))
                    for chunk in chunks:
                        client.connection.transport.write(chunk)
                    client.connection.transport.abort()
                    await client.closed()
                    return
                _, writer = await asyncio.open_connection("127.0.0.1", system.edge_port)
                for chunk in chunks:
                    writer.write(chunk)
                    await writer.drain()
                writer.close()

        pieces = st.tuples(
            st.booleans(),
            st.lists(st.one_of(st.binary(max_size=200), _FRAMES, _mutated()), max_size=5),
        )
        _fuzz(pieces, runner, attack, bystanders.check)
        _leave(runner, bystanders)


def _leave(runner: asyncio.Runner, bystanders: Bystanders) -> None:
    for client in bystanders.clients:
        runner.run(client.close())


def _replace(value: Any, known: dict[str, str]) -> Any:
    """Put what there is in the place of its names."""
    match value:
        case str():
            return known.get(value, value)
        case list():
            return [_replace(one, known) for one in value]
        case dict():
            return {key: _replace(one, known) for key, one in value.items()}
    return value
