"""Creating messages, and reading them as a participant or an internal service."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection
from uuid_utils import uuid7

from messaging_service.domain import blocks, conversations, messages
from messaging_service.domain.conversations import Conversation, order
from messaging_service.domain.events import MessageCreated
from messaging_service.domain.idempotency import CREATE, fingerprint
from messaging_service.domain.limits import HOUR, Limits
from messaging_service.domain.messages import CreateMessage, Message
from messaging_service.domain.refusals import blocked, sanctioned
from messaging_service.operations.conversations import find_visible
from messaging_service.operations.presence import tell_answered
from messaging_service.operations.working_set import WorkingSet
from messaging_service.storage import messages as storage
from messaging_service.storage.blocks import find_blockers
from messaging_service.storage.conversations import (
    conversations_by_id,
    conversations_by_pair,
    find_conversations,
    find_openings,
)
from messaging_service.storage.message_changes import used_keys
from service_kit.follow.sanctions import find_forbidden
from service_kit.idempotency import conflict
from service_kit.names import CANARY_FROM
from service_kit.pages import bounded_size
from service_kit.rules import Refusal, invalid, is_identifier
from service_kit.storage.bulk_statements import look_up_all
from service_kit.storage.writer import Transaction

# More than come while an edge watches anew, which then reads what it missed.
_KEPT_CANARIES = 200


class StoredMessage(NamedTuple):
    """A message, and whether its idempotency key had stored it before."""

    message: Message
    duplicate: bool


class MessagePage(NamedTuple):
    """Messages in ascending seq, and whether there are more in the direction asked for."""

    messages: list[Message]
    more: bool


class _MessageCreation:
    """One run of create_message: what was found, and what is being made."""

    def __init__(
        self, limits: Limits, transaction: Transaction, commands: Sequence[CreateMessage]
    ) -> None:
        connection = transaction.connection
        self.limits = limits
        self.transaction = transaction
        keys = [(one.actor, one.idempotency_key) for one in commands if one.idempotency_key]
        pairs = [(*order(one.actor, one.to), one.subject) for one in commands if one.to]
        ids = [one.conversation_id for one in commands if one.conversation_id]
        self.by_key, self.used, self.pairs, found = look_up_all(
            connection,
            storage.messages_by_key(keys),
            used_keys(keys),
            conversations_by_pair(pairs),
            conversations_by_id(ids),
        )
        self.working_set = WorkingSet(transaction, (*found.values(), *self.pairs.values()))
        opening = [
            one
            for one in commands
            if one.to and (*order(one.actor, one.to), one.subject) not in self.pairs
        ]
        self.openings = find_openings(
            connection, {one.actor for one in opening}, transaction.now - HOUR
        )
        self.blockers = find_blockers(connection, {order(one.actor, one.to) for one in opening})
        self.forbidden = find_forbidden(
            connection, {one.actor for one in commands}, self.working_set.by_id, transaction.now
        )
        self.created: list[Message] = []
        self.answered: list[tuple[Conversation, Conversation]] = []

    def create(self, command: CreateMessage) -> StoredMessage | Refusal:
        """Decide one command, after all before it."""
        key = command.idempotency_key
        if key and ((command.actor, key) in self.by_key or (command.actor, key) in self.used):
            return self.repeat(command)
        if why := self.forbidden.why(command.actor):
            return sanctioned(why)
        conversation = self.resolve(command)
        if isinstance(conversation, Refusal):
            return conversation
        if why := self.forbidden.why(command.actor, conversation.id):
            return sanctioned(why)
        if refusal := blocks.may_write(conversation.side(command.actor)):
            return refusal
        before = conversation
        conversation, message = messages.add_message(
            before,
            str(uuid7()),
            command.actor,
            command.text,
            key or None,
            self.transaction.now,
            self.transaction.revision,
        )
        self.working_set.change(conversation)
        if conversation.side(command.actor).spoke_revision == message.revision:
            self.answered.append((before, conversation))
        self.created.append(message)
        if key:
            self.by_key[command.actor, key] = message
        first, second = conversation.first, conversation.second
        readers: tuple[str, ...] = (first.user, second.user)
        unread: tuple[int, ...] = (first.unread, second.unread)
        versions: tuple[int, ...] = (first.version, second.version)
        if first.blocked_revision or second.blocked_revision:
            readers = messages.readers(conversation, message)
            unread = tuple(conversation.side(user).unread for user in readers)
            versions = tuple(conversation.side(user).version for user in readers)
        created = MessageCreated(message, unread, versions, command.origin)
        self.transaction.emit(readers, created, command)
        return StoredMessage(message, duplicate=False)

    def repeat(self, command: CreateMessage) -> StoredMessage | Refusal:
        """Answer a used key: as before for the same command, with a conflict for another."""
        if command.conversation_id:
            meant = command.conversation_id
        else:
            pair = (*order(command.actor, command.to), command.subject)
            meant = self.pairs[pair].id if pair in self.pairs else ""
        key = (command.actor, command.idempotency_key)
        message, used = self.by_key.get(key), self.used.get(key)
        if message is None:
            # It was used to change a message.
            return conflict()
        same = (
            used.fingerprint == fingerprint(CREATE, meant, command.text)
            if used
            else (message.conversation_id, message.text) == (meant, command.text)
        )
        return StoredMessage(message, duplicate=True) if same else conflict()

    def resolve(self, command: CreateMessage) -> Conversation | Refusal:
        """Find the conversation that is meant, or open it."""
        if command.conversation_id:
            return self.working_set.of(command.actor, command.conversation_id)
        pair = order(command.actor, command.to)
        found = self.pairs.get((*pair, command.subject))
        if found is not None:
            # Earlier commands of this transaction may have moved it on.
            return self.working_set.by_id[found.id]
        blockers = self.blockers[pair]
        if command.actor in blockers:
            return blocked()
        openings = self.openings[command.actor]
        refusal = conversations.decide_opening(openings, self.transaction.now, self.limits)
        if refusal is not None and command.actor != CANARY_FROM:
            return refusal
        openings.append(self.transaction.now)
        opened = self.working_set.open(pair, command.subject, command.actor, blockers)
        self.pairs[*pair, command.subject] = opened
        return opened


def create_message(
    limits: Limits,
    transaction: Transaction,
    commands: Sequence[CreateMessage],
    *,
    presence: bool = False,
) -> list[StoredMessage | Refusal]:
    """Store messages in their order; each has its own outcome. With `presence`, whoever is answered
    for the first time is told that of the other.
    """
    refusals = [messages.check_create_message(one, limits) for one in commands]
    sound = [one for one, refusal in zip(commands, refusals, strict=True) if refusal is None]
    creation = _MessageCreation(limits, transaction, sound)
    outcomes = [
        creation.create(command) if refusal is None else refusal
        for command, refusal in zip(commands, refusals, strict=True)
    ]
    creation.working_set.store(creation.created)
    forget_canaries(transaction.connection, creation.created)
    if presence and not limits.presence_to_strangers and creation.answered:
        tell_answered(transaction, creation.answered)
    return outcomes


def forget_canaries(connection: Connection, created: Sequence[Message]) -> None:
    """Keep of what edges write to themselves, which nobody reads, the newest alone."""
    newest = {one.conversation_id: one.seq for one in created if one.sender == CANARY_FROM}
    for conversation, seq in newest.items():
        storage.delete_messages_before(connection, conversation, seq - _KEPT_CANARIES)


def list_messages(
    connection: Connection,
    actor: str,
    conversation_id: str,
    before_seq: int | None,
    after_seq: int | None,
    page_size: int,
    most: int,
) -> MessagePage | Refusal:
    """Read a page of a history: before a seq, after a seq, or the newest."""
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
    found = find_visible(connection, actor, conversation_id)
    if isinstance(found, Refusal):
        return found
    # To one who never blocked the other all is shown, and read in its place.
    reader = actor if actor and found.side(actor).turned_revision else ""
    if after_seq is not None:
        history = storage.find_messages_after(
            connection, conversation_id, after_seq, count + 1, reader
        )
        return MessagePage(history[:count], len(history) > count)
    # Beyond the end there may be much that this actor is not shown.
    end = (found.side(actor).last_seq if actor else found.last_seq) + 1
    before = end if before_seq is None else min(end, before_seq)
    history = storage.find_messages_before(connection, conversation_id, before, count + 1, reader)
    return MessagePage(history[:count][::-1], len(history) > count)


def get_messages(connection: Connection, actor: str, ids: Sequence[str]) -> list[Message]:
    """Read messages by id, in the order asked for; those the actor may not see are left out."""
    found = storage.find_messages(connection, filter(is_identifier, ids))
    if actor:
        around = find_conversations(connection, {one.conversation_id for one in found.values()})
        found = {
            key: one
            for key, one in found.items()
            if around[one.conversation_id].is_shown_to(actor) and one.is_shown_to(actor)
        }
    return [found[key] for key in dict.fromkeys(ids) if key in found]
