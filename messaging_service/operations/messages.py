"""The commands: one function for each RPC of the same name, over lists of commands.

Each is an operation of the writer: it reads what all its commands need at once, lets the domain
decide them in their order, and writes what came of it at once. Refusals are outcomes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection
from uuid_utils import uuid7

from messaging_service.domain import blocks, messages, service_events
from messaging_service.domain.events import MessageCreated, WatermarkMoved
from messaging_service.domain.idempotency import CREATE, fingerprint
from messaging_service.domain.messages import HOUR, Conversation, Limits, Message, Side
from messaging_service.domain.service_events import ServiceEvent
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
from service_kit.follow.positions import advance
from service_kit.follow.sanctions import find_forbidden
from service_kit.idempotency import conflict
from service_kit.rules import Position, Refusal, invalid
from service_kit.storage.writer import Transaction

NEGOTIATION = "negotiation"
"""The service that is followed, as its position is stored."""


class CreateConversation(NamedTuple):
    """Introduce two people to one another."""

    participants: tuple[str, ...]
    subject: str


class CreatedConversation(NamedTuple):
    """The conversation, its last message if any, and whether it is new."""

    conversation: Conversation
    last_message: MessageView | None
    created: bool


class CreateMessage(NamedTuple):
    """Say `text` in a conversation, or to somebody about a subject."""

    actor: str
    conversation_id: str
    to: str
    subject: str
    text: str
    idempotency_key: str
    origin: str


class StoredMessage(NamedTuple):
    """The message, and whether its idempotency key had stored it before."""

    message: MessageView
    duplicate: bool


class Mark(NamedTuple):
    """Move a watermark up to and including `seq`; 0: all there is."""

    actor: str
    conversation_id: str
    seq: int
    origin: str


class Watermark(NamedTuple):
    """Where a watermark stands; without a message while it covers none."""

    conversation_id: str
    user: str
    message: MessageView | None
    marked_at: int
    moved: bool


class ServiceEvents(NamedTuple):
    """What one revision of negotiation has brought: a service's event with its conversation."""

    position: Position
    events: tuple[tuple[str, ServiceEvent], ...]


class Changes:
    """The conversations that a list of commands concerns, as found and as they become."""

    def __init__(self, transaction: Transaction, found: Iterable[Conversation]) -> None:
        self.by_id = {one.id: one for one in found}
        self._transaction = transaction
        self._opened: set[str] = set()
        self._changed: set[str] = set()
        self._blocked: set[str] = set()

    def of(self, user: str, conversation_id: str) -> Conversation | Refusal:
        """Give a conversation to one who takes part in it."""
        conversation = self.by_id.get(conversation_id)
        if conversation is None or not conversation.is_shown_to(user):
            return messages.conversation_not_found()
        return conversation

    def open(
        self, pair: tuple[str, str], subject: str, opened_by: str, blocked: Mapping[str, int]
    ) -> Conversation:
        """Open a conversation, in which somebody may have `blocked` the other before."""
        now, revision = self._transaction.now, self._transaction.revision
        opened = messages.open_conversation(
            str(uuid7()), pair, subject, opened_by, now, revision, blocked
        )
        self.by_id[opened.id] = opened
        self._opened.add(opened.id)
        return opened

    def change(self, conversation: Conversation, *, blocks: bool = False) -> None:
        """Note the new state of a conversation, with what `blocks` make of it or without."""
        self.by_id[conversation.id] = conversation
        self._changed.add(conversation.id)
        if blocks:
            self._blocked.add(conversation.id)

    def store(self) -> None:
        """Write all that is new; before the messages in it."""
        changed = self._changed - self._opened
        if self._opened or changed:
            self._transaction.touch()
        connection = self._transaction.connection
        storage.insert_conversations(connection, [self.by_id[one] for one in sorted(self._opened)])
        storage.update_conversations(connection, [self.by_id[one] for one in sorted(changed)])
        blocked = self._blocked - self._opened
        storage.update_blocked(connection, [self.by_id[one] for one in sorted(blocked)])


def _find_blocked(
    connection: Connection, couples: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, int]]:
    """Find who of each two blocks the other, with the revision at which that began."""
    wanted = list(couples)
    both = {pair for one, other in wanted for pair in ((one, other), (other, one))}
    found = block_storage.find_blocks(connection, both)
    return {
        (one, other): {
            block.blocker: block.revision
            for pair in ((one, other), (other, one))
            if (block := found.get(pair)) is not None and block.active
        }
        for one, other in wanted
    }


