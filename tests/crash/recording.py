"""Records of what each device sent, was told and saw, in order, and of the history in the end."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from parley_protocol.packets import Op
from tests.support.facts import services_of
from tests.support.inbox import COMMANDS, Packet


class Happened(NamedTuple):
    """An event of a service, as a message of kind "event" tells it. The price is in minor units."""

    service: str
    cause: str
    by: str
    state: str
    price: int | None
    reason: str


class Entry(NamedTuple):
    """A message as the history shows it: words, or what happened. Its time is in milliseconds."""

    seq: int
    message: str
    sender: str
    text: str
    event: Happened | None = None
    created_at: int = 0


class Shown(NamedTuple):
    """A service as a party was shown it: prices in minor units, notes by their scores.

    `offer` is the number and price of what lies on the table, `agreed` the version and price of
    what was agreed.
    """

    service: str
    conversation: str
    version: int
    state: str
    offer: tuple[int, int] | None
    agreed: tuple[int, int] | None
    mine: int | None
    theirs: int | None


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
    entry: Entry


class Looked(NamedTuple):
    """The device asked anew, and was shown this message."""

    conversation: str
    entry: Entry


class Commanded(NamedTuple):
    """A command about a service was sent, or sent again. The body is the only one of this key."""

    key: str
    op: int
    body: Packet


class Answered(NamedTuple):
    """A command was answered as carried out. `whole` is all of the answer that a repeat has too."""

    key: str
    cause: str
    shown: Shown
    whole: str


class Updated(NamedTuple):
    """The device was told that something happened to a service, live or by a resume."""

    cause: str
    shown: Shown


class Listed(NamedTuple):
    """The device asked anew, and was shown how the latest service of a conversation stands."""

    shown: Shown


class Filed(NamedTuple):
    """A report, a dispute, a statement or a decision was sent, or sent again."""

    key: str


class Granted(NamedTuple):
    """It was answered as done: with the id of the report or the dispute, or the case decided."""

    key: str
    about: str


class Restricted(NamedTuple):
    """The device was told of a sanction or, if `lifted`, of its end."""

    sanction: str
    lifted: bool


class Connected(NamedTuple):
    """HELLO came. `resumed`: the cursor in the URL is being followed."""

    resumed: bool


class Resuming(NamedTuple):
    """RESUME was sent, for the first time or again."""


class Resumed(NamedTuple):
    """RESUMED came; `asked` for, or because the server had lost its place. `missing`: from now on
    the cursor says nothing of a service that could not be asked.
    """

    complete: bool
    asked: bool
    missing: bool = False


class Refused(NamedTuple):
    """ERROR came, to the packet of this key if to any; with how the service really stands."""

    key: str
    code: str
    retryable: bool
    shown: Shown | None = None


class Told(NamedTuple):
    """The library told its application of a message; `own`: of one that was sent there."""

    conversation: str
    seq: int
    own: bool


class ToldChange(NamedTuple):
    """The library told its application that something happened to a service."""

    service: str
    cause: str
    version: int


class Settled(NamedTuple):
    """The application awaited the answer that its message is stored, and was given it."""

    conversation: str
    seq: int


class Forgot(NamedTuple):
    """The library told its application that something was missed which nobody can tell."""


class Restarted(NamedTuple):
    """The application was closed, and started again with what its store had kept."""


Event = (
    Sent
    | Stored
    | Alerted
    | Looked
    | Commanded
    | Answered
    | Updated
    | Listed
    | Filed
    | Granted
    | Restricted
    | Connected
    | Resuming
    | Resumed
    | Refused
)

Telling = Told | ToldChange | Settled | Forgot | Restarted

# By conversation and participant: all there is, in the order in which it was read.
History = Mapping[str, Mapping[str, list[Entry]]]


@dataclass
class DeviceRecord:
    """The events at one device of a user; and, of one that has a library, what that told it."""

    user: str
    events: list[Event] = field(default_factory=list)
    told: list[Telling] | None = None


# What is filed by packets.
_FILINGS = frozenset(
    {Op.LITIGE_CREATED, Op.LITIGE_STATEMENT, Op.REPORT_CONVERSATIONS, Op.REPORT_MSG}
)

# By the name of the device.
Recording = Mapping[str, DeviceRecord]


class Recorder:
    """Writes down what passes at one device, on its sockets and from the library to it. Packets
    that bear a key have it as their id.
    """

    def __init__(self, record: DeviceRecord) -> None:
        self._events = record.events
        self._told: list[Telling] = []
        record.told = self._told

    def sent(self, packet: Packet) -> None:
        op = packet["op"]
        if op == Op.CREATE_MSG:
            self._events.append(Sent(packet["id"], packet["d"]["text"]))
        elif op in COMMANDS:
            self._events.append(Commanded(packet["id"], op, packet["d"]))
        elif op in _FILINGS:
            self._events.append(Filed(packet["id"]))
        elif op == Op.RESUME:
            self._events.append(Resuming())

    def heard(self, packet: Packet) -> None:
        self._events += _events_of(packet)

    def told(self, packet: Packet, *, own: bool) -> None:
        d = packet["d"]
        if packet["op"] == Op.ALERT_NEW_MSG:
            self._told.append(Told(d["conversation"], d["message"]["seq"], own))
        elif packet["op"] == Op.UPDATE_CONVERSATION_DATAS and "service" in d:
            service = d["service"]
            self._told.append(ToldChange(service["service"], d["cause"], service["version"]))

    def answered(self, packet: Packet) -> None:
        if packet["op"] == Op.STATUS_MSG:
            self._told.append(Settled(packet["d"]["conversation"], packet["d"]["seq"]))

    def reset(self) -> None:
        self._told.append(Forgot())

    def restarted(self) -> None:
        self._told.append(Restarted())


def _events_of(packet: Packet) -> list[Event]:
    d = packet["d"]
    match packet["op"]:
        case Op.HELLO:
            return [Connected(d["resumed"])]
        case Op.STATUS_MSG if "re" in packet:
            return [Stored(packet["re"], d["conversation"], d["seq"], d["message"])]
        case Op.ALERT_NEW_MSG:
            return [Alerted(d["conversation"], read_entry(d["message"]))]
        case Op.RETURN_MESSAGES:
            return [Looked(d["conversation"], read_entry(one)) for one in d["messages"]]
        case Op.REPORT_STATUS if "re" in packet:
            return [Granted(packet["re"], d["report"])]
        case Op.SANCTION:
            return [Restricted(d["sanction"], d["lifted"])]
        case Op.UPDATE_CONVERSATION_DATAS if "dispute" in d:
            return [Granted(packet["re"], d["dispute"]["dispute"])] if "re" in packet else []
        case Op.UPDATE_CONVERSATION_DATAS if "re" in packet:
            # What may be done next follows from the clock and from sanctions, also in a repeat.
            kept = {name: one for name, one in d["service"].items() if name != "allowed_actions"}
            whole = json.dumps({**d, "service": kept}, sort_keys=True)
            return [Answered(packet["re"], d["cause"], _shown(d["service"]), whole)]
        case Op.UPDATE_CONVERSATION_DATAS:
            return [Updated(d["cause"], _shown(d["service"]))]
        case Op.RETURN_CONVERSATIONS:
            return [Listed(_shown(one)) for one in services_of(packet)]
        case Op.RESUMED:
            return [Resumed(d["complete"], "re" in packet, "missing" in d)]
        case Op.ERROR:
            shown = next(map(_shown, services_of(packet)), None)
            return [Refused(str(packet.get("re", "")), d["code"], d["retryable"], shown)]
    return []


def read_entry(message: Packet) -> Entry:
    """A message as a packet shows it."""
    event = message.get("event")
    return Entry(
        message["seq"],
        message["message"],
        message["sender"],
        message.get("text", ""),
        None if event is None else _happened(event),
        round(datetime.fromisoformat(message["created_at"]).timestamp() * 1000),
    )


def _happened(event: Packet) -> Happened:
    price = event["price"]["amount_minor"] if "price" in event else None
    return Happened(
        event["service"],
        event["cause"],
        event.get("by", ""),
        event["state"],
        price,
        event.get("reason", ""),
    )


def _shown(service: Packet) -> Shown:
    offer = service.get("offer") or service.get("amendment")
    agreed = service.get("agreed")
    notes = service["notes"]
    return Shown(
        service["service"],
        service["conversation"],
        service["version"],
        service["state"],
        offer and (offer["number"], offer["price"]["amount_minor"]),
        agreed and (agreed["version"], agreed["price"]["amount_minor"]),
        notes["mine"]["score"] if "mine" in notes else None,
        notes["theirs"]["score"] if "theirs" in notes else None,
    )


def count_events(recording: Recording) -> Counter[type[Event]]:
    """Count the events of each kind."""
    return Counter(type(event) for record in recording.values() for event in record.events)
