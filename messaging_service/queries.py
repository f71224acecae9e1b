"""The reads: one function for each RPC of the same name, each in one read transaction."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from messaging_service import change_storage, domain, presence_storage, storage
from messaging_service.domain import Conversation, Message, Presence, Side
from messaging_service.events import Event, MessageChanged, MessageCreated, WatermarkMoved
from messaging_service.message_changes import Version, message_not_found, unseen_version
from messaging_service.views import MessageView, view
from service_kit import changes
from service_kit.changes import ChangePage
from service_kit.clock import Position
from service_kit.pages import NEWEST, bounded_size, decode_token, encode_token
from service_kit.rules import Refusal, check_user, invalid, is_identifier


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
    """A message, and the texts that it had before: the last one too, if it is not shown."""

    message: MessageView
    versions: list[Version]


class EvidencePage(NamedTuple):
    """Of one conversation, in ascending seq, and who takes part in it."""

    evidence: list[Evidence]
    participants: tuple[str, str]


def _visible(connection: Connection, actor: str, conversation_id: str) -> Conversation | Refusal:
    """Find a conversation for a participant, or for an internal service without an actor."""
    if not is_identifier(conversation_id):
        return domain.conversation_not_found()
    found = storage.find_conversations(connection, (conversation_id,)).get(conversation_id)
    if found is None or (actor and not found.has(actor)):
        return domain.conversation_not_found()
    return found


def _views(
    connection: Connection, found: Sequence[Conversation], actor: str, *, presence: bool
) -> list[ConversationView]:
    places = [(one.id, one.last_seq) for one in found if one.last_seq]
    last = storage.find_messages_at(connection, places)
    peers = {one.id: one.peer(actor).user for one in found} if presence and actor else {}
    shown = presence_storage.find_presence(connection, peers.values())
    views: list[ConversationView] = []
    for one in found:
        message = last.get((one.id, one.last_seq))
        presence_ = shown.get(peers.get(one.id, ""))
        views.append(ConversationView(one, message and view(message), presence_))
    return views


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
    token = encode_token(page[-1].activity, page[-1].id) if len(found) > count else ""
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
        messages = storage.page_after(connection, conversation_id, after_seq, count + 1)
        return MessagePage([view(one) for one in messages[:count]], len(messages) > count)
    before = NEWEST if before_seq is None else before_seq
    messages = storage.page_before(connection, conversation_id, before, count + 1)
    return MessagePage([view(one) for one in messages[:count][::-1]], len(messages) > count)


def get_messages(connection: Connection, actor: str, ids: Sequence[str]) -> list[MessageView]:
    """Messages by id, in the order asked for; what the actor may not see is left out."""
    found = storage.find_messages(connection, filter(is_identifier, ids))
    if actor:
        around = storage.find_conversations(
            connection, {one.conversation_id for one in found.values()}
        )
        found = {key: one for key, one in found.items() if around[one.conversation_id].has(actor)}
    return [view(found[key]) for key in dict.fromkeys(ids) if key in found]


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
        if message is None:
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
        found = storage.page_before(connection, conversation_id, NEWEST, before)[::-1]
    versions = change_storage.find_versions(connection, [one.id for one in found])
    for one in found:
        if unseen := unseen_version(one):
            versions[one.id].append(unseen)
    evidence = [Evidence(view(one), versions[one.id]) for one in found]
    return EvidencePage(evidence, (conversation.first.user, conversation.second.user))


def participants(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Who takes part in conversations; those that do not exist are left out."""
    found = storage.find_conversations(connection, filter(is_identifier, ids))
    return {key: (one.first.user, one.second.user) for key, one in found.items()}


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
    entries = _shown(connection, user, start, until, presence)
    entries += _watermarks(connection, user, touched, start, until)
    for one in touched:
        most = NEWEST if count is None else count
        for message in storage.created_messages(connection, one.id, start, until, most):
            event = MessageCreated(view(message), (_unread_then(one, user, message),), "")
            entries.append(_Entry(message.revision, one.id, message.seq, 0, event))
        if one.last_change > start:
            entries += _changed(connection, one, start, until, most)
    entries.sort(key=lambda entry: entry[:4])
    return [(entry.revision, entry.event) for entry in entries[:count]]


def _changed(
    connection: Connection, conversation: Conversation, start: int, until: int, most: int
) -> list[_Entry]:
    """What became of messages is state: of each only what it came to last."""
    changed = storage.changed_messages(connection, conversation.id, start, until, most)
    return [
        _Entry(
            one.changed_revision or 0,
            conversation.id,
            one.seq,
            1,
            MessageChanged(view(one), one.change or "", one.changed_at or 0, ""),
        )
        for one in changed
    ]


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
        event = WatermarkMoved(read, side.user, view(message), at, "")
        entries.append(_Entry(revision, one.id, message.seq, 3 if read else 2, event))
    return entries


def _shown(
    connection: Connection, user: str, start: int, until: int, presence: int
) -> list[_Entry]:
    """Presence is state as well: what is shown of each person now, if it changed in the range."""
    if not presence:
        return []
    changed = presence_storage.changed_presence(connection, user, start, until, presence)
    return [_Entry(one.revision, "", 0, 0, one) for one in changed]
