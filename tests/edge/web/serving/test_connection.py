"""A connection below HTTP and WebSocket, on a transport that the test holds."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from edge.metrics import Metrics
from edge.web.problems import RefusedError
from edge.web.serving.connection import Connection, Connections
from tests.edge.web.serving.wires import Socket, settings_for
from tests.support.waiting import until

Make = Callable[..., tuple[Connection, Socket, "Protocol"]]


class Protocol(asyncio.Protocol):
    """Notes what it is given, and pauses when the test says so."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.pieces: list[bytes] = []
        self.pauses = False
        self.lost = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)
        if self.pauses:
            self.transport.pause_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.lost = True


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def make(metrics: Metrics, tmp_path: Path) -> Make:
    """Opens connections of one edge, whose settings the first call says."""
    edges: list[Connections] = []

    def make(**limits: Any) -> tuple[Connection, Socket, Protocol]:
        if not edges:
            edges.append(Connections(settings_for(tmp_path, **limits), metrics))
        protocol = Protocol()
        connection = Connection(edges[0], lambda _connection: protocol)
        socket = Socket(connection)
        connection.connection_made(socket)
        return connection, socket, protocol

    return make


def reached(metrics: Metrics, limit: str) -> float | None:
    name = "parley_edge_limit_reached_total"
    return metrics.registry.get_sample_value(name, {"limit": limit})


def open_now(metrics: Metrics) -> tuple[float | None, float | None]:
    """All connections, and those without a session."""
    sample = metrics.registry.get_sample_value
    return sample("parley_edge_connections"), sample("parley_edge_connections_without_session")


async def test_what_is_read_at_once_is_handed_on_in_pieces(make: Make) -> None:
    """While the protocol wants no more nothing is read; the next piece comes a turn of the loop
    after it wants more, so that others come in between.
    """
    _, socket, protocol = make()
    protocol.pauses = True
    socket.receive(b"a" * 1024 + b"b" * 1024 + b"c")
    assert protocol.pieces == [b"a" * 1024]
    assert not socket.reads
    protocol.transport.resume_reading()
    assert protocol.pieces == [b"a" * 1024]
    await asyncio.sleep(0)
    assert protocol.pieces == [b"a" * 1024, b"b" * 1024]
    assert not socket.reads
    protocol.pauses = False
    protocol.transport.resume_reading()
    await asyncio.sleep(0)
    assert protocol.pieces[2:] == [b"c"]
    assert socket.reads


async def test_what_is_wanted_is_handed_on_at_once(make: Make) -> None:
    """A protocol that takes everything waits for no turn of the loop."""
    _, socket, protocol = make()
    socket.receive(b"x" * 5000)
    assert b"".join(protocol.pieces) == b"x" * 5000
    assert socket.reads


async def test_a_fast_sender_is_read_slowly(make: Make, metrics: Metrics) -> None:
    """What was read is handed on; more is read when the allowance allows it."""
    _, socket, protocol = make(bytes_burst=4096, bytes_per_second=1_000_000)
    socket.receive(b"x" * 4096)
    assert socket.reads
    socket.receive(b"x" * 2048)
    assert not socket.reads
    assert b"".join(protocol.pieces) == b"x" * 6144
    assert reached(metrics, "bytes_per_second") == 1
    await until(lambda: socket.reads)


async def test_tiny_reads_cost_as_much_as_larger_ones(make: Make) -> None:
    """A byte at a time is 1024 times as fast."""
    _, socket, _ = make(bytes_burst=10 * 1024, bytes_per_second=1)
    for _ in range(10):
        socket.receive(b"x")
    assert socket.reads
    socket.receive(b"x")
    assert not socket.reads


async def test_reading_waits_for_whoever_wants_it_to_wait(make: Make) -> None:
    """The protocol that wants more does not undo the pace."""
    connection, socket, protocol = make(bytes_burst=1024, bytes_per_second=1)
    protocol.pauses = True
    socket.receive(b"x" * 2048)
    protocol.pauses = False
    protocol.transport.resume_reading()
    await asyncio.sleep(0)
    assert len(protocol.pieces) == 2
    assert not socket.reads
    connection.abort()


