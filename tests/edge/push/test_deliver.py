"""From events to packets, each with the right cursor and to the right sockets."""

import json
from typing import cast
from unittest.mock import patch

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from parley.messaging.v1 import messaging_pb2 as pb
from prometheus_client import CollectorRegistry

from edge.cursors import MESSAGING, Position
from edge.metrics import Metrics
from edge.push.deliver import Deliverer
from edge.push.hub import Hub, HubSession
from edge.push.origins import Own
from edge.push.render import Alert
from edge.sessions.context import Edge
from edge.sessions.unconfirmed import Unconfirmed
from parley_protocol.packets import JSON, MESSAGE_PACK, Encoding, Format, Frame, Op
from parley_protocol.payloads.connection import Ping
from tests.edge.scripted import (
    CURSORS,
    EPOCH,
    cursor,
    message_event,
    new_session,
    presence_event,
    sample,
    typing_event,
)


class Socket:
    """As much of a session as alerts need; `got` are revision, packet's cursor, and opcode."""

    def __init__(self, hub: Hub, user: str = "alice", format_: Format = JSON) -> None:
        self.user, self.id = user, f"session of {user} {len(hub)}"
        self.encoding = Encoding(format_, frozenset({MESSAGING}))
        self.got: list[tuple[int | None, int | None, int]] = []
        self.frames: list[Frame] = []
        self.told: list[int] = []
        self.confirms: list[tuple[str, int] | None] = []
        self.beat_part = 0
        hub.add(cast("HubSession", self))

    def push(self, _backend: str, revision: int | None, alert: Alert) -> None:
        frame = alert.frame(self.encoding)
        self.frames.append(frame)
        self.confirms.append(alert.confirms)
        if self.encoding.format is JSON:
            envelope = json.loads(frame.event["text"])
            cursor = envelope.get("cur")
            at = None if cursor is None else CURSORS.decode(cursor)[MESSAGING].revision
            self.got.append((revision, at, envelope["op"]))

    def lacks_answer(self, origin: str, _own: Own) -> bool:
        return origin != self.id

    def note_told(self, _backend: str, position: Position) -> None:
        self.told.append(position.revision)

    def push_passing(self, alert: Alert) -> None:
        self.push(MESSAGING, None, alert)


@pytest.fixture
def hub() -> Hub:
    hub = Hub(5, 30, CURSORS)
    hub.positions["messaging"] = Position(EPOCH, 10)
    return hub


@pytest.fixture
def deliverer(hub: Hub) -> Deliverer:
    return Deliverer(hub, MESSAGING, Metrics(CollectorRegistry()))


def read_event() -> pb.Event:
    moved = pb.WatermarkMoved(
        conversation_id="c", reader="bob", message_id="m1", seq=1, author="alice"
    )
    return pb.Event(recipients=["alice", "bob"], read=moved)


async def test_the_cursor_moves_with_the_last_event_of_the_revision(
    hub: Hub, deliverer: Deliverer
) -> None:
    """Whoever drops off in the middle of a revision gets all of it again."""
    socket = Socket(hub)
    deliverer.deliver(11, [message_event(1), message_event(2), read_event()])
    assert socket.got == [(11, 10, 0x10), (11, 10, 0x10), (11, 11, 0x11)]


async def test_the_last_event_is_each_users_own(hub: Hub, deliverer: Deliverer) -> None:
    """For carol the revision ends before it does for alice."""
    alice, carol = Socket(hub), Socket(hub, "carol")
    deliverer.deliver(11, [message_event(1, recipients=["alice", "carol"]), message_event(2)])
    assert alice.got == [(11, 10, 0x10), (11, 11, 0x10)]
    assert carol.got == [(11, 11, 0x10)]


async def test_typing_has_no_cursor_and_does_not_end_a_revision(
    hub: Hub, deliverer: Deliverer
) -> None:
    """It is never stored, so no resume could bring it back."""
    socket, typist = Socket(hub), Socket(hub, "bob")
    deliverer.deliver(11, [message_event(1), typing_event()])
    assert socket.got == [(11, 11, 0x10), (None, None, 0x12)]
    assert typist.got == [(11, 11, 0x10)]


