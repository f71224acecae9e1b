"""The reads: one function for each RPC of the same name, each in one read transaction."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from messaging_service import domain, storage
from messaging_service.domain import (
    Conversation,
    Event,
    Message,
    MessageCreated,
    Side,
    WatermarkMoved,
)
from service_kit import changes
from service_kit.changes import ChangePage
from service_kit.clock import Position
from service_kit.pages import NEWEST, bounded_size, decode_token, encode_token
from service_kit.rules import Refusal, check_user, invalid, is_identifier


class ConversationView(NamedTuple):
    """A conversation with its last message, if anything was said."""

    conversation: Conversation
    last_message: Message | None


class ConversationPage(NamedTuple):
    """Newest activity first; an empty token ends the list."""

    conversations: list[ConversationView]
    next_page_token: str


class MessagePage(NamedTuple):
    """Ascending seq; `more` in the direction asked for."""

    messages: list[Message]
    more: bool


def _visible(connection: Connection, actor: str, conversation_id: str) -> Conversation | Refusal:
    """Find a conversation for a participant, or for an internal service without an actor."""
    if not is_identifier(conversation_id):
        return domain.conversation_not_found()
    found = storage.find_conversations(connection, (conversation_id,)).get(conversation_id)
    if found is None or (actor and not found.has(actor)):
        return domain.conversation_not_found()
    return found


def _views(connection: Connection, found: Sequence[Conversation]) -> list[ConversationView]:
    places = [(one.id, one.last_seq) for one in found if one.last_seq]
    last = storage.find_messages_at(connection, places)
    return [ConversationView(one, last.get((one.id, one.last_seq))) for one in found]


def list_conversations(
    connection: Connection, actor: str, page_size: int, page_token: str, most: int
) -> ConversationPage | Refusal:
    """The conversations of an actor."""
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
    token = encode_token(page[-1].activity, page[-1].id) if len(found) > count else ""
    return ConversationPage(_views(connection, page), token)


def get_conversation(
    connection: Connection, actor: str, conversation_id: str
) -> ConversationView | Refusal:
    """One conversation."""
    if not conversation_id:
        return invalid("conversation_id", "is missing")
    found = _visible(connection, actor, conversation_id)
    return found if isinstance(found, Refusal) else _views(connection, (found,))[0]


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
        messages = storage.page_after(connection, conversation_id, after_seq, count + 1)
        return MessagePage(messages[:count], len(messages) > count)
    before = NEWEST if before_seq is None else before_seq
    messages = storage.page_before(connection, conversation_id, before, count + 1)
    return MessagePage(messages[:count][::-1], len(messages) > count)


def get_messages(connection: Connection, actor: str, ids: Sequence[str]) -> list[Message]:
    """Messages by id, in the order asked for; what the actor may not see is left out."""
    found = storage.find_messages(connection, filter(is_identifier, ids))
    if actor:
        around = storage.find_conversations(
            connection, {one.conversation_id for one in found.values()}
        )
        found = {key: one for key, one in found.items() if around[one.conversation_id].has(actor)}
    return [found[key] for key in dict.fromkeys(ids) if key in found]


def participants(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Who takes part in conversations; those that do not exist are left out."""
    found = storage.find_conversations(connection, filter(is_identifier, ids))
    return {key: (one.first.user, one.second.user) for key, one in found.items()}


# --- Changes -----------------------------------------------------------------------------------


class _Entry(NamedTuple):
    """A change of one conversation, in the order in which changes are told."""

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
) -> ChangePage[Event] | Refusal:
    """What `user` missed: after < revision <= until. A page ends between two revisions."""
    if refusal := check_user("user", user):
        return refusal
    read = partial(_changes, connection, user)
    return changes.list_changes(connection, after, until, page_size, page_token, most, read)


def _changes(
    connection: Connection, user: str, start: int, until: int, count: int | None
) -> list[tuple[int, Event]]:
    """The first in order; of each conversation at most `count` messages are read."""
    touched = storage.changed_conversations(connection, user, start)
    entries = _watermarks(connection, user, touched, start, until)
    for one in touched:
        most = NEWEST if count is None else count
        for message in storage.changed_messages(connection, one.id, start, until, most):
            event = MessageCreated(message, (_unread_then(one, user, message),), "")
            entries.append(_Entry(message.revision, one.id, message.seq, 0, event))
    entries.sort(key=lambda entry: entry[:4])
    return [(entry.revision, entry.event) for entry in entries[:count]]


def _unread_then(conversation: Conversation, user: str, message: Message) -> int:
    incoming, _seq = domain.incoming_at(conversation, user, message)
    return max(0, incoming - conversation.side(user).read_count)


def _watermarks(
    connection: Connection, user: str, touched: Sequence[Conversation], start: int, until: int
) -> list[_Entry]:
    """Watermarks are state: only where each stands now is told, if it came there in the range."""
    moved: list[tuple[Conversation, Side, bool]] = []
    for one in touched:
        own, peer = one.side(user), one.peer(user)
        moved += [(one, side, True) for side in (own, peer) if start < side.read_revision <= until]
        if start < peer.delivered_revision <= until and domain.tells_delivered(peer):
            moved.append((one, peer, False))
    places = [(one.id, side.read_seq if read else side.delivered_seq) for one, side, read in moved]
    standing = storage.find_messages_at(connection, places)
    entries: list[_Entry] = []
    for (one, side, read), place in zip(moved, places, strict=True):
        message = standing[place]
        at, revision = (
            (side.read_at, side.read_revision)
            if read
            else (side.delivered_at, side.delivered_revision)
        )
        event = WatermarkMoved(read, side.user, message, at, "")
        entries.append(_Entry(revision, one.id, message.seq, 2 if read else 1, event))
    return entries