def create_conversations(
    limits: Limits, transaction: Transaction, commands: Sequence[CreateConversation]
) -> list[CreatedConversation | Refusal]:
    """Open or find the conversation of each pair about each subject."""
    refusals = [
        messages.check_pair(command.participants)
        or messages.check_subject(command.subject, limits.subject)
        for command in commands
    ]
    wanted = [
        (*messages.order(*command.participants), command.subject) if refusal is None else None
        for command, refusal in zip(commands, refusals, strict=True)
    ]
    connection = transaction.connection
    found = storage.find_pairs(connection, [pair for pair in wanted if pair])
    last = storage.find_messages_at(
        connection, [(one.id, one.last_seq) for one in found.values() if one.last_seq]
    )
    blocked = _find_blocked(connection, {pair[:2] for pair in wanted if pair and pair not in found})
    changes = Changes(transaction, ())
    results: list[CreatedConversation | Refusal] = []
    for refusal, pair in zip(refusals, wanted, strict=True):
        if refusal is not None or pair is None:
            results.append(refusal or invalid("participants", "must be exactly two"))
            continue
        conversation = found.get(pair)
        created = conversation is None
        if conversation is None:
            conversation = found[pair] = changes.open(
                pair[:2], pair[2], opened_by="", blocked=blocked[pair[:2]]
            )
        message = last.get((conversation.id, conversation.last_seq))
        results.append(CreatedConversation(conversation, message and view(message), created))
    changes.store()
    return results


class _MessageCreation:
    """One run of create_messages: what was found, and what is being made."""

    def __init__(
        self, limits: Limits, transaction: Transaction, commands: Sequence[CreateMessage]
    ) -> None:
        connection = transaction.connection
        self.limits = limits
        self.transaction = transaction
        keys = [(one.actor, one.idempotency_key) for one in commands if one.idempotency_key]
        self.known = storage.find_keys(connection, keys)
        self.used = message_changes.find_used_keys(connection, keys)
        self.pairs = storage.find_pairs(
            connection,
            [(*messages.order(one.actor, one.to), one.subject) for one in commands if one.to],
        )
        found = storage.find_conversations(
            connection, [one.conversation_id for one in commands if one.conversation_id]
        )
        self.changes = Changes(transaction, (*found.values(), *self.pairs.values()))
        opening = [
            one
            for one in commands
            if one.to and (*messages.order(one.actor, one.to), one.subject) not in self.pairs
        ]
        self.openings = storage.find_openings(
            connection, {one.actor for one in opening}, transaction.now - HOUR
        )
        self.blocked = _find_blocked(
            connection, {messages.order(one.actor, one.to) for one in opening}
        )
        self.forbidden = find_forbidden(
            connection, {one.actor for one in commands}, self.changes.by_id, transaction.now
        )
        self.created: list[Message] = []

    def create(self, command: CreateMessage) -> StoredMessage | Refusal:
        """Decide one command, after all before it."""
        key = command.idempotency_key
        if key and ((command.actor, key) in self.known or (command.actor, key) in self.used):
            return self.repeat(command)
        if why := self.forbidden.why(command.actor):
            return messages.sanctioned(why)
        conversation = self.resolve(command)
        if isinstance(conversation, Refusal):
            return conversation
        if why := self.forbidden.why(command.actor, conversation.id):
            return messages.sanctioned(why)
        if refusal := blocks.may_write(conversation.side(command.actor)):
            return refusal
        conversation, message = messages.add_message(
            conversation,
            str(uuid7()),
            command.actor,
            command.text,
            key or None,
            self.transaction.now,
            self.transaction.revision,
        )
        self.changes.change(conversation)
        self.created.append(message)
        if key:
            self.known[command.actor, key] = message
        shown = view(message)
        first, second = conversation.first, conversation.second
        readers: tuple[str, ...] = (first.user, second.user)
        unread: tuple[int, ...] = (first.unread, second.unread)
        if first.blocked_revision or second.blocked_revision:
            readers = messages.readers(conversation, message)
            unread = tuple(conversation.side(user).unread for user in readers)
        self.transaction.emit(readers, MessageCreated(shown, unread, command.origin))
        return StoredMessage(shown, duplicate=False)

    def repeat(self, command: CreateMessage) -> StoredMessage | Refusal:
        """Answer a key that has been used: the same answer for the same command only."""
        if command.conversation_id:
            meant = command.conversation_id
        else:
            pair = (*messages.order(command.actor, command.to), command.subject)
            meant = self.pairs[pair].id if pair in self.pairs else ""
        key = (command.actor, command.idempotency_key)
        known, used = self.known.get(key), self.used.get(key)
        if known is None:
            # It was used to change a message.
            return conflict()
        same = (
            used.fingerprint == fingerprint(CREATE, meant, command.text)
            if used
            else (known.conversation_id, known.text) == (meant, command.text)
        )
        return StoredMessage(view(known, command.actor), duplicate=True) if same else conflict()

    def resolve(self, command: CreateMessage) -> Conversation | Refusal:
        """Find the conversation that is meant, or open it."""
        if command.conversation_id:
            return self.changes.of(command.actor, command.conversation_id)
        pair = messages.order(command.actor, command.to)
        known = self.pairs.get((*pair, command.subject))
        if known is not None:
            # Earlier commands of this transaction may have moved it on.
            return self.changes.by_id[known.id]
        blocked = self.blocked[pair]
        if command.actor in blocked:
            return blocks.blocked()
        openings = self.openings[command.actor]
        refusal = messages.decide_opening(openings, self.transaction.now, self.limits)
        if refusal is not None:
            return refusal
        openings.append(self.transaction.now)
        opened = self.changes.open(pair, command.subject, command.actor, blocked)
        self.pairs[*pair, command.subject] = opened
        return opened