async def test_a_change_is_told_to_all_but_the_socket_that_asked_for_it(
    hub: Hub, deliverer: Deliverer
) -> None:
    """It has its answer; the others move their cursors, for a resume would bring it back."""
    asked, other, peer = Socket(hub), Socket(hub), Socket(hub, "bob")
    changed = pb.MessageChanged(
        message=pb.Message(id="m", conversation_id="c", seq=2, text="new"),
        change=pb.MESSAGE_CHANGE_EDITED,
        origin=asked.id,
    )
    deliverer.deliver(11, [pb.Event(recipients=["alice", "bob"], message_changed=changed)])
    assert (asked.got, other.got, peer.got) == ([], [(11, 11, 0x16)], [(11, 11, 0x16)])
    assert peer.confirms == [None]


async def test_a_block_is_told_to_the_other_sockets_of_who_blocks(
    hub: Hub, deliverer: Deliverer
) -> None:
    """The one that asked has its answer; the rest move their cursors, the other person's do not."""
    asked, other, peer = Socket(hub), Socket(hub), Socket(hub, "bob")
    block = pb.BlockChanged(user="bob", blocked=True, version=5, origin=asked.id)
    deliverer.deliver(11, [pb.Event(recipients=["alice"], block_changed=block)])
    assert (asked.got, other.got, peer.got) == ([], [(11, 11, 0xF9)], [])
    (frame,) = other.frames
    assert frame is not None
    told = {"user": "bob", "blocked": True, "version": 5}
    assert json.loads(frame.event["text"])["d"] == told
    assert other.confirms == [None]


async def test_presence_is_told_to_all_sockets_with_a_cursor(
    hub: Hub, deliverer: Deliverer
) -> None:
    """It is stored, so that a resume brings it back."""
    first, second = Socket(hub), Socket(hub)
    deliverer.deliver(11, [presence_event(), message_event(1)])
    assert first.got == second.got == [(11, 10, 0x13), (11, 11, 0x10)]
    seen = Timestamp(seconds=1_700_000_000)
    deliverer.deliver(12, [presence_event(online=False, last_seen=seen)])
    assert [json.loads(frame.event["text"])["d"] for frame in first.frames if frame][::2] == [
        {"user": "bob", "online": True, "version": 0},
        {"user": "bob", "online": False, "version": 0, "last_seen": "2023-11-14T22:13:20.000Z"},
    ]
    assert first.confirms == [None, ("c", 1), None]


async def test_the_session_that_caused_it_is_skipped(hub: Hub, deliverer: Deliverer) -> None:
    """It has its answer; the author's other sockets and the recipient learn of it."""
    origin, other, recipient = Socket(hub, "bob"), Socket(hub, "bob"), Socket(hub)
    deliverer.deliver(11, [message_event(1, origin=origin.id)])
    assert [len(socket.got) for socket in (origin, other, recipient)] == [0, 1, 1]
    assert (other.confirms, recipient.confirms) == ([None], [("c", 1)])


async def test_only_one_user_is_caught_up(hub: Hub, deliverer: Deliverer) -> None:
    """What one user missed is no news to the other."""
    alice, bob = Socket(hub), Socket(hub, "bob")
    deliverer.deliver(11, [message_event(1)], only=("alice",))
    assert (len(alice.got), len(bob.got)) == (1, 0)


async def test_a_packet_is_encoded_once_for_each_format(hub: Hub, deliverer: Deliverer) -> None:
    """Ten devices of one person cost one encoding."""
    text = [Socket(hub), Socket(hub)]
    binary = [Socket(hub, format_=MESSAGE_PACK), Socket(hub, format_=MESSAGE_PACK)]
    with patch.object(Format, "encode", autospec=True, side_effect=Format.encode) as encode:
        deliverer.deliver(11, [message_event(1)])
    assert encode.call_count == 2
    assert text[0].frames[0] is text[1].frames[0]
    assert binary[0].frames[0] is binary[1].frames[0]


