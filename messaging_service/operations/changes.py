"""ListChanges and ListChangedUsers: what was missed between two positions, and by whom."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection

from messaging_service.domain import events
from messaging_service.domain.blocks import Block
from messaging_service.domain.conversations import Conversation
from messaging_service.domain.messages import Message
from messaging_service.domain.presence import Presence
from messaging_service.domain.watermarks import tells_delivered
from messaging_service.operations.presence import find_shown_people
from messaging_service.storage import messages as storage
from messaging_service.storage.blocks import CHANGED_BLOCKERS, changed_blocks
from messaging_service.storage.conversations import CHANGED_PARTICIPANTS, changed_conversations
from messaging_service.storage.messages import Changed, Span
from messaging_service.storage.presence import (
    any_changed_presence,
    find_told_of_changed,
    observed_by,
    presence_of,
    users_of,
)
from service_kit.pages import NEWEST
from service_kit.rules import Position, Refusal, check_user
from service_kit.storage.bulk_statements import Lookup, look_up, look_up_all
from service_kit.storage.changed_users import find_changed_users
from service_kit.storage.clock import position
from service_kit.storage.horizon import beyond_horizon, is_beyond_horizon
from service_kit.watch import changes
from service_kit.watch.changes import (
    INCOMPLETE,
    ChangedUsers,
    ChangePage,
    read_at_once,
    read_first,
)

# Of which the beginnings are read in one statement.
_FEW_LISTS = 4

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
    asked = changes.ask_for_page(after, until, page_size, page_token, most)
    if isinstance(asked, Refusal):
        return asked
    start, end = asked.start, until.revision
    # Each look-up would be a journey to the database, for everybody who comes back after a restart.
    forgotten, now, blocks, moved, *sides = look_up_all(
        connection,
        beyond_horizon(after),
        position(),
        changed_blocks(user, start, end),
        any_changed_presence(start, end),
        *changed_conversations(user, start),
    )
    if forgotten:
        return INCOMPLETE
    touched = [conversation for side in sides for conversation in side]
    seen = _Seen(blocks, touched, moved)
    read = partial(_changes, connection, user, seen, presence, strangers=strangers)
    return changes.make_page(asked, now, read)


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


class _Seen(NamedTuple):
    """The first look at what a user missed: the own blocks that changed, the conversations in which
    anything happened, and whether the presence of anybody moved.
    """

    blocks: Sequence[Block]
    touched: Sequence[Conversation]
    moved: bool


def _changes(
    connection: Connection,
    user: str,
    seen: _Seen,
    presence: int,
    start: int,
    until: int,
    count: int | None,
    *,
    strangers: bool,
) -> list[tuple[int, events.Event]]:
    """Read the first events in order. Whatever is left, about as many messages are read as told."""
    lists = [
        _NewMessages(connection, conversation, user, which, until)
        for conversation in seen.touched
        for which in _ways(conversation, user, start)
    ]
    place, most = (start, NEWEST), read_at_once(lists, count)
    near = []
    if presence and seen.moved:
        near = observed_by(user, presence, strangers=strangers)
    # The text of a statement for each number of lists is one more that the database has to prepare.
    together = [one.look_up(place, most) for one in lists] if len(lists) <= _FEW_LISTS else []
    found = look_up_all(connection, *near, *together)
    begun = found[len(near) :]
    entries = [
        _ready(
            one.revision,
            events.BlockChanged(user, one.blocked, one.active, one.changed_at, ""),
        )
        for one in seen.blocks
        if one.revision <= until
    ]
    entries += _watermarks(user, seen.touched, start, until)
    entries += read_first([one.read for one in lists], place, count, begun)
    entries.sort(key=lambda entry: entry.order)
    peers, messages = look_up_all(
        connection,
        presence_of(users_of(found[: len(near)], presence)),
        storage.messages_at([(one.conversation_id, one.seq) for one in entries[:count] if one.seq]),
    )
    if presence:
        entries += _presence(
            connection, user, seen.touched, start, until, peers, strangers=strangers
        )
        entries.sort(key=lambda entry: entry.order)
    return [(entry.revision, entry.tell(messages)) for entry in entries[:count]]


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


class _NewMessages(NamedTuple):
    """The messages of a conversation that are new to a user in one way; the last change of each, as
    the reader sees it, for changes are state.
    """

    connection: Connection
    conversation: Conversation
    user: str
    which: Changed
    until: int

    def read(self, place: tuple[int, int], count: int) -> list[_Entry]:
        """Read the first entries past a place."""
        return look_up(self.connection, self.look_up(place, count))

    def look_up(self, place: tuple[int, int], count: int) -> Lookup[list[_Entry]]:
        """As `read`, together with others."""
        conversation = self.conversation.id
        span = Span(conversation, self.user, self.until)
        keys = storage.changed_keys(self.which, span, place, count)
        rank = 0 if self._is_created else 1

        def entries(rows: Sequence[Any]) -> list[_Entry]:
            return [
                _Entry(revision, conversation, seq, rank, partial(self._tell, seq=seq))
                for revision, seq in keys.read(rows)
            ]

        return Lookup(keys.statement, keys.given, entries)

    @property
    def _is_created(self) -> bool:
        return self.which in {Changed.CREATED, Changed.OWN_CREATED}

    def _tell(self, messages: _Messages, seq: int) -> events.Event:
        conversation, user = self.conversation, self.user
        message, side = messages[conversation.id, seq], conversation.side(user)
        if not self._is_created:
            return events.message_changed(message, user, "").with_counts(conversation, (user,))
        # How much is unread is state, and told as it is now.
        return events.MessageCreated(message, (side.unread,), (side.version,), "")


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
    peers: Mapping[str, Presence],
    *,
    strangers: bool,
) -> list[_Entry]:
    """Read the present presence of people whose presence changed in the range, be it by itself, as
    that of `peers`, by a block or by an answer: presence is state.
    """
    changed = {
        name: (one.revision, one) for name, one in peers.items() if start < one.revision <= until
    }
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
