"""ListChanges and ListChangedUsers: what was missed between two positions, and by whom."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from messaging_service.domain import events
from messaging_service.domain.conversations import Conversation
from messaging_service.domain.messages import Message
from messaging_service.domain.watermarks import tells_delivered
from messaging_service.operations.presence import find_shown_people
from messaging_service.storage import messages as storage
from messaging_service.storage.blocks import CHANGED_BLOCKERS, changed_blocks
from messaging_service.storage.conversations import CHANGED_PARTICIPANTS, changed_conversations
from messaging_service.storage.messages import Changed, Span
from messaging_service.storage.presence import (
    any_changed_presence,
    find_changed_presence,
    find_told_of_changed,
)
from service_kit.pages import NEWEST
from service_kit.rules import Position, Refusal, check_user
from service_kit.storage.bulk_statements import look_up_all
from service_kit.storage.changed_users import find_changed_users
from service_kit.storage.horizon import is_beyond_horizon
from service_kit.watch import changes
from service_kit.watch.changes import ChangedUsers, ChangePage, ReadList, read_first

_Messages = Mapping[tuple[str, int], Message]


class _Entry(NamedTuple):
    """A change of one conversation, or of a person (""), in the order in which they are told.

    `tell` makes the event, when the messages are read that those need which are told.
    """

    revision: int
    conversation_id: str
    seq: int
    rank: int
    tell: Callable[[_Messages], events.Event]

    @property
    def order(self) -> tuple[int, str, int, int]:
        """Its place among the others."""
        return self[:4]


def list_changes(
    connection: Connection,
    user: str,
    after: Position,
    until: Position,
    page_size: int,
    page_token: str,
    most: int,
    presence: int = 0,
    *,
    strangers: bool = False,
) -> ChangePage[events.Event] | Refusal:
    """Read what `user` missed: after < revision <= until. A page ends between two revisions.

    The presence of others belongs to it, in `presence` conversations; also of those who have not
    answered, to `strangers`.
    """
    if refusal := check_user("user", user):
        return refusal
    if is_beyond_horizon(connection, after):
        return ChangePage(complete=False, changes=[], next_page_token="")
    read = partial(_changes, connection, user, presence, strangers=strangers)
    return changes.list_changes(connection, after, until, page_size, page_token, most, read)


def list_changed_users(
    connection: Connection,
    users: Iterable[str],
    after: Position,
    until: Position,
    presence: int = 0,
    *,
    strangers: bool = False,
) -> ChangedUsers | Refusal:
    """Give those of `users` for whom `list_changes` may have something.

    A change of a conversation counts for those of its participants who are shown it.
    """

    def find(wanted: AbstractSet[str], start: int, end: int) -> AbstractSet[str]:
        statements = (*CHANGED_PARTICIPANTS, CHANGED_BLOCKERS)
        found = find_changed_users(connection, statements, wanted, start, end)
        if presence:
            found |= find_told_of_changed(
                connection, wanted - found, start, end, presence, strangers=strangers
            )
        return found

    if is_beyond_horizon(connection, after):
        return ChangedUsers(complete=False, users=frozenset())
    return changes.list_changed_users(connection, users, after, until, find)


def _changes(
    connection: Connection,
    user: str,
    presence: int,
    start: int,
    until: int,
    count: int | None,
    *,
    strangers: bool,
) -> list[tuple[int, events.Event]]:
    """Read the first events in order. Whatever is left, no more messages are read than are told."""
    blocks, moved, *sides = look_up_all(
        connection,
        changed_blocks(user, start, until),
        any_changed_presence(start, until),
        *changed_conversations(user, start),
    )
    touched = [conversation for side in sides for conversation in side]
    entries = []
    if presence:
        entries += _presence(
            connection, user, touched, start, until, presence, moved=moved, strangers=strangers
        )
    entries += [
        _ready(
            one.revision,
            events.BlockChanged(user, one.blocked, one.active, one.changed_at, ""),
        )
        for one in blocks
    ]
    entries += _watermarks(user, touched, start, until)
    lists: list[ReadList[_Entry]] = []
    for conversation in touched:
        ways = _ways(conversation, user, start)
        lists += [_messages(connection, conversation, user, which, until) for which in ways]
    entries += read_first(lists, (start, NEWEST), count)
    entries.sort(key=lambda entry: entry.order)
    told = entries[:count]
    messages = storage.find_messages_at(
        connection, [(one.conversation_id, one.seq) for one in told if one.seq]
    )
    return [(entry.revision, entry.tell(messages)) for entry in told]


def _ready(revision: int, event: events.Event) -> _Entry:
    return _Entry(revision, "", 0, 0, lambda _messages: event)


def _ways(conversation: Conversation, user: str, start: int) -> list[Changed]:
    """List the ways in which messages may be new; what the other has no part in only where that
    one ever blocked the user.
    """
    withheld = conversation.peer(user).turned_revision > 0
    ways = [Changed.CREATED, *((Changed.OWN_CREATED,) if withheld else ())]
    if conversation.last_change > start:
        ways.append(Changed.CHANGED)
        if withheld:
            ways += (Changed.OWN_CHANGED, Changed.OWN_WITHHELD)
    return ways


def _messages(
    connection: Connection, conversation: Conversation, user: str, which: Changed, until: int
) -> ReadList[_Entry]:
    """Read the entries of messages that are new in one way; the last change of each, as the reader
    sees it, for changes are state.
    """
    span = Span(conversation.id, user, until)
    side = conversation.side(user)
    created = which in {Changed.CREATED, Changed.OWN_CREATED}

    def tell(messages: _Messages, seq: int) -> events.Event:
        message = messages[conversation.id, seq]
        if not created:
            return events.message_changed(message, user, "").with_counts(conversation, (user,))
        # How much is unread is state, and told as it is now.
        return events.MessageCreated(message, (side.unread,), (side.version,), "")

    def read(place: tuple[int, int], count: int) -> list[_Entry]:
        return [
            _Entry(revision, conversation.id, seq, 0 if created else 1, partial(tell, seq=seq))
            for revision, seq in storage.find_changed_keys(connection, which, span, place, count)
        ]

    return read


def _watermarks(user: str, touched: Sequence[Conversation], start: int, until: int) -> list[_Entry]:
    """List the present watermarks that were moved in the range: watermarks are state."""
    moved: list[tuple[str, bool, str, tuple[int, int, int]]] = []
    for one in touched:
        own, peer = one.side(user), one.peer(user)
        moved.append((one.id, True, user, (own.read_seq, own.read_at, own.read_revision)))
        moved.append((one.id, True, peer.user, peer.shown_read))
        if tells_delivered(peer):
            delivered = (peer.delivered_seq, peer.delivered_at, peer.delivered_revision)
            moved.append((one.id, False, peer.user, delivered))
    # How much is unread is state, and told as it is now.
    sides = {one.id: one.side(user) for one in touched}

    def tell(
        messages: _Messages, place: tuple[str, int], *, read: bool, reader: str, at: int
    ) -> events.Event:
        side = sides[place[0]]
        return events.WatermarkMoved(
            read, reader, messages[place], at, side.unread, side.version, ""
        )

    return [
        _Entry(
            revision,
            id_,
            seq,
            3 if read else 2,
            partial(tell, place=(id_, seq), read=read, reader=reader, at=at),
        )
        for id_, read, reader, (seq, at, revision) in moved
        if start < revision <= until
    ]


def _presence(
    connection: Connection,
    user: str,
    touched: Sequence[Conversation],
    start: int,
    until: int,
    presence: int,
    *,
    moved: bool,
    strangers: bool,
) -> list[_Entry]:
    """Read the present presence of people whose presence changed in the range, be it by itself, if
    that of anybody `moved`, by a block or by an answer: presence is state.
    """
    changed = {}
    if moved:
        found = find_changed_presence(connection, user, start, until, presence, strangers=strangers)
        changed = {one.user: (one.revision, one) for one in found}
    # With an answer somebody is shown who was there before.
    answers = {
        one.peer(user).user: one.peer(user).spoke_revision
        for one in touched
        if one.opened_by == user and not strangers and one.peer(user).spoke_revision > start
    }
    turned = [
        one
        for one in touched
        if one.is_shown_to(user) and (start < one.turned_revision or one.peer(user).user in answers)
    ]
    people = find_shown_people(connection, turned, user, presence=True, strangers=strangers)
    for peer, shown in people.items():
        changed.pop(peer, None)
        if shown.presence is None:
            continue
        revision = max(shown.presence.revision, answers.get(peer, 0))
        if start < revision <= until:
            changed[peer] = revision, shown.presence
    return [_ready(revision, one) for revision, one in changed.values()]
