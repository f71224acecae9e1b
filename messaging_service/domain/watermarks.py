"""Watermarks: how far each participant has read, and how far messages were delivered.

A watermark stands at the newest message of the other participant that it covers, and never goes
back.
"""

from typing import NamedTuple

from messaging_service.domain.conversations import Conversation, Side
from messaging_service.domain.messages import Message
from messaging_service.domain.refusals import conversation_not_found
from service_kit.rules import Refusal, check_user, invalid, is_identifier


class Mark(NamedTuple):
    """A command to move a watermark up to and including `seq`; 0: to the end."""

    actor: str
    conversation_id: str
    seq: int
    origin: str


def check_mark(mark: Mark) -> Refusal | None:
    """Check the arguments of a mark."""
    if refusal := check_user("actor", mark.actor):
        return refusal
    if mark.seq < 0:
        return invalid("seq", "is negative")
    return None if is_identifier(mark.conversation_id) else conversation_not_found()


def incoming_at(conversation: Conversation, user: str, message: Message | None) -> tuple[int, int]:
    """Give the count and the newest seq of the incoming messages of `user` up to `message`; without
    one, of all.
    """
    if message is None:
        side = conversation.side(user)
        return side.incoming_count, side.incoming_seq
    if user == conversation.first.user:
        return message.first_incoming_count, message.first_incoming_seq
    return message.second_incoming_count, message.second_incoming_seq


def mark_read(
    side: Side, count: int, seq: int, now: int, revision: int, tombstones: int = 0
) -> Side | None:
    """Move the read watermark to `seq`, the `count`th incoming one; None when it covers no more.
    With that it passes so many `tombstones`; they need not be counted for the end.

    What is read is delivered. One who blocks the other reads without the other being shown it; the
    next mark after that shows what was read meanwhile.
    """
    if seq > side.read_seq:
        left = side.tombstone_count - tombstones if seq < side.incoming_seq else 0
        side = side._replace(
            read_seq=seq,
            read_count=count,
            read_at=now,
            read_revision=revision,
            tombstone_count=left,
        )
        if side.blocks:
            return side
        if side.held_seq is not None:
            side = side._replace(held_seq=None, held_at=0, held_revision=0)
    elif side.held_seq is not None and not side.blocks and seq > side.held_seq:
        side = side._replace(held_seq=side.read_seq, held_at=now, held_revision=revision)
    else:
        return None
    return mark_delivered(side, side.read_seq, now, revision) or side


def mark_delivered(side: Side, seq: int, now: int, revision: int) -> Side | None:
    """Move the delivered watermark to `seq`; None when it covers no more than before.

    It is shown to the other alone, and so it stands still while the other is blocked.
    """
    if seq <= side.delivered_seq or side.blocks:
        return None
    return side._replace(delivered_seq=seq, delivered_at=now, delivered_revision=revision)


def tells_delivered(side: Side) -> bool:
    """Tell whether the delivered watermark says anything that the read one, as shown, does not."""
    return side.delivered_seq > 0 and side.delivered_revision != side.shown_read[2]
