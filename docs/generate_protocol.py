"""Writes the tables of docs/protocol.md from the code of the edge, or checks them.

    python docs/generate_protocol.py           writes the tables
    python docs/generate_protocol.py --check   fails when they are not what the code says

The packets come from edge/opcodes.py and edge/protocol/payloads, the codes from
edge/protocol/errors.py.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from docs import markers
from edge.opcodes import OPCODES, Direction, Opcode
from edge.protocol.errors import CloseCode, ErrorCode
from edge.protocol.packets import Op

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "protocol.md"

PACKETS: Mapping[Op, str] = {
    Op.PING: "Sent at every ping interval. Its envelope bears `cur`, so that a client that is told"
    " nothing else still moves forward; but not while a resume is under way.",
    Op.PONG: "Confirms life and, with `cur`, that everything up to this cursor was processed, which"
    " makes those messages delivered. May be sent unasked. No answer.",
    Op.HELLO: "The first packet of a connection, and the answer to RENEW TOKEN. `session` names"
    " this connection. `resumed` is true when a `?resume=` is being followed: the missed packets"
    " come next. `cur` is empty while the messaging service can not be reached or a resume is"
    " under way; then keep the one before.",
    Op.ERROR: "A packet was refused or failed; see [Errors](#errors).",
    Op.ASK_CONVERSATIONS: "The conversations of the user, newest activity first. `page` is the"
    " `next` of the answer before. Answered by RETURN CONVERSATIONS.",
    Op.RETURN_CONVERSATIONS: "One page; without `next` it is the last. Each has the number of"
    " unread messages, up to which `seq` either side has read, the other's presence, and the open"
    " deal or else the latest one, with the `dispute` that holds it. `missing` names services that"
    " did not answer: what they know is not shown.",
    Op.CREATE_MSG: "Says something, in exactly one of `conversation` and `to`. `to` opens (or"
    " finds) the conversation with that user about `subject`. Answered by STATUS MSG once the"
    " message is stored.",
    Op.STATUS_MSG: "As an answer: the message is stored; `duplicate` when the key had stored it"
    ' before. Pushed to the author later with `"delivered"`, for this message and all before it.',
    Op.OPENED_CONVERSATION: "The user has read everything up to `seq`, or all there is. Answered by"
    " MSG SEEN.",
    Op.ASK_MESSAGES: "A page of history: the newest, or those with a seq below `before` or above"
    " `after` (0: from the beginning), of which at most one is given. Answered by RETURN MESSAGES.",
    Op.RETURN_MESSAGES: "Ascending by seq. `more`: there are further ones in the direction asked.",
    Op.RESUME: "What was missed since this cursor; see [Resume](#cursor-and-resume). Answered by"
    " RESUMED.",
    Op.RESUMED: "`replayed` packets were sent before it. With `complete` false something is"
    " missing: ask for everything anew. Without `re` it says so unasked. `missing` names services"
    " that could not be asked: `complete` speaks of the others, and RESUMED comes again, with"
    " `complete` false, when such a one is back.",
    Op.RENEW_TOKEN: "Goes on with a later token of the same user. Answered by HELLO.",
    Op.RECONNECT: "Please leave, wait `delay_ms`, and come back; the socket is closed soon.",
    Op.ALERT_NEW_MSG: "A new message, to its recipient and to the author's other sockets; of kind"
    ' "event" what happened to a service, to all sockets of both. `unread` is the user\'s own count'
    " in that conversation.",
    Op.MSG_SEEN: "How far `reader` has read: `message` with `seq`, and everything before it. As an"
    " answer to OPENED CONVERSATION; pushed to the author, and to the reader's other sockets."
    " Always a message of the other: `seq` is 0 and `message` null while there is none.",
    Op.TYPING: "Someone is typing, or stopped. Never stored; no answer.",
    Op.PRESENCE: "Someone with whom the user shares a conversation came online, or went; see"
    " [Presence](#presence). `last_seen` is until when, and is absent while `online`.",
    Op.EDIT_MSG: "Gives one's own message another text, within 15 minutes (a setting) and 20 times"
    " (another). Answered by MSG CHANGED.",
    Op.DELETE_MSG: "Takes one's own message back, for good. Its place in the history stays, without"
    " a text. Answered by MSG CHANGED.",
    Op.MSG_CHANGED: "What became of a message: its `text` from now on, or none. To both, on all"
    " their sockets but the one that asked, to which it is the answer. No count and no watermark"
    " moves with it; see [Changed messages](#changed-messages).",
    Op.UPDATE_CONVERSATION_DATAS: "How a service of this conversation stands, as this user sees it,"
    " after something happened to it: to both parties, on all their sockets. `cause` says what;"
    ' "reminder" says that time will soon act. Also the answer to the packets about a service.',
    Op.SERVICE_CREATED: "Proposes a service at a price; `role` is the sender's own. Answered by"
    " UPDATE CONVERSATION DATAS, as all packets about a service.",
    Op.NOTE_SUBMITTED: "Rates the other party, once the service has ended. Nobody else sees it"
    " until both notes are in or the time for them is over; until then it may be changed.",
    Op.SERVICE_TERMINATED: "The provider has delivered; the client takes it as completed, or"
    " reopens it. Either asks to cancel, and the other confirms by the same packet.",
    Op.PRICE_EDITED: "Names another price: a counter-offer, a revision of one's own, or, once"
    " agreed, an amendment. Refused as STALE_OFFER unless `base_offer` is the live offer.",
    Op.NEGOTIATION_END: "Accepts, declines or withdraws the live offer, or a proposed amendment."
    " Who accepts names number and price; refused as STALE_OFFER if they are not the live ones.",
    Op.LITIGE_CREATED: "Opens a dispute about a service, which negotiation is asked to hold; see"
    " [Disputes](#disputes). Answered by UPDATE CONVERSATION DATAS with `dispute`.",
    Op.BLOCK_USER: "Blocks another user, or no longer; see [Blocks](#blocks). Repeated it changes"
    " nothing. Answered by the same packet, which the user's other sockets are pushed as well."
    " Nobody else is told.",
    Op.SANCTION: "Something restricts this user, or with `lifted` no longer does; see"
    " [Sanctions](#sanctions). Also comes after HELLO, for each that stands.",
    Op.APPEAL: "Asks another moderator to look at a decision again. Answered by REPORT STATUS with"
    " `appeal`.",
    Op.LITIGE_STATEMENT: "States one's case in a dispute; proposes a settlement, accepts the newest"
    " by its number and amounts, or withdraws the dispute that one has opened. Answered by UPDATE"
    " CONVERSATION DATAS with `dispute`.",
    Op.REPORT_STATUS: "Where one's own report stands, or with `appeal` alone one's own appeal. The"
    " answer to the packets that make them, and pushed when the status changes.",
    Op.REPORT_CONVERSATIONS: "Reports a conversation of this user. Nobody else in it learns of"
    " that. Answered by REPORT STATUS.",
    Op.REPORT_MSG: "Reports a message of a conversation of this user. Nobody else in it learns of"
    " that. Answered by REPORT STATUS.",
}


def number_range(kind: inspect.IntType) -> str:
    """The bounds of an integer in words; both ends included."""
    low = kind.ge if kind.ge is not None else None if kind.gt is None else kind.gt + 1
    high = kind.le if kind.le is not None else None if kind.lt is None else kind.lt - 1
    if low is None and high is None:
        return "integer"
    shown = {
        2**63 - 1: "2^63-1",
        -(2**63): "-2^63",
        2**31 - 1: "2^31-1",
        -(2**31): "-2^31",
    }
    return f"integer, {shown.get(low or 0, low)} to {shown.get(high or 0, high)}"


def text_range(kind: inspect.StrType) -> str:
    """The bounds of a string in words."""
    if kind.min_length is None and kind.max_length is None:
        return "string"
    if kind.min_length is None:
        return f"string, up to {kind.max_length} characters"
    return f"string, {kind.min_length} to {kind.max_length} characters"


def type_name(kind: inspect.Type) -> str:
    """A type as the tables show it. Raises TypeError for one that no payload has used yet."""
    match kind:
        case inspect.StrType():
            return text_range(kind)
        case inspect.IntType():
            return number_range(kind)
        case inspect.BoolType():
            return "boolean"
        case inspect.NoneType():
            return "null"
        case inspect.LiteralType():
            return " or ".join(f'`"{value}"`' for value in sorted(map(str, kind.values)))
        case inspect.ListType():
            return f"list of {type_name(kind.item_type)}"
        case inspect.DictType():
            return f"object of {type_name(kind.value_type)}"
        case inspect.StructType():
            return f"[{kind.cls.__name__}](#structure-{kind.cls.__name__.lower()})"
        case inspect.UnionType():
            return " or ".join(type_name(inner) for inner in kind.types)
    raise TypeError(f"no words for {kind}")


def structure(payload: type[msgspec.Struct]) -> inspect.StructType:
    """A payload's fields. Each member of a union is read by itself, for msgspec reads no union of
    several structures, and `current` of ERROR is one: it is only ever written.
    """
    hints = get_type_hints(payload, include_extras=True)
    fields = []
    for field in msgspec.structs.fields(payload):
        members = union_members(hints[field.name])
        types = tuple(inspect.type_info(one) for one in members)
        fields.append(
            inspect.Field(
                name=field.name,
                encode_name=field.encode_name,
                type=types[0] if len(types) == 1 else inspect.UnionType(types),
                required=field.required,
                default=field.default,
            )
        )
    return inspect.StructType(payload, tuple(fields))


def union_members(hint: Any) -> list[Any]:
    """The types of which a field has one, when it is there at all."""
    if get_origin(hint) not in {Union, UnionType}:
        return [hint]
    return [one for one in get_args(hint) if one is not msgspec.UnsetType]


def nested(kind: inspect.Type) -> Iterator[inspect.StructType]:
    """The structures inside a type, the outer before the inner."""
    match kind:
        case inspect.StructType():
            yield kind
            for field in kind.fields:
                yield from nested(field.type)
        case inspect.ListType():
            yield from nested(kind.item_type)
        case inspect.UnionType():
            for inner in kind.types:
                yield from nested(inner)


def field_table(kind: inspect.StructType) -> Iterator[str]:
    """A row for each field: name, type with bounds, whether it must be there, else its default."""
    if not kind.fields:
        yield "`{}`"
        return
    yield "| field | type | required |"
    yield "|---|---|---|"
    for field in kind.fields:
        # A field that is left out when absent has no default to tell.
        absent = field.default in {msgspec.NODEFAULT, msgspec.UNSET}
        required = "yes" if field.required else "no" if absent else f"no, {field.default}"
        yield f"| `{field.encode_name}` | {type_name(field.type)} | {required} |"


def packet(row: Opcode) -> Iterator[str]:
    """The section of one packet."""
    yield f"### 0x{row.number:02X} {row.name}"
    yield ""
    yield f"`{row.direction}` {PACKETS[row.op]}"
    both = row.direction is Direction.BOTH
    for payload, heading in ((row.request, "From the client:"), (row.push, "To the client:")):
        if payload is not None:
            yield ""
            if both:
                yield heading
                yield ""
            yield from field_table(structure(payload))
    yield ""


def packets() -> Iterator[str]:
    """An overview, then each packet, then the structures that several of them share."""
    yield "| op | direction | name |"
    yield "|---|---|---|"
    for row in OPCODES:
        anchor = f"0x{row.number:02x}-{row.name.lower().replace(' ', '-')}"
        yield f"| 0x{row.number:02X} | `{row.direction}` | [{row.name}](#{anchor}) |"
    yield ""
    shared: dict[str, inspect.StructType] = {}
    for row in OPCODES:
        yield from packet(row)
        for payload in (row.request, row.push):
            if payload is not None:
                for kind in list(nested(structure(payload)))[1:]:
                    shared[kind.cls.__name__] = kind
    for name, kind in sorted(shared.items()):
        yield f"### Structure {name}"
        yield ""
        yield from field_table(kind)
        yield ""


def errors() -> Iterator[str]:
    yield "| code | retryable | meaning |"
    yield "|---|---|---|"
    for code in ErrorCode:
        yield f"| `{code}` | {'yes' if code.retryable else 'no'} | {code.meaning} |"


def closes() -> Iterator[str]:
    yield "| code | meaning |"
    yield "|---|---|"
    for code in CloseCode:
        yield f"| {code.value} | {code.meaning} |"


def generate(document: str) -> str:
    """The document with what stands between each pair of markers made anew."""
    for name, lines in (("packets", packets()), ("errors", errors()), ("closes", closes())):
        document = markers.fill(document, name, lines)
    return document


if __name__ == "__main__":
    sys.exit(markers.run(DOCUMENT, generate, sys.argv[1:]))
