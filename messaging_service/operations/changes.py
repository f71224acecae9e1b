"""ListChanges and ListChangedUsers: what was missed between two positions, and by whom."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from messaging_service.domain import events
from messaging_service.domain.conversations import Conversation
from messaging_service.domain.messages import Message
from messaging_service.domain.watermarks import incoming_at, tells_delivered
from messaging_service.operations.presence import find_shown_presence
from messaging_service.storage import messages as storage
from messaging_service.storage.blocks import CHANGED_BLOCKERS, find_changed_blocks
from messaging_service.storage.conversations import (
    CHANGED_PARTICIPANTS,
    find_changed_conversations,
)
from messaging_service.storage.messages import Span
from messaging_service.storage.presence import find_changed_presence, find_observers_of_changed
from service_kit.pages import NEWEST
from service_kit.rules import Position, Refusal, check_user
from service_kit.storage.changed_users import find_changed_users
from service_kit.watch import changes
from service_kit.watch.changes import ChangedUsers, ChangePage


class _Entry(NamedTuple):
    """A change of one conversation, or of a person (""), in the order in which they are told."""

    revision: int
    conversation_id: str
    seq: int
    rank: int
    event: events.Event


def list_changes(
    connection: Connection,
    user: str,
    after: Position,
    until: Position,
    page_size: int,
    page_token: str,
    most: int,
    presence: int = 0,
) -> ChangePage[events.Event] | Refusal:
    """Read what `user` missed: after < revision <= until. A page ends between two revisions.

    The presence of others belongs to it, in `presence` conversations.
    """
    if refusal := check_user("user", user):
        return refusal
    read = partial(_changes, connection, user, presence)
    return changes.list_changes(connection, after, until, page_size, page_token, most, read)


def list_changed_users(
    connection: Connection,
    users: Iterable[str],
    after: Position,
    until: Position,
    presence: int = 0,
) -> ChangedUsers | Refusal:
    """Give those of `users` for whom `list_changes` may have something.

    A change of a conversation counts for both of its participants, whoever is shown it.
    """

    def find(wanted: AbstractSet[str], start: int, end: int) -> AbstractSet[str]:
        statements = (*CHANGED_PARTICIPANTS, CHANGED_BLOCKERS)
        found = find_changed_users(connection, statements, wanted, start, end)
        if presence:
            found |= find_observers_of_changed(connection, start, end, presence)
        return found

    return changes.list_changed_users(connection, users, after, until, find)


def _changes(
    connection: Connection, user: str, presence: int, start: int, until: int, count: int | None
) -> list[tuple[int, events.Event]]:
    """Read the first events in order; of each conversation at most `count` messages are read."""
    touched = find_changed_conversations(connection, user, start)
    entries = _presence(connection, user, touched, start, until, presence)
    entries += [
        _Entry(one.revision, "", 0, 0, events.BlockChanged(user, one.blocked, one.active, ""))
        for one in find_changed_blocks(connection, user, start, until)
    ]
    entries += _watermarks(connection, user, touched, start, until)
    for one in touched:
        span = Span(one.id, user, start, until, NEWEST if count is None else count)
        for message in storage.find_created_messages(connection, span):
            event = events.MessageCreated(message, (_unread_then(one, user, message),), "")
            entries.append(_Entry(message.revision, one.id, message.seq, 0, event))
        if one.last_change > start:
            entries += _message_changes(connection, span)
    entries.sort(key=lambda entry: entry[:4])
    return [(entry.revision, entry.event) for entry in entries[:count]]


def _message_changes(connection: Connection, span: Span) -> list[_Entry]:
    """Read the last change of each message, as the reader sees it: changes are state."""
    changed = [
        (one.changed_revision or 0, one)
        for one in storage.find_changed_messages(connection, span)
        if one.sender != span.reader or not one.was_withheld_last
    ]
    changed += [
        (one.withheld_revision or 0, one)
        for one in storage.find_withheld_messages(connection, span)
        if one.was_withheld_last
    ]
    return [
        _Entry(
            revision, one.conversation_id, one.seq, 1, events.message_changed(one, span.reader, "")
        )
        for revision, one in changed
    ]


def _unread_then(conversation: Conversation, user: str, message: Message) -> int:
    incoming, _seq = incoming_at(conversation, user, message)
    return max(0, incoming - conversation.side(user).read_count)


def _watermarks(
    connection: Connection, user: str, touched: Sequence[Conversation], start: int, until: int
) -> list[_Entry]:
    """Read the present watermarks that were moved in the range: watermarks are state."""
    moved: list[tuple[str, bool, str, tuple[int, int, int]]] = []
    for one in touched:
        own, peer = one.side(user), one.peer(user)
        moved.append((one.id, True, user, (own.read_seq, own.read_at, own.read_revision)))
        moved.append((one.id, True, peer.user, peer.shown_read))
        if tells_delivered(peer):
            delivered = (peer.delivered_seq, peer.delivered_at, peer.delivered_revision)
            moved.append((one.id, False, peer.user, delivered))
    moved = [one for one in moved if start < one[3][2] <= until]
    messages = storage.find_messages_at(connection, [(id_, at[0]) for id_, _, _, at in moved])
    entries: list[_Entry] = []
    for id_, read, reader, (seq, at, revision) in moved:
        event = events.WatermarkMoved(read, reader, messages[id_, seq], at, "")
        entries.append(_Entry(revision, id_, seq, 3 if read else 2, event))
    return entries


def _presence(
    connection: Connection,
    user: str,
    touched: Sequence[Conversation],
    start: int,
    until: int,
    presence: int,
) -> list[_Entry]:
    """Read the present presence of people whose presence changed in the range, be it by a block:
    presence is state.
    """
    if not presence:
        return []
    changed = find_changed_presence(connection, user, start, until, presence)
    entries = [_Entry(one.revision, "", 0, 0, one) for one in changed]
    turned = {
        one.peer(user).user: (one, revision)
        for one in touched
        if one.is_shown_to(user)
        for revision in (one.first.turned_revision, one.second.turned_revision)
        if start < revision <= until
    }
    shown = find_shown_presence(connection, [one for one, _ in turned.values()], user)
    entries += [_Entry(turned[peer][1], "", 0, 0, one) for peer, one in shown.items()]
    return entries
