"""A new session is greeted first, and resumed when it brought a cursor."""

from edge.cursors import MESSAGING
from edge.sessions.context import Edge
from parley_protocol.packets import JSON, Op
from tests.edge.scripted import Service, Start, Stream, at, cursor, given, message_event, running


async def test_hello_is_the_first_packet(start: Start, service: Service, live: Stream) -> None:
    """Whatever the client has sent already, and however often it is time for a Op.PING."""
    service.hold_updates = True
    session, wire = await start()
    await service.updates.get()
    wire.say(Op.CREATE_MSG, {"to": "bob", "text": "hi"}, 1)
    session.ping(JSON.encode(Op.PING, {}))
    service.release_update(12)
    hello = await wire.hear()
    assert hello["op"] == Op.HELLO
    assert hello["d"]["user"] == "alice"
    assert hello["d"]["session"] == session.id
    assert hello["d"]["resumed"] is False
    assert hello["d"]["cur"] == cursor(12)
    assert hello["d"]["ping_interval_ms"] == 5000
    assert hello["d"]["pong_timeout_ms"] == 30_000
    assert hello["d"]["max_packet_bytes"] == 65_536
    assert hello["d"]["token_expires_at"].endswith("Z")
    assert (await wire.hear())["op"] == Op.STATUS_MSG


async def test_a_replay_that_fails_at_the_handshake_is_not_complete(
    enter: Start, service: Service, live: Stream
) -> None:
    """The cursor will move past what was missed, so the client has to be told."""
    service.changes = given(RuntimeError("the database is away"))
    _, wire = await enter(cursor(7))
    resumed = await wire.hear()
    assert (resumed["op"], resumed["d"]["complete"]) == (Op.RESUMED, False)
    live.say(11, message_event(1))
    assert at(await wire.hear()) == 11


async def test_a_cursor_that_is_none_is_told_at_the_handshake(start: Start, live: Stream) -> None:
    """It is not handed back as if it were good."""
    _, wire = await start("!!")
    hello, error = await wire.hear(), await wire.hear()
    assert (hello["d"]["resumed"], hello["d"]["cur"]) == (False, cursor(10))
    assert (error["d"]["code"], error["d"]["fields"][0]["field"]) == ("INVALID_ARGUMENT", "cur")


async def test_without_the_service_a_session_is_greeted_and_told_later(
    edge: Edge, start: Start, service: Service
) -> None:
    """What does not need the service works; when it is back, the client asks anew."""
    _, wire = await start(cursor(7))
    hello, error = await wire.hear(), await wire.hear()
    assert (hello["d"]["resumed"], hello["d"]["cur"]) == (False, "")
    assert (error["d"]["code"], error["d"]["retryable"]) == ("UNAVAILABLE", True)
    async with running(edge.feeds[MESSAGING].run()):
        resumed = await wire.hear()
    assert resumed["d"] == {"replayed": 0, "complete": False, "cur": cursor(10)}
