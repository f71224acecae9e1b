"""The objects that packets show: how each is known again, and which of two showings is the newer.

Packets come in any order: pages and answers beside pushes, a resume beside all of them. So whatever
shows an object bears a version, and a client keeps what has the greatest. docs/protocol.md has the
rule, and a table made of `SHOWINGS`. Clients read payloads as plain values, and this does so too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

from msgspec import Struct
from msgspec.structs import fields

from parley_protocol.packets import Op
from parley_protocol.payloads import messaging, moderation, negotiation

Data = Mapping[str, Any]


class Kind(StrEnum):
    """The kinds of objects."""

    CONVERSATION = "conversation"
    MESSAGE = "message"
    READ = "read watermark"
    DELIVERED = "delivered watermark"
    PRESENCE = "presence"
    BLOCK = "block"
    SERVICE = "service"
    DISPUTE = "dispute"
    SANCTION = "sanction"
    REPORT = "report"
    APPEAL = "appeal"


class Shown(NamedTuple):
    """An object as one packet shows it, or as several have.

    `content` may be a part of it; what is in there and absent has the value None. `whole` is false
    for an object that was cut to be sent at all.
    """

    kind: Kind
    key: tuple[Any, ...]
    version: int
    content: Data
    whole: bool = True


class Showing(NamedTuple):
    """A row: the object that a structure shows, the fields that name it, and that of its version.

    `content` picks what the version speaks of; None for a payload that does not show it.
    """

    kind: Kind
    key: tuple[str, ...]
    version: str
    content: Callable[[Data], Data | None] | None = None


def _unread(data: Data) -> Data | None:
    return {"unread": data["unread"]} if "unread" in data else None


def _watermark(data: Data) -> Data:
    return {"seq": data["seq"]}


def _delivered(data: Data) -> Data | None:
    return _watermark(data) if data["status"] == "delivered" else None


def _changed(data: Data) -> Data:
    gone = data["change"] if data["change"] in {"deleted", "removed"} else None
    told = {name: data.get(name) for name in ("text", "event", "edited_at")}
    return {"conversation": data["conversation"], "seq": data["seq"], "tombstone": gone, **told}


def _conversation(data: Data) -> Data:
    # Its last message, its people and its deal are objects of their own, and so are watermarks.
    return {name: data.get(name) for name in ("participants", "subject", "unread")}


SHOWINGS: Mapping[type[Struct], Sequence[Showing]] = {
    messaging.Conversation: (
        Showing(Kind.CONVERSATION, ("conversation",), "version", _conversation),
    ),
    messaging.AlertNewMsg: (
        Showing(Kind.CONVERSATION, ("conversation",), "conversation_version", _unread),
    ),
    messaging.MsgSeen: (
        Showing(Kind.READ, ("conversation", "reader"), "seq", _watermark),
        Showing(Kind.CONVERSATION, ("conversation",), "conversation_version", _unread),
    ),
    messaging.StatusMsg: (Showing(Kind.DELIVERED, ("conversation",), "seq", _delivered),),
    messaging.Message: (Showing(Kind.MESSAGE, ("message",), "version"),),
    messaging.MsgChanged: (
        Showing(Kind.MESSAGE, ("message",), "version", _changed),
        Showing(Kind.CONVERSATION, ("conversation",), "conversation_version", _unread),
    ),
    messaging.Presence: (Showing(Kind.PRESENCE, ("user",), "version"),),
    messaging.BlockedUser: (Showing(Kind.BLOCK, ("user",), "version"),),
    negotiation.Service: (Showing(Kind.SERVICE, ("service",), "version"),),
    moderation.Dispute: (Showing(Kind.DISPUTE, ("dispute",), "version"),),
    moderation.Sanction: (Showing(Kind.SANCTION, ("sanction",), "version"),),
    moderation.ReportStatus: (Showing(Kind.REPORT, ("report",), "version"),),
    moderation.Appeal: (Showing(Kind.APPEAL, ("appeal",), "version"),),
}
"""The structures that show objects. They are found in packets at any depth."""


_PAYLOADS = {op.value: op.to_client for op in Op}


def newer(known: Shown | None, arrived: Shown) -> Shown:
    """Give an object as it is known after one more packet has shown it, in whatever order.

    Of equal versions the one that came later is kept, for what follows from the clock, such as
    `allowed_actions`, has no version. What only one of them shows stays.
    """
    if known is None:
        return arrived
    if (arrived.version, arrived.whole) < (known.version, known.whole):
        known, arrived = arrived, known
    return arrived._replace(content={**known.content, **arrived.content})


class Objects(dict[tuple[Kind, tuple[Any, ...]], Shown]):
    """The objects that one user's client knows, by kind and key; any socket may have shown them."""

    def __init__(self, user: str) -> None:
        self.user = user

    def take(self, op: int, data: Data) -> list[Shown]:
        """Take in a packet; give what it has changed of what is known, as it is known now."""
        changed = []
        for shown in shown_by(op, data, self.user):
            place = shown.kind, shown.key
            known = self.get(place)
            self[place] = now = newer(known, shown)
            if known is None or now.content != known.content:
                changed.append(now)
        return changed

    def of(self, kind: Kind, *key: Any) -> Shown | None:
        """Give an object by its kind and key; None for one that was never shown."""
        return self.get((kind, key))


