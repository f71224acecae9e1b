"""The reads: one function for each RPC of the same name, each in one read transaction."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from messaging_service import domain, presence_storage, storage
from messaging_service.domain import (
    Conversation,
    Event,
    Message,
    MessageCreated,
    Presence,
    Refusal,
    Side,
    WatermarkMoved,
)
from service_kit.clock import Position, read_position

_NEWEST = 2**63 - 1
_DEFAULT_PAGE = 50


class ConversationView(NamedTuple):
    """A conversation, its last message if anything was said, and what is shown of the other."""

    conversation: Conversation
    last_message: Message | None
    presence: Presence | None = None


class ConversationPage(NamedTuple):
    """Newest activity first; an empty token ends the list."""

    conversations: list[ConversationView]
    next_page_token: str


class MessagePage(NamedTuple):
    """Ascending seq; `more` in the direction asked for."""

    messages: list[Message]
    more: bool


class Change(NamedTuple):
    """The events of one revision."""

    revision: int
    events: list[Event]


class ChangePage(NamedTuple):
    """`complete` is false when what lies between can not be told."""

    complete: bool
    changes: list[Change]
    next_page_token: str


def _encode_token(*values: object) -> str:
    return urlsafe_b64encode(":".join(map(str, values)).encode()).decode().rstrip("=")


def _decode_token(token: str, parts: int) -> list[str] | Refusal:
    bad = domain.invalid("page_token", "is not one that was given out")
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        values = urlsafe_b64decode(padded).decode("ascii").split(":")
    except (Base64Error, UnicodeError):
        return bad
    if len(values) != parts or not values[0].isdecimal() or int(values[0]) > _NEWEST:
        return bad
    return values


def _page_size(asked: int, most: int) -> int | Refusal:
    """0 leaves the size to the service, and too much is less (AIP-158)."""
    if asked < 0:
        return domain.invalid("page_size", "is negative")
    return min(asked or _DEFAULT_PAGE, most)


def _visible(connection: Connection, actor: str, conversation_id: str) -> Conversation | Refusal:
    """Find a conversation for a participant, or for an internal service without an actor."""
    if not domain.is_identifier(conversation_id):
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
    return [
        ConversationView(one, last.get((one.id, one.last_seq)), shown.get(peers.get(one.id, "")))
        for one in found
    ]


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
    count = _page_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    if refusal := domain.check_user("actor", actor):
        return refusal
    below = (_NEWEST, "")
    if page_token:
        values = _decode_token(page_token, 2)
        if isinstance(values, Refusal):
            return values
        below = (int(values[0]), values[1])
    found = storage.page_of_conversations(connection, actor, below, count + 1)
    page = found[:count]
    token = _encode_token(page[-1].activity, page[-1].id) if len(found) > count else ""
    return ConversationPage(_views(connection, page, actor, presence=presence), token)


def get_conversation(
    connection: Connection, actor: str, conversation_id: str, *, presence: bool = False
) -> ConversationView | Refusal:
    """One conversation, with `presence` or without."""
    if not conversation_id:
        return domain.invalid("conversation_id", "is missing")
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
            return domain.invalid(field, "is negative")
    if before_seq is not None and after_seq is not None:
        return domain.invalid("after_seq", "and `before_seq` exclude each other")
    if not conversation_id:
        return domain.invalid("conversation_id", "is missing")
    count = _page_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    found = _visible(connection, actor, conversation_id)
    if isinstance(found, Refusal):
        return found
    if after_seq is not None:
        messages = storage.page_after(connection, conversation_id, after_seq, count + 1)
        return MessagePage(messages[:count], len(messages) > count)
    before = _NEWEST if before_seq is None else before_seq
    messages = storage.page_before(connection, conversation_id, before, count + 1)
    return MessagePage(messages[:count][::-1], len(messages) > count)


def get_messages(connection: Connection, actor: str, ids: Sequence[str]) -> list[Message]:
    """Messages by id, in the order asked for; what the actor may not see is left out."""
    found = storage.find_messages(connection, filter(domain.is_identifier, ids))
    if actor:
        around = storage.find_conversations(
            connection, {one.conversation_id for one in found.values()}
        )
        found = {key: one for key, one in found.items() if around[one.conversation_id].has(actor)}
    return [found[key] for key in dict.fromkeys(ids) if key in found]


def participants(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Who takes part in conversations; those that do not exist are left out."""
    found = storage.find_conversations(connection, filter(domain.is_identifier, ids))
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
) -> ChangePage | Refusal:
    """What `user` missed: after < revision <= until. A page ends between two revisions.

    The presence of others belongs to it, in `presence` conversations.
    """
    count = _page_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    if refusal := domain.check_user("user", user):
        return refusal
    for field, position in (("after", after), ("until", until)):
        if position.revision < 0:
            return domain.invalid(field, "is negative")
    now = read_position(connection)
    if {after.epoch, until.epoch} != {now.epoch} or after.revision > now.revision:
        return ChangePage(complete=False, changes=[], next_page_token="")
    if not after.revision <= until.revision <= now.revision:
        return domain.invalid("until", "lies before `after`, or was not reached yet")
    start = after.revision
    if page_token:
        values = _decode_token(page_token, 1)
        if isinstance(values, Refusal):
            return values
        start = int(values[0])
        if not after.revision <= start <= until.revision:
            return domain.invalid("page_token", "belongs to another request")
    entries, end = _page_of_changes(connection, user, start, until.revision, count, presence)
    changes: list[Change] = []
    for entry in entries:
        if not changes or changes[-1].revision != entry.revision:
            changes.append(Change(entry.revision, []))
        changes[-1].events.append(entry.event)
    token = _encode_token(end) if end < until.revision else ""
    return ChangePage(complete=True, changes=changes, next_page_token=token)


def _page_of_changes(
    connection: Connection, user: str, start: int, until: int, count: int, presence: int
) -> tuple[list[_Entry], int]:
    """About `count` entries in order, and the revision up to which they are all there are."""
    touched = storage.changed_conversations(connection, user, start)
    shown = _shown(connection, user, start, until, presence)
    entries = _entries(connection, user, touched, shown, start, until, count + 1)
    if len(entries) <= count:
        return entries, until
    # The first entry too many tells where to end: before its revision, or, when this one revision
    # alone is larger than a page, after it.
    end = entries[count].revision - 1
    if entries[0].revision <= end:
        return [entry for entry in entries if entry.revision <= end], end
    shown = [entry for entry in shown if entry.revision <= end + 1]
    return _entries(connection, user, touched, shown, start, end + 1, None), end + 1


def _entries(
    connection: Connection,
    user: str,
    touched: Sequence[Conversation],
    shown: Sequence[_Entry],
    start: int,
    until: int,
    count: int | None,
) -> list[_Entry]:
    """The first entries in order; of each conversation at most `count` messages are read."""
    entries = [*shown, *_watermarks(connection, user, touched, start, until)]
    for one in touched:
        most = _NEWEST if count is None else count
        for message in storage.changed_messages(connection, one.id, start, until, most):
            event = MessageCreated(message, (_unread_then(one, user, message),), "")
            entries.append(_Entry(message.revision, one.id, message.seq, 0, event))
    entries.sort(key=lambda entry: entry[:4])
    return entries if count is None else entries[:count]


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


def _shown(
    connection: Connection, user: str, start: int, until: int, presence: int
) -> list[_Entry]:
    """Presence is state as well: what is shown of each person now, if it changed in the range."""
    if not presence:
        return []
    changed = presence_storage.changed_presence(connection, user, start, until, presence)
    return [_Entry(one.revision, "", 0, 0, one) for one in changed]
