"""Which users have which sockets here, and the one timer for all of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from edge.cursors import MESSAGING, NEGOTIATION, Cursor, Position
from edge.push.hub import BEAT_PARTS, Hub, HubSession
from edge.settings import Settings
from parley_protocol.errors import CloseCode
from parley_protocol.packets import JSON, MESSAGE_PACK, Encoding, Format, Frame
from service_kit.authentication.claims import Principal
from tests.edge.scripted import CURSORS, principal_of


class Socket:
    """As much of a session as the hub knows."""

    def __init__(
        self, user: str = "alice", format_: Format = JSON, part: int = 0, heard: float = 0.0
    ) -> None:
        self.user, self.beat_part, self.last_heard = user, part, heard
        self.encoding = Encoding(format_, frozenset({MESSAGING}))
        self.pings: list[Frame] = []
        self.pinged = asyncio.Event()
        self.closed: list[CloseCode] = []
        self.expires_in = 3600.0

    def ping(self, frame: Frame) -> None:
        self.pings.append(frame)
        self.pinged.set()

    def close(self, code: CloseCode, _reason: str) -> None:
        self.closed.append(code)

    @property
    def principal(self) -> Principal:
        return principal_of(self.user, self.expires_in)


def add(hub: Hub, *sockets: Socket) -> None:
    for socket in sockets:
        hub.add(cast("HubSession", socket))


def remove(hub: Hub, socket: Socket) -> None:
    hub.remove(cast("HubSession", socket))


@pytest.fixture
def hub() -> Hub:
    return Hub(5, 30, CURSORS)


class FastLoop:
    """A clock that a sleep moves on at once, so that minutes pass in an instant."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ticks: int) -> None:
        self.now = 1000.0
        self.naps: list[float] = []
        self._ticks = ticks
        self.stall = 0.0
        # Done in the second sleep.
        self.meanwhile: Callable[[], None] = lambda: None
        monkeypatch.setattr("edge.push.hub.asyncio.sleep", self._sleep)
        monkeypatch.setattr("edge.push.hub.asyncio.get_running_loop", lambda: self)

    def time(self) -> float:
        return self.now

    async def _sleep(self, seconds: float) -> None:
        if len(self.naps) == self._ticks:
            raise asyncio.CancelledError
        self.naps.append(seconds)
        if len(self.naps) == 2:
            self.meanwhile()
        self.now += max(seconds, 0) + self.stall
        self.stall = 0.0


async def beat(hub: Hub) -> None:
    with pytest.raises(asyncio.CancelledError):
        await hub.beat()


def tick(hub: Hub, now: float, part: int) -> None:
    """A part of a round, all of it at once."""
    hub._ping(hub._begin_part(part, now), now)


def test_the_defaults_are_five_and_thirty_seconds(tmp_path: Path) -> None:
    """The user's own numbers."""
    settings = Settings(credential_file=tmp_path / "key")
    assert settings.ping_interval_seconds == 5
    assert settings.pong_timeout_seconds == 30