def shown_by(op: int, data: Data, user: str) -> Iterator[Shown]:
    """Find the objects that a packet shows to a user; none in one that is newer than this table."""
    payload = _PAYLOADS.get(op)
    if payload is not None:
        yield from _find(payload, data, user)


def _find(structure: type[Struct], data: Data, user: str) -> Iterator[Shown]:
    for showing in SHOWINGS.get(structure, ()):
        content = _whole(structure, data) if showing.content is None else showing.content(data)
        key = tuple(data.get(name) for name in showing.key)
        if content is not None and None not in key:
            # An older server gives none; then what comes later is kept.
            version = int(data.get(showing.version) or 0)
            yield Shown(showing.kind, key, version, content, not data.get("truncated"))
    if structure is messaging.Conversation:
        yield from _watermarks(data, user)
    elif structure is messaging.MsgSeen and data["reader"] != user:
        # What is read is delivered.
        yield Shown(Kind.DELIVERED, (data["conversation"],), data["seq"], _watermark(data))
    for name, structures in _structures(structure).items():
        value = data.get(name)
        for one in value if isinstance(value, list) else (value,):
            if one is not None:
                yield from _find(_structure_of(structures, one), one, user)


def _whole(structure: type[Struct], data: Data) -> Data:
    """Give all that a structure can hold of its object, but for other objects that it shows."""
    nested = _structures(structure)
    others = {name for name in nested if any(one in SHOWINGS for one in nested[name])}
    left_out = {*others, "version", "duplicate"}
    return {name: data.get(name) for name in structure.__struct_fields__ if name not in left_out}


def _watermarks(data: Data, user: str) -> Iterator[Shown]:
    conversation, delivered = data["conversation"], data["peer_delivered_up_to"]
    for reader in data["participants"]:
        seq = data["read_up_to" if reader == user else "peer_read_up_to"]
        yield Shown(Kind.READ, (conversation, reader), seq, {"seq": seq})
    yield Shown(Kind.DELIVERED, (conversation,), delivered, {"seq": delivered})


@cache
def _structures(structure: type[Struct]) -> Mapping[str, tuple[type[Struct], ...]]:
    """Find the fields of a structure that hold structures, alone or in a list."""
    hints = get_type_hints(structure)
    found = {name: tuple(_inside(hints[name])) for name in structure.__struct_fields__}
    return {name: inside for name, inside in found.items() if inside}


def _inside(hint: Any) -> Iterator[type[Struct]]:
    if isinstance(hint, type) and issubclass(hint, Struct):
        yield hint
    for argument in get_args(hint):
        yield from _inside(argument)


def _structure_of(structures: Sequence[type[Struct]], data: Data) -> type[Struct]:
    """Tell which of several structures a value is: one that has all that it must have."""
    for structure in structures[:-1]:
        if all(one.name in data for one in fields(structure) if one.required):
            return structure
    return structures[-1]
