"""Alerts: the packets that tell people of the events of each backend."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
import structlog
from msgspec import UNSET
from parley.messaging.v1 import messaging_pb2 as messaging
from parley.moderation.v1 import moderation_pb2 as moderation
from parley.negotiation.v1 import negotiation_pb2 as negotiation

from edge.cursors import MESSAGING, MODERATION, NEGOTIATION, Cursor
from edge.metrics import Metrics
from edge.translation.common import timestamp
from edge.translation.messaging import (
    changed_payload,
    message_payload,
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
from parley_protocol.packets import Encoding, Frame, Op
from parley_protocol.payloads.messaging import AlertNewMsg, BlockedUser, StatusMsg, Typing
from parley_protocol.payloads.moderation import ReportStatus
from parley_protocol.payloads.negotiation import UpdateConversationDatas
from service_kit.process.unknown_words import which

_logger = structlog.get_logger(__name__)


class Alert:
    """The packet that tells one user of an event, encoded once for all of the user's sockets that
    are alike. A replay, which has cursors of its own, encodes it by itself.
    """

    __slots__ = ("_frames", "confirms", "cursor", "op", "payload")

    def __init__(
        self, op: Op, payload: msgspec.Struct, confirms: tuple[str, int] | None = None
    ) -> None:
        self.op = op
        self.payload = payload
        # (conversation, seq) whose delivery the recipient's PONG confirms.
        self.confirms = confirms
        # Where the client is with this packet; None where it moves no cursor, as is never stored.
        self.cursor: Cursor | None = None
        self._frames: dict[Encoding, Frame] = {}

    def frame(self, encoding: Encoding) -> Frame:
        """The frame for sessions of this encoding."""
        frame = self._frames.get(encoding)
        if frame is None:
            cur = None if self.cursor is None else self.cursor.of(encoding.attached)
            frame = encoding.format.encode(self.op, self.payload, cur=cur)
            self._frames[encoding] = frame
        return frame


class Renderer(NamedTuple):
    """The functions that turn one backend's events into alerts."""

    alert: Callable[[Any, str], Alert | None]
    """The alert that tells a user of an event; None when there is nothing to tell."""

    origin: Callable[[Any], str]
    """The session that caused an event, which has its answer already; else empty."""

    is_stored: Callable[[Any], bool]
    """Whether a resume brings an event back, and so its alert moves the cursor."""


def render(backend: str, event: Any, user: str) -> Alert | None:
    """The alert that tells `user` of a backend's event; None when there is nothing to tell."""
    return RENDERERS[backend].alert(event, user)


def note_untold(metrics: Metrics, backend: str) -> None:
    """Count an event that could not be told, and log the exception that is being handled.

    It must not stop those after it, now and at every resume.
    """
    metrics.untold_events.labels(service=backend).inc()
    _logger.error("an event could not be told", service=backend, exc_info=True)  # noqa: LOG014


def _messaging_alert(event: messaging.Event, user: str) -> Alert | None:
    match which(event, "event"):
        case "message_created":
            return _message_created(event, user)
        case "read":
            return Alert(Op.MSG_SEEN, seen_payload(event.read, user))
        case "delivered":
            moved = event.delivered
            status = StatusMsg(
                message=moved.message_id,
                conversation=moved.conversation_id,
                seq=moved.seq,
                status="delivered",
                created_at=timestamp(moved.message_create_time),
                duplicate=False,
                idempotency_key=moved.idempotency_key or UNSET,
            )
            return Alert(Op.STATUS_MSG, status)
        case "typing":
            typing = event.typing
            if typing.user == user:
                return None
            lifetime_ms = typing.lifetime_ms or UNSET
            payload = Typing(typing.conversation_id, typing.user, typing.typing, lifetime_ms)
            return Alert(Op.TYPING, payload)
        case "message_changed":
            place = list(event.recipients).index(user)
            return Alert(Op.MSG_CHANGED, changed_payload(event.message_changed, place))
        case "presence":
            return Alert(Op.PRESENCE, presence_payload(event.presence))
        case "block_changed":
            block = event.block_changed
            return Alert(Op.BLOCK_USER, BlockedUser(block.user, block.blocked, block.version))
        case _:
            # A newer backend tells of something that this edge does not know yet.
            return None


def _message_created(event: messaging.Event, user: str) -> Alert:
    created = event.message_created
    message = created.message
    place = list(event.recipients).index(user)
    return Alert(
        Op.ALERT_NEW_MSG,
        AlertNewMsg(
            conversation=message.conversation_id,
            message=message_payload(message),
            unread=created.unread[place],
            # An older service gives none.
            conversation_version=(created.conversation_versions or {place: 0})[place],
        ),
        None if message.sender == user else (message.conversation_id, message.seq),
    )


_WITH_ORIGIN = frozenset({"message_created", "message_changed", "read", "block_changed"})


def _messaging_origin(event: messaging.Event) -> str:
    kind = event.WhichOneof("event")
    return getattr(event, kind).origin if kind in _WITH_ORIGIN else ""


def _negotiation_alert(event: negotiation.Event, user: str) -> Alert | None:
    if which(event, "event") != "service_changed":
        # A newer backend tells of something that this edge does not know yet.
        return None
    changed = event.service_changed
    service = service_payload(changed.views[list(event.recipients).index(user)])
    update = UpdateConversationDatas(service.conversation, changed.event.cause, service)
    return Alert(Op.UPDATE_CONVERSATION_DATAS, update)


_TOLD_OF_MODERATION = frozenset(
    {
        "report_status_changed",
        "sanctioned",
        "sanction_lifted",
        "appeal_status_changed",
        "dispute_changed",
    }
)


def _moderation_alert(event: moderation.Event, user: str) -> Alert | None:
    match which(event, "event"):
        case "report_status_changed":
            return Alert(Op.REPORT_STATUS, report_payload(event.report_status_changed.report))
        case "sanctioned":
            return Alert(Op.SANCTION, sanction_payload(event.sanctioned.sanction))
        case "sanction_lifted":
            return Alert(Op.SANCTION, sanction_payload(event.sanction_lifted.sanction))
        case "appeal_status_changed":
            appeal = appeal_payload(event.appeal_status_changed.appeal)
            return Alert(Op.REPORT_STATUS, ReportStatus(appeal=appeal))
        case "dispute_changed":
            changed = event.dispute_changed
            dispute = dispute_payload(changed.views[list(event.recipients).index(user)])
            update = UpdateConversationDatas(dispute.conversation, changed.cause, dispute=dispute)
            return Alert(Op.UPDATE_CONVERSATION_DATAS, update)
        case _:
            # Standings are for the edge itself (edge/sanctions/cache.py), the rest is for services.
            return None


RENDERERS: Mapping[str, Renderer] = {
    MESSAGING: Renderer(
        _messaging_alert,
        _messaging_origin,
        lambda event: not event.HasField("typing"),
    ),
    # Also to whoever asked for it: the answer moves no cursor.
    NEGOTIATION: Renderer(_negotiation_alert, lambda _event: "", lambda _event: True),
    MODERATION: Renderer(
        _moderation_alert,
        lambda _event: "",
        lambda event: event.WhichOneof("event") in _TOLD_OF_MODERATION,
    ),
}
"""By backend."""
