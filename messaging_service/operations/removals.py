"""The writes that come of what moderation decides: whom it lets write, and which messages stay.

A removed message keeps its row as it was, but for the word that it is removed. So its text is kept
for as long as moderation holds it, and what comes back is exactly what was there.
"""

from collections.abc import Sequence

from messaging_service.domain import message_changes
from messaging_service.domain import messages as domain
from messaging_service.domain.events import message_changed
from messaging_service.domain.messages import Message
from messaging_service.operations.messages import Changes
from messaging_service.storage import message_changes as change_storage
from messaging_service.storage import messages as storage
from service_kit.follow.sanctions import CaughtUp, Command, Removal, take
from service_kit.rules import is_identifier
from service_kit.storage.writer import Transaction


def follow_moderation(
    transaction: Transaction, commands: Sequence[Command]
) -> list[tuple[Removal, ...]]:
    """Let commands take effect, each once; gives of each the removals without a message here."""
    return [
        _apply(transaction, *_removals(transaction, command)) if take(transaction, command) else ()
        for command in commands
    ]


def _removals(transaction: Transaction, command: Command) -> tuple[str, Sequence[Removal]]:
    """Give the epoch, and what it says of messages: also, in the end, that it knows of no more."""
    if isinstance(command, CaughtUp):
        held = change_storage.find_held_by_others(transaction.connection, command.epoch)
        return command.epoch, [Removal("", message, removed=False) for message in held]
    return command.position.epoch, command.removals


def _apply(
    transaction: Transaction, epoch: str, removals: Sequence[Removal]
) -> tuple[Removal, ...]:
    if not removals:
        return ()
    connection, now, revision = transaction.connection, transaction.now, transaction.revision
    ids = {one.message for one in removals if is_identifier(one.message)}
    messages = storage.find_messages(connection, ids)
    around = {one.conversation_id for one in messages.values()}
    conversations = Changes(transaction, storage.find_conversations(connection, around).values())
    changed: dict[str, Message] = {}
    for removal in removals:
        if removal.message not in messages:
            continue
        change = message_changes.remove if removal.removed else message_changes.restore
        message = change(messages[removal.message], now, revision)
        if message is None:
            continue
        messages[message.id] = changed[message.id] = message
        conversation = conversations.by_id[message.conversation_id]
        conversations.change(conversation._replace(revision=revision, last_change=revision))
        readers = domain.readers(conversation, message)
        if message.withheld_text is None:
            transaction.emit(readers, message_changed(message, "", ""))
            continue
        for reader in readers:
            transaction.emit((reader,), message_changed(message, reader, ""))
    conversations.store()
    storage.update_messages(connection, changed.values())
    held = {one.message: one.removed for one in removals if one.message in messages}
    change_storage.hold(connection, held, epoch)
    return tuple(one for one in removals if one.message not in messages)
