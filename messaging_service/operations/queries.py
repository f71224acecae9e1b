"""The reads: one function for each RPC of the same name, each in one read transaction."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import quote, unquote

from sqlalchemy import Connection

from messaging_service.domain import blocks
from messaging_service.domain import messages as domain
from messaging_service.domain.blocks import Block
from messaging_service.domain.events import (
    BlockChanged,
    Event,
    MessageCreated,
    WatermarkMoved,
    message_changed,
)
from messaging_service.domain.message_changes import (
    Version,
    message_not_found,
    unseen_version,
    withheld_version,
)
from messaging_service.domain.messages import Conversation, Message, Presence
from messaging_service.domain.views import MessageView, view
from messaging_service.storage import (
    blocks as block_storage,
)
from messaging_service.storage import (
    message_changes,
)
from messaging_service.storage import (
    messages as storage,
)
from messaging_service.storage import (
    presence as presence_storage,
)
from service_kit.pages import NEWEST, bounded_size, decode_token, encode_token
from service_kit.rules import Position, Refusal, check_user, invalid, is_identifier
from service_kit.watch import changes
from service_kit.watch.changes import ChangePage


class ConversationView(NamedTuple):
    """A conversation, its last message if anything was said, and what is shown of the other."""

    conversation: Conversation
    last_message: MessageView | None
    presence: Presence | None = None


class ConversationPage(NamedTuple):
    """Newest activity first; an empty token ends the list."""

    conversations: list[ConversationView]
    next_page_token: str


class MessagePage(NamedTuple):
    """Ascending seq; `more` in the direction asked for."""

    messages: list[MessageView]
    more: bool


class Evidence(NamedTuple):
    """A message, and the texts that it had before: the last one too, if it is not shown.

    Its author alone was ever shown one that is `suppressed`; of another the author may be shown a
    later text, which is `withheld` from the other.
    """

    message: MessageView
    versions: list[Version]
    suppressed: bool
    withheld: Version | None


class BlockPage(NamedTuple):
    """The newest first; an empty token ends the list."""

    blocks: list[Block]
    next_page_token: str


class EvidencePage(NamedTuple):
    """Of one conversation, in ascending seq, and who takes part in it."""

    evidence: list[Evidence]
    participants: tuple[str, str]


def _visible(connection: Connection, actor: str, conversation_id: str) -> Conversation | Refusal:
    """Find a conversation for a participant, or for an internal service without an actor."""
    if not is_identifier(conversation_id):
        return domain.conversation_not_found()
    found = storage.find_conversations(connection, (conversation_id,)).get(conversation_id)
    if found is None or (actor and not found.is_shown_to(actor)):
        return domain.conversation_not_found()
    return found


def _views(
    connection: Connection, found: Sequence[Conversation], actor: str, *, presence: bool
) -> list[ConversationView]:
    ends = {one.id: one.side(actor).last_seq if actor else one.last_seq for one in found}
    last = storage.find_messages_at(connection, [place for place in ends.items() if place[1]])
    shown = _peer_presence(connection, found, actor) if presence and actor else {}
    views: list[ConversationView] = []
    for one in found:
        message = last.get((one.id, ends[one.id]))
        views.append(
            ConversationView(one, message and view(message, actor), shown.get(one.peer(actor).user))
        )
    return views


def _peer_presence(
    connection: Connection, found: Sequence[Conversation], actor: str
) -> dict[str, Presence]:
    """What the actor is shown of the others: of one whom the actor blocks nothing, and of one who
    blocks the actor that this one has left.
    """
    peers = [one.peer(actor) for one in found if not one.side(actor).blocks]
    shown = presence_storage.find_presence(
        connection, {one.user for one in peers if not one.blocks}
    )
    blocked_by = {(one.user, actor) for one in peers if one.blocks}
    for block in block_storage.find_blocks(connection, blocked_by).values():
        if left := blocks.shown_presence(block):
            shown[block.blocker] = left
    return shown


def list_conversations(
    connection: Connection,
    actor: str,
    page_size: int,
    page_token: str,
    most: int,
    *,
    presence: bool = False,
) -> ConversationPage | Refusal:
    """The conversations of an actor, with `presence` or without."""
    count = bounded_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    if refusal := check_user("actor", actor):
        return refusal
    below = (NEWEST, "")
    if page_token:
        place = decode_token(page_token, 2)
        if isinstance(place, Refusal):
            return place
        below = (place[0], place[1][0])
    found = storage.page_of_conversations(connection, actor, below, count + 1)
    page = found[:count]
    token = encode_token(page[-1].side(actor).activity, page[-1].id) if len(found) > count else ""
    return ConversationPage(_views(connection, page, actor, presence=presence), token)


def get_conversation(
    connection: Connection, actor: str, conversation_id: str, *, presence: bool = False
) -> ConversationView | Refusal:
    """One conversation, with `presence` or without."""
    if not conversation_id:
        return invalid("conversation_id", "is missing")
    found = _visible(connection, actor, conversation_id)
    if isinstance(found, Refusal):
        return found
    return _views(connection, (found,), actor, presence=presence)[0]


def list_messages(
    connection: Connection,
    actor: str,
    conversation_id: str,
    before_seq: int | None,
    after_seq: int | None,
    page_size: int,
    most: int,
) -> MessagePage | Refusal:
    """One page of a history: before a seq, after a seq, or the newest."""
    for field, seq in (("before_seq", before_seq), ("after_seq", after_seq)):
        if seq is not None and seq < 0:
            return invalid(field, "is negative")
    if before_seq is not None and after_seq is not None:
        return invalid("after_seq", "and `before_seq` exclude each other")
    if not conversation_id:
        return invalid("conversation_id", "is missing")
    count = bounded_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    found = _visible(connection, actor, conversation_id)
    if isinstance(found, Refusal):
        return found
    if after_seq is not None:
        messages = storage.page_after(connection, conversation_id, after_seq, count + 1, actor)
        return MessagePage([view(one, actor) for one in messages[:count]], len(messages) > count)
    # Beyond the end there may be much that this actor is not shown.
    end = (found.side(actor).last_seq if actor else found.last_seq) + 1
    before = end if before_seq is None else min(end, before_seq)
    messages = storage.page_before(connection, conversation_id, before, count + 1, actor)
    return MessagePage([view(one, actor) for one in messages[:count][::-1]], len(messages) > count)


def get_messages(connection: Connection, actor: str, ids: Sequence[str]) -> list[MessageView]:
    """Messages by id, in the order asked for; what the actor may not see is left out."""
    found = storage.find_messages(connection, filter(is_identifier, ids))
    if actor:
        around = storage.find_conversations(
            connection, {one.conversation_id for one in found.values()}
        )
        found = {
            key: one
            for key, one in found.items()
            if around[one.conversation_id].is_shown_to(actor) and one.is_shown_to(actor)
        }
    return [view(found[key], actor) for key in dict.fromkeys(ids) if key in found]


def list_evidence(
    connection: Connection,
    message_id: str,
    conversation_id: str,
    before: int,
    after: int,
    most: int,
    actor: str = "",
) -> EvidencePage | Refusal:
    """A message and those around it, or the newest of a conversation, with their earlier texts.

    With an actor it is for a participant alone.
    """
    for field, count in (("before", before), ("after", after)):
        if count < 0:
            return invalid(field, "is negative")
    if bool(message_id) == bool(conversation_id):
        return invalid("message_id", "or `conversation_id` must be given, and not both")
    before, after = min(before, most), min(after, most)
    if message_id:
        wanted = filter(is_identifier, (message_id,))
        message = storage.find_messages(connection, wanted).get(message_id)
        if message is None or (actor and not message.is_shown_to(actor)):
            return message_not_found()
        conversation = _visible(connection, actor, message.conversation_id)
        if isinstance(conversation, Refusal):
            return message_not_found()
        place = (message.conversation_id, message.seq)
        found = storage.page_before(connection, *place, before)[::-1]
        found += (message, *storage.page_after(connection, *place, after))
    else:
        if after:
            return invalid("after", "goes with `message_id` only")
        conversation = _visible(connection, actor, conversation_id)
        if isinstance(conversation, Refusal):
            return conversation
        # What the actor is not shown at the end must not push out what is complained about.
        end = conversation.side(actor).last_seq + 1 if actor else NEWEST
        found = storage.page_before(connection, conversation_id, end, before)[::-1]
    versions = message_changes.find_versions(connection, [one.id for one in found])
    for one in found:
        if unseen := unseen_version(one):
            versions[one.id].append(unseen)
    evidence = [
        Evidence(view(one), versions[one.id], one.suppressed, withheld_version(one))
        for one in found
    ]
    return EvidencePage(evidence, (conversation.first.user, conversation.second.user))


def list_blocks(
    connection: Connection, actor: str, page_size: int, page_token: str, most: int
) -> BlockPage | Refusal:
    """Whom an actor blocks."""
    count = bounded_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    if refusal := check_user("actor", actor):
        return refusal
    below = (NEWEST, "")
    if page_token:
        place = decode_token(page_token, 2)
        if isinstance(place, Refusal):
            return place
        below = (place[0], unquote(place[1][0]))
    found = block_storage.page_of_blocks(connection, actor, below, count + 1)
    page = found[:count]
    more = len(found) > count
    # What people are called may hold anything.
    token = encode_token(page[-1].revision, quote(page[-1].blocked, safe="")) if more else ""
    return BlockPage(page, token)


def get_conversations(connection: Connection, ids: Sequence[str]) -> dict[str, Conversation]:
    """Conversations by id; those that do not exist are left out."""
    return storage.find_conversations(connection, filter(is_identifier, ids))


# --- Changes -----------------------------------------------------------------------------------


class _Entry(NamedTuple):
    """A change of one conversation, or of a person (""), in the order in which they are told."""

    revision: int
    conversation_id: str
    seq: int
    rank: int
    event: Event


def list_changes(
    connection: Connection,
    user: str,
    after: Position,
    until: Position,
    page_size: int,
    page_token: str,
    most: int,
    presence: int = 0,
) -> ChangePage[Event] | Refusal:
    """What `user` missed: after < revision <= until. A page ends between two revisions.

    The presence of others belongs to it, in `presence` conversations.
    """
    if refusal := check_user("user", user):
        return refusal
    read = partial(_changes, connection, user, presence)
    return changes.list_changes(connection, after, until, page_size, page_token, most, read)


def _changes(
    connection: Connection, user: str, presence: int, start: int, until: int, count: int | None
) -> list[tuple[int, Event]]:
    """The first in order; of each conversation at most `count` messages are read."""
    touched = storage.changed_conversations(connection, user, start)
    entries = _shown(connection, user, touched, start, until, presence)
    entries += [
        _Entry(one.revision, "", 0, 0, BlockChanged(user, one.blocked, one.active, ""))
        for one in block_storage.changed_blocks(connection, user, start, until)
    ]
    entries += _watermarks(connection, user, touched, start, until)
    for one in touched:
        most = NEWEST if count is None else count
        for message in storage.created_messages(connection, one.id, user, start, until, most):
            event = MessageCreated(view(message, user), (_unread_then(one, user, message),), "")
            entries.append(_Entry(message.revision, one.id, message.seq, 0, event))
        if one.last_change > start:
            entries += _changed(connection, one, user, start, until, most)
    entries.sort(key=lambda entry: entry[:4])
    return [(entry.revision, entry.event) for entry in entries[:count]]


def _changed(
    connection: Connection,
    conversation: Conversation,
    user: str,
    start: int,
    until: int,
    most: int,
) -> list[_Entry]:
    """What became of messages is state: of each only what it came to last, as `user` sees it."""
    place = (conversation.id, user, start, until, most)
    changed = [
        (one.changed_revision or 0, one)
        for one in storage.changed_messages(connection, *place)
        if one.sender != user or not one.was_withheld_last
    ]
    changed += [
        (one.withheld_revision or 0, one)
        for one in storage.withheld_messages(connection, *place)
        if one.was_withheld_last
    ]
    return [
        _Entry(revision, conversation.id, one.seq, 1, message_changed(one, user, ""))
        for revision, one in changed
    ]


def _unread_then(conversation: Conversation, user: str, message: Message) -> int:
    incoming, _seq = domain.incoming_at(conversation, user, message)
    return max(0, incoming - conversation.side(user).read_count)


def _watermarks(
    connection: Connection, user: str, touched: Sequence[Conversation], start: int, until: int
) -> list[_Entry]:
    """Watermarks are state: only where each stands now is told, if it came there in the range."""
    moved: list[tuple[str, bool, str, tuple[int, int, int]]] = []
    for one in touched:
        own, peer = one.side(user), one.peer(user)
        moved.append((one.id, True, user, (own.read_seq, own.read_at, own.read_revision)))
        moved.append((one.id, True, peer.user, peer.shown_read))
        if domain.tells_delivered(peer):
            place = (peer.delivered_seq, peer.delivered_at, peer.delivered_revision)
            moved.append((one.id, False, peer.user, place))
    moved = [one for one in moved if start < one[3][2] <= until]
    standing = storage.find_messages_at(connection, [(id_, at[0]) for id_, _, _, at in moved])
    entries: list[_Entry] = []
    for id_, read, reader, (seq, at, revision) in moved:
        event = WatermarkMoved(read, reader, view(standing[id_, seq], user), at, "")
        entries.append(_Entry(revision, id_, seq, 3 if read else 2, event))
    return entries


def _shown(
    connection: Connection,
    user: str,
    touched: Sequence[Conversation],
    start: int,
    until: int,
    presence: int,
) -> list[_Entry]:
    """Presence is state as well: what is shown of each person now, if it changed in the range, be
    it by a block.
    """
    if not presence:
        return []
    changed = presence_storage.changed_presence(connection, user, start, until, presence)
    entries = [_Entry(one.revision, "", 0, 0, one) for one in changed]
    turned = {
        one.peer(user).user: (one, revision)
        for one in touched
        if one.is_shown_to(user)
        for revision in (one.first.turned_revision, one.second.turned_revision)
        if start < revision <= until
    }
    shown = _peer_presence(connection, [one for one, _ in turned.values()], user)
    entries += [_Entry(turned[peer][1], "", 0, 0, one) for peer, one in shown.items()]
    return entries
