"""Moving watermarks: how far a participant has read, and how far messages were delivered."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from messaging_service.domain import watermarks
from messaging_service.domain.conversations import Conversation, Side, renumber
from messaging_service.domain.events import WatermarkMoved
from messaging_service.domain.messages import Message
from messaging_service.domain.watermarks import Mark
from messaging_service.operations.working_set import WorkingSet
from messaging_service.storage.conversations import find_conversations
from messaging_service.storage.messages import count_tombstones, find_messages_at
from service_kit.rules import Refusal
from service_kit.storage.writer import Transaction


class Watermark(NamedTuple):
    """A watermark and the message at which it stands, none while it covers none."""

    conversation_id: str
    user: str
    message: Message | None
    marked_at: int
    moved: bool
    # Of the conversation as the actor sees it.
    unread: int
    version: int


class _Kind(NamedTuple):
    """The differences between the two watermarks: `stand` gives the seq and the time of one."""

    read: bool
    move: Callable[[Side, int, int, int, int, int], Side | None]
    stand: Callable[[Side], tuple[int, int]]


_READ = _Kind(
    read=True,
    move=watermarks.mark_read,
    stand=lambda side: (side.read_seq, side.read_at),
)
_DELIVERED = _Kind(
    read=False,
    move=lambda side, _count, seq, now, revision, _tombstones: watermarks.mark_delivered(
        side, seq, now, revision
    ),
    stand=lambda side: (side.delivered_seq, side.delivered_at),
)


class _Marked(NamedTuple):
    mark: Mark
    conversation: Conversation
    seq: int
    at: int
    moved: bool


def mark_read(transaction: Transaction, marks: Sequence[Mark]) -> list[Watermark | Refusal]:
    """Move read watermarks forward; what is read is delivered."""
    return _mark(_READ, transaction, marks)


def mark_delivered(transaction: Transaction, marks: Sequence[Mark]) -> list[Watermark | Refusal]:
    """Move delivered watermarks forward."""
    return _mark(_DELIVERED, transaction, marks)


def _mark(
    kind: _Kind, transaction: Transaction, marks: Sequence[Mark]
) -> list[Watermark | Refusal]:
    connection = transaction.connection
    refusals = [watermarks.check_mark(one) for one in marks]
    sound = [one for one, refusal in zip(marks, refusals, strict=True) if refusal is None]
    found = find_conversations(connection, [one.conversation_id for one in sound])
    working_set = WorkingSet(transaction, found.values())
    # A mark at or beyond the end needs no message looked up: the conversation knows its end.
    messages = find_messages_at(
        connection,
        [
            (one.conversation_id, one.seq)
            for one in sound
            if one.conversation_id in found and 0 < one.seq < found[one.conversation_id].last_seq
        ],
    )
    marked = [
        _move(kind, mark, working_set, messages, transaction) if refusal is None else refusal
        for mark, refusal in zip(marks, refusals, strict=True)
    ]
    working_set.store()
    standing = find_messages_at(
        connection,
        [(one.conversation.id, one.seq) for one in marked if isinstance(one, _Marked) and one.seq],
    )
    outcomes: list[Watermark | Refusal] = []
    for one in marked:
        if isinstance(one, Refusal):
            outcomes.append(one)
            continue
        message = standing.get((one.conversation.id, one.seq))
        actor = one.mark.actor
        side = one.conversation.side(actor)
        shown = side.unread, side.version
        outcomes.append(Watermark(one.conversation.id, actor, message, one.at, one.moved, *shown))
        if one.moved and message is not None:
            # Also where it stands at what time did, it covers what the other said before.
            event = WatermarkMoved(
                kind.read, actor, message, transaction.now, *shown, one.mark.origin
            )
            transaction.emit(_recipients(kind, one, transaction.revision), event, one.mark)
    return outcomes


def _move(
    kind: _Kind,
    mark: Mark,
    working_set: WorkingSet,
    messages: dict[tuple[str, int], Message],
    transaction: Transaction,
) -> _Marked | Refusal:
    conversation = working_set.of(mark.actor, mark.conversation_id)
    if isinstance(conversation, Refusal):
        return conversation
    message = messages.get((mark.conversation_id, mark.seq))
    count, seq = watermarks.incoming_at(conversation, mark.actor, message)
    side = conversation.side(mark.actor)
    passed = 0
    if kind.read and side.tombstone_count and side.read_seq < seq < side.incoming_seq:
        passed = count_tombstones(
            transaction.connection, conversation, mark.actor, side.read_seq, seq
        )
    moved = kind.move(side, count, seq, transaction.now, transaction.revision, passed)
    if moved is not None:
        conversation = renumber(conversation, conversation.with_side(moved, transaction.revision))
        working_set.change(conversation)
    return _Marked(mark, conversation, *kind.stand(moved or side), moved is not None)


def _recipients(kind: _Kind, marked: _Marked, revision: int) -> tuple[str, ...]:
    """List those who learn of a move: the other, and of the read watermark its reader as well."""
    actor = marked.mark.actor
    side = marked.conversation.side(actor)
    peer = () if side.blocks else (marked.conversation.peer(actor).user,)
    # What was read during a block the other alone has yet to learn.
    return (*peer, actor) if kind.read and side.read_revision == revision else peer
