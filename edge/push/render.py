"""From the events of each service to the packets that tell of them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
import structlog
from parley.messaging.v1 import messaging_pb2 as messaging
from parley.moderation.v1 import moderation_pb2 as moderation
from parley.negotiation.v1 import negotiation_pb2 as negotiation

from edge.protocol.cursors import MESSAGING, MODERATION, NEGOTIATION
from edge.protocol.packets import Op
from edge.protocol.payloads.messaging import AlertNewMsg, BlockedUser, StatusMsg, Typing
from edge.protocol.payloads.moderation import ReportStatus
from edge.protocol.payloads.negotiation import UpdateConversationDatas
from edge.translation.messaging import (
    changed_payload,
    message_payload,
    optional,
    presence_payload,
    seen_payload,
)
from edge.translation.moderation import (
    appeal_payload,
    dispute_payload,
    report_payload,
    sanction_payload,
)
from edge.translation.negotiation import service_payload
from edge.translation.times import timestamp

_logger = structlog.get_logger(__name__)


class Push(NamedTuple):
    """A packet for one user, whatever the format and the cursor."""

    op: Op
    payload: msgspec.Struct
    # (conversation, seq) whose delivery the recipient's PONG confirms.
    confirms: tuple[str, int] | None = None
    # Typing is never stored, so it moves no cursor and no resume brings it back.
    stored: bool = True


class Telling(NamedTuple):
    """What one service's events are to people."""

    push_of: Callable[[Any, str], Push | None]
    """The packet that tells a user of an event; None when there is nothing to tell."""

    origin_of: Callable[[Any], str]
    """The session that caused an event, which has its answer already."""

    is_stored: Callable[[Any], bool]
    """Whether a resume would bring an event back."""


def push_of(service: str, event: Any, user: str) -> Push | None:
    """The packet that tells `user` of an event; None when there is nothing to tell."""
    try:
        return TELLINGS[service].push_of(event, user)
    except Exception:
        # An event that makes no sense must not stop those after it, now and at every resume.
        _logger.exception("an event could not be told", service=service)
        return None


def _messaging_push_of(event: messaging.Event, user: str) -> Push | None:
    match event.WhichOneof("event"):
        case "message_created":
            return _message_created(event, user)
        case "read":
            return Push(Op.MSG_SEEN, seen_payload(event.read))
        case "delivered":
            moved = event.delivered
            status = StatusMsg(
                message=moved.message_id,
                conversation=moved.conversation_id,
                seq=moved.seq,
                status="delivered",
                created_at=timestamp(moved.message_create_time),
                duplicate=False,
                idempotency_key=optional(moved.idempotency_key),
            )
            return Push(Op.STATUS_MSG, status)
        case "typing":
            typing = event.typing
            if typing.user == user:
                return None
            payload = Typing(typing.conversation_id, typing.user, typing.typing)
            return Push(Op.TYPING, payload, stored=False)
        case "message_changed":
            return Push(Op.MSG_CHANGED, changed_payload(event.message_changed))
        case "presence":
            return Push(Op.PRESENCE, presence_payload(event.presence))
        case "block_changed":
            block = event.block_changed
            return Push(Op.BLOCK_USER, BlockedUser(block.user, block.blocked))
        case _:
            # A newer service tells of something that this edge does not know yet.
            return None


def _message_created(event: messaging.Event, user: str) -> Push:
    created = event.message_created
    message = created.message
    unread = created.unread[list(event.recipients).index(user)]
    return Push(
        Op.ALERT_NEW_MSG,
        AlertNewMsg(message.conversation_id, message_payload(message), unread),
        None if message.sender == user else (message.conversation_id, message.seq),
    )


def _messaging_origin_of(event: messaging.Event) -> str:
    match event.WhichOneof("event"):
        case "message_created":
            return event.message_created.origin
        case "message_changed":
            return event.message_changed.origin
        case "read":
            return event.read.origin
        case "block_changed":
            return event.block_changed.origin
    return ""


def _negotiation_push_of(event: negotiation.Event, user: str) -> Push | None:
    if event.WhichOneof("event") != "service_changed":
        # A newer service tells of something that this edge does not know yet.
        return None
    changed = event.service_changed
    service = service_payload(changed.views[list(event.recipients).index(user)])
    update = UpdateConversationDatas(service.conversation, changed.event.cause, service)
    return Push(Op.UPDATE_CONVERSATION_DATAS, update)


_TOLD_OF_MODERATION = frozenset(
    {
        "report_status_changed",
        "sanctioned",
        "sanction_lifted",
        "appeal_status_changed",
        "dispute_changed",
    }
)


def _moderation_push_of(event: moderation.Event, user: str) -> Push | None:
    match event.WhichOneof("event"):
        case "report_status_changed":
            return Push(Op.REPORT_STATUS, report_payload(event.report_status_changed.report))
        case "sanctioned":
            return Push(Op.SANCTION, sanction_payload(event.sanctioned.sanction))
        case "sanction_lifted":
            return Push(Op.SANCTION, sanction_payload(event.sanction_lifted.sanction))
        case "appeal_status_changed":
            appeal = appeal_payload(event.appeal_status_changed.appeal)
            return Push(Op.REPORT_STATUS, ReportStatus(appeal=appeal))
        case "dispute_changed":
            changed = event.dispute_changed
            dispute = dispute_payload(changed.views[list(event.recipients).index(user)])
            update = UpdateConversationDatas(dispute.conversation, changed.cause, dispute=dispute)
            return Push(Op.UPDATE_CONVERSATION_DATAS, update)
        case _:
            # Standings are for the edge itself (edge/sanctions/cache.py), the rest for services.
            return None


TELLINGS: Mapping[str, Telling] = {
    MESSAGING: Telling(
        _messaging_push_of,
        _messaging_origin_of,
        lambda event: not event.HasField("typing"),
    ),
    # Who asked for it needs it as well: the answer moves no cursor.
    NEGOTIATION: Telling(_negotiation_push_of, lambda _event: "", lambda _event: True),
    MODERATION: Telling(
        _moderation_push_of,
        lambda _event: "",
        lambda event: event.WhichOneof("event") in _TOLD_OF_MODERATION,
    ),
}
"""By service."""
