"""Every packet: number, name, direction, payload and what handles it. The one table."""

import enum
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from edge.handlers import connection, messaging, moderation, negotiation
from edge.metrics import Metrics, Outcomes
from edge.protocol.errors import Error
from edge.protocol.packets import FORMATS, Format, Op
from edge.protocol.payloads.connection import (
    Hello,
    Nothing,
    Pong,
    Reconnect,
    RenewToken,
    Resume,
    Resumed,
)
from edge.protocol.payloads.messaging import (
    AlertNewMsg,
    AskConversations,
    AskMessages,
    BlockedUser,
    BlockUser,
    CreateMsg,
    DeleteMsg,
    EditMsg,
    MsgChanged,
    MsgSeen,
    OpenedConversation,
    Presence,
    ReturnConversations,
    ReturnMessages,
    SendTyping,
    StatusMsg,
    Typing,
)
from edge.protocol.payloads.moderation import (
    LitigeCreated,
    LitigeStatement,
    ReportConversations,
    ReportMsg,
    ReportStatus,
    Sanction,
    SendAppeal,
)
from edge.protocol.payloads.negotiation import (
    NegotiationEnd,
    NoteSubmitted,
    PriceEdited,
    ServiceCreated,
    ServiceTerminated,
    UpdateConversationDatas,
)
from edge.sanctions.activities import Activity
from edge.sessions.requests import Request


class Direction(enum.StrEnum):
    """Which way a packet travels."""

    TO_CLIENT = "<="
    TO_SERVER = "=>"
    BOTH = "<=>"


# A handler that has to wait gives a coroutine, which the session runs.
Handler = Callable[[Any, Request, Any], Coroutine[Any, Any, None] | None]


@dataclass(frozen=True, slots=True)
class Opcode:
    """One row. A packet that clients never send has no `request` and no `handler`."""

    op: Op
    direction: Direction
    # The payload to the client; None where the client alone sends the packet.
    push: type[msgspec.Struct] | None
    request: type[msgspec.Struct] | None = None
    handler: Handler | None = None
    # What it is, where a sanction may forbid it.
    activity: Activity | None = None

    @property
    def number(self) -> int:
        return self.op.value

    @property
    def name(self) -> str:
        return self.op.title


_DOWN, _UP, _BOTH = Direction.TO_CLIENT, Direction.TO_SERVER, Direction.BOTH

OPCODES = (
    Opcode(Op.PING, _DOWN, Nothing),
    Opcode(Op.PONG, _UP, None, Pong, connection.pong),
    Opcode(Op.HELLO, _DOWN, Hello),
    Opcode(Op.ERROR, _DOWN, Error),
    Opcode(Op.ASK_CONVERSATIONS, _UP, None, AskConversations, messaging.ask_conversations),
    Opcode(Op.RETURN_CONVERSATIONS, _DOWN, ReturnConversations),
    Opcode(Op.CREATE_MSG, _UP, None, CreateMsg, messaging.create_msg, Activity.WRITE),
    Opcode(Op.STATUS_MSG, _DOWN, StatusMsg),
    Opcode(
        Op.OPENED_CONVERSATION,
        _UP,
        None,
        OpenedConversation,
        messaging.opened_conversation,
    ),
    Opcode(Op.ASK_MESSAGES, _UP, None, AskMessages, messaging.ask_messages),
    Opcode(Op.RETURN_MESSAGES, _DOWN, ReturnMessages),
    Opcode(Op.RESUME, _UP, None, Resume, connection.resume),
    Opcode(Op.RESUMED, _DOWN, Resumed),
    Opcode(Op.RENEW_TOKEN, _UP, None, RenewToken, connection.renew_token),
    Opcode(Op.RECONNECT, _DOWN, Reconnect),
    Opcode(Op.ALERT_NEW_MSG, _DOWN, AlertNewMsg),
    Opcode(Op.MSG_SEEN, _DOWN, MsgSeen),
    Opcode(Op.TYPING, _BOTH, Typing, SendTyping, messaging.typing, Activity.WRITE),
    Opcode(Op.PRESENCE, _DOWN, Presence),
    Opcode(Op.EDIT_MSG, _UP, None, EditMsg, messaging.edit_msg, Activity.WRITE),
    Opcode(Op.DELETE_MSG, _UP, None, DeleteMsg, messaging.delete_msg, Activity.WRITE),
    Opcode(Op.MSG_CHANGED, _DOWN, MsgChanged),
    Opcode(Op.UPDATE_CONVERSATION_DATAS, _DOWN, UpdateConversationDatas),
    Opcode(
        Op.SERVICE_CREATED,
        _UP,
        None,
        ServiceCreated,
        negotiation.service_created,
        Activity.WRITE,
    ),
    Opcode(
        Op.NOTE_SUBMITTED,
        _UP,
        None,
        NoteSubmitted,
        negotiation.note_submitted,
        Activity.WRITE,
    ),
    Opcode(
        Op.LITIGE_CREATED,
        _UP,
        None,
        LitigeCreated,
        moderation.litige_created,
        Activity.DISPUTE,
    ),
    Opcode(
        Op.SERVICE_TERMINATED,
        _UP,
        None,
        ServiceTerminated,
        negotiation.service_terminated,
        Activity.WRITE,
    ),
    Opcode(Op.PRICE_EDITED, _UP, None, PriceEdited, negotiation.price_edited, Activity.WRITE),
    Opcode(
        Op.NEGOTIATION_END,
        _UP,
        None,
        NegotiationEnd,
        negotiation.negotiation_end,
        Activity.WRITE,
    ),
    Opcode(Op.BLOCK_USER, _BOTH, BlockedUser, BlockUser, messaging.block_user),
    Opcode(Op.SANCTION, _DOWN, Sanction),
    Opcode(Op.APPEAL, _UP, None, SendAppeal, moderation.appeal),
    Opcode(
        Op.LITIGE_STATEMENT,
        _UP,
        None,
        LitigeStatement,
        moderation.litige_statement,
        Activity.DISPUTE,
    ),
    Opcode(Op.REPORT_STATUS, _DOWN, ReportStatus),
    Opcode(
        Op.REPORT_CONVERSATIONS,
        _UP,
        None,
        ReportConversations,
        moderation.report_conversations,
        Activity.REPORT,
    ),
    Opcode(
        Op.REPORT_MSG,
        _UP,
        None,
        ReportMsg,
        moderation.report_msg,
        Activity.REPORT,
    ),
)


class Route(NamedTuple):
    """What a packet from a client is read as, what handles it, and what counts it."""

    handler: Handler
    decoders: Mapping[Format, Any]
    outcomes: Outcomes
    activity: Activity | None


def routes(metrics: Metrics) -> dict[int, Route]:
    """The packets that clients may send, by number, with a decoder for each format."""
    return {
        row.number: Route(
            row.handler,
            {format_: format_.decoder(row.request) for format_ in FORMATS.values()},
            metrics.outcomes(row.name),
            row.activity,
        )
        for row in OPCODES
        if row.handler is not None and row.request is not None
    }