def create_messages(
    limits: Limits, transaction: Transaction, commands: Sequence[CreateMessage]
) -> list[StoredMessage | Refusal]:
    """Store messages in their order; each has its own outcome."""
    refusals = [
        messages.check_message(
            one.actor,
            one.conversation_id,
            one.to,
            one.subject,
            one.text,
            one.idempotency_key,
            limits,
        )
        for one in commands
    ]
    sound = [one for one, refusal in zip(commands, refusals, strict=True) if refusal is None]
    creation = _MessageCreation(limits, transaction, sound)
    results = [
        creation.create(command) if refusal is None else refusal
        for command, refusal in zip(commands, refusals, strict=True)
    ]
    creation.changes.store()
    storage.insert_messages(transaction.connection, creation.created)
    return results


def add_service_events(
    transaction: Transaction, commands: Sequence[ServiceEvents]
) -> list[list[ServiceEvent]]:
    """Put what happened to services into the histories of their conversations, each once.

    Gives for each command the events whose conversation is not known here.
    """
    connection = transaction.connection
    # A revision that took effect before must not do so again.
    fresh = [
        command.events if advance(transaction, NEGOTIATION, command.position) else ()
        for command in commands
    ]
    told = [one for events in fresh for one in events]
    # Another epoch of negotiation is told from its beginning.
    known = storage.find_keys(connection, [(event.by, event.key) for _, event in told])
    found = storage.find_conversations(connection, [conversation for conversation, _ in told])
    changes = Changes(transaction, found.values())
    created: list[Message] = []
    homeless: list[list[ServiceEvent]] = []
    for events in fresh:
        homeless.append([event for conversation, event in events if conversation not in found])
        for conversation_id, event in events:
            if conversation_id not in found or (event.by, event.key) in known:
                continue
            conversation, message = messages.add_message(
                changes.by_id[conversation_id],
                str(uuid7()),
                event.by,
                service_events.encode(event),
                event.key,
                transaction.now,
                transaction.revision,
                messages.EVENT,
            )
            changes.change(conversation)
            created.append(message)
            first, second = conversation.first, conversation.second
            told_to = MessageCreated(view(message), (first.unread, second.unread), "")
            transaction.emit((first.user, second.user), told_to)
    changes.store()
    storage.insert_messages(connection, created)
    return homeless


class _Kind(NamedTuple):
    """What differs between the two watermarks."""

    read: bool
    move: Callable[[Side, int, int, int, int], Side | None]
    place: Callable[[Side], tuple[int, int]]