async def test_silence_is_answered_and_ended(make: Make, metrics: Metrics) -> None:
    """408 after the deadline, and closed; counted by its reason."""
    _, socket, _ = make(handshake_timeout_seconds=0.01)
    await until(lambda: socket.ended)
    assert socket.written.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'"reason":"too_slow"' in socket.written
    assert reached(metrics, "handshake_timeout_seconds") == 1
    labels = {"status": "408", "reason": "too_slow"}
    assert metrics.registry.get_sample_value("parley_edge_refusals_total", labels) == 1


async def test_an_answer_that_nobody_reads_is_cut_off(make: Make) -> None:
    """No second one is put behind it."""
    _, socket, protocol = make(handshake_timeout_seconds=0.01)
    protocol.transport.write(b"HTTP/1.1 200 OK")
    await until(lambda: socket.aborted)
    assert socket.written == b"HTTP/1.1 200 OK"


async def test_what_is_to_end_soon_does_not_end_later(make: Make) -> None:
    """Its farewell has a deadline of its own, which the session's does not put off."""
    connection, socket, protocol = make(handshake_timeout_seconds=60)
    connection.attached()
    connection.abort(0.01)
    connection.abort(3600)
    await until(lambda: socket.aborted)
    await until(lambda: protocol.lost)
    connection.abort()
    connection.abort(3600)


async def test_a_session_has_no_deadline_here(make: Make, metrics: Metrics) -> None:
    """It is counted among all, and no longer among those without one."""
    connection, socket, _ = make(handshake_timeout_seconds=0.01)
    other, _, _ = make()
    connection.attached()
    assert open_now(metrics) == (2, 1)
    await other.gone
    assert not socket.ended
    assert open_now(metrics) == (1, 0)


async def test_a_farewell_is_heard(make: Make) -> None:
    """What still comes is read and dropped until the peer has closed as well: the kernel resets a
    connection that is closed while unread bytes wait, and what was said is lost.
    """
    connection, socket, protocol = make()
    protocol.pauses = True
    socket.receive(b"x" * 2048)
    connection.refuse(RefusedError(HTTPStatus.BAD_REQUEST, "bad_request", "No."))
    assert socket.written.endswith(b'"reason":"bad_request"}')
    assert socket.ended
    assert socket.reads
    assert not socket.closed
    socket.receive(b"y" * 2048)
    assert protocol.pieces == [b"x" * 1024]
    assert protocol.transport.is_closing()
    protocol.transport.write(b"too late")
    await asyncio.sleep(0)
    assert b"too late" not in socket.written
    socket.hang_up()
    assert protocol.lost
    assert connection.gone.done()


async def test_what_is_dropped_is_read_at_leisure(make: Make) -> None:
    """A flood is not worth a burst any more."""
    connection, socket, _ = make(bytes_per_second=1)
    connection.close()
    socket.receive(b"y" * 1024)
    assert not socket.reads
    connection.abort()


async def test_a_session_is_closed_without_waiting(make: Make) -> None:
    """Its farewell is the closing handshake."""
    connection, socket, _ = make()
    connection.attached()
    connection.close()
    assert socket.closed


async def test_the_oldest_without_a_session_gives_way(make: Make, metrics: Metrics) -> None:
    """503 for it, however many come; who has a session stays."""
    attached, first, _ = make(connections_without_session=2)
    attached.attached()
    _, second, _ = make()
    _, third, _ = make()
    assert not second.closed
    _, fourth, _ = make()
    assert second.written.startswith(b"HTTP/1.1 503 ")
    assert b'"reason":"overloaded"' in second.written
    assert [one.closed for one in (first, second, third, fourth)] == [False, True, False, False]
    assert reached(metrics, "connections_without_session") == 1
    assert open_now(metrics) == (3, 2)


async def test_open_connections_are_bounded_with_those_without_a_session(
    make: Make, metrics: Metrics
) -> None:
    """The oldest without a session goes; one that is alone among sessions is let on, for it may
    have to be told why, or ask how many there are.
    """
    first, _, _ = make(sockets_per_edge=2)
    first.attached()
    _, second, _ = make()
    third, _, _ = make()
    assert second.closed
    third.attached()
    assert not third.connections.full
    fourth, socket, _ = make()
    assert fourth.connections.full
    assert not socket.closed
    assert reached(metrics, "sockets_per_edge") == 1


async def test_who_is_being_closed_gives_way_at_once(make: Make) -> None:
    """Its farewell is not waited for."""
    connection, socket, _ = make(connections_without_session=1)
    connection.close()
    assert not socket.aborted
    make()
    assert socket.aborted