async def test_every_socket_is_pinged_once_in_every_interval(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever part of the round it belongs to."""
    clock = FastLoop(monkeypatch, ticks=3 * BEAT_PARTS)
    sockets = [Socket(part=part, heard=1000) for part in range(BEAT_PARTS)]
    add(hub, *sockets)
    await beat(hub)
    assert clock.now == pytest.approx(1015)
    assert [len(socket.pings) for socket in sockets] == [3] * BEAT_PARTS


async def test_a_round_is_spread_over_the_interval(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fifth of the sockets at a time, rather than 20,000 answers in one instant."""
    FastLoop(monkeypatch, ticks=1)
    sockets = [Socket(part=part, heard=1000) for part in range(BEAT_PARTS)]
    add(hub, *sockets)
    await beat(hub)
    assert [len(socket.pings) for socket in sockets] == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(("sockets", "slices"), [(200, 1), (201, 2), (2_000, 10), (5_000, 20)])
async def test_many_of_one_part_are_pinged_a_slice_at_a_time(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, sockets: int, slices: int
) -> None:
    """Evenly over the second, for a message must not wait for 2,000 PINGs and their PONGs."""
    clock = FastLoop(monkeypatch, ticks=slices)
    crowd = [Socket(heard=1000) for _ in range(sockets)]
    add(hub, *crowd)
    await beat(hub)
    assert [len(socket.pings) for socket in crowd] == [1] * sockets
    size = max(200, sockets // 20)
    assert clock.naps == pytest.approx([1.0, *[size / sockets] * (slices - 1)])


async def test_who_has_gone_since_a_part_began_is_not_pinged(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor looked at again, which would keep it."""
    clock = FastLoop(monkeypatch, ticks=2)
    crowd = [Socket(heard=1000) for _ in range(201)]
    add(hub, *crowd)
    clock.meanwhile = lambda: remove(hub, crowd[200])
    await beat(hub)
    assert [len(socket.pings) for socket in crowd] == [*[1] * 200, 0]
    assert len(hub) == 200
    assert not hub._watched


async def test_a_stalled_process_does_not_make_up_for_missed_rounds(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a pause of the machine everyone is pinged as usual, not once for each missed round."""
    clock = FastLoop(monkeypatch, ticks=BEAT_PARTS + 1)
    clock.stall = 25.0
    add(hub, *(Socket(part=part, heard=1e9) for part in range(BEAT_PARTS)))
    await beat(hub)
    assert clock.naps[1:] == pytest.approx([0, *[1.0] * (BEAT_PARTS - 1)])


async def test_a_ping_is_encoded_once_for_each_format(hub: Hub) -> None:
    """All sockets of a format are given the very same frame."""
    text = [Socket(heard=100), Socket("bob", heard=100)]
    binary = [Socket("carol", MESSAGE_PACK, heard=100), Socket("dora", MESSAGE_PACK, heard=100)]
    add(hub, *text, *binary)
    tick(hub, 100, 0)
    assert text[0].pings[0] is text[1].pings[0]
    assert binary[0].pings[0] is binary[1].pings[0]
    assert text[0].pings[0].event == {"type": "websocket.send", "text": '{"op":1,"d":{}}'}


async def test_a_ping_bears_the_cursor(hub: Hub) -> None:
    """It spares whoever is idle a long replay."""
    hub.positions["messaging"] = Position("e", 7)
    socket = Socket(heard=100)
    add(hub, socket)
    tick(hub, 100, 0)
    cursor = CURSORS.encode({"messaging": Position("e", 7)})
    assert socket.pings[0].event["text"] == f'{{"op":1,"d":{{}},"cur":"{cursor}"}}'


@pytest.mark.parametrize(("silence", "closes"), [(29.9, []), (30.1, [CloseCode.NO_PONG])])
async def test_silence_is_closed_after_the_timeout(
    hub: Hub, silence: float, closes: list[CloseCode]
) -> None:
    """Whichever part of the round is next, and without another PING."""
    socket = Socket(part=3, heard=100)
    add(hub, socket)
    tick(hub, 100 + silence, 0)
    assert socket.closed == closes


async def test_an_expired_token_is_closed(hub: Hub) -> None:
    """Within a part of a round of its expiry."""
    expired, good = Socket(heard=100), Socket("bob", heard=100)
    expired.expires_in = 0
    add(hub, expired, good)
    tick(hub, 100, 0)
    assert (expired.closed, good.closed) == ([CloseCode.TOKEN_EXPIRED], [])
    assert (len(expired.pings), len(good.pings)) == (0, 1)


@pytest.mark.parametrize("part", range(BEAT_PARTS))
async def test_silence_and_expiry_are_noticed_within_a_part_of_a_round(hub: Hub, part: int) -> None:
    """Also of those who were here for rounds, and are not looked at in each part of them."""
    silent, going, staying = (Socket(user, part=part) for user in ("alice", "bob", "carol"))
    add(hub, silent, going, staying)
    for now in range(1, 71):
        going.expires_in = 50.5 - now
        going.last_heard = staying.last_heard = now - 0.5
        if now < 37:
            silent.last_heard = now - 0.5
        tick(hub, now, now % BEAT_PARTS)
        assert bool(silent.closed) is (now - silent.last_heard > 30)
        assert bool(going.closed) is (now > 50.5)
        assert not staying.closed
    assert silent.closed[0] is CloseCode.NO_PONG
    assert going.closed[0] is CloseCode.TOKEN_EXPIRED
    assert len(staying.pings) == 70 // BEAT_PARTS


async def test_another_token_is_looked_at_at_once(hub: Hub) -> None:
    """It may expire sooner than the one before."""
    socket = Socket(part=1, heard=100)
    add(hub, socket)
    tick(hub, 100, 0)
    socket.expires_in = 0
    hub.watch(socket)  # type: ignore[arg-type]
    tick(hub, 101, 2)
    assert socket.closed == [CloseCode.TOKEN_EXPIRED]


async def test_sessions_are_found_by_user_until_the_last_is_gone(hub: Hub) -> None:
    """A user is here until the last socket is gone."""
    first, second, other = Socket(), Socket(), Socket("bob")
    add(hub, first, second, other)
    assert (len(hub), len(hub.of("alice")), len(list(hub))) == (3, 2, 3)
    remove(hub, first)
    assert "alice" in hub.users
    remove(hub, second)
    assert hub.of("alice") == []
    assert list(hub.users) == ["bob"]


async def test_an_edge_is_empty_when_its_last_socket_is_gone(hub: Hub) -> None:
    """The drain waits for it."""
    await hub.empty()
    socket: Any = Socket()
    add(hub, socket)
    waiting = asyncio.create_task(hub.empty())
    await asyncio.sleep(0)
    assert not waiting.done()
    remove(hub, socket)
    await asyncio.wait_for(waiting, 5)


async def test_a_socket_may_leave_while_all_are_visited(hub: Hub) -> None:
    """Closing one of a round must not disturb the round."""
    sockets = [Socket(), Socket(), Socket("bob")]
    add(hub, *sockets)
    visited = 0
    for session in hub:
        hub.remove(session)
        visited += 1
    assert visited == 3


def test_a_cursor_is_silent_about_services_that_a_session_is_not_attached_to(hub: Hub) -> None:
    """Of those it was not told everything, and a resume must not skip it."""
    positions = {MESSAGING: Position("e", 7), NEGOTIATION: Position("n", 3)}
    hub.positions.update(positions)
    everything = hub.cursor()
    assert CURSORS.decode(everything.of(frozenset(positions))) == positions
    only = CURSORS.decode(everything.of(frozenset({MESSAGING})))
    assert only == {MESSAGING: Position("e", 7)}
    assert Cursor(CURSORS, positions).of(frozenset()) == ""
