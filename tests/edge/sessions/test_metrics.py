"""Bytes that all sessions of an edge hold together."""

from prometheus_client import CollectorRegistry

from edge.handlers.attach import attach
from edge.sessions.context import Edge
from edge.sessions.metrics import SessionMetrics
from tests.edge.scripted import Stream, message_event, new_session, running
from tests.support.waiting import until


async def test_the_sessions_are_added_up(edge: Edge, live: Stream) -> None:
    """Sockets, bytes that wait or are held, unconfirmed alerts, questions under way."""
    registry = CollectorRegistry()
    registry.register(SessionMetrics(edge.hub, edge.people))

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"parley_edge_{name}")

    assert value("sessions") == value("outbox_bytes") == value("outbox_bytes_most") == 0
    reading, reading_wire = new_session(edge)
    stuck, stuck_wire = new_session(edge)
    for session in (reading, stuck):
        edge.hub.add(session)
        await attach(session, None, 0)
    await reading_wire.hear()
    await stuck_wire.hear()
    stuck_wire.reads.clear()
    for number in (1, 2, 3):
        live.say(10 + number, message_event(number))
        await reading_wire.hear()
    assert value("sessions") == 2
    assert value("unconfirmed_alerts") == 6
    await until(lambda: reading.waiting_bytes == 0)
    most = value("outbox_bytes_most")
    assert most == stuck.waiting_bytes
    assert value("outbox_bytes") == most
    held = reading.kept_bytes + stuck.kept_bytes
    assert value("held_bytes") == value("held_bytes_most") == held
    assert held > most
    assert most > 0
    assert value("requests") == 0
    stuck_wire.say(10, {"conversation": "c"}, 1)
    async with running(stuck.run()):
        await until(lambda: value("requests") == 1)
