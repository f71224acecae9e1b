"""From events of a Watch stream to packets, and into the outboxes of those concerned."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import structlog
from parley.messaging.v1 import messaging_pb2 as pb

from edge.cursors import Position
from edge.feed import SERVICE
from edge.hub import Hub
from edge.packets import Format, Frame, Op
from edge.payloads import AlertNewMsg, Resumed, StatusMsg, Typing
from edge.translation import (
    message_payload,
    optional,
    presence_payload,
    seen_payload,
    timestamp,
)

_logger = structlog.get_logger(__name__)


class Push(NamedTuple):
    """A packet for one user, whatever the format and the cursor."""

    op: Op
    payload: msgspec.Struct
    # (conversation, seq) whose delivery the recipient's PONG confirms.
    confirms: tuple[str, int] | None = None
    # Typing is never stored, so it moves no cursor and no resume brings it back.
    stored: bool = True


def push_of(event: pb.Event, user: str) -> Push | None:
    """The packet that tells `user` of `event`; None when there is nothing to tell."""
    try:
        return _push_of(event, user)
    except Exception:
        # An event that makes no sense must not stop those after it, now and at every resume.
        _logger.exception("an event could not be told", kind=event.WhichOneof("event"))
        return None


def _push_of(event: pb.Event, user: str) -> Push | None:
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
        case "presence":
            return Push(Op.PRESENCE, presence_payload(event.presence))
        case _:
            # A newer service tells of something that this edge does not know yet.
            return None


def _message_created(event: pb.Event, user: str) -> Push:
    created = event.message_created
    message = created.message
    unread = created.unread[list(event.recipients).index(user)]
    return Push(
        Op.ALERT_NEW_MSG,
        AlertNewMsg(message.conversation_id, message_payload(message), unread),
        None if message.sender == user else (message.conversation_id, message.seq),
    )


def _origin_of(event: pb.Event) -> str:
    """The session that caused an event, which has its answer already."""
    match event.WhichOneof("event"):
        case "message_created":
            return event.message_created.origin
        case "read":
            return event.read.origin
    return ""


def around(hub: Hub, epoch: str, revision: int) -> tuple[str, str]:
    """The cursors of a session that has all of a revision, and of one that has not yet."""
    after, before = Position(epoch, revision), Position(epoch, revision - 1)
    return hub.cursor(SERVICE, after), hub.cursor(SERVICE, before)


class MessagingAlerts:
    """Pushes what the messaging service tells. A packet is encoded once for each format."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def deliver(self, revision: int, events: Sequence[pb.Event], only: str | None = None) -> None:
        """Push the events of one revision to all their recipients here, or to `only` one."""
        users = self._hub.users
        # A cursor moves to the revision with the last of its events for that user. Whoever drops
        # off before it gets all of the revision again.
        last: dict[str, int] = {}
        for index, event in enumerate(events):
            if not event.HasField("typing"):
                for user in event.recipients:
                    last[user] = index
        after, before = around(self._hub, self._hub.positions[SERVICE].epoch, revision)
        for index, event in enumerate(events):
            origin = _origin_of(event)
            for user in event.recipients:
                if only is not None and user != only:
                    continue
                sessions = [one for one in users.get(user, ()) if one.id != origin]
                push = push_of(event, user) if sessions else None
                if push is None:
                    continue
                cursor = (after if last[user] == index else before) if push.stored else None
                frames: dict[Format, Frame] = {}
                for session in sessions:
                    frame = frames.get(session.format)
                    if frame is None:
                        frame = session.format.encode(push.op, push.payload, cur=cursor)
                        frames[session.format] = frame
                    session.push(revision if push.stored else None, frame, push.confirms)

    def start_over(self, users: Iterable[str], position: Position, *, everyone: bool) -> None:
        """Tell sessions that nobody can say what they missed."""
        cursor = self._hub.cursor(SERVICE, position)
        for user in users:
            for session in self._hub.of(user):
                if session.start_over(position.revision, everyone=everyone):
                    resumed = Resumed(replayed=0, complete=False, cur=cursor)
                    session.send(Op.RESUMED, resumed, cur=cursor)