async def test_who_was_never_attached_is_told_to_start_over(edge: Edge) -> None:
    """With the cursor from which alerts come, in the payload and in the envelope."""
    edge.hub.positions["messaging"] = Position(EPOCH, 10)
    deliverer = Deliverer(edge.hub, MESSAGING, edge.metrics)
    attached, _ = new_session(edge)
    attached.attach({MESSAGING: Position(EPOCH, 5)})
    attached.release()
    new, wire = new_session(edge)
    new.attach({})
    new.release()
    for session in (attached, new):
        edge.hub.add(session)
    deliverer.start_over(["alice"], Position(EPOCH, 10), everyone=False)
    cursor = CURSORS.encode({"messaging": Position(EPOCH, 10)})
    resumed = {"replayed": 0, "complete": False, "cur": cursor}
    assert await wire.hear() == {"op": 0x0D, "d": resumed, "cur": cursor}
    assert (attached.floors, new.floors) == ({MESSAGING: 5}, {MESSAGING: 10})


async def test_who_is_being_attached_is_not_told_before_its_greeting(edge: Edge) -> None:
    """HELLO is the first packet, and it names the right clock."""
    edge.hub.positions["messaging"] = Position(EPOCH, 10)
    session, _ = new_session(edge)
    edge.hub.add(session)
    Deliverer(edge.hub, MESSAGING, edge.metrics).start_over(
        ["alice"], Position(EPOCH, 10), everyone=True
    )
    assert not session.floors


async def test_another_clock_forgets_what_a_pong_would_confirm(edge: Edge) -> None:
    """Revisions of a replaced database mean nothing on its successor."""
    edge.hub.positions["messaging"] = Position("another", 3)
    session, wire = new_session(edge)
    edge.hub.add(session)
    session.attach({MESSAGING: Position(EPOCH, 5)})
    session.release()
    session.unconfirmed.append(Unconfirmed(8, 0, "c", 1))
    session.hold()
    session.push(MESSAGING, 9, Alert(Op.ALERT_NEW_MSG, Ping()))
    Deliverer(edge.hub, MESSAGING, edge.metrics).start_over(
        ["alice"], Position("another", 3), everyone=True
    )
    session.release()
    assert (await wire.hear())["op"] == 0x0D
    assert (session.floors, list(session.unconfirmed)) == ({MESSAGING: 3}, [])
    assert not wire.heard()


async def test_who_cannot_be_told_of_an_event_starts_over(edge: Edge) -> None:
    """Their cursor moves past it. What else happened is told, and so are the others."""
    edge.hub.positions[MESSAGING] = Position(EPOCH, 10)
    wires = {}
    for user in ("alice", "bob", "carol"):
        session, wires[user] = new_session(edge, user)
        edge.hub.add(session)
        session.attach({MESSAGING: Position(EPOCH, 10)})
        session.release()
    nonsense = message_event(2)
    # Without a count for the second recipient.
    del nonsense.message_created.unread[1:]
    deliverer = Deliverer(edge.hub, MESSAGING, edge.metrics)
    impossible = message_event(4, recipients=["carol"])
    impossible.message_created.message.create_time.CopyFrom(Timestamp(seconds=10**17))
    deliverer.deliver(11, [message_event(1), nonsense, impossible, message_event(3)])
    told = [await wires["alice"].hear() for _ in range(3)]
    assert [one["d"]["message"]["seq"] for one in told] == [1, 2, 3]
    told = [await wires["bob"].hear() for _ in range(3)]
    assert [one["op"] for one in told] == [Op.ALERT_NEW_MSG, Op.ALERT_NEW_MSG, Op.RESUMED]
    assert told[2]["d"] == {"replayed": 0, "complete": False, "cur": cursor(11)}
    assert (await wires["carol"].hear())["op"] == Op.RESUMED
    assert sample(edge, "untold_events_total", service=MESSAGING) == 2