_READ = _Kind(
    read=True,
    move=messages.mark_read,
    place=lambda side: (side.read_seq, side.read_at),
)
_DELIVERED = _Kind(
    read=False,
    move=lambda side, _count, seq, now, revision: messages.mark_delivered(side, seq, now, revision),
    place=lambda side: (side.delivered_seq, side.delivered_at),
)


class _Marked(NamedTuple):
    mark: Mark
    conversation: Conversation
    seq: int
    at: int
    moved: bool


def _move(
    kind: _Kind,
    mark: Mark,
    changes: Changes,
    limits_of_marks: dict[tuple[str, int], Message],
    transaction: Transaction,
) -> _Marked | Refusal:
    conversation = changes.of(mark.actor, mark.conversation_id)
    if isinstance(conversation, Refusal):
        return conversation
    message = limits_of_marks.get((mark.conversation_id, mark.seq))
    count, seq = messages.incoming_at(conversation, mark.actor, message)
    side = conversation.side(mark.actor)
    moved = kind.move(side, count, seq, transaction.now, transaction.revision)
    if moved is not None:
        conversation = conversation.with_side(moved, transaction.revision)
        held = moved.held_seq, moved.held_revision
        changes.change(conversation, blocks=held != (side.held_seq, side.held_revision))
    return _Marked(mark, conversation, *kind.place(moved or side), moved is not None)


def _mark(
    kind: _Kind, transaction: Transaction, marks: Sequence[Mark]
) -> list[Watermark | Refusal]:
    connection = transaction.connection
    refusals = [messages.check_mark(one.actor, one.conversation_id, one.seq) for one in marks]
    sound = [one for one, refusal in zip(marks, refusals, strict=True) if refusal is None]
    found = storage.find_conversations(connection, [one.conversation_id for one in sound])
    changes = Changes(transaction, found.values())
    # A mark at or beyond the end needs no message looked up: the conversation knows its end.
    limits_of_marks = storage.find_messages_at(
        connection,
        [
            (one.conversation_id, one.seq)
            for one in sound
            if one.conversation_id in found and 0 < one.seq < found[one.conversation_id].last_seq
        ],
    )
    marked = [
        _move(kind, mark, changes, limits_of_marks, transaction) if refusal is None else refusal
        for mark, refusal in zip(marks, refusals, strict=True)
    ]
    changes.store()
    standing = storage.find_messages_at(
        connection,
        [(one.conversation.id, one.seq) for one in marked if isinstance(one, _Marked) and one.seq],
    )
    results: list[Watermark | Refusal] = []
    for one in marked:
        if isinstance(one, Refusal):
            results.append(one)
            continue
        found_there = standing.get((one.conversation.id, one.seq))
        actor = one.mark.actor
        message = found_there and view(found_there, actor)
        results.append(Watermark(one.conversation.id, actor, message, one.at, one.moved))
        if one.moved and message is not None:
            # Also where it stands at what time did, it covers what the other said before.
            event = WatermarkMoved(kind.read, actor, message, transaction.now, one.mark.origin)
            transaction.emit(_told_of(kind, one, transaction.revision), event)
    return results


def _told_of(kind: _Kind, marked: _Marked, revision: int) -> tuple[str, ...]:
    """Tell who learns that a watermark moved: the other, and of what is read its reader as well."""
    actor = marked.mark.actor
    side = marked.conversation.side(actor)
    told = () if side.blocks else (marked.conversation.peer(actor).user,)
    # What was read during a block the other alone has yet to learn.
    return (*told, actor) if kind.read and side.read_revision == revision else told


def mark_read(transaction: Transaction, marks: Sequence[Mark]) -> list[Watermark | Refusal]:
    """Move read watermarks forward; what is read is delivered."""
    return _mark(_READ, transaction, marks)


def mark_delivered(transaction: Transaction, marks: Sequence[Mark]) -> list[Watermark | Refusal]:
    """Move delivered watermarks forward."""
    return _mark(_DELIVERED, transaction, marks)


class Commands:
    """The operations with their limits bound: made once, for the writer groups by identity."""

    def __init__(self, limits: Limits) -> None:
        self.create_conversations = partial(create_conversations, limits)
        self.create_messages = partial(create_messages, limits)
        self.mark_read = mark_read
        self.mark_delivered = mark_delivered
