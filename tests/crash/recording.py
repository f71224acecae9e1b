"""What each device sent, was told and saw, in order, and what the history holds in the end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.support.client import (
    ALERT_NEW_MSG,
    CREATE_MSG,
    ERROR,
    HELLO,
    RESUMED,
    STATUS_MSG,
    Packet,
)


class Sent(NamedTuple):
    """A message was sent, or sent again. The text is the only one of this key."""

    key: str
    text: str


class Stored(NamedTuple):
    """A message was answered as stored."""

    key: str
    conversation: str
    seq: int
    message: str


class Alerted(NamedTuple):
    """The device was alerted of a message, live or by a resume."""

    conversation: str
    seq: int
    message: str
    sender: str
    text: str


class Connected(NamedTuple):
    """HELLO came. `resumed`: the cursor in the URL is being followed."""

    resumed: bool


class Resumed(NamedTuple):
    """RESUMED came; `asked` for, or because the server had lost its place."""

    complete: bool
    asked: bool


class Refused(NamedTuple):
    """ERROR came, to the packet of this key if to any."""

    key: str
    code: str
    retryable: bool


Event = Sent | Stored | Alerted | Connected | Resumed | Refused


class Entry(NamedTuple):
    """A message as the history shows it."""

    seq: int
    message: str
    sender: str
    text: str


# By conversation and participant: all there is, in the order in which it was read.
History = Mapping[str, Mapping[str, list[Entry]]]


@dataclass
class DeviceRecord:
    """What happened at one device of a user."""

    user: str
    events: list[Event] = field(default_factory=list)


# By the name of the device.
Recording = Mapping[str, DeviceRecord]


class Recorder:
    """Writes down what passes at one device. Packets that send a message bear its key as id."""

    def __init__(self, record: DeviceRecord) -> None:
        self._events = record.events

    def sent(self, packet: Packet) -> None:
        if packet["op"] == CREATE_MSG:
            self._events.append(Sent(packet["id"], packet["d"]["text"]))

    def heard(self, packet: Packet) -> None:
        event = _event_of(packet)
        if event is not None:
            self._events.append(event)


def _event_of(packet: Packet) -> Event | None:
    d = packet["d"]
    match packet["op"]:
        case op if op == HELLO:
            return Connected(d["resumed"])
        case op if op == STATUS_MSG and "re" in packet:
            return Stored(packet["re"], d["conversation"], d["seq"], d["message"])
        case op if op == ALERT_NEW_MSG:
            message = d["message"]
            return Alerted(
                d["conversation"],
                message["seq"],
                message["message"],
                message["sender"],
                message["text"],
            )
        case op if op == RESUMED:
            return Resumed(d["complete"], "re" in packet)
        case op if op == ERROR:
            return Refused(str(packet.get("re", "")), d["code"], d["retryable"])
    return None


def count_events(recording: Recording) -> Counter[type[Event]]:
    """How often each kind of event was recorded."""
    return Counter(type(event) for record in recording.values() for event in record.events)
